"""What every format offers a reader: names and sizes first, samples on demand."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import RecordError
from ecg_core.readers.limits import MAX_GAP_S, MIN_S, check_duration, check_fs
from ecg_core.readers.limits import check_size as check_declared_size
from ecg_core.records import LEADS, Record, Sex


@dataclass
class Recording(ABC):
    """A recording whose header has been read and whose samples have not.

    Attributes
    ----------
    name : what the user calls it.
    leads : canonical names of the leads kept.
    fs : Hz.
    n_samples : per lead.
    notes, age, sex : as in `Record`.
    """

    name: str
    leads: tuple[str, ...]
    fs: float
    n_samples: int
    notes: tuple[str, ...] = ()
    age: float | None = None
    sex: Sex | None = None

    @property
    def n_leads(self) -> int:
        """Number of leads kept."""
        return len(self.leads)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.fs

    def check(self, whole: bool) -> None:
        """Refuse rates, durations and (read whole) sizes outside the limits."""
        check_fs(self.fs, self.name)
        check_duration(self.n_leads, self.n_samples, self.fs, self.name, whole)
        if whole:
            check_declared_size(self.n_leads, self.n_samples, self.name)

    @abstractmethod
    def digest(self) -> str:
        """Return the sha256 of the source's bytes."""

    @abstractmethod
    def samples(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return samples [start, stop) of all leads, shape (n_leads, stop - start), mV, NaN where missing."""

    def verify(self) -> None:  # noqa: B027 (only some formats carry checksums)
        """Refuse data that disagree with checksums in the header."""

    def record(self, start: int, stop: int, max_gap_s: float = MAX_GAP_S) -> Record:
        """Return samples [start, stop) as a `Record`; gaps bridged and noted, the signal read-only."""
        signal = self.samples(start, stop)
        whole = start == 0 and stop == self.n_samples
        if whole:
            _refuse_constant(signal, self.name)
        signal, leads, notes = bridge_gaps(signal, self.leads, self.fs, self.name, start / self.fs, max_gap_s)
        signal = np.ascontiguousarray(signal, dtype=np.float32)
        signal.setflags(write=False)
        return Record(
            name=self.name,
            signal=signal,
            leads=leads,
            fs=self.fs,
            sha256=self.digest(),
            notes=self.notes + notes,
            age=self.age,
            sex=self.sex,
            start_s=start / self.fs,
        )

    def blocks(self, block_s: float, overlap_s: float) -> list[tuple[int, int]]:
        """Return where blocks begin and end, in samples; a remainder under 5 s joins the last block."""
        if not (0 <= overlap_s < block_s < 1e9 and block_s >= MIN_S):
            raise RecordError(f"Expected blocks of at least {MIN_S:g} s, above their overlap; found {block_s:g} s.")
        size, overlap = round(block_s * self.fs), round(overlap_s * self.fs)
        starts = list(range(0, max(self.n_samples - overlap, 1), max(size - overlap, 1)))
        if len(starts) > 1 and self.n_samples - starts[-1] < max(MIN_S * self.fs, overlap + 1):
            starts.pop()
        return [(a, self.n_samples if k == len(starts) - 1 else a + size) for k, a in enumerate(starts)]


def _refuse_constant(signal: NDArray[np.float32], name: str) -> None:
    # fmax and fmin pass over NaN
    if not np.any(np.fmax.reduce(signal, axis=1) > np.fmin.reduce(signal, axis=1)):
        raise RecordError(f"{name} is constant: no lead changes over the whole record; choose another recording.")


def _runs(bad: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where runs of True begin and end (exclusive)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], bad, [False])).astype(np.int8)))
    return edges[::2], edges[1::2]


def bridge_gaps(
    signal: NDArray[np.float32], leads: tuple[str, ...], fs: float, name: str, start_s: float, max_gap_s: float
) -> tuple[NDArray[np.float32], tuple[str, ...], tuple[str, ...]]:
    """Interpolate over missing samples, up to `max_gap_s` at a stretch.

    Leads that are not among the standard twelve are left out instead of refusing the record.

    Returns
    -------
    The signal, the leads kept, and notes that name leads, samples and the longest gap.

    Raises
    ------
    RecordError
        If a standard lead misses more than `max_gap_s` at a stretch.
    """
    if np.isfinite(signal).all():
        return signal, leads, ()
    bridged: dict[str, int] = {}
    dropped: list[str] = []
    longest = 0
    for row, lead in zip(signal, leads, strict=True):
        bad = ~np.isfinite(row)
        if not bad.any():
            continue
        begin, end = _runs(bad)
        k = int(np.argmax(end - begin))
        gap = int(end[k] - begin[k])
        if gap <= max_gap_s * fs + 1e-9 and not bad.all():
            row[bad] = np.interp(np.flatnonzero(bad), np.flatnonzero(~bad), row[~bad])
            bridged[lead] = int(bad.sum())
            longest = max(longest, gap)
        elif lead in LEADS:
            raise RecordError(
                f"{name} misses {1000 * gap / fs:.0f} ms of lead {lead} from {start_s + begin[k] / fs:.2f} s on; gaps "
                f"up to {1000 * max_gap_s:.0f} ms are bridged, longer ones refused: choose another recording."
            )
        else:
            dropped.append(lead)
    return _noted(signal, leads, bridged, dropped, 1000 * longest / fs)


def _noted(
    signal: NDArray[np.float32], leads: tuple[str, ...], bridged: dict[str, int], dropped: list[str], longest_ms: float
) -> tuple[NDArray[np.float32], tuple[str, ...], tuple[str, ...]]:
    notes = []
    if bridged:
        each = ", ".join(f"{lead} {n}" for lead, n in bridged.items())
        total = sum(bridged.values())
        notes.append(
            f"Bridged {total} missing sample{'s' if total != 1 else ''} by interpolation ({each}; "
            f"longest gap {longest_ms:.0f} ms)."
        )
    if dropped:
        notes.append(f"Left out leads with long gaps: {', '.join(dropped)}.")
        kept = [k for k, lead in enumerate(leads) if lead not in dropped]
        signal, leads = signal[kept], tuple(leads[k] for k in kept)
    return signal, leads, tuple(notes)
