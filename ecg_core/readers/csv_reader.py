"""CSV files: one row per sample, one column per lead; an optional first row names the leads."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import RecordError
from ecg_core.readers.described import Description, describe, require_plausible
from ecg_core.readers.files import Buffer, digest
from ecg_core.readers.lead_names import canonical_lead, clean
from ecg_core.readers.limits import MAX_CSV_BYTES
from ecg_core.readers.recording import Recording

MAX_LINE = 1 << 20
ROWS_PER_MARK = 4096
SCAN_BYTES = 1 << 24
MISSING = {"", "na", "n/a", "nan", "null", "none", "-nan"}
_NUMBER = re.compile(r"^\s*[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]+)?\s*$")


@dataclass
class CSVRecording(Recording):
    """A table; `marks` are the byte offsets of every 4096th row, then the end."""

    source: Buffer = field(kw_only=True, repr=False)
    marks: list[int] = field(kw_only=True, repr=False)
    separator: str = field(kw_only=True)
    decimal: str = field(kw_only=True)
    factor: float = field(kw_only=True)
    unit: str = field(kw_only=True)
    _digest: str = ""

    def digest(self) -> str:
        """Return the sha256 of the file's bytes."""
        self._digest = self._digest or digest([self.source])
        return self._digest

    def samples(self, start: int, stop: int) -> NDArray[np.float32]:
        """Return rows [start, stop) as (n_leads, n), mV."""
        first = start // ROWS_PER_MARK
        last = min(-(-stop // ROWS_PER_MARK), len(self.marks) - 1)
        rows = self._parse(self.source[self.marks[first] : self.marks[last]])
        expected = min(last * ROWS_PER_MARK, self.n_samples) - first * ROWS_PER_MARK
        if rows.shape != (expected, self.n_leads):
            raise RecordError(
                f"Expected {expected} rows of {self.n_leads} numbers in {self.name}; found {rows.shape}: "
                "every row must hold one number per lead."
            )
        part = rows[start - first * ROWS_PER_MARK : stop - first * ROWS_PER_MARK]
        with np.errstate(over="ignore", invalid="ignore"):
            signal = np.ascontiguousarray((part * self.factor).T, dtype=np.float32)
        require_plausible(signal, self.unit, self.name)
        return signal

    def _parse(self, text: Buffer) -> NDArray[np.float64]:
        import pyarrow as pa  # a tenth of a second to import, on first use; WFDB records do without
        from pyarrow import csv

        names = [str(k) for k in range(self.n_leads)]
        try:
            table = csv.read_csv(
                pa.BufferReader(text),
                csv.ReadOptions(use_threads=False, block_size=8 * MAX_LINE, column_names=names),
                csv.ParseOptions(delimiter=self.separator, ignore_empty_lines=False),
                csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.float64()),
                    null_values=[word for low in MISSING for word in {low, low.upper(), low.title(), "NaN", "-NaN"}],
                    decimal_point=self.decimal,
                ),
            )
        except (pa.ArrowException, ValueError) as error:
            raise RecordError(
                f"{self.name} holds something else than numbers, or rows of different lengths; expected one row per "
                f"sample with {self.n_leads} numbers."
            ) from error
        return np.stack([column.to_numpy() for column in table.columns], axis=1)


def open_csv(
    buffer: Buffer,
    file: str,
    name: str,
    fs: float | None,
    unit: str | None,
    leads: str | Iterable[str] | None,
) -> CSVRecording:
    """Check a table's first rows against the description and count its rows; numbers stay unread.

    Raises
    ------
    RecordError
        If the text is not a table of numbers, is transposed, or names other leads than given.
    """
    if len(buffer) > MAX_CSV_BYTES:
        raise RecordError(f"Expected a CSV file of at most {MAX_CSV_BYTES:,} bytes; {file} has {len(buffer):,}.")
    begin, end = _content(buffer, file)
    first = _line(buffer, begin, end, file)
    separator = next((s for s in ";\t" if s in first), ",")
    decimal = "," if separator != "," and "," in _line(buffer, _next_line(buffer, begin, end), end, file) else "."
    cells = [cell.strip().strip('"') for cell in first.split(separator)]
    header = any(not _NUMBER.match(cell) and cell.lower() not in MISSING for cell in cells)
    hint = f"; its first row reads {clean(', '.join(cells))}" if header else f"; it has {len(cells)} columns"
    description = describe(file, fs, unit, leads, hint)
    if header:
        _check_header(cells, description, file)
        begin = _next_line(buffer, begin, end)
    marks, n_rows = _index(buffer, begin, end)
    _check_columns(len(cells), n_rows, description, file)
    notes = ("Left out the first row, which names no leads.",) if header and not _names_leads(cells) else ()
    return CSVRecording(
        name=name,
        leads=description.leads,
        fs=description.fs,
        n_samples=n_rows,
        notes=notes + description.notes,
        source=buffer,
        marks=marks,
        separator=separator,
        decimal=decimal,
        factor=description.factor,
        unit=description.unit,
    )


