"""The baseline that most papers start from: a plain convolutional autoencoder, its squared error as the score.

    python -m training.plain_cae --data PREPARED --out runs/plain-cae

Strided convolutions of 32, 64 and 128 channels, kernels 7, 5 and 3, stride 2, and back; leads z-scored one by one, mean
squared error, trained on the pure normals of folds 1-8. No masks, no density. It is a row in the evaluation, not a
model to use.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from ecg_core.errors import CheckpointError
from ecg_core.records import INDEPENDENT_LEADS
from ecg_core.thresholds import conformal_threshold
from training.scorers import BATCH, Scored
from training.signals import Prepared, load_prepared

F32 = NDArray[np.float32]

CHANNELS, KERNELS = (32, 64, 128), (7, 5, 3)
EPOCHS, BATCH_SIZE, LEARNING_RATE, SEED = 10, 64, 1e-3, 0
FLAT = 1e-3


class PlainCAE(nn.Module):
    """Three strided convolutions and their mirror: (batch, 8, n) to itself, n a multiple of 8."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (len(INDEPENDENT_LEADS), *CHANNELS)
        down: list[nn.Module] = []
        for k, kernel in enumerate(KERNELS):
            down += [nn.Conv1d(sizes[k], sizes[k + 1], kernel, 2, kernel // 2), nn.ReLU()]  # n -> n / 2
        up: list[nn.Module] = []
        for k in reversed(range(len(KERNELS))):
            kernel = KERNELS[k]
            up += [nn.ConvTranspose1d(sizes[k + 1], sizes[k], kernel, 2, kernel // 2, output_padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*down, *up[:-1])

    def forward(self, x: Tensor) -> Tensor:
        """Return the reconstruction."""
        out: Tensor = self.layers(x)
        return out


def z_scored(x: F32) -> Tensor:
    """Scale each lead of each record to mean 0 and SD 1 (a flat one stays 0)."""
    centred = x - x.mean(-1, keepdims=True)
    return torch.from_numpy(centred / np.maximum(centred.std(-1, keepdims=True), FLAT))


def train_plain(data: Prepared, epochs: int = EPOCHS, seed: int = SEED, *, quiet: bool = False) -> PlainCAE:
    """Train on the pure normals of the train split."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = PlainCAE()
    rows = data.rows("train", "normal")
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    n_batches = -(-len(rows) // BATCH_SIZE)
    with tqdm(total=epochs * n_batches, desc="plain CAE", unit="batch", disable=quiet) as bar:
        for _ in range(epochs):
            order = rng.permutation(rows)
            for lo in range(0, len(order), BATCH_SIZE):
                x = z_scored(data.signals[np.sort(order[lo : lo + BATCH_SIZE])])
                loss = nn.functional.mse_loss(model(x), x)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                bar.update()
                bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
    model.eval()
    return model


@torch.inference_mode()
def plain_scores(model: PlainCAE, x: F32) -> NDArray[np.float64]:
    """Return the mean squared error of each record, (n,)."""
    found = []
    for lo in range(0, len(x), BATCH):
        batch = z_scored(np.ascontiguousarray(x[lo : lo + BATCH]))
        found.append(((model(batch) - batch) ** 2).mean((1, 2)).numpy())
    return np.concatenate(found).astype(np.float64)


class PlainScorer:
    """The plain autoencoder as a `training.scorers.Scorer`; bad leads are not masked: it cannot.

    Parameters
    ----------
    model : trained.
    normals : scores of the validation normals, for the threshold.
    """

    name = title = "plain CAE"
    kind = "plain"

    def __init__(self, model: PlainCAE, normals: NDArray[np.float64]) -> None:
        self.model, self.normals = model, normals

    def __call__(self, x: F32, bad_leads: Sequence[tuple[str, ...]]) -> Scored:
        """Score."""
        score = plain_scores(self.model, x)
        threshold = self.threshold(0.05)
        return Scored(score, {"reconstruction": score}, np.full(len(x), np.nan if threshold is None else threshold))

    def threshold(self, false_alarm_rate: float) -> float | None:
        """Return the conformal threshold of the validation normals."""
        return conformal_threshold(self.normals, false_alarm_rate)

    @classmethod
    def load(cls, folder: Path) -> PlainScorer:
        """Read what `main` wrote.

        Raises
        ------
        CheckpointError
            If it is not there.
        """
        if not (folder / "plain.json").is_file():
            raise CheckpointError(f"{folder} has no plain CAE; run python -m training.plain_cae --out {folder} first.")
        model = PlainCAE()
        model.load_state_dict(load_file(folder / "plain.safetensors"), strict=True)
        model.eval()
        return cls(model, np.array(json.loads((folder / "plain.json").read_text())["validation_normals"]))


def main(argv: list[str] | None = None) -> None:
    """Train the baseline and write it."""
    parser = argparse.ArgumentParser(prog="python -m training.plain_cae", description="Train the plain baseline.")
    parser.add_argument("--data", type=Path, required=True, help="folder that training.prepare wrote")
    parser.add_argument("--out", type=Path, default=Path("runs/plain-cae"))
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    args = parser.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    data = load_prepared(args.data)
    model = train_plain(data, args.epochs)
    args.out.mkdir(parents=True, exist_ok=True)
    normals = plain_scores(model, data.signals[data.rows("validation", "normal")])
    save_file(model.state_dict(), args.out / "plain.safetensors")
    (args.out / "plain.json").write_text(json.dumps({"epochs": args.epochs, "validation_normals": normals.tolist()}))


if __name__ == "__main__":
    main()
