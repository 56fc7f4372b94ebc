"""Records for the batch: the shipped examples, each copy moved in time, scaled and made a little noisier."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ecg_core.readers import read_record
from ecg_core.records import LEADS
from ecg_core.synthetic import example_paths, wfdb_pair, write_pair

PER_FOLDER = 100


def write_records(folder: Path, n_records: int, rng: np.random.Generator) -> None:
    """Write WFDB pairs in PTB-XL's manner, a hundred to a folder."""
    examples = [read_record(path) for path in example_paths()]
    for k in range(n_records):
        record = examples[k % len(examples)]
        moved = np.roll(record.signal, int(rng.integers(record.n_samples)), axis=1)
        noisy = rng.uniform(0.9, 1.1) * moved + rng.normal(0, 0.005, moved.shape)
        write_pair(wfdb_pair(f"{k:05d}", LEADS, noisy, int(record.fs)), folder / f"{k // PER_FOLDER:03d}")
