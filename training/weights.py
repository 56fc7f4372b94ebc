"""How much the reconstruction should count: AUROC on fold 9 over its weight in the record score.

    python -m training.weights --data PREPARED

This is how `training.calibrate.WEIGHTS` was chosen. It reads the validation split, abnormal records included, and
never the test split.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ecg_core.checkpoints import default_store, list_checkpoints, read_config
from ecg_core.detector import AnomalyDetector
from ecg_core.metrics import auroc
from ecg_core.models import REGISTRY
from training.signals import load_prepared

CANDIDATES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


def main(argv: list[str] | None = None) -> None:
    """Print one row a model: each part alone, then the sum over the reconstruction's weight."""
    parser = argparse.ArgumentParser(prog="python -m training.weights", description="Weigh the parts on fold 9.")
    parser.add_argument("--data", type=Path, required=True, help="folder that training.prepare wrote")
    parser.add_argument("--store", type=Path, default=None, help="folder of checkpoints (default: the shipped ones)")
    args = parser.parse_args(argv)
    data = load_prepared(args.data)
    normal, abnormal = (data.rows("validation", label) for label in ("normal", "abnormal"))
    rows = np.concatenate([normal, abnormal])
    is_abnormal = np.arange(len(rows)) >= len(normal)
    print("weight of the reconstruction  " + "  ".join(f"{w:>5.2f}" for w in CANDIDATES))
    for name in list_checkpoints(args.store or default_store()):
        if read_config((args.store or default_store()) / name).architecture["class"] not in REGISTRY:
            continue
        detector = AnomalyDetector.from_store(name, args.store)
        parts = detector.score_prepared(data.signals[rows]).parts
        sums = [auroc(is_abnormal, parts["latent"] + w * parts["reconstruction"]) for w in CANDIDATES]
        alone = auroc(is_abnormal, parts["reconstruction"])
        print(f"{name:<28}  " + "  ".join(f"{a:.4f}" for a in sums) + f"  reconstruction alone {alone:.4f}", flush=True)


if __name__ == "__main__":
    main()
