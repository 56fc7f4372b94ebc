"""A record of a job, found again in its file: inside the root, and still the one that was scored."""

from __future__ import annotations

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
