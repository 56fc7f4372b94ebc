"""The record: one ECG recording in millivolts, with its lead names, rate and provenance."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import RecordError

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The twelve standard leads in report order."""

INDEPENDENT_LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
"""The eight leads from which the other four follow by Einthoven's and Goldberger's equations."""

# rows: III, aVR, aVL, aVF; columns: I, II (Einthoven: III = II - I; Goldberger: aVR = -(I + II) / 2, ...)
DERIVATION = np.array([[-1.0, 1.0], [-0.5, -0.5], [1.0, -0.5], [-0.5, 1.0]], dtype=np.float32)

Sex = Literal["female", "male"]


@dataclass(frozen=True)
class Record:
    """One recording.

    Attributes
    ----------
    name : what the user calls it (file stem); shown as plain text, never trusted.
    signal : shape (n_leads, n_samples), float32, mV; read-only.
    leads : canonical lead names, one per row of `signal`.
    fs : sampling rate in Hz.
    sha256 : hex digest of the source's bytes.
    notes : what a reader or a later step had to do, in plain sentences.
    age : years, None where the file does not say.
    sex : None where the file does not say.
    """

    name: str
    signal: NDArray[np.float32]
    leads: tuple[str, ...]
    fs: float
    sha256: str
    notes: tuple[str, ...] = ()
    age: float | None = None
    sex: Sex | None = None
    start_s: float = field(default=0.0)

    @property
    def n_samples(self) -> int:
        """Number of time indices."""
        return int(self.signal.shape[1])

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.fs

    def lead(self, name: str) -> NDArray[np.float32]:
        """Return the signal of one lead, shape (n_samples,), mV."""
        if name not in self.leads:
            raise RecordError(f"Record {self.name} has no lead {name}; it has {', '.join(self.leads)}.")
        return self.signal[self.leads.index(name)]

    def crop(self, start_s: float, stop_s: float) -> Record:
        """Return the part between two times in seconds from the record's start (a view, no copy)."""
        lo, hi = round(start_s * self.fs), round(stop_s * self.fs)
        return replace(self, signal=self.signal[:, lo:hi], start_s=self.start_s + lo / self.fs)


def derive_limb_leads(i_and_ii: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return III, aVR, aVL, aVF, shape (..., 4, n), from I and II, shape (..., 2, n)."""
    return np.asarray(DERIVATION @ i_and_ii, dtype=np.float32)


def twelve_from_eight(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the twelve leads in `LEADS` order, shape (..., 12, n), from the eight `INDEPENDENT_LEADS`."""
    return np.concatenate([x[..., :2, :], derive_limb_leads(x[..., :2, :]), x[..., 2:, :]], axis=-2)


def eight_from_twelve(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the eight `INDEPENDENT_LEADS`, shape (..., 8, n), from the twelve in `LEADS` order."""
    return np.concatenate([x[..., :2, :], x[..., 6:, :]], axis=-2)


def twelve_leads(record: Record) -> Record:
    """Return `record` with exactly the twelve standard leads in report order.

    III, aVR, aVL and aVF are derived from I and II where the file lacks them; other leads (Frank's X, Y, Z)
    are left out; both are noted.

    Raises
    ------
    RecordError
        If one of the eight independent leads (I, II, V1-V6) is missing.
    """
    missing = [lead for lead in INDEPENDENT_LEADS if lead not in record.leads]
    if missing:
        raise RecordError(
            f"Expected a 12-lead ECG with at least I, II and V1-V6; {record.name} has "
            f"{len(record.leads)} lead{'s' if len(record.leads) != 1 else ''} ({', '.join(record.leads)}) "
            f"and lacks {', '.join(missing)}; choose a 12-lead recording."
        )
    if record.leads == LEADS:
        return record
    notes = list(record.notes)
    derived_rows = derive_limb_leads(np.stack([record.lead("I"), record.lead("II")]))
    derived = {lead: row for lead, row in zip(LEADS[2:6], derived_rows, strict=True) if lead not in record.leads}
    rows = [derived[lead] if lead in derived else record.lead(lead) for lead in LEADS]
    if derived:
        notes.append(f"{', '.join(derived)} derived from I and II.")
    extra = [lead for lead in record.leads if lead not in LEADS]
    if extra:
        notes.append(f"Left out leads that are not among the twelve: {', '.join(extra)}.")
    if not derived and not extra:
        notes.append("Leads put into report order.")
    signal = np.stack(rows)
    signal.setflags(write=False)
    return replace(record, signal=signal, leads=LEADS, notes=tuple(notes))
