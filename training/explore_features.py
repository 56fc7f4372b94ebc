"""What the density should see: AUROC on fold 9 over pooled layers, a transform, and the reliability weight's power.

    python -m training.explore_features --model vae-bilstm-mha --data PREPARED

The network stays as trained; only the density is fitted anew. Reads the train and validation splits.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core import density
from ecg_core.checkpoints import default_store, load_autoencoder
from ecg_core.metrics import auroc
from ecg_core.models import Autoencoder
from ecg_core.preprocessing import compress
from training.calibrate import batches, good_normals
from training.signals import load_prepared

F32 = NDArray[np.float32]


@torch.inference_mode()
def pooled_layers(model: Autoencoder, x: F32) -> list[F32]:
    """Return mean and standard deviation over time of each encoder layer, (n, 2 * channels) each."""
    found: list[list[F32]] = []
    for batch in tqdm(batches(x, 64), total=-(-len(x) // 64), mininterval=5):
        target = torch.from_numpy(compress(batch))
        layers = list(model.encode(target, torch.ones_like(target))[0])
        found.append([torch.cat([h.mean(-1), h.std(-1)], dim=1).numpy() for h in layers])
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def log_of_spread(features: F32) -> F32:
    """Return features with the logarithm of their standard deviations."""
    half = features.shape[1] // 2
    return np.concatenate([features[:, :half], np.log(features[:, half:] + 0.02)], axis=1)


def main(argv: list[str] | None = None) -> None:
    """Print one line a choice."""
    parser = argparse.ArgumentParser(prog="python -m training.explore_features", description="Choose features.")
    parser.add_argument("--model", default="vae-bilstm-mha")
    parser.add_argument("--data", type=Path, required=True, help="folder that training.prepare wrote")
    parser.add_argument("--store", type=Path, default=None)
    args = parser.parse_args(argv)
    model = load_autoencoder((args.store or default_store()) / args.model).network.model
    data = load_prepared(args.data)
    x = data.signals[good_normals(data, "train")]
    normal, abnormal = (data.rows("validation", label) for label in ("normal", "abnormal"))
    is_abnormal = np.arange(len(normal) + len(abnormal)) >= len(normal)
    half = x.shape[-1] // 2
    sets = [
        pooled_layers(model, part)
        for part in (x, x[..., :half], x[..., half:], data.signals[np.concatenate([normal, abnormal])])
    ]
    n = len(sets[0])

    def report(name: str, layers: list[int], *, log: bool = False) -> None:
        chosen = [np.concatenate([log_of_spread(s[i]) if log else s[i] for i in layers], axis=1) for s in sets]
        fitted = density.fit_density(*chosen[:3])
        found = auroc(is_abnormal, fitted.score(chosen[3]))
        print(f"{name:<40} {chosen[0].shape[1]:>5} features  AUROC {found:.4f}", flush=True)

    report("all layers", list(range(n)))
    report("all layers, log of the spread", list(range(n)), log=True)
    for first in range(1, n - 1):
        report(f"without the first {first}", list(range(first, n)))
    report("stem alone", list(range(4)))
    report("every other layer", list(range(0, n, 2)))
    for power in (2, 8):
        density.RELIABILITY_POWER = power
        report(f"all layers, reliability to the power {power}", list(range(n)))


if __name__ == "__main__":
    main()
