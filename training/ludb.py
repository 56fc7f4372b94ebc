"""Cardiologists' marks in LUDB (doi 10.1109/ACCESS.2020.3029211), read as one reference for the twelve leads together.

A beat counts where at least eight leads mark its QRS, a P or T wave where eight leads mark it. The onset over all leads
is the third-earliest mark, the offset the third-latest: two stray marks move neither.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import RecordError
from ecg_core.records import LEADS, Record

MIN_LEADS = 8
STRAY = 2
"""So many marks on either side are passed over."""

SAME_BEAT_S = 0.15


class Wave(NamedTuple):
    """One marked wave of one lead, in samples."""

    kind: str
    onset: int | None
    peak: int
    offset: int | None


@dataclass(frozen=True)
class MarkedBeat:
    """One beat's marks over all leads in ms from the record's start; NaN where fewer than eight leads have them."""

    r: float
    qrs_onset: float
    qrs_offset: float
    p_onset: float
    p_offset: float
    t_end: float


@dataclass(frozen=True)
class MarkedRecord:
    """A record of LUDB, the beats that count, and every R that any lead marks (ms)."""

    record: Record
    beats: list[MarkedBeat]
    any_r: NDArray[np.float64]

    @property
    def has_p(self) -> bool:
        """Whether at least half of the beats have a P wave."""
        return bool(np.mean([np.isfinite(beat.p_onset) for beat in self.beats]) >= 0.5)


def _waves(stem: str, lead: str) -> list[Wave]:
    """Return the marks of a lead; a bracket that is missing leaves its end unknown."""
    import wfdb

    found = wfdb.rdann(stem, lead.lower())
    waves: list[Wave] = []
    onset: int | None = None
    for sample, symbol in zip(found.sample.tolist(), found.symbol, strict=True):
        if symbol == "(":
            onset = sample
        elif symbol == ")":
            if waves and waves[-1].offset is None:
                waves[-1] = waves[-1]._replace(offset=sample)
            onset = None
        else:
            waves.append(Wave(symbol, onset, sample, None))
            onset = None
    return waves


def _third(values: list[int], latest: bool) -> float:
    return float(sorted(values, reverse=latest)[STRAY])


def _beats(marks: dict[str, list[Wave]], fs: float) -> tuple[list[MarkedBeat], NDArray[np.float64]]:
    """Join the leads' marks to beats."""
    peaks = sorted((wave.peak, lead) for lead in LEADS for wave in marks[lead] if wave.kind == "N")
    groups: list[list[tuple[int, str]]] = []
    for peak in peaks:
        if not groups or peak[0] - groups[-1][-1][0] > SAME_BEAT_S * fs:
            groups.append([])
        groups[-1].append(peak)
    middle = [float(np.median([at for at, _ in group])) for group in groups]
    beats = []
    for k, group in enumerate(groups):
        own = {lead: at for at, lead in reversed(group)}
        if len(own) < MIN_LEADS:
            continue
        after = middle[k - 1] if k else -np.inf
        before = middle[k + 1] if k + 1 < len(groups) else np.inf
        of = {kind: [] for kind in "pNt"}
        for lead, r in own.items():
            complete = [wave for wave in marks[lead] if wave.onset is not None and wave.offset is not None]
            of["N"] += [wave for wave in complete if wave.kind == "N" and wave.peak == r]
            of["p"] += [wave for wave in complete if wave.kind == "p" and after < wave.peak < r][-1:]
            of["t"] += [wave for wave in complete if wave.kind == "t" and r < wave.peak < before][-1:]
        at = {
            (kind, end): _third([getattr(wave, end) for wave in of[kind]], end == "offset")
            if len(of[kind]) >= MIN_LEADS
            else np.nan
            for kind in "pNt"
            for end in ("onset", "offset")
        }
        keys = (("N", "onset"), ("N", "offset"), ("p", "onset"), ("p", "offset"), ("t", "offset"))
        beats.append(MarkedBeat(*(1000.0 / fs * sample for sample in (middle[k], *(at[key] for key in keys)))))
    return beats, np.array(middle) * 1000.0 / fs


def read_ludb(folder: Path) -> list[MarkedRecord]:
    """Read every record below a folder, in the order of their numbers.

    Raises
    ------
    RecordError
        If there is none.
    """
    records = []
    for header in sorted(folder.rglob("*.hea"), key=lambda path: int(path.stem)):
        stem = str(header.with_suffix(""))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # wfdb 4.3.1 under pandas 3.1, already on import
            import wfdb

            signal, fields = wfdb.rdsamp(stem)
            marks = {lead: _waves(stem, lead) for lead in LEADS}
        fs = float(fields["fs"])
        names = [name.lower() for name in fields["sig_name"]]
        rows = np.ascontiguousarray(signal.T[[names.index(lead.lower()) for lead in LEADS]], dtype=np.float32)
        records.append(MarkedRecord(Record(header.stem, rows, LEADS, fs, ""), *_beats(marks, fs)))
    if not records:
        raise RecordError(f"Expected LUDB's records (N.hea, N.dat, N.i ...) below {folder}; found none.")
    return records
