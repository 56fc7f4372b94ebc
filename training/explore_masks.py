"""What becomes of a lead that is left out: AUROC on fold 9 of the latent alone, the lead hidden or filled in.

    python -m training.explore_masks --model cae --data PREPARED

The same leads are left out of every record, normal and abnormal. Reads the validation split.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ecg_core.checkpoints import AutoencoderCheckpoint, default_store, load_autoencoder
from ecg_core.metrics import auroc
from ecg_core.preprocessing import compress
from ecg_core.records import INDEPENDENT_LEADS
from ecg_core.torch_network import latent_features
from training.calibrate import all_usable, batches
from training.signals import load_prepared

F32 = NDArray[np.float32]

PATTERNS: tuple[tuple[str, ...], ...] = ((), ("V3",), ("V6",), ("I",), ("V3", "V4"), ("II", "V2", "V5"))


@torch.inference_mode()
def hidden(checkpoint: AutoencoderCheckpoint, x: F32, masked: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the latent's distance, (n,), where the network is told that the leads are not there."""
    found = []
    for batch in batches(x):
        visible = np.ones_like(batch)
        visible[:, list(masked)] = 0.0
        features = checkpoint.network.model.features(
            torch.from_numpy(compress(batch) * visible), torch.from_numpy(visible)
        )
        found.append(checkpoint.network.density.score(features.numpy()))
    return np.concatenate(found)


def filled_in(checkpoint: AutoencoderCheckpoint, x: F32, masked: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the latent's distance, (n,), where the other leads stand in for them, as in use."""
    found = []
    for batch in batches(x):
        whole = checkpoint.network.leads.fill(batch, all_usable(batch, masked))
        found.append(checkpoint.network.density.score(latent_features(checkpoint.network.model, whole)))
    return np.concatenate(found)


def main(argv: list[str] | None = None) -> None:
    """Print one row for each pattern of leads."""
    parser = argparse.ArgumentParser(prog="python -m training.explore_masks", description="Leave leads out.")
    parser.add_argument("--model", default="cae")
    parser.add_argument("--data", type=Path, required=True, help="folder that training.prepare wrote")
    parser.add_argument("--store", type=Path, default=None)
    args = parser.parse_args(argv)
    checkpoint = load_autoencoder((args.store or default_store()) / args.model)
    data = load_prepared(args.data)
    normal, abnormal = (data.rows("validation", label) for label in ("normal", "abnormal"))
    is_abnormal = np.arange(len(normal) + len(abnormal)) >= len(normal)
    x = data.signals[np.concatenate([normal, abnormal])]
    print(f"{checkpoint.config.title:<20}{'hidden':>8}{'filled in':>11}")
    for leads in PATTERNS:
        masked = tuple(INDEPENDENT_LEADS.index(lead) for lead in leads)
        figures = [auroc(is_abnormal, score(checkpoint, x, masked)) for score in (hidden, filled_in)]
        print(f"{', '.join(leads) or 'complete':<20}{figures[0]:8.4f}{figures[1]:11.4f}", flush=True)


if __name__ == "__main__":
    main()
