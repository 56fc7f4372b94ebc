"""ECGs, WFDB records and tables that tests write themselves."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ecg_core.records import LEADS, twelve_from_eight

MIMIC_ORDER = ("I", "II", "III", "aVR", "aVF", "aVL", "V1", "V2", "V3", "V4", "V5", "V6")
MISSING = -32768


def ecg(seed: int, fs: float = 500.0, seconds: float = 10.0) -> np.ndarray:
    """Return a plain sinus rhythm, shape (12, n), mV, that differs with the seed."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * fs)) / fs
    rr = rng.uniform(0.7, 1.0)
    eight = np.zeros((8, t.size))
    height = np.array([0.6, 1.0, -0.5, -0.3, 0.5, 1.2, 1.3, 1.0]) * rng.uniform(0.8, 1.2, 8)
    for r in np.arange(0.4, seconds, rr):
        for centre, width, size in ((-0.16, 0.025, 0.12), (-0.025, 0.01, -0.1), (0.0, 0.012, 1.0), (0.25, 0.05, 0.25)):
            eight += size * height[:, None] * np.exp(-0.5 * ((t - r - centre) / width) ** 2)
    eight += rng.normal(0.0, 0.01, eight.shape)
    return twelve_from_eight(eight.astype(np.float32))


def write_wfdb(
    path: Path, signal: np.ndarray, fs: float, gain: float, order: Sequence[str] = LEADS, gaps: Sequence[tuple] = ()
) -> None:
    """Write a WFDB record of format 16; `gaps` are (lead, first, stop) samples that are missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    adu = np.round(signal * gain).astype("<i2")
    for lead, first, stop in gaps:
        adu[LEADS.index(lead), first:stop] = MISSING
    rows = adu[[LEADS.index(lead) for lead in order]]
    rows.T.tofile(path.with_name(f"{path.name}.dat"))
    lines = [f"{path.name} {len(order)} {fs:g} {rows.shape[1]} 08:44:00 23/07/2180"]
    for lead, row in zip(order, rows, strict=True):
        checksum = int(row.astype(np.int64).sum()) % 65536
        lines.append(f"{path.name}.dat 16 {gain:.1f}(0)/mV 16 0 {row[0]} {checksum} 0 {lead}")
    path.with_name(f"{path.name}.hea").write_text("\n".join(lines) + "\n# <subject_id>: 10000032\n")


def write_csv(path: Path, rows: Sequence[dict[str, object]], columns: Sequence[str] | None = None) -> None:
    """Write rows as a CSV."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns or list(rows[0]), restval="")
        writer.writeheader()
        writer.writerows(rows)
