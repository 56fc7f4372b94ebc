"""What signs read off a latent add: AUROC on fold 9 over the ridge's penalty and from where a sign counts.

    python -m training.explore_signs --model vae-bilstm-mha --data PREPARED

The network and its density stay as they are. Reads the train split's normals and the validation split.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ecg_core.calibration import survival_of
from ecg_core.checkpoints import default_store, load_autoencoder
from ecg_core.metrics import auroc
from ecg_core.sign_head import CLIP, fit_sign_head
from training.calibrate import features_of, good_normals, signs_of
from training.measure import sensitivity_at
from training.signals import load_prepared

RIDGES = (30.0, 100.0, 300.0, 1000.0)
STARTS = (0.5, 1.0, 1.5)
WEIGHTS = (0.5, 1.0, 1.5, 2.0)


def main(argv: list[str] | None = None) -> None:
    """Print one line a choice: signs alone, and added to the latent's evidence."""
    parser = argparse.ArgumentParser(prog="python -m training.explore_signs", description="Choose how signs are read.")
    parser.add_argument("--model", default="vae-bilstm-mha")
    parser.add_argument("--data", type=Path, required=True, help="folder that training.prepare wrote")
    parser.add_argument("--store", type=Path, default=None)
    args = parser.parse_args(argv)
    network = load_autoencoder((args.store or default_store()) / args.model).network
    data = load_prepared(args.data)
    rows = good_normals(data, "train")
    normal, abnormal = (data.rows("validation", label) for label in ("normal", "abnormal"))
    judged = np.concatenate([normal, abnormal])
    is_abnormal = np.arange(len(judged)) >= len(normal)
    features, test = (features_of(network.model, data.signals[r], args.model) for r in (rows, judged))
    signs = signs_of(data, rows)

    def evidence(own: np.ndarray, other: np.ndarray) -> np.ndarray:
        return survival_of(np.sort(own).astype(np.float32)).evidence(other)

    def report(label: str, score: np.ndarray) -> None:
        print(f"{label:<44} {auroc(is_abnormal, score):.4f}  {sensitivity_at(is_abnormal, score):.3f}", flush=True)

    latent = evidence(network.density.score(features), network.density.score(test))
    report("latent alone", latent)
    for ridge in RIDGES:
        head = fit_sign_head(features, signs, ridge)
        read = [np.clip(head.read(f).astype(np.float64), 0.0, CLIP) for f in (features, test)]
        for start in STARTS:
            added = evidence(*((np.maximum(z - start, 0.0) ** 2).sum(axis=1) for z in read))
            report(f"ridge {ridge:g}, signs from {start:g}, alone", added)
            for weight in WEIGHTS if (ridge, start) == (100.0, 1.0) else (1.0,):
                report(f"ridge {ridge:g}, signs from {start:g}, {weight:g} x signs", latent + weight * added)


if __name__ == "__main__":
    main()
