"""WFDB records (``.hea`` with ``.dat`` or ``.mat``): checked against the header, then decoded directly.

The common formats are decoded here, since the wfdb package takes ten times as long and checks neither sizes nor
checksums; the tests hold both against each other. FLAC formats go through wfdb.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import RecordError
from ecg_core.readers.comments import read_comments
from ecg_core.readers.files import Buffer, Files, digest, release
from ecg_core.readers.lead_names import clean, match_leads
from ecg_core.readers.recording import Recording
from ecg_core.readers.units import mv_per_unit
from ecg_core.readers.wfdb_formats import COMPRESSED, STORAGE, byte_range, decode
from ecg_core.readers.wfdb_header import Header, SignalLine, parse_header
from ecg_core.records import LEADS

CHUNK_FRAMES = 1 << 18  # decoded at a time, so that the integers beside the result stay small


@dataclass(frozen=True)
class SignalFile:
    """Signals that share a file: their places among the header's signals and the number of frames."""

    name: str
    fmt: int
    offset: int
    places: tuple[int, ...]
    n_frames: int


@dataclass
class WFDBRecording(Recording):
    """A WFDB record; `kept` are the places of its leads among the header's signals."""

    header: Header = field(kw_only=True)
    files: Files = field(kw_only=True, repr=False)
    header_bytes: bytes = field(kw_only=True, repr=False)
    groups: tuple[SignalFile, ...] = field(kw_only=True)
    kept: tuple[int, ...] = field(kw_only=True)
    _buffers: dict[str, Buffer] = field(default_factory=dict, repr=False)
    _digest: str = ""

    def buffer(self, name: str) -> Buffer:
        """Return a signal file's bytes, read once."""
        if name not in self._buffers:
            self._buffers[name] = self.files.read(name)
        return self._buffers[name]

    def digest(self) -> str:
        """Return the sha256 of the header's bytes followed by the signal files' in the header's order."""
        self._digest = self._digest or digest([self.header_bytes, *(self.buffer(group.name) for group in self.groups)])
        return self._digest

    def verify(self) -> None:
        """Refuse data whose sums differ from the header's checksums."""
        for group in self.groups:
            sums = np.zeros(len(group.places), np.int64)
            for lo in range(0, group.n_frames, CHUNK_FRAMES):
                sums += self._decode(group, lo, min(lo + CHUNK_FRAMES, group.n_frames))[1]
                release(self.buffer(group.name))
            self._check_sums(group, sums)

    def samples(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return samples [start, stop) in mV; a whole read also verifies the checksums."""
        frame = self.header.signals[0].frame
        lo, hi = start // frame, -(-stop // frame)
        skew = max(self.header.signals[place].skew for place in self.kept)
        hi = min(hi + skew, self.groups[0].n_frames)
        out = np.empty((len(self.leads), (hi - lo) * frame), np.float32)
        for group in self.groups:
            sums = np.zeros(len(group.places), np.int64)
            for a in range(lo, hi, CHUNK_FRAMES):
                b = min(a + CHUNK_FRAMES, hi)
                values, part = self._decode(group, a, b)
                sums += part
                self._scale(group, values, out[:, (a - lo) * frame : (b - lo) * frame])
                release(self.buffer(group.name))
            if lo == 0 and hi == group.n_frames:
                self._check_sums(group, sums)
        if skew:
            self._shift(out)
        return out[:, start - lo * frame : stop - lo * frame]

    def _decode(self, group: SignalFile, lo: int, hi: int) -> tuple[NDArray[np.signedinteger], NDArray[np.int64]]:
        """Return frames [lo, hi), shape (signals of the file, samples), as stored, and each signal's sum."""
        frame = self.header.signals[0].frame
        width = len(group.places) * frame
        if group.fmt in COMPRESSED:
            from ecg_core.readers.wfdb_flac import decode_flac

            values = decode_flac(self.buffer(group.name), group.fmt, group.offset, len(group.places), lo, hi, self.name)
        else:
            raw = decode(self.buffer(group.name), group.fmt, group.offset, lo * width, hi * width)
            values = raw.reshape(-1, len(group.places), frame).transpose(1, 0, 2).reshape(len(group.places), -1)
            values = np.ascontiguousarray(values)  # read signal by signal from here on
            if group.fmt == 8:
                if lo > 0:
                    raise RecordError(f"{self.name} is stored in format 8 (differences), which has no blocks.")
                first = [self.header.signals[k].initial for k in group.places]
                values = np.cumsum(values, axis=1, dtype=np.int64) + np.array(first, np.int64)[:, None]
        return values, values.sum(axis=1, dtype=np.int64)

    def _check_sums(self, group: SignalFile, sums: NDArray[np.int64]) -> None:
        for place, total in zip(group.places, sums, strict=True):
            signal = self.header.signals[place]
            if signal.checksum is not None and (signal.checksum - int(total)) % 65536:
                raise RecordError(
                    f"Header and data of {self.name} disagree: the checksum of {clean(signal.lead) or place + 1} is "
                    f"{int(total) % 65536}, the header says {signal.checksum % 65536}; a file is damaged or belongs to "
                    "another record, get both again."
                )

    def _scale(self, group: SignalFile, values: NDArray[np.signedinteger], out: NDArray[np.float32]) -> None:
        """Write a file's samples in mV to the rows of `out` that they belong to."""
        storage = STORAGE.get(group.fmt) or COMPRESSED[group.fmt]
        gone = (values == storage.missing) if storage.missing is not None else None
        any_gone = gone is not None and bool(gone.any())
        for k, place in enumerate(group.places):
            if place not in self.kept:
                continue
            signal = self.header.signals[place]
            row = out[self.kept.index(place)]
            gain = signal.gain / (mv_per_unit(signal.units) or 1.0)
            if storage.bits <= 16 and abs(signal.baseline) < 1 << 23:
                np.subtract(values[k], np.float32(signal.baseline), out=row, dtype=np.float32)
                row /= np.float32(gain)
            else:
                row[:] = (values[k].astype(np.float64) - signal.baseline) / gain
            if any_gone and gone is not None:
                row[gone[k]] = np.nan

    def _shift(self, out: NDArray[np.float32]) -> None:
        """Undo skew: a skewed signal was written that many frames too late."""
        for row, place in zip(out, self.kept, strict=True):
            skew = self.header.signals[place].skew * self.header.signals[place].frame
            if skew:
                row[: max(row.size - skew, 0)] = row[skew:]
                row[max(row.size - skew, 0) :] = np.nan


def open_wfdb(header_name: str, files: Files, name: str) -> WFDBRecording:
    """Read and check a header against the sizes of the files it names; no sample is read.

    Raises
    ------
    RecordError
        If the header is damaged, names files outside, a file is missing or of another size than declared.
    """
    header_bytes = bytes(files.read(header_name))
    header = parse_header(header_bytes, header_name, files)
    frame = header.signals[0].frame
    if any(signal.frame != frame for signal in header.signals):
        raise RecordError(f"{name} holds signals of different sampling rates; export the ECG leads alone.")
    groups = _group(header, files, header_name)
    names = match_leads([signal.lead for signal in header.signals], name)
    kept = tuple(k for k, signal in enumerate(header.signals) if mv_per_unit(signal.units) is not None)
    other = [f"{names[k]} ({clean(header.signals[k].units)})" for k in range(len(names)) if k not in kept]
    standard = [lead for lead in other if lead.split(" (")[0] in LEADS]
    if standard or not kept:
        raise RecordError(f"Expected leads in mV, uV or V; {name} states {', '.join(standard or other)}.")
    person = read_comments(header.comments)
    notes = [f"Left out signals that are no voltage: {', '.join(other)}."] if other else []
    units = sorted({clean(header.signals[k].units) for k in kept if mv_per_unit(header.signals[k].units) != 1.0})
    if units:
        notes.append(f"Turned from {' and '.join(units)} into mV.")
    return WFDBRecording(
        name=name,
        leads=tuple(names[k] for k in kept),
        fs=header.fs * frame,
        n_samples=groups[0].n_frames * frame,
        notes=(*person.notes, *notes),
        age=person.age,
        sex=person.sex,
        header=header,
        files=files,
        header_bytes=header_bytes,
        groups=groups,
        kept=kept,
    )


def _group(header: Header, files: Files, header_name: str) -> tuple[SignalFile, ...]:
    """Return the signal files in the header's order, each found and of the declared size."""
    places: dict[str, list[int]] = {}
    for k, signal in enumerate(header.signals):
        places.setdefault(signal.file, []).append(k)
    groups = []
    for file, members in places.items():
        signals = [header.signals[k] for k in members]
        groups.append(_signal_file(file, signals, tuple(members), header, files, header_name))
        if groups[-1].n_frames != groups[0].n_frames:
            raise RecordError(f"The signal files of {header_name} hold different numbers of samples; get them again.")
    return tuple(groups)


def _signal_file(
    file: str, signals: list[SignalLine], places: tuple[int, ...], header: Header, files: Files, header_name: str
) -> SignalFile:
    size = files.size(file)
    if size is None:
        raise RecordError(f"{file} is missing: {header_name} says that it holds the signals; add it beside the header.")
    fmt, offset = signals[0].fmt, signals[0].offset
    if any((s.fmt, s.offset) != (fmt, offset) for s in signals):
        raise RecordError(f"{header_name} gives {file} more than one format or offset; the header is damaged.")
    group = SignalFile(file, fmt, offset, places, header.n_frames or 0)
    if fmt in COMPRESSED:
        if not header.n_frames or signals[0].frame != 1:
            raise RecordError(f"{header_name} gives {file} format {fmt} without one sample per frame and a length.")
        return group
    if fmt not in STORAGE:
        raise RecordError(f"{header_name} gives {file} format {fmt}, which Leadwise does not read.")
    width = len(signals) * signals[0].frame
    if header.n_frames is None:
        storage = STORAGE[fmt]
        return replace(group, n_frames=max(size - offset, 0) * storage.samples // storage.bytes // width)
    fewest, most = (offset + n for n in byte_range(fmt, header.n_frames * width))
    if not fewest <= size <= most:
        raise RecordError(
            f"Header and data disagree: {header_name} says {header.n_frames:,} samples of {width} signals in {file}, "
            f" {fewest:,} bytes, and the file has {size:,}; get both files again."
        )
    return group
