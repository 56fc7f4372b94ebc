"""From one record of a data set to the array the models train on, and the prepared folder read back."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecg_core.errors import RecordError
from ecg_core.preprocessing import MODEL_FS
from ecg_core.quality import Quality
from ecg_core.readers import read_record
from ecg_core.readers.limits import MAX_GAP_S
from ecg_core.readers.read import open_recording
from ecg_core.records import Record, twelve_leads
from ecg_core.segments import prepare_segment

SEGMENT_S = 10.0
N_SAMPLES = round(SEGMENT_S * MODEL_FS)
DESCRIBED = {".npy", ".npz", ".csv"}
"""Files that carry no rate, unit or lead names."""


@dataclass(frozen=True)
class SignalOptions:
    """How files are read: rate, unit and leads where a file does not carry them, and what missing samples mean."""

    fs: float | None = None
    unit: str | None = None
    leads: tuple[str, ...] | None = None
    clean_nans: bool = False


@dataclass(frozen=True)
class Reading:
    """One record as read: its array, shape (8, 1000), or the reason why there is none."""

    x: NDArray[np.float32] | None = None
    bad_leads: tuple[str, ...] = ()
    reversal: str | None = None
    interpretable: bool = True
    duration_s: float = float("nan")
    error: str | None = None


@dataclass(frozen=True)
class Prepared:
    """A prepared data set.

    Attributes
    ----------
    signals : shape (n, 8, 1000), mV at 100 Hz, the independent leads; a memory map when it comes from a folder.
    records : one row per signal.
    meta : sources, preprocessing and counts.
    folder : where it comes from; None for one that is only in memory.
    """

    signals: NDArray[np.float32]
    records: pd.DataFrame
    meta: dict[str, Any]
    folder: Path | None = None

    def rows(
        self,
        split: str | None = None,
        label: str | None = None,
        where: Callable[[pd.DataFrame], NDArray[np.bool_]] | None = None,
    ) -> NDArray[np.int64]:
        """Return the indices of the records of a split and label that `where` accepts."""
        keep = np.ones(len(self.records), bool)
        if split is not None:
            keep &= (self.records["split"] == split).to_numpy(bool)
        if label is not None:
            keep &= (self.records["label"] == label).to_numpy(bool)
        if where is not None:
            keep &= np.asarray(where(self.records), bool)
        return np.flatnonzero(keep)

    def bad_leads(self, rows: NDArray[np.int64]) -> list[tuple[str, ...]]:
        """Return the bad leads of each of the rows."""
        return [tuple(text.split(",")) if text else () for text in self.records["bad_leads"].iloc[rows]]


def load_prepared(folder: str | Path) -> Prepared:
    """Open a prepared folder.

    Raises
    ------
    RecordError
        If the folder is not one that `training.prepare` has finished.
    """
    folder = Path(folder)
    if not (folder / "meta.json").is_file():
        raise RecordError(f"{folder} is not a prepared folder; run python -m training.prepare --out {folder} first.")
    meta = json.loads((folder / "meta.json").read_text())
    signals = np.load(folder / "signals.npy", mmap_mode="r")
    records = pd.read_parquet(folder / "records.parquet")
    if len(signals) != len(records):
        raise RecordError(f"{folder} has {len(signals)} signals for {len(records)} records; prepare it again.")
    return Prepared(signals, records, meta, folder)


def read_source(path: str, options: SignalOptions) -> tuple[Record, tuple[str, ...]]:
    """Return the record, and the leads whose long gaps `clean_nans` filled."""
    described = Path(path).suffix.lower() in DESCRIBED
    given = {"fs": options.fs, "unit": options.unit, "leads": options.leads} if described else {}
    try:
        return read_record(path, **given), ()
    except RecordError:
        if not options.clean_nans:
            raise
    recording = open_recording(path, **given)
    recording.check(whole=True)
    signal = recording.samples(0, recording.n_samples)
    gaps = fill_gaps(signal, recording.fs)
    if gaps.all():
        raise RecordError(f"{recording.name} has long gaps in every lead; there is nothing to fill them from.")
    filled = tuple(lead for lead, gap in zip(recording.leads, gaps, strict=True) if gap)
    return Record(recording.name, signal, recording.leads, recording.fs, ""), filled


def fill_gaps(signal: NDArray[np.float32], fs: float) -> NDArray[np.bool_]:
    """Interpolate over missing samples in place; a lead with no samples at all becomes zero.

    Parameters
    ----------
    signal : shape (n_leads, n_samples), NaN where missing.
    fs : Hz.

    Returns
    -------
    Shape (n_leads,): leads with a gap of more than 100 ms, which no one should read as ECG.
    """
    long_gap = np.zeros(len(signal), bool)
    for k, row in enumerate(signal):
        present = np.flatnonzero(np.isfinite(row))
        edges = np.concatenate([[-1], present, [row.size]])
        long_gap[k] = np.diff(edges).max() - 1 > MAX_GAP_S * fs + 1e-9
        row[:] = np.interp(np.arange(row.size), present, row[present]) if present.size else 0.0
    return long_gap


def first_segment(record: Record) -> Record:
    """Return the part of a twelve-lead record that is prepared: its first 10 s.

    Raises
    ------
    RecordError
        If the record is shorter: training and calibration need the whole window.
    """
    if record.duration < SEGMENT_S - 0.5 / MODEL_FS:
        raise RecordError(f"{record.name} lasts {record.duration:.1f} s; expected at least {SEGMENT_S:.0f} s.")
    return record.crop(0.0, SEGMENT_S) if record.duration > SEGMENT_S else record


def read_prepared_record(path: str, options: SignalOptions) -> Reading:
    """Read, check and preprocess one record; what cannot be read comes back with its reason."""
    try:
        raw, filled = read_source(path, options)
        record = twelve_leads(raw)
        part = first_segment(record)
    except (RecordError, OSError) as error:
        return Reading(error=str(error))
    segment = prepare_segment(part)
    faults = dict(segment.quality.faults)
    for lead in filled:
        faults[lead] = (*faults.get(lead, ()), "missing samples")
    quality = Quality(faults, segment.quality.reversal)
    x = np.ascontiguousarray(segment.eight[:, :N_SAMPLES])
    interpretable = segment.reason is None and quality.interpretable
    return Reading(x, quality.bad_leads, quality.reversal, interpretable, record.duration)
