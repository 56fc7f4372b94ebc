"""WFDB's FLAC formats (508, 516, 524), decoded by the wfdb package in a private folder under names of our own."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import RecordError
from ecg_core.readers.files import Buffer


def decode_flac(
    buffer: Buffer, fmt: int, offset: int, n_signals: int, start: int, stop: int, name: str
) -> NDArray[np.signedinteger]:
    """Return frames [start, stop), shape (n_signals, stop - start), as stored.

    Raises
    ------
    RecordError
        If the file is not FLAC, is damaged, or holds other signals or fewer samples than declared.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # wfdb 4.3 uses what pandas 3.1 deprecates
        import wfdb  # a second to import; few records need it

    header = f"record {n_signals} 100 {stop}\n" + f"signals.dat {fmt}+{offset} 1(0)/mV 0 0\n" * n_signals
    with tempfile.TemporaryDirectory(prefix="leadwise-") as folder:
        path = Path(folder)
        (path / "record.hea").write_text(header, encoding="ascii")
        (path / "signals.dat").write_bytes(buffer)
        try:
            read = wfdb.rdrecord(str(path / "record"), sampfrom=start, sampto=stop, physical=False)
        except (ValueError, RuntimeError, OSError, IndexError, TypeError, EOFError, AssertionError) as error:
            raise RecordError(
                f"The FLAC data of {name} cannot be decoded, or hold fewer samples than declared; get the file again."
            ) from error
    return np.ascontiguousarray(read.d_signal.T)
