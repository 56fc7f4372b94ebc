"""Fit the network that suspects exchanged limb electrodes (`ecg_core/reversal.safetensors`).

``python -m training.fit_reversal --data PTBXL`` reads PTB-XL at 100 Hz, plants the three exchanges of limb
electrodes in the median beats of folds 1-7, and sets the threshold on the normals of fold 8. Fold 9 measures the
result (`python -m training.faults`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save_file
from torch import nn

from ecg_core.records import LEADS
from ecg_core.reversal import EXCHANGES, WEIGHTS, features, look_for_beats, median_beat
from training.faults import read_ptbxl, signal_of

HIDDEN = 32
STEPS = 1500
BATCH = 2048
FALSE_WARNINGS = 0.015
"""Share of the normals of fold 8 that the threshold lets through as suspected."""
GAIN_SD = 0.15
CHEST_DROPOUT = 0.08
"""Chance that a V lead is left out in training, as a bad lead is in use."""
AS_RECORDED_WEIGHT = 3.0, 6.0
"""Weight of records as they are, normal and abnormal: a false warning costs more than a missed exchange."""
EXCHANGED_WEIGHT = 1.0, 0.3
"""Weight of records with exchanged electrodes, normal and abnormal."""


def exchange(beats: NDArray[np.float64], kind: int) -> NDArray[np.float64]:
    """Return the beats, shape (n, 8, 100), as they would be written with electrodes exchanged."""
    out = beats.copy()
    out[:, :2] = np.einsum("ij,njt->nit", EXCHANGES[kind], beats[:, :2])
    return out


def _collect(data: Path, folds: range) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]:
    """Return the median beats of the records of some folds, which of them are normal, and their folds."""
    table = read_ptbxl(data, folds)
    beats, normal, fold = [], [], []
    for row in table[table["label"] != "other"].itertuples():
        signal, fs = signal_of(str(row.path))
        beat = median_beat(*look_for_beats(signal.astype(np.float64), LEADS)) if fs == 100 else None
        if beat is not None:
            beats.append(beat)
            normal.append(row.label == "normal")
            fold.append(row.fold)
    return np.stack(beats), np.array(normal), np.array(fold)


def _fit(x: torch.Tensor, y: torch.Tensor, weight: torch.Tensor) -> nn.Sequential:
    """Train 56-32-4 with one-cycle AdamW; V leads are left out at random."""
    net = nn.Sequential(nn.Linear(x.shape[1], HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, len(EXCHANGES)))
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=STEPS)
    for _ in range(STEPS):
        pick = torch.randint(len(x), (BATCH,))
        keep = torch.rand(BATCH, 8, 1) > CHEST_DROPOUT
        keep[:, :2] = True
        batch = (x[pick].reshape(BATCH, 8, -1) * keep).reshape(BATCH, -1)
        losses = nn.functional.cross_entropy(net(batch), y[pick], reduction="none")
        loss = (losses * weight[pick]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net.eval()


def _design(
    beats: NDArray[np.float64], normal: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32]]:
    """Return features, kinds and weights of all beats under all exchanges, jittered in gain and place."""
    x, y, weight = [], [], []
    for kind in range(len(EXCHANGES)):
        moved = exchange(beats, kind)
        for shift in (-1, 0, 1):
            rows = rng.permutation(len(beats))[: len(beats) // 2]
            gain = np.exp(rng.normal(0, GAIN_SD, (len(rows), 1, 1)))
            x.append(features(np.roll(moved[rows], shift, axis=2) * gain).reshape(len(rows), -1))
            y.append(np.full(len(rows), kind))
            weights = EXCHANGED_WEIGHT if kind else AS_RECORDED_WEIGHT
            weight.append(np.where(normal[rows], *weights))
    return np.concatenate(x).astype(np.float32), np.concatenate(y), np.concatenate(weight).astype(np.float32)


def main() -> None:
    """Fit, set the threshold, write the file, and say what the unseen fold 8 shows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="PTB-XL in PhysioNet's layout")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    beats, normal, fold = _collect(args.data, range(1, 9))
    x, y, weight = _design(beats[fold < 8], normal[fold < 8], np.random.default_rng(args.seed))
    mean = x.mean(axis=0).reshape(8, -1)
    spread = x.std(axis=0).reshape(8, -1)
    scaled = (x - mean.ravel()) / spread.ravel()
    net = _fit(torch.from_numpy(scaled), torch.from_numpy(y), torch.from_numpy(weight))
    held = {}
    for kind in range(len(EXCHANGES)):
        f = (features(exchange(beats[fold == 8], kind)) - mean) / spread
        with torch.no_grad():
            odds = net(torch.from_numpy(f.reshape(len(f), -1).astype(np.float32))).softmax(1)[:, 0]
        held[kind] = 1.0 - odds.numpy()
    was_normal = normal[fold == 8]
    threshold = float(np.quantile(held[0][was_normal], 1 - FALSE_WARNINGS))
    first, last = net[0], net[2]
    save_file(
        {
            "mean": mean.astype(np.float32),
            "spread": spread.astype(np.float32),
            "weight_1": np.ascontiguousarray(first.weight.detach().numpy().T),
            "bias_1": first.bias.detach().numpy(),
            "weight_2": np.ascontiguousarray(last.weight.detach().numpy().T),
            "bias_2": last.bias.detach().numpy(),
            "threshold": np.array([threshold], dtype=np.float32),
        },
        args.out,
    )
    print(f"threshold {threshold:.3f}; fold 8, share above it:")
    for kind, name in enumerate(("as recorded", "LA/RA", "RA/LL", "LA/LL")):
        print(
            f"  {name:12s} normal {np.mean(held[kind][was_normal] > threshold):.3f}"
            f"  abnormal {np.mean(held[kind][~was_normal] > threshold):.3f}"
        )


if __name__ == "__main__":
    main()
