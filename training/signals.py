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
from ecg_core.preprocessing import MODEL_FS, preprocess
from ecg_core.records import Record, eight_from_twelve, twelve_leads

SEGMENT_S = 10.0
N_SAMPLES = round(SEGMENT_S * MODEL_FS)
MARGIN_S = 2.0


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
    """

    signals: NDArray[np.float32]
    records: pd.DataFrame
    meta: dict[str, Any]

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
    return Prepared(signals, records, meta)


def _read(path: str, source: str, options: SignalOptions) -> Record:
    """Read one WFDB record of format 16."""
    hea = Path(path)
    lines = hea.read_text(encoding="latin-1").splitlines()
    first = lines[0].split()
    n_leads, fs, n = int(first[1]), float(first[2]), int(first[3])
    raw = np.fromfile(hea.parent / lines[1].split()[0], "<i2").reshape(n, n_leads).T
    names = [line.split()[-1] for line in lines[1 : 1 + n_leads]]
    gain = [float(line.split()[2].split("(")[0]) for line in lines[1 : 1 + n_leads]]
    canon = {"AVR": "aVR", "AVL": "aVL", "AVF": "aVF"}
    signal = (raw / np.array(gain)[:, None]).astype(np.float32)
    return Record(hea.stem, signal, tuple(canon.get(s.upper(), s.upper()) for s in names), fs, "")


def to_array(record: Record) -> NDArray[np.float32]:
    """Return the first 10 s of a twelve-lead record as the models see it, shape (8, 1000), mV.

    Raises
    ------
    RecordError
        If the record is shorter than 10 s: training and calibration need the whole window.
    """
    if record.duration < SEGMENT_S - 0.5 / MODEL_FS:
        raise RecordError(f"{record.name} lasts {record.duration:.1f} s; expected at least {SEGMENT_S:.0f} s.")
    part = record.crop(0.0, SEGMENT_S + MARGIN_S) if record.duration > SEGMENT_S + MARGIN_S else record
    return np.ascontiguousarray(eight_from_twelve(preprocess(part.signal, part.fs))[:, :N_SAMPLES])


def read_prepared_record(path: str, source: str, options: SignalOptions) -> Reading:
    """Read, check and preprocess one record; what cannot be read comes back with its reason."""
    try:
        record = twelve_leads(_read(path, source, options))
        x = to_array(record)
    except (RecordError, OSError) as error:
        return Reading(error=str(error))
    return Reading(x, (), None, True, record.duration)
