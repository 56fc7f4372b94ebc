"""A record of a job, found again in its file: inside the root, and still the one that was scored."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecg_core.errors import WorklistError
from ecg_core.readers import needs_description, read_part, read_record
from ecg_core.records import Record, twelve_leads
from ecg_core.worklist.folders import OUTSIDE, real_inside


@dataclass(frozen=True)
class Source:
    """Where a record lies.

    Attributes
    ----------
    path : of the main file, after all links.
    said : fs, unit and leads of a file that does not say them, as `read_record` takes it; else empty.
    sha256 : of the file that was scored; None where it was not read.
    """

    path: Path
    said: Mapping[str, Any]
    sha256: str | None

    def record(self) -> Record:
        """Read all of it, up to an hour."""
        return self._checked(read_record(self.path, **self.said))

    def part(self, start_s: float, stop_s: float) -> Record:
        """Read the seconds between two times."""
        return self._checked(read_part(self.path, start_s, stop_s, **self.said))

    def _checked(self, record: Record) -> Record:
        if self.sha256 is not None and record.sha256 != self.sha256:
            raise WorklistError(f"{record.name} has changed since it was scored; start a new job to score it again.")
        return twelve_leads(record)


def digest_of_unread(path: Path) -> str | None:
    """Return the sha256 of a file that could not be read as a record, so that a reviewer can note something on it.

    That of its bytes, and of the signal file that goes by a header's name, as a record that is read has it; None where
    they cannot be had.
    """
    sha256 = hashlib.sha256()
    signals = path.with_suffix(".dat")
    with_signals = path.suffix == ".hea" and signals.is_file() and not signals.is_symlink()  # a link may lead outside
    try:
        for part in (path, signals) if with_signals else (path,):
            with part.open("rb") as file:
                hashlib.file_digest(file, lambda: sha256)
    except OSError:
        return None
    return sha256.hexdigest()


def source(root: Path, path: str, description: Mapping[str, Any], sha256: str | None) -> Source:
    """Return where a record lies.

    Raises
    ------
    WorklistError
        If that is outside the root.
    """
    real = real_inside(root, path)
    if real is None:
        raise WorklistError(OUTSIDE)
    return Source(real, description if needs_description(real) else {}, sha256)
