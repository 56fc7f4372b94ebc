"""NumPy files (``.npy``, ``.npz``): the header is parsed here, so that nothing in them is ever unpickled."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import RecordError
from ecg_core.readers.described import Description, describe, require_plausible
from ecg_core.readers.files import Buffer, digest
from ecg_core.readers.limits import MAX_SAMPLES, MAX_ZIP_ENTRIES
from ecg_core.readers.recording import Recording

MAGIC = b"\x93NUMPY"
_HEADER = re.compile(
    r"^\s*\{\s*'descr':\s*(?P<descr>'[^']*'|\[.*\])\s*,\s*'fortran_order':\s*(?P<fortran>True|False)\s*,"
    r"\s*'shape':\s*\((?P<shape>[0-9,\sL]*)\)\s*,?\s*\}\s*$",
    re.DOTALL,
)
_PLAIN = re.compile(r"^[<>|=]?(f[248]|[iu][1248])$")
_MAX_ITEM = 8


@dataclass(frozen=True)
class ArrayHeader:
    """A ``.npy`` header: dtype, shape, memory order, and where the values begin."""

    dtype: np.dtype[np.generic]
    shape: tuple[int, ...]
    fortran: bool
    offset: int


@dataclass
class ArrayRecording(Recording):
    """An array of shape (n_leads, n_samples)."""

    values: NDArray[np.generic] = field(kw_only=True, repr=False)
    source: Buffer = field(kw_only=True, repr=False)
    factor: float = field(kw_only=True)
    unit: str = field(kw_only=True)
    _digest: str = ""

    def digest(self) -> str:
        """Return the sha256 of the file's bytes."""
        self._digest = self._digest or digest([self.source])
        return self._digest

    def samples(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return samples [start, stop) in mV."""
        part = self.values[:, start:stop]
        with np.errstate(over="ignore", invalid="ignore"):
            if self.factor == 1.0:
                signal = part.astype(np.float32)
            else:
                signal = (part.astype(np.float64) * self.factor).astype(np.float32)
        signal = np.ascontiguousarray(signal)
        require_plausible(signal, self.unit, self.name)
        return signal


def open_array(
    buffer: Buffer,
    file: str,
    name: str,
    fs: float | None,
    unit: str | None,
    leads: str | Iterable[str] | None,
) -> ArrayRecording:
    """Check a ``.npy`` or ``.npz`` file's header against its size and the description; values stay unread.

    Raises
    ------
    RecordError
        If the file is no plain array, is pickled, damaged, of another shape than (n_leads, n_samples), or too large.
    """
    source = buffer
    notes: tuple[str, ...] = ()
    if file.lower().endswith(".npz"):
        buffer, notes = _from_zip(buffer, file)
    header = parse_npy(buffer, file)
    description = describe(file, fs, unit, leads, f"; its array has the shape {header.shape}")
    check_orientation(header.shape, description, file)
    flat = np.frombuffer(buffer, header.dtype, header.shape[0] * header.shape[1], header.offset)
    return ArrayRecording(
        name=name,
        leads=description.leads,
        fs=description.fs,
        n_samples=header.shape[1],
        notes=notes + description.notes,
        values=flat.reshape(header.shape, order="F" if header.fortran else "C"),
        source=source,
        factor=description.factor,
        unit=description.unit,
    )


def check_orientation(shape: tuple[int, ...], description: Description, file: str) -> None:
    """Refuse any shape but (n_leads, n_samples); a transposed array is named as such."""
    n = len(description.leads)
    wanted = f"Expected an array of shape (n_leads, n_samples) = ({n}, n)"
    if len(shape) == 2 and shape[0] == n:
        return
    if len(shape) == 2 and shape[1] == n:
        raise RecordError(f"{wanted}; {file} has {shape}, which looks transposed: save array.T instead.")
    raise RecordError(f"{wanted} for the {n} leads given; {file} has {shape}: check the array and the lead names.")


def parse_npy(buffer: Buffer, file: str) -> ArrayHeader:
    """Return the header of ``.npy`` bytes; the declared size must be the size that is there."""
    start = bytes(buffer[:12])
    if start[:1] == b"\x80" or start[:6] != MAGIC or len(start) < 10:
        raise RecordError(f"{file} is not a NumPy array file (a pickle or something else); save it with numpy.save.")
    wide = start[6] >= 2
    length = int.from_bytes(start[8:12] if wide else start[8:10], "little")
    offset = (12 if wide else 10) + length
    if start[6] not in (1, 2, 3) or length > 10_000 or offset > len(buffer):
        raise RecordError(f"{file} has a damaged NumPy header; save it again with numpy.save.")
    match = _HEADER.match(bytes(buffer[12 if wide else 10 : offset]).decode("latin-1"))
    if match is None:
        raise RecordError(f"{file} has a damaged NumPy header; save it again with numpy.save.")
    descr = match["descr"].strip("'")
    if "O" in descr.strip("<>|=")[:1] or "'|O'" in descr:
        raise RecordError(f"{file} holds pickled Python objects, which are never loaded; save plain numbers.")
    if not _PLAIN.match(descr):
        raise RecordError(f"Expected an array of integers or floats; {file} holds the type {descr[:30]!r}.")
    shape = _shape(match["shape"], file)
    dtype = np.dtype(descr)
    expected = offset + dtype.itemsize * _count(shape)
    if expected != len(buffer):
        raise RecordError(
            f"Header and data of {file} disagree: shape {shape} takes {expected:,} bytes, there are {len(buffer):,}; "
            "save it again."
        )
    return ArrayHeader(dtype, shape, match["fortran"] == "True", offset)


def _shape(text: str, file: str) -> tuple[int, ...]:
    parts = [part.strip().rstrip("L") for part in text.split(",") if part.strip()]
    if any(not part.isascii() or not part.isdigit() or len(part) > 18 for part in parts):
        raise RecordError(f"{file} has a damaged NumPy header; save it again with numpy.save.")
    return tuple(int(part) for part in parts)


def _count(shape: tuple[int, ...]) -> int:
    n = 1
    for size in shape:
        n *= size
    return n


def _from_zip(buffer: Buffer, file: str) -> tuple[bytes, tuple[str, ...]]:
    """Return the one array's bytes out of an ``.npz``; sizes are checked before anything is unpacked."""
    try:
        with zipfile.ZipFile(BytesIO(buffer)) as archive:
            entry, notes = _choose(archive.infolist(), file)
            with archive.open(entry) as stream:
                data = stream.read(entry.file_size)
                if stream.read(1) or len(data) != entry.file_size:
                    raise RecordError(f"{file} declares another size than it holds; save it again.")
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError, OverflowError, OSError) as error:
        raise RecordError(f"{file} is a damaged or encrypted .npz file; save it again with numpy.savez.") from error
    return data, notes


