"""A file of signals that grows record by record and survives `kill -9`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ecg_core.records import INDEPENDENT_LEADS
from training.signals import N_SAMPLES, Reading

SHAPE = (len(INDEPENDENT_LEADS), N_SAMPLES)
ROW_BYTES = SHAPE[0] * SHAPE[1] * 4


def row_of(reading: Reading) -> dict[str, Any]:
    """Return what the journal keeps of one reading."""
    return {
        "error": reading.error,
        "bad_leads": ",".join(reading.bad_leads),
        "reversal": reading.reversal,
        "interpretable": reading.interpretable,
        "duration_s": reading.duration_s,
    }


class PartFile:
    """Signals appended to one growing `.npy`, with a journal of finished chunks beside it.

    A chunk counts once its line is in the journal; whatever stands behind the last counted row is cut off when
    the work is taken up again. The header is written last, so the unfinished file never looks finished.
    """

    def __init__(self, out: Path, plan: str) -> None:
        self.signals = out / "signals.npy.part"
        self.journal = out / "journal.jsonl.part"
        self.rows: list[dict[str, Any]] = []
        if not self._resume(plan):
            self.rows = []
            self.journal.write_text(json.dumps({"plan": plan}) + "\n")
            with self.signals.open("wb") as file:
                self._header(file, 0)

    @staticmethod
    def _header(file: BinaryIO, n: int) -> int:
        """Write the .npy header for `n` rows (numpy pads it so that its length does not depend on n)."""
        header = {"descr": "<f4", "fortran_order": False, "shape": (n, *SHAPE)}
        np.lib.format.write_array_header_1_0(file, header)
        return file.tell()

    @property
    def n_read(self) -> int:
        """Number of records that could be read so far."""
        return sum(row["error"] is None for row in self.rows)

    def _resume(self, plan: str) -> bool:
        """Take up the journal if it is of the same plan, and cut both files to what it counts."""
        if not (self.journal.is_file() and self.signals.is_file()):
            return False
        lines = self.journal.read_text().split("\n")
        complete = []
        for line in lines[:-1]:  # the last has no newline: empty, or torn by the kill
            try:
                complete.append(json.loads(line))
            except json.JSONDecodeError:
                break
        if not complete or complete[0] != {"plan": plan}:
            return False
        self.rows = [row for chunk in complete[1:] for row in chunk]
        with self.signals.open("r+b") as file:
            size = self._header(file, 0) + self.n_read * ROW_BYTES
            if file.seek(0, os.SEEK_END) < size:
                return False
            file.truncate(size)
        self.journal.write_text("".join(json.dumps(line) + "\n" for line in complete))
        return True

    def append(self, readings: list[Reading]) -> None:
        """Add one chunk: first its signals, then the line that counts them."""
        rows = [row_of(r) for r in readings]
        with self.signals.open("ab") as file:
            for reading in readings:
                if reading.x is not None:
                    file.write(np.ascontiguousarray(reading.x, "<f4").tobytes())
            file.flush()
            os.fsync(file.fileno())
        with self.journal.open("a") as file:
            file.write(json.dumps(rows) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.rows += rows

    def finish(self, target: Path) -> None:
        """Write the final header and put the signals in place."""
        with self.signals.open("r+b") as file:
            self._header(file, self.n_read)
            file.flush()
            os.fsync(file.fileno())
        self.signals.replace(target)
