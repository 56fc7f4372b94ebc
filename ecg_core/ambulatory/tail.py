"""The last part of an endless signal, addressed by sample numbers that count from its start."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


class Tail:
    """A buffer that grows at one end and is dropped at the other.

    Parameters
    ----------
    n_rows : leads.
    start : number of the first sample that will be appended.

    Attributes
    ----------
    start, stop : the samples held are start ... stop - 1.
    """

    def __init__(self, n_rows: int, start: int = 0) -> None:
        self._data = np.empty((n_rows, 1024), dtype=np.float32)
        self._offset = 0
        self.start = self.stop = start

    def append(self, x: NDArray[np.float32]) -> None:
        """Add samples, shape (n_rows, n)."""
        n, held = x.shape[1], self.stop - self.start
        if self._offset + held + n > self._data.shape[1]:
            size = max(1024, 2 * held + n)
            data = np.empty((len(self._data), size), dtype=np.float32)
            data[:, :held] = self._data[:, self._offset : self._offset + held]
            self._data, self._offset = data, 0
        at = self._offset + held
        self._data[:, at : at + n] = x
        self.stop += n

    def view(self, start: int, stop: int) -> F32:
        """Return samples start ... stop - 1, which must be held, shape (n_rows, stop - start); no copy."""
        if not self.start <= start <= stop <= self.stop:
            raise IndexError(f"{start}:{stop} is not in {self.start}:{self.stop}")
        lo = self._offset + start - self.start
        return self._data[:, lo : lo + stop - start]

    def drop_before(self, start: int) -> None:
        """Forget the samples before `start`."""
        step = min(max(start - self.start, 0), self.stop - self.start)
        self.start += step
        self._offset += step
