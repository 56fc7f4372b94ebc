"""Uploads of a job: spooled below the data folder, one folder a record, and removed with the job."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

from ecg_core.errors import RecordError, WorklistError
from ecg_core.plain import plain
from ecg_core.readers import Upload, group_uploads
from ecg_core.readers.files import base_name, require_inside

MOST_BYTES_OF_A_NAME = 200
ORPHAN_S = 3600.0
"""Age from which a spool folder without a job is removed: no job is an hour in the making."""


def spool(folder: Path, files: Iterable[Upload]) -> list[str]:
    """Write dropped files below a folder, each record in a folder of its own, and return the records' main files.

    Files with folders in their names (from a zip) belong together only within a folder.

    Raises
    ------
    WorklistError
        If there are none, or two have the same name, or a name cannot be one of a file, or the disk is full.
    """
    by_folder: dict[str, dict[str, Upload]] = {}
    for upload in files:
        name = base_name(upload.name)
        _check(name)
        together = by_folder.setdefault(str(PurePosixPath(upload.name.replace("\\", "/")).parent), {})
        if name in together:
            raise WorklistError(f"Two of the files are called {plain(name)}; upload them in two jobs, or as a zip.")
        together[name] = Upload(name, upload.data)
    groups = [group for together in by_folder.values() for group in group_uploads(together.values())]
    if not groups:
        raise WorklistError("Nothing was uploaded; expected the files of at least one record.")
    paths = []
    for k, group in enumerate(groups):
        own = folder / f"{k:06d}"
        try:
            own.mkdir(parents=True)
            for upload in group:
                (own / upload.name).write_bytes(upload.data)
        except OSError as error:
            raise WorklistError(
                f"The uploads could not be stored: {error.strerror}; free space in the data folder and try again."
            ) from error
        paths.append(f"{own.name}/{group[0].name}")
    return paths


def _check(name: str) -> None:
    try:
        require_inside(name, "The upload", "its folder")
        fits = len(name.encode()) <= MOST_BYTES_OF_A_NAME
    except (RecordError, UnicodeEncodeError):
        fits = False
    if not fits:
        raise WorklistError(f"{plain(name)[:60]!r} cannot be the name of a file; rename it and upload it again.")


def remove(folder: Path) -> None:
    """Remove a job's spool folder, if there is one.

    Raises
    ------
    WorklistError
        If something of it is left.
    """
    try:
        if folder.is_dir():
            shutil.rmtree(folder)
    except OSError as error:
        raise WorklistError(
            f"The uploads could not all be removed from {folder}: {error.strerror}; remove that folder by hand."
        ) from error


def sweep(folder: Path, known: Collection[str]) -> None:
    """Remove spool folders whose job was never made, or not completely deleted."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in known and time.time() - path.stat().st_mtime > ORPHAN_S:
            remove(path)
