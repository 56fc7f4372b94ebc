"""Zip archives of records: sizes are checked before anything is read, and nothing is ever written to disk."""

from __future__ import annotations

import stat
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePosixPath, PureWindowsPath

from ecg_core.errors import RecordError
from ecg_core.readers.discover import ARRAY_SUFFIXES, CSV_SUFFIX, WFDB_SIGNALS, WFDB_SUFFIX
from ecg_core.readers.files import Upload
from ecg_core.readers.lead_names import clean
from ecg_core.readers.limits import MAX_ARCHIVE_BYTES, MAX_ARCHIVE_MEMBER_BYTES, MAX_ARCHIVE_MEMBERS

ARCHIVE_SUFFIX = ".zip"
_RECORD_SUFFIXES = (WFDB_SUFFIX, *WFDB_SIGNALS, *ARRAY_SUFFIXES)
_CENTRAL = b"PK\x01\x02"
_ENCRYPTED = 0x1
_PLAIN_PACKING = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (
    zipfile.BadZipFile,  # no archive, headers that contradict each other, a checksum that is another
    zlib.error,  # packed data that cannot be unpacked
    EOFError,  # data that end too early
    RuntimeError,  # a file's own header asks for a password or for what zipfile does not know, unlike the list's
    ValueError,  # a place before the archive's beginning,
    OSError,  # or one that cannot be gone to
)
"""What zipfile raises of an archive that is not whole."""


@dataclass(frozen=True)
class Unpacked:
    """What an archive holds.

    Attributes
    ----------
    uploads : the files of records, named with their folders.
    left_out : names of files that are no part of a record.
    """

    uploads: tuple[Upload, ...]
    left_out: tuple[str, ...]


def is_archive(name: str) -> bool:
    """Return whether a file of that name is an archive of records."""
    return name.lower().endswith(ARCHIVE_SUFFIX)


def unpack(data: bytes, name: str) -> Unpacked:
    """Return the records' files of a zip archive, from memory into memory.

    CSV files are taken only from an archive without other records: beside them they are tables of something else.

    Parameters
    ----------
    data : the archive's bytes.
    name : what the user calls it, for messages.

    Raises
    ------
    RecordError
        If it is damaged or encrypted, leads out of its folder, holds too many or too large files, or no record.
    """
    name = clean(name)
    if data.count(_CENTRAL) > 2 * MAX_ARCHIVE_MEMBERS:  # before zipfile makes an object of each
        raise _too_many(name)
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            members = _checked(archive.infolist(), name)
            chosen = _of_records(members)
            if not chosen:
                raise RecordError(
                    f"{name} holds no record: expected .hea with .dat or .mat, .npy, .npz or .csv files, at any depth."
                )
            uploads = tuple(Upload(member.filename, _read(archive, member, name)) for member in chosen)
    except _DAMAGED as error:
        raise RecordError(f"{name} is damaged or no zip archive; pack the records again.") from error
    taken = {member.filename for member in chosen}
    return Unpacked(uploads, tuple(clean(m.filename) for m in members if m.filename not in taken))


def _too_many(name: str) -> RecordError:
    return RecordError(
        f"Expected at most {MAX_ARCHIVE_MEMBERS:,} files in an archive; {name} holds more: "
        "score the folder as a batch instead."
    )


def _checked(listed: list[zipfile.ZipInfo], name: str) -> list[zipfile.ZipInfo]:
    """Return the archive's own files, after everything it declares was found within the limits."""
    if len(listed) > MAX_ARCHIVE_MEMBERS:
        raise _too_many(name)
    members = [member for member in listed if not member.is_dir()]
    for member in members:
        _check_path(member, name)
        if member.file_size > MAX_ARCHIVE_MEMBER_BYTES:
            raise RecordError(
                f"{name} declares {member.file_size:,} bytes for {clean(member.filename)}, at most "
                f"{MAX_ARCHIVE_MEMBER_BYTES:,} are accepted; nothing was read: drop that record's files themselves."
            )
    total = sum(member.file_size for member in members)
    if total > MAX_ARCHIVE_BYTES:
        raise RecordError(
            f"{name} declares {total:,} bytes once unpacked, at most {MAX_ARCHIVE_BYTES:,} are accepted; nothing was "
            "read: pack fewer records, or score the folder as a batch."
        )
    wanted = [member for member in members if not _is_hidden(member)]
    if any(member.flag_bits & _ENCRYPTED for member in wanted):
        raise RecordError(f"{name} is encrypted; expected an archive without a password: pack the records again.")
    if any(member.compress_type not in _PLAIN_PACKING for member in wanted):
        raise RecordError(f"{name} is packed in a way that is not read; expected an ordinary (deflated) zip archive.")
    names = [member.filename for member in wanted]
    if len(set(names)) < len(names):
        raise RecordError(f"{name} holds two files of one name; pack the records again.")
    return wanted


def _check_path(member: zipfile.ZipInfo, name: str) -> None:
    path = member.filename
    windows = PureWindowsPath(path)
    if windows.is_absolute() or windows.drive or windows.root or ".." in windows.parts or "\x00" in path:
        raise RecordError(
            f"{name} names a file outside itself ({clean(path)!r}); nothing was read: pack the records again."
        )
    if stat.S_ISLNK(member.external_attr >> 16):
        raise RecordError(f"{name} holds a link ({clean(path)}); expected files only: pack the files themselves.")


def _is_hidden(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename).parts
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _of_records(members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    records = [member for member in members if member.filename.lower().endswith(_RECORD_SUFFIXES)]
    return records or [member for member in members if member.filename.lower().endswith(CSV_SUFFIX)]


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bytes:
    """Return a member's bytes; never more than it declares."""
    with archive.open(member) as stream:
        data = stream.read(member.file_size)
        if stream.read(1) or len(data) != member.file_size:
            raise RecordError(f"{name} declares another size of {clean(member.filename)} than it holds; pack it again.")
    return data
