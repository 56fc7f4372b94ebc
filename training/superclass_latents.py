"""The frozen latents of prepared records, as the scorer pools them, kept in a folder so that they are made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.scoring import Network
from ecg_core.segments import usable_leads
from ecg_core.torch_network import latent_features
from training.calibrate import fingerprint
from training.signals import Prepared

F32 = NDArray[np.float32]

BATCH = 32
CHUNK = 1024
"""Records in a file: what a killed run has to make again."""


def latents_of(network: Network, data: Prepared, rows: NDArray[np.int64], cache: Path | None = None) -> F32:
    """Return what the density of a network sees of records, (n, n_features): leads left out are filled in as it does.

    Parameters
    ----------
    cache : folder that keeps them, by network and records.
    """
    chunks = [rows[lo : lo + CHUNK] for lo in range(0, len(rows), CHUNK)]
    folder = (
        cache / fingerprint(network.model, data.signals[rows[:: max(1, len(rows) // 16)]], network) if cache else None
    )
    found = []
    for k, chunk in enumerate(tqdm(chunks, "latents", mininterval=5, disable=None)):
        kept = folder / f"{k:04d}-{len(rows)}.npy" if folder else None
        if kept and kept.is_file():
            found.append(np.load(kept))
            continue
        found.append(_latents(network, data, chunk))
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            part = kept.with_suffix(".part.npy")
            np.save(part, found[-1])
            part.replace(kept)
    return np.concatenate(found)


def _latents(network: Network, data: Prepared, rows: NDArray[np.int64]) -> F32:
    found = []
    for lo in range(0, len(rows), BATCH):
        some = rows[lo : lo + BATCH]
        x = np.ascontiguousarray(data.signals[some])
        usable = np.stack([usable_leads(leads) for leads in data.bad_leads(some)])
        found.append(latent_features(network.model, network.leads.fill(x, usable)))
    return np.concatenate(found)
