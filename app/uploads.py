"""From dropped files to records: pairs are matched, what fails is one sentence, what a file does not say is asked."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Literal

from app.state import Entry
from ecg_core.errors import ECGError
from ecg_core.readers import (
    Upload,
    group_uploads,
    is_archive,
    missing_files,
    needs_description,
    probe,
    read_blocks,
    read_record,
    unpack,
)
from ecg_core.readers.files import base_name
from ecg_core.readers.limits import MAX_WHOLE_S
from ecg_core.records import INDEPENDENT_LEADS, LEADS, Record, twelve_leads

UNITS = ("mV", "uV", "V")
LEAD_ORDERS: dict[str, tuple[str, ...]] = {
    "I, II, III, aVR, aVL, aVF, V1 to V6": LEADS,
    "I, II, V1 to V6": INDEPENDENT_LEADS,
}
MOST_RECORDS = 200
"""Records that one session's list holds; more are for a batch."""

HALF = "A WFDB record is a pair: drop the other half."


@dataclass(frozen=True)
class Description:
    """What the user says of files that do not say it: rate in Hz, unit, lead names in order."""

    fs: float
    unit: str
    leads: tuple[str, ...]

    def asked(self) -> dict[str, Any]:
        """Return it as `read_record` takes it."""
        return {"fs": self.fs, "unit": self.unit, "leads": self.leads}


@dataclass(frozen=True)
class Problem:
    """Files that need attention.

    Attributes
    ----------
    name : the file's.
    headline, rest : what is the matter, and the rest of the sentence.
    kind : waiting (for its other half), undescribed (rate, unit and leads are asked for), or unreadable.
    files : what is kept of it, until its other half or its description comes.
    """

    name: str
    headline: str
    rest: str
    kind: Literal["waiting", "undescribed", "unreadable"] = "unreadable"
    files: tuple[Upload, ...] = ()

    @property
    def ident(self) -> str:
        """What tells it from other problems of the session."""
        parts = [self.name, self.headline, self.rest, *(hashlib.sha256(f.data).hexdigest() for f in self.files)]
        return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:16]


