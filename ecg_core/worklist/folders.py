"""Where the worklist's data lie, and which folders of the server may be chosen: nothing outside the root is reached."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ecg_core.errors import WorklistError
from ecg_core.plain import plain
from ecg_core.readers.discover import iter_records

DATA_VARIABLE = "LEADWISE_DATA"
ROOT_VARIABLE = "LEADWISE_ROOT"
INBOX, UPLOADS = "inbox", "uploads"
OUTSIDE = "This file is a link out of the folder, or became one; put the file itself there."
MOST_COUNTED = 20_000
"""Records counted below one subfolder; there may be more."""


def data_folder() -> Path:
    """Return the folder of jobs, uploads, results and decisions: LEADWISE_DATA, or the platform's place for data."""
    if named := os.environ.get(DATA_VARIABLE):
        return Path(named).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "leadwise"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share").absolute() / "leadwise"


def root_folder(data: Path) -> Path:
    """Return the folder below which folders may be reviewed: LEADWISE_ROOT, or the data folder's inbox."""
    named = os.environ.get(ROOT_VARIABLE)
    return Path(named).expanduser().absolute() if named else data / INBOX


@dataclass(frozen=True)
class Folder:
    """A folder below the root.

    Attributes
    ----------
    path : relative to the root, with "/" between names; "" is the root.
    name : for people.
    records : how many records lie below it, at any depth, without CSV files, which a job takes only when they are
        described; `more` where counting stopped at that number.
    subfolders : one level, by name; empty in those.
    """

    path: str
    name: str
    records: int
    more: bool
    subfolders: tuple[Folder, ...] = ()


def browse(root: Path, relative: str = "") -> Folder:
    """Return a folder below the root with its subfolders.

    Raises
    ------
    WorklistError
        If there is no such folder, or it lies outside the root.
    """
    folder = folder_inside(root, relative)
    subfolders = tuple(_counted(root, path) for path in sorted(_subfolders(folder)))
    whole = _counted(root, folder)
    return Folder(whole.path, whole.name, whole.records, whole.more, subfolders)


def _counted(root: Path, folder: Path) -> Folder:
    count = sum(1 for _ in islice(iter_records(folder, csv=False), MOST_COUNTED + 1))
    relative = folder.relative_to(os.path.realpath(root)).as_posix()
    path = "" if relative == "." else relative
    return Folder(path, plain(folder.name), min(count, MOST_COUNTED), count > MOST_COUNTED)


def _subfolders(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in entries:
            shown = not entry.name.startswith(".") and _is_text(entry.name)
            if shown and entry.is_dir(follow_symlinks=False) and os.access(entry.path, os.R_OK | os.X_OK):
                yield Path(entry.path)


def _is_text(name: str) -> bool:
    """Return whether a name can be shown and asked for again: file systems allow bytes that are no text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def folder_inside(root: Path, relative: str) -> Path:
    """Return the folder's real path.

    Raises
    ------
    WorklistError
        If there is no such folder, or it lies outside the root.
    """
    if not root.is_dir():
        raise WorklistError(f"The folder of records {root} is not there; make it, or set {ROOT_VARIABLE} to another.")
    parts = relative.split("/") if relative else []
    real = real_inside(root, relative) if all(part and not part.startswith(".") for part in parts) else None
    if real is None or not real.is_dir():
        raise WorklistError(f"{plain(relative)[:200]!r} is no folder below {root}; choose one from the list.")
    return real


def real_inside(root: Path, relative: str) -> Path | None:
    """Return where a path below the root really lies, None where that is outside: by "..", a link, or from "/" on."""
    if "\x00" in relative or relative.startswith("/") or ".." in relative.split("/"):
        return None
    top = os.path.realpath(root)
    real = os.path.realpath(f"{top}/{relative}") if relative else top
    return Path(real) if real == top or real.startswith(top.rstrip("/") + "/") else None