def _names_leads(cells: list[str]) -> bool:
    return any(canonical_lead(cell) for cell in cells)


def _check_header(cells: list[str], description: Description, file: str) -> None:
    """Refuse a first row that names other leads, or the same in another order, than given."""
    if len(cells) != len(description.leads):
        return  # the columns are counted, and refused, with the number of rows
    named = [canonical_lead(cell) for cell in cells]
    differ = [
        f"{given} where the file says {lead}"
        for lead, given in zip(named, description.leads, strict=True)
        if lead is not None and lead != given
    ]
    if differ:
        raise RecordError(f"The leads given do not match the first row of {file}: {', '.join(differ[:3])}.")


def _check_columns(n_columns: int, n_rows: int, description: Description, file: str) -> None:
    n = len(description.leads)
    if n_columns == n:
        return
    wanted = f"Expected one row per sample and {n} columns (leads); {file} has {n_rows} rows x {n_columns} columns"
    if n_rows == n:
        raise RecordError(f"{wanted}, which looks transposed: write one row per sample.")
    if n_columns == n + 1:
        raise RecordError(f"{wanted}: if the first is a time, take it out.")
    raise RecordError(f"{wanted}: check the file and the lead names.")


def _content(buffer: Buffer, file: str) -> tuple[int, int]:
    """Return where rows begin and end: past a byte order mark and ``#`` lines, before trailing blanks."""
    begin, end = 0, len(buffer)
    head = bytes(buffer[:4])
    if head[:3] == b"\xef\xbb\xbf":
        begin = 3
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in bytes(buffer[:4096]):
        raise RecordError(f"{file} is not plain text (UTF-8); save it as CSV in UTF-8.")
    while end > begin and bytes(buffer[end - 1 : end]).isspace():
        end -= 1
    while begin < end and bytes(buffer[begin : begin + 1]) in b"#\r\n":
        begin = _next_line(buffer, begin, end)
    if begin >= end:
        raise RecordError(f"{file} is empty; expected one row per sample.")
    return begin, end


def _next_line(buffer: Buffer, begin: int, end: int) -> int:
    """Return where the next line begins, `end` after the last."""
    found = bytes(buffer[begin : min(begin + MAX_LINE, end)]).find(b"\n")
    return end if found < 0 else begin + found + 1


def _line(buffer: Buffer, begin: int, end: int, file: str) -> str:
    part = bytes(buffer[begin : min(begin + MAX_LINE, end)])
    line, newline, _ = part.partition(b"\n")
    if not newline and len(part) == MAX_LINE:
        raise RecordError(f"{file} has a line of more than {MAX_LINE:,} bytes; expected one row per sample.")
    try:
        return line.decode("utf-8").strip("\r\n")
    except UnicodeDecodeError as error:
        raise RecordError(f"{file} is not plain text (UTF-8); save it as CSV in UTF-8.") from error


def _index(buffer: Buffer, begin: int, end: int) -> tuple[list[int], int]:
    """Return the offsets of every 4096th row, then the end, and the number of rows."""
    marks, rows = [begin], 0
    for lo in range(begin, end, SCAN_BYTES):
        hi = min(lo + SCAN_BYTES, end)
        ends = np.flatnonzero(np.frombuffer(buffer, np.uint8, hi - lo, lo) == 10) + lo + 1
        first = -(rows + 1) % ROWS_PER_MARK  # place among `ends` of the next row number divisible by 4096
        marks.extend(int(offset) for offset in ends[first::ROWS_PER_MARK])
        rows += len(ends)
    rows += 1  # the last row has no line end: trailing blanks are cut
    return [*marks[: math.ceil(rows / ROWS_PER_MARK)], end], rows