@dataclass(frozen=True)
class Intake:
    """What came of files: records, files that need attention, and what was left out, in words."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[Problem, ...] = ()
    notices: tuple[str, ...] = ()


def take(new: Sequence[Upload], held: Sequence[Problem], description: Description | None = None) -> Intake:
    """Make records of dropped files, alone or together with files that wait.

    Parameters
    ----------
    new : the files of one drop; archives among them are opened in memory.
    held : the files that need attention since earlier drops.
    description : of all files that do not describe themselves.
    """
    files, problems, notices = _opened(new)
    groups = [group for group in _groups(files) if not missing_files(group)]
    used = {id(upload) for group in groups for upload in group}
    # a drop is complete in itself where it can be: only what is left over is matched with what waits
    waiting = [upload for problem in held for upload in problem.files if problem.kind != "unreadable"]
    left = [upload for upload in files if id(upload) not in used]
    groups += _groups([*waiting, *left])
    entries: list[Entry] = []
    for group in groups:
        outcome = _outcome(group, description)
        (entries if isinstance(outcome, Entry) else problems).append(outcome)  # type: ignore[arg-type]
    names = {base_name(upload.name) for upload in new}
    stays = [problem for problem in held if problem.kind == "unreadable" and base_name(problem.name) not in names]
    return Intake(tuple(entries), (*stays, *problems), tuple(notices))


def _opened(new: Sequence[Upload]) -> tuple[list[Upload], list[Problem], list[str]]:
    """Return the dropped files with archives opened, without exact repetitions."""
    files: list[Upload] = []
    problems: list[Problem] = []
    notices: list[str] = []
    for upload in new:
        if not is_archive(upload.name):
            files.append(upload)
            continue
        try:
            found = unpack(upload.data, upload.name)
        except ECGError as error:
            problems.append(_unreadable(upload.name, error))
            continue
        files += found.uploads
        if found.left_out:
            n, some = len(found.left_out), ", ".join(found.left_out[:3])
            more = " and others" if n > 3 else ""
            notices.append(f"{upload.name}: left out {n} file{'s' * (n > 1)} that are no records ({some}{more}).")
    return list(dict.fromkeys(files)), problems, notices


def _groups(files: Iterable[Upload]) -> list[tuple[Upload, ...]]:
    """Return one group a record; files of one name are kept apart, by folder and in the order they came."""
    seen: Counter[str] = Counter()
    rounds: dict[tuple[str, int], list[Upload]] = {}
    for upload in files:
        folder = str(PurePosixPath(upload.name).parent)
        rounds.setdefault((folder, seen[upload.name]), []).append(upload)
        seen[upload.name] += 1
    return [tuple(group) for together in rounds.values() for group in group_uploads(together)]


def _outcome(group: tuple[Upload, ...], description: Description | None) -> Entry | Problem:
    name = base_name(group[0].name)
    if missing := missing_files(group):
        return Problem(name, f"Waiting for {', '.join(missing)}.", HALF, "waiting", group)
    if not needs_description(name):
        return _read(group, {})
    if description is None:
        return Problem(name, "Not described.", "Say above how it was recorded.", "undescribed", group)
    outcome = _read(group, description.asked())
    if isinstance(outcome, Problem):  # the description may be wrong: the file is asked for again
        return replace(outcome, kind="undescribed", files=group)
    return outcome


def _unreadable(name: str, error: ECGError) -> Problem:
    return Problem(base_name(name), "Cannot be read.", str(error))


def _read(group: tuple[Upload, ...], asked: Mapping[str, Any]) -> Entry | Problem:
    try:
        found = probe(group, **asked)
        whole_s = found.duration_s if found.n_leads >= len(INDEPENDENT_LEADS) else 0.0
        if whole_s <= MAX_WHOLE_S:
            record = _as_it_opens(read_record(group, **asked))
            return Entry(_key(record.sha256, asked), record, files=group, said=dict(asked))
        record = twelve_leads(next(iter(read_blocks(group, **asked))))
        return Entry(_key(record.sha256, asked), record, files=group, said=dict(asked), whole_s=whole_s)
    except ECGError as error:
        return _unreadable(group[0].name, error)


def _as_it_opens(record: Record) -> Record:
    """Return the twelve leads in report order where they are there, else the record as it is: for Beats alone."""
    return twelve_leads(record) if set(INDEPENDENT_LEADS) <= set(record.leads) else record


def _key(sha256: str, asked: Mapping[str, Any]) -> str:
    if not asked:
        return sha256
    return f"{sha256}-{hashlib.sha256(repr(sorted(asked.items())).encode()).hexdigest()[:12]}"


def distinct(new: Sequence[Entry], present: Sequence[Entry]) -> list[Entry]:
    """Return the entries that are not in the session yet, each under a name of its own."""
    keys = {entry.key for entry in present}
    names = {entry.record.name for entry in present}
    kept: list[Entry] = []
    for entry in new:
        if entry.key in keys:
            continue
        keys.add(entry.key)
        name = _free_name(entry, names)
        names.add(name)
        kept.append(entry if name == entry.record.name else replace(entry, record=replace(entry.record, name=name)))
    return kept


def _free_name(entry: Entry, taken: set[str]) -> str:
    name = entry.record.name
    folder = PurePosixPath(entry.files[0].name).parent.name if entry.files else ""
    if name in taken and folder:
        name = "".join(c for c in f"{folder}/{name}" if c.isprintable())
    if name not in taken:
        return name
    return next(f"{name} ({k})" for k in range(2, len(taken) + 3) if f"{name} ({k})" not in taken)


def for_batch(entries: Sequence[Entry]) -> list[tuple[str, bytes]]:
    """Return the files of uploaded 12-lead records for a job of the batch, as (name, bytes).

    Files are named with a folder of their own where two records' files have one name.
    """
    uploaded = [entry for entry in entries if entry.files and entry.twelve]
    clash = Counter(base_name(upload.name) for entry in uploaded for upload in entry.files)
    files = []
    for k, entry in enumerate(uploaded):
        names = [base_name(upload.name) for upload in entry.files]
        own = f"{k + 1:04d}/" if any(clash[name] > 1 for name in names) else ""
        files += [(own + name, upload.data) for name, upload in zip(names, entry.files, strict=True)]
    return files
