"""A recording that is gone through more than once, in pieces, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from ecg_core.ambulatory.cutting import BeatCutter, Cut
from ecg_core.errors import RecordError
from ecg_core.readers.limits import MIN_S
from ecg_core.records import Record

Blocks = Callable[[], Iterable[Record]]
Cutters = Callable[[tuple[str, ...], float], BeatCutter]
"""From leads and sampling rate to what cuts beats."""

PIECE_S = 240.0
"""However long a recording or its blocks are, so many seconds are worked on at once."""


@dataclass
class Source:
    """A recording in consecutive blocks.

    Attributes
    ----------
    blocks : returns them from the start each time it is called.
    first : the first block; n_samples : per lead; both known after the first time.
    """

    blocks: Blocks
    first: Record | None = None
    n_samples: int = 0

    def read(self) -> Iterator[Record]:
        """Yield the recording in pieces.

        Raises
        ------
        RecordError
            If there is no signal, leads change on the way, or it is shorter than 5 s.
        """
        n = 0
        for block in self.blocks():
            self.first = block if self.first is None else self.first
            if block.leads != self.first.leads:
                raise RecordError(
                    f"Expected the leads {', '.join(self.first.leads)} throughout {block.name}; found "
                    f"{', '.join(block.leads)} from {block.start_s:.0f} s; cut the recording there."
                )
            n += block.n_samples
            for start in np.arange(0.0, max(block.duration, 1e-9), PIECE_S):
                yield block.crop(start, min(start + PIECE_S, block.duration))
        if self.first is None or n < MIN_S * self.first.fs:
            name, seconds = ("the recording", 0.0) if self.first is None else (self.first.name, n / self.first.fs)
            raise RecordError(f"Expected at least {MIN_S:g} s of ECG; {name} has {seconds:.1f} s; record longer.")
        self.n_samples = n

    def cuts(self, cutter_of: Cutters) -> Iterator[Cut]:
        """Yield the beats, piece by piece."""
        cutter: BeatCutter | None = None
        for piece in self.read():
            cutter = cutter or cutter_of(piece.leads, piece.fs)
            yield cutter.push(piece.signal)
        assert cutter is not None
        yield cutter.finish()
