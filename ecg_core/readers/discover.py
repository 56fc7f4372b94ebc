"""Which files are records: below a folder, or among files dropped together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ecg_core.errors import RecordError
from ecg_core.readers.files import Upload, UploadFiles, base_name
from ecg_core.readers.wfdb_header import parse_header

WFDB_SUFFIX = ".hea"
WFDB_SIGNALS = (".dat", ".mat", ".xyz")
ARRAY_SUFFIXES = (".npy", ".npz")
CSV_SUFFIX = ".csv"
DESCRIBED_SUFFIXES = (*ARRAY_SUFFIXES, CSV_SUFFIX)
"""Formats that carry no rate, unit or lead names: read_record takes fs, unit and leads for them."""


def needs_description(name: str | Path) -> bool:
    """Return whether a file of that name is read only with fs, unit and leads."""
    return Path(name).suffix.lower() in DESCRIBED_SUFFIXES


def find_records(folder: str | Path, *, csv: bool = True) -> list[Path]:
    """Return every record below a folder, sorted: one ``.hea`` per WFDB record, ``.npy``, ``.npz`` and ``.csv``.

    Links to folders are not followed, and links to files only where they stay in the folder. Hidden files are
    left out. With `csv` False, CSV files are left out: many are tables of something else.

    Raises
    ------
    RecordError
        If the folder does not exist.
    """
    top = Path(folder)
    if not top.is_dir():
        raise RecordError(f"{top.name or top} is not a folder; give the folder that holds the records.")
    return sorted(iter_records(top, csv=csv))


def iter_records(top: Path, *, csv: bool = True) -> Iterator[Path]:
    """Yield what `find_records` returns as it is found."""
    root = os.path.realpath(top)
    wanted = {WFDB_SUFFIX, *ARRAY_SUFFIXES, *((CSV_SUFFIX,) if csv else ())}
    for where, folders, files in os.walk(top, followlinks=False):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for file in files:
            if file.startswith(".") or os.path.splitext(file)[1].lower() not in wanted:  # noqa: PTH122 (many files)
                continue
            path = Path(where, file)
            if path.is_symlink() and not os.path.realpath(path).startswith(root + os.sep):
                continue
            yield path


def group_uploads(uploads: Iterable[Upload]) -> list[list[Upload]]:
    """Return files dropped together as one list per record, headers first.

    A header takes the signal files it names; a signal file without header, or a header without signal files,
    stays alone, and `read_record` says what is missing.
    """
    by_name = {base_name(upload.name): upload for upload in uploads}
    groups: list[list[Upload]] = []
    taken: set[str] = set()
    for name, upload in by_name.items():
        if not name.lower().endswith(WFDB_SUFFIX):
            continue
        members = [name]
        try:
            header = parse_header(upload.data, name, UploadFiles([]))
            members += [s.file for s in header.signals if s.file in by_name and s.file != name]
        except RecordError:  # said by read_record, for this record alone
            stem = Path(name).stem
            members += [other for other in by_name if Path(other).stem == stem and other != name]
        members = list(dict.fromkeys(members))
        taken.update(members)
        groups.append([by_name[member] for member in members])
    groups += [[upload] for name, upload in by_name.items() if name not in taken]
    return groups


def missing_files(group: Iterable[Upload]) -> tuple[str, ...]:
    """Return the names of the files that a group from `group_uploads` still waits for; () where it is complete.

    A damaged header waits for nothing: `read_record` says what is wrong with it.
    """
    uploads = list(group)
    main = base_name(uploads[0].name)
    suffix = Path(main).suffix.lower()
    if suffix in WFDB_SIGNALS:
        return (str(Path(main).with_suffix(WFDB_SUFFIX)),)
    if suffix != WFDB_SUFFIX:
        return ()
    try:
        header = parse_header(uploads[0].data, main, UploadFiles([]))
    except RecordError:
        return ()
    here = {base_name(upload.name) for upload in uploads}
    named = dict.fromkeys(signal.file for signal in header.signals)
    return tuple(file for file in named if file not in here)
