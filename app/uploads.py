"""From dropped files to records: pairs are matched, what fails is one sentence, what a file does not say is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.state import Entry
from ecg_core.errors import ECGError
from ecg_core.readers import Upload, group_uploads, needs_description, read_record
from ecg_core.records import INDEPENDENT_LEADS, LEADS, twelve_leads

EXTENSIONS = ("hea", "dat", "mat", "xyz", "npy", "npz", "csv")
UNITS = ("mV", "uV", "V")
LEAD_ORDERS: dict[str, tuple[str, ...]] = {
    "I, II, III, aVR, aVL, aVF, V1 to V6": LEADS,
    "I, II, V1 to V6": INDEPENDENT_LEADS,
}


@dataclass(frozen=True)
class Candidate:
    """The files of one record, the header first."""

    name: str
    files: tuple[Upload, ...]

    @property
    def needs_description(self) -> bool:
        """Whether rate, unit and leads must be asked for."""
        return needs_description(self.name)


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

    @property
    def words(self) -> str:
        """The sentence, with the file's name before it where it does not begin with it."""
        return self.sentence if self.sentence.startswith(self.name) else f"{self.name}: {self.sentence}"


def sort_out(files: Mapping[str, bytes]) -> list[Candidate]:
    """Group files into records; a lone half stays alone, and reading it says which half is missing."""
    groups = group_uploads([Upload(name, data) for name, data in files.items()])
    return [Candidate(group[0].name, tuple(group)) for group in groups]


def read(candidates: Sequence[Candidate], description: Description | None) -> tuple[list[Entry], list[Problem]]:
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
    asked = {"fs": description.fs, "unit": description.unit, "leads": description.leads}
    record = twelve_leads(read_record(candidate.files, **asked))
    said = hashlib.sha256(repr(sorted(asked.items())).encode()).hexdigest()[:12]
    return Entry(f"{record.sha256}-{said}", record)
