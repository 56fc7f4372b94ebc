"""From dropped files to records: pairs are matched, lone halves named, and what a file does not say is asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import PurePath

from app.state import Entry
from ecg_core.errors import ECGError
from ecg_core.readers import read_record
from ecg_core.records import INDEPENDENT_LEADS, LEADS, twelve_leads

HEADER, SIGNALS, DESCRIBED = ".hea", (".dat", ".mat", ".xyz"), (".npy", ".npz", ".csv")
EXTENSIONS = [suffix[1:] for suffix in (HEADER, *SIGNALS, *DESCRIBED)]
PAIR = "A WFDB record is a pair: drop the other half too."
UNITS = ("mV", "uV", "V")
LEAD_ORDERS: dict[str, tuple[str, ...]] = {
    "I, II, III, aVR, aVL, aVF, V1 to V6": LEADS,
    "I, II, V1 to V6": INDEPENDENT_LEADS,
}


@dataclass(frozen=True)
class Candidate:
    """The files of one record."""

    name: str
    files: dict[str, bytes]

    @property
    def needs_description(self) -> bool:
        """Whether rate, unit and leads must be asked for."""
        return PurePath(self.name).suffix.lower() in DESCRIBED


@dataclass(frozen=True)
class Description:
    """What the user says of files that do not say it: rate in Hz, unit, lead names in order."""

    fs: float
    unit: str
    leads: tuple[str, ...]


@dataclass(frozen=True)
class Problem:
    """A file that needs attention: its name, and one sentence."""

    name: str
    sentence: str


def sort_out(files: dict[str, bytes]) -> tuple[list[Candidate], list[Problem]]:
    """Group files into records; a WFDB header takes the signal files of its stem or named in it."""
    candidates: list[Candidate] = []
    problems: list[Problem] = []
    taken: set[str] = set()
    headers = [name for name in files if PurePath(name).suffix.lower() == HEADER]
    signals = [name for name in files if PurePath(name).suffix.lower() in SIGNALS]
    for header in headers:
        stem = PurePath(header).stem
        mine = [n for n in signals if PurePath(n).stem == stem or n.encode() in files[header]]
        taken.update(mine)
        if mine:
            candidates.append(Candidate(header, {header: files[header], **{n: files[n] for n in mine}}))
        else:
            problems.append(Problem(header, f"Waiting for {stem}.dat. {PAIR}"))
    for name in files:
        suffix, stem = PurePath(name).suffix.lower(), PurePath(name).stem
        if suffix in DESCRIBED:
            candidates.append(Candidate(name, {name: files[name]}))
        elif suffix in SIGNALS and name not in taken:
            problems.append(Problem(name, f"Waiting for {stem}.hea. {PAIR}"))
        elif suffix not in (HEADER, *SIGNALS):
            expected = "a WFDB pair (.hea with .dat or .mat), .npy, .npz or .csv"
            problems.append(Problem(name, f"Cannot be read: expected {expected}, found {suffix or 'no extension'}."))
    return candidates, problems


def read(candidates: list[Candidate], description: Description | None) -> tuple[list[Entry], list[Problem]]:
    """Read records; each that fails becomes one sentence."""
    entries: list[Entry] = []
    problems: list[Problem] = []
    for candidate in candidates:
        try:
            entries.append(_read_one(candidate, description))
        except ECGError as error:
            problems.append(Problem(candidate.name, str(error)))
    return entries, problems


def _read_one(candidate: Candidate, description: Description | None) -> Entry:
    if not candidate.needs_description or description is None:
        record = twelve_leads(read_record(candidate.files))
        return Entry(record.sha256, record)
    asked = {"fs": description.fs, "unit": description.unit, "leads": list(description.leads)}
    record = twelve_leads(read_record(candidate.files, **asked))
    said = hashlib.sha256(repr(sorted(asked.items())).encode()).hexdigest()[:12]
    return Entry(f"{record.sha256}-{said}", record)
