"""Records for the batch: the shipped examples, each copy moved in time, scaled and made a little noisier."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecg_core.readers import read_record
from ecg_core.records import LEADS
from ecg_core.synthetic import example_paths

PER_FOLDER = 100


def write_records(folder: Path, n_records: int, rng: np.random.Generator) -> None:
    """Write WFDB pairs in PTB-XL's manner, a hundred to a folder."""
    examples = [read_record(path) for path in example_paths()]
    for k in range(n_records):
        record = examples[k % len(examples)]
        moved = np.roll(record.signal, int(rng.integers(record.n_samples)), axis=1)
        noisy = rng.uniform(0.9, 1.1) * moved + rng.normal(0, 0.005, moved.shape)
        write_pair(folder / f"{k // PER_FOLDER:03d}", f"{k:05d}", noisy.astype(np.float32), int(record.fs))


def write_pair(folder: Path, name: str, signal: NDArray[np.float32], fs: int) -> None:
    """Write the twelve leads, (12, n) in mV, as a WFDB pair with 16 bit and 1 uV."""
    folder.mkdir(exist_ok=True)
    digital = np.round(1000 * signal).astype("<i2")
    lines = [f"{name} 12 {fs} {digital.shape[1]}"]
    for lead, row in zip(LEADS, digital, strict=True):
        lines.append(f"{name}.dat 16 1000(0)/mV 16 0 {row[0]} {int(row.astype(np.int64).sum()) % 65536} 0 {lead}")
    (folder / f"{name}.hea").write_text("\n".join(lines) + "\n")
    (folder / f"{name}.dat").write_bytes(digital.T.tobytes())
