"""Where a record's bytes come from: a folder or an upload, and nothing outside of it."""

from __future__ import annotations

import hashlib
import mmap
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Protocol

from ecg_core.errors import RecordError

Buffer = bytes | bytearray | memoryview | mmap.mmap
MAP_ABOVE = 32 << 20  # larger files are mapped, so that only what is decoded is in memory
_UNSAFE = re.compile(r"[/\\:\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Upload:
    """One file in memory, as a browser hands it over."""

    name: str
    data: bytes

    @property
    def stem_and_suffix(self) -> tuple[str, str]:
        """Return the bare name without its folder, split before the last dot."""
        path = PurePosixPath(base_name(self.name))
        return path.stem, path.suffix.lower()


class Files(Protocol):
    """The files a record may be made of; a name that is not among them is never opened."""

    where: str

    def size(self, name: str) -> int | None:
        """Return the size in bytes, None when there is no such file."""

    def read(self, name: str) -> Buffer:
        """Return the bytes."""


def base_name(name: str) -> str:
    """Return the last part of a path written with either separator."""
    return PureWindowsPath(name).name


def require_inside(name: str, header: str, where: str) -> None:
    """Refuse a file name in a header that is a path, an address, a home folder or a stream."""
    if not name or name in {".", "..", "-"} or name.startswith("~") or _UNSAFE.search(name):
        raise RecordError(
            f"{header} names a file outside {where} ({name[:60]!r}); only files beside the header are read: "
            "put them together and name them without a folder."
        )


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn a failure of the file system into one sentence."""
    try:
        yield
    except OSError as error:
        raise RecordError(f"{name} could not be read: {error.strerror or 'input/output error'}.") from error


class FolderFiles:
    """The regular files of one folder; links that lead out of it are refused."""

    where = "its folder"

    def __init__(self, folder: Path) -> None:
        self.folder = Path(os.path.realpath(folder))

    def _path(self, name: str) -> str:
        path = os.path.realpath(self.folder / name)
        if os.path.dirname(path) != str(self.folder) and self.folder not in Path(path).parents:  # noqa: PTH120
            raise RecordError(f"{name} is a link to a file outside its folder; copy the file itself there.")
        return path

    def size(self, name: str) -> int | None:
        """Return the size in bytes, None when there is no such regular file."""
        with explained(name):
            try:
                status = os.stat(self._path(name))  # noqa: PTH116 (a third of the time of Path.stat)
            except FileNotFoundError:
                return None
        if not stat.S_ISREG(status.st_mode):
            raise RecordError(f"{name} is not a regular file; expected a file with the record's bytes.")
        return status.st_size

    def read(self, name: str) -> Buffer:
        """Return the bytes; large files are mapped read-only."""
        with explained(name), open(self._path(name), "rb") as file:  # noqa: PTH123
            if os.fstat(file.fileno()).st_size > MAP_ABOVE:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return file.read()


class UploadFiles:
    """Files in memory; nothing is written to disk."""

    where = "the upload"

    def __init__(self, uploads: Iterable[Upload]) -> None:
        self.files: dict[str, bytes] = {}
        for upload in uploads:
            name = base_name(upload.name)
            if name in self.files:
                raise RecordError(f"The upload holds two files called {name[:60]}; upload one record at a time.")
            self.files[name] = upload.data

    def size(self, name: str) -> int | None:
        """Return the size in bytes, None when there is no such file."""
        data = self.files.get(name)
        return None if data is None else len(data)

    def read(self, name: str) -> Buffer:
        """Return the bytes."""
        return self.files[name]


def as_uploads(source: Upload | Iterable[Upload] | Mapping[str, bytes]) -> list[Upload]:
    """Return uploads given as one, a list, or a mapping of names to bytes."""
    if isinstance(source, Upload):
        return [source]
    if isinstance(source, Mapping):
        return [Upload(name, data) for name, data in source.items()]
    return list(source)


def digest(parts: Iterable[Buffer]) -> str:
    """Return the sha256 of buffers, one after the other, as hex."""
    sha = hashlib.sha256()
    for part in parts:
        view = memoryview(part)
        for start in range(0, len(view), MAP_ABOVE):
            sha.update(view[start : start + MAP_ABOVE])
            release(part)
    return sha.hexdigest()


def release(buffer: Buffer) -> None:
    """Give back the memory of a mapped file's parts that have been read; they are read again where they are needed."""
    if sys.platform != "win32" and isinstance(buffer, mmap.mmap):
        buffer.madvise(mmap.MADV_DONTNEED)