def _choose(entries: list[zipfile.ZipInfo], file: str) -> tuple[zipfile.ZipInfo, tuple[str, ...]]:
    """Return the entry to read: the only array, or the one called ``signal``."""
    arrays = [entry for entry in entries if entry.filename.endswith(".npy")]
    if len(entries) > MAX_ZIP_ENTRIES or not arrays:
        raise RecordError(f"Expected an .npz file with one array; {file} holds {len(entries)} entries.")
    chosen = [entry for entry in arrays if entry.filename == "signal.npy"] if len(arrays) > 1 else arrays
    if len(chosen) != 1:
        names = ", ".join(entry.filename[:-4][:30] for entry in arrays)
        raise RecordError(f"Expected one array in {file}, or one called signal; it holds {names}.")
    entry = chosen[0]
    if entry.file_size > MAX_SAMPLES * _MAX_ITEM or entry.file_size > 1100 * max(entry.compress_size, 1):
        raise RecordError(f"{file} declares {entry.file_size:,} bytes once unpacked, over the limit; nothing was read.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RecordError(f"{file} is packed in a way numpy does not use; save it again with numpy.savez.")
    left = [other.filename[:-4][:30] for other in arrays if other is not entry]
    return entry, (f"Left out other arrays of the file: {', '.join(left)}.",) if left else ()
