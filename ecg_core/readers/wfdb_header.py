"""The text of a WFDB header, parsed strictly (https://wfdb.io/spec/header.html).

The wfdb package parses leniently (a field it cannot read is taken for absent) and fetches headers that look like
addresses; here a line that does not follow the format is refused by its number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ecg_core.errors import RecordError
from ecg_core.readers.files import Files, require_inside
from ecg_core.readers.limits import MAX_HEADER_BYTES, MAX_LEADS

DEFAULT_GAIN = 200.0  # the format's own default, also meant by a gain of 0
_RECORD = re.compile(r"^([^\s/]+)(?:/([0-9]{1,9}))?$")
_FS = re.compile(r"^([0-9]{1,12}(?:\.[0-9]{0,12})?(?:[eE][+-]?[0-9]{1,3})?)(?:/.*)?$")
_FORMAT = re.compile(r"^([0-9]{1,4})(?:x([0-9]{1,6}))?(?::([0-9]{1,9}))?(?:\+([0-9]{1,12}))?$")
_GAIN = re.compile(
    r"^(-?[0-9]{0,18}(?:\.[0-9]{0,18})?(?:[eE][+-]?[0-9]{1,3})?)?(?:\((-?[0-9]{1,10})\))?(?:/(\S{1,40}))?$"
)
_INT = re.compile(r"^[+-]?[0-9]{1,18}$")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class SignalLine:
    """One signal of a header.

    Attributes
    ----------
    file, fmt, frame, skew, offset : signal file, storage format, samples per frame, skew in frames, first byte.
    gain, baseline, units : digital units per `units`, digital value of zero, and the unit of voltage.
    initial : the first sample, where stated.
    checksum : sum of all samples modulo 65536, None where the header does not say.
    lead : the description, as written.
    """

    file: str
    fmt: int
    frame: int
    skew: int
    offset: int
    gain: float
    baseline: int
    units: str
    initial: int
    checksum: int | None
    lead: str


@dataclass(frozen=True)
class Header:
    """A single-segment header: rate in Hz, frames (None where the header leaves it to the file's size), signals."""

    fs: float
    n_frames: int | None
    signals: tuple[SignalLine, ...]
    comments: tuple[str, ...]


def parse_header(data: bytes, name: str, files: Files) -> Header:
    """Parse a header's bytes; `name` is the header's file name, for messages.

    Raises
    ------
    RecordError
        If a line does not follow the format, a file outside of `files` is named, or segments are declared.
    """
    if len(data) > MAX_HEADER_BYTES:
        raise RecordError(f"{name} has {len(data):,} bytes; a WFDB header has at most {MAX_HEADER_BYTES:,}.")
    lines, comments = _split(data)
    if not lines:
        raise RecordError(f"{name} is empty; expected a WFDB header: get the file again.")
    n_signals, fs, n_frames = _record_line(lines[0], name)
    if len(lines) - 1 != n_signals:
        raise RecordError(
            f"{name} declares {n_signals} signals and describes {len(lines) - 1}: the header is damaged, get it again."
        )
    signals = tuple(_signal_line(line, f"line {k + 2} of {name}") for k, line in enumerate(lines[1:]))
    for signal in signals:
        require_inside(signal.file, name, files.where)
    return Header(fs, n_frames, signals, comments)


def _split(data: bytes) -> tuple[list[str], tuple[str, ...]]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines, comments = [], []
    for line in _LINE_END.split(text):
        line = line.strip(" \t\x00\x1a\ufeff")
        if line.startswith("#"):
            comments.append(line[1:].strip())
        elif line:
            lines.append(line)
    return lines, tuple(comments)


def _record_line(line: str, name: str) -> tuple[int, float, int | None]:
    fields = line.split()
    first = _RECORD.match(fields[0]) if fields else None
    if first is None or len(fields) < 2 or not _INT.match(fields[1]):
        raise RecordError(f"{name} is not a WFDB header: its first line reads {line[:60]!r}.")
    if first[2] is not None:
        raise RecordError(f"{name} describes a recording of {int(first[2])} segments; read the segments one by one.")
    n_signals = int(fields[1])
    if not 1 <= n_signals <= MAX_LEADS:
        raise RecordError(f"{name} declares {n_signals} signals; expected 1 to {MAX_LEADS}.")
    rate = _FS.match(fields[2]) if len(fields) > 2 else None
    if rate is None:
        raise RecordError(f"{name} states no sampling rate that can be read; expected Hz after the number of signals.")
    if len(fields) > 3 and not _INT.match(fields[3]):
        raise RecordError(f"{name} states {fields[3][:20]!r} as number of samples; expected a whole number.")
    n_frames = int(fields[3]) if len(fields) > 3 else 0
    if n_frames < 0:
        raise RecordError(f"{name} declares {n_frames} samples; expected a positive number.")
    return n_signals, float(rate[1]), n_frames or None


def _whole(text: str, place: str) -> int:
    if not _INT.match(text):
        raise RecordError(f"Expected a whole number in {place}; found {text[:20]!r}: the header is damaged.")
    return int(text)


def _signal_line(line: str, place: str) -> SignalLine:
    fields = line.split(None, 8)
    if len(fields) < 2:
        raise RecordError(f"Expected a signal file and its format in {place}; found {line[:60]!r}.")
    form = _FORMAT.match(fields[1])
    if form is None:
        raise RecordError(f"Expected a WFDB storage format in {place}; found {fields[1][:20]!r}.")
    scale = _GAIN.match(fields[2]) if len(fields) > 2 else _GAIN.match("")
    if scale is None or scale[1] in {"-", ".", "-."}:
        raise RecordError(f"Expected a gain such as 1000(0)/mV in {place}; found {fields[2][:30]!r}.")
    try:
        gain = float(scale[1]) if scale[1] else 0.0
    except ValueError as error:
        raise RecordError(f"Expected a number as gain in {place}; found {scale[1][:20]!r}.") from error
    numbers = [_whole(text, place) for text in fields[3:8]]
    adc_zero = numbers[1] if len(numbers) > 1 else 0
    frame = int(form[2]) if form[2] else 1
    if frame < 1:
        raise RecordError(f"Expected at least one sample per frame in {place}; found {frame}.")
    return SignalLine(
        file=fields[0],
        fmt=int(form[1]),
        frame=frame,
        skew=int(form[3] or 0),
        offset=int(form[4] or 0),
        gain=gain or DEFAULT_GAIN,
        baseline=int(scale[2]) if scale[2] else adc_zero,
        units=scale[3] or "mV",
        initial=numbers[2] if len(numbers) > 2 else adc_zero,
        checksum=numbers[3] if len(numbers) > 3 else None,
        lead=fields[8] if len(fields) > 8 else "",
    )
