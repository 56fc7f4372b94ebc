"""From samples as they come in to beats that are over: cut out, with what is known of their time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.ambulatory.cleaning import FS, Cleaner
from ecg_core.ambulatory.dominant import AFTER, BEFORE, MARGIN, cut_beats, windows
from ecg_core.ambulatory.peaks import PeakFinder

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
INT = NDArray[np.int64]

HALF = FS
"""A network sees one second to either side of the R peak."""

LOCAL = 8
"""Intervals before a beat whose upper quartile is its local one: premature beats make a rhythm quicker, not slower."""

LIMITS_S = (0.2, 3.0)
"""Intervals are taken to lie between these."""


@dataclass(frozen=True, eq=False)
class Cut:
    """Beats cut out of a recording, in order of time.

    Attributes
    ----------
    at : (n,), R peaks, samples at 360 Hz from the start.
    beats : (n, n_leads, WIDTH + 2 * MARGIN), mV, without baseline.
    around : (n, 720), mV: one second to either side in the lead that the network sees; (n, 0) where there is none.
    before : (n,), seconds since the beat before; NaN for the first.
    local : (n,), upper quartile of the last eight intervals before that; NaN where there are fewer than three.
    """

    at: INT
    beats: F32
    around: F32
    before: F64
    local: F64

    def __len__(self) -> int:
        """Return the number of beats."""
        return len(self.at)

    def rows(self, chosen: NDArray[np.bool_] | INT | slice) -> Cut:
        """Return some of the beats."""
        return Cut(self.at[chosen], self.beats[chosen], self.around[chosen], self.before[chosen], self.local[chosen])


def join(cuts: list[Cut]) -> Cut:
    """Return beats in one piece; at least one piece must be given."""
    names = ("at", "beats", "around", "before", "local")
    return Cut(*(np.concatenate([getattr(cut, name) for cut in cuts]) for name in names))


def gathered(cuts: Iterable[Cut], n: int) -> Iterator[Cut]:
    """Yield beats n at a time, the rest at the end."""
    held: list[Cut] = []
    for cut in cuts:
        held.append(cut)
        if sum(map(len, held)) >= n:
            together = join(held)
            full = len(together) // n * n
            yield from (together.rows(slice(k, k + n)) for k in range(0, full, n))
            held = [together.rows(slice(full, None))]
    if sum(map(len, held)):
        yield join(held)


class _Marked:
    """R peaks that are known beforehand, in place of a `PeakFinder`."""

    def __init__(self, at: INT) -> None:
        self._at = at
        self._seen = 0
        self.frontier = 0

    def push(self, x: F32, last: bool = False) -> INT:
        """Return the peaks within the samples that have come in."""
        self._seen += x.shape[1]
        n = len(self._at) if last else int(np.searchsorted(self._at, self._seen))
        found, self._at = self._at[:n], self._at[n:]
        self.frontier = self._seen
        return found


class BeatCutter:
    """Cuts beats as soon as they are known without baseline: 1.45 s after the R peak, 1 s after the beat's end.

    Parameters
    ----------
    n_leads, fs : of what is pushed.
    network_lead : row that the network sees; None where there is no network.
    marked : R peaks at 360 Hz where they are known; None to find them.
    """

    def __init__(self, n_leads: int, fs: float, network_lead: int | None = None, marked: INT | None = None) -> None:
        self._cleaner = Cleaner(n_leads, fs)
        self._finder = PeakFinder(n_leads) if marked is None else _Marked(marked)
        self._lead = network_lead
        self._low_seen = 0
        self._pending: deque[int] = deque()
        self._last: int | None = None
        self._intervals: deque[float] = deque(maxlen=LOCAL)
        self._empty = Cut(
            np.zeros(0, np.int64),
            np.zeros((0, n_leads, BEFORE + AFTER + 2 * MARGIN), np.float32),
            np.zeros((0, 0 if network_lead is None else 2 * HALF), np.float32),
            *(np.zeros(0) for _ in range(2)),
        )

    def push(self, x: F32) -> Cut:
        """Take samples in, shape (n_leads, n), mV; return the beats that are over by now."""
        self._cleaner.push(x)
        return self._cut(last=False)

    def finish(self) -> Cut:
        """End the recording; return the beats that were waiting."""
        self._cleaner.finish()
        return self._cut(last=True)

    def _cut(self, last: bool) -> Cut:
        low, clean = self._cleaner.low, self._cleaner.clean
        if low.stop > self._low_seen or (last and low.stop):
            self._pending.extend(self._finder.push(low.view(self._low_seen, low.stop), last).tolist())
            self._low_seen = low.stop
        limit = 1 << 62 if last else min(clean.stop - AFTER, low.stop - HALF)
        n = 0
        while n < len(self._pending) and self._pending[n] <= limit:
            n += 1
        out = self._take(n) if n else self._empty
        oldest = min(self._finder.frontier, self._pending[0] if self._pending else 1 << 62, low.stop)
        for tail in (low, clean):
            tail.drop_before(min(oldest - 2 * HALF, clean.stop, self._low_seen))
        return out

    def _take(self, n: int) -> Cut:
        at = np.array([self._pending.popleft() for _ in range(n)], np.int64)
        clean = self._cleaner.clean
        held = clean.view(clean.start, clean.stop)
        return Cut(at, cut_beats(held, at, clean.start), self._around(at), *self._behind(at))

    def _behind(self, at: INT) -> tuple[F64, F64]:
        """Return the interval before each beat and the upper quartile of those before it."""
        first = np.nan if self._last is None else (at[0] - self._last) / FS
        before = np.clip(np.concatenate(([first], np.diff(at) / FS)), *LIMITS_S)
        history = np.concatenate((np.full(LOCAL - len(self._intervals), np.nan), list(self._intervals), before))
        windows = np.lib.stride_tricks.sliding_window_view(history[:-1], LOCAL)
        local = np.full(len(at), np.nan)
        whole = np.isfinite(windows).all(axis=1)
        ordered = np.sort(windows[whole], axis=1)
        local[whole] = 0.75 * ordered[:, 5] + 0.25 * ordered[:, 6]
        for k in np.flatnonzero(~whole):
            some = windows[k][np.isfinite(windows[k])]
            local[k] = np.quantile(some, 0.75) if len(some) >= 3 else np.nan
        self._last = int(at[-1])
        self._intervals.extend(before[np.isfinite(before)].tolist())
        return before, local

    def _around(self, at: INT) -> F32:
        """Return what the network sees; the baseline 0.45 s after the R peak is held, it is not known further."""
        if self._lead is None:
            return np.zeros((len(at), 0), np.float32)
        low, clean = self._cleaner.low, self._cleaner.clean
        start = clean.start
        x = low.view(low.start, low.stop)[self._lead]
        y = clean.view(start, clean.stop)[self._lead]
        first, known_n = at - HALF, HALF + AFTER
        if first[0] >= max(low.start, start) and at[-1] + HALF <= low.stop and at[-1] + AFTER <= clean.stop:
            out = np.empty((len(at), 2 * HALF), np.float32)
            out[:, :known_n] = windows(y[None], first - start, known_n)[0]
            held = windows(x[None], at + AFTER - 1 - low.start, HALF - AFTER + 1)[0]
            out[:, known_n:] = out[:, known_n - 1 : known_n] + (held[:, 1:] - held[:, :1])
            return out
        columns = np.clip(at[:, None] + np.arange(-HALF, HALF), 0, low.stop - 1)
        known = np.minimum(columns, np.minimum(at + AFTER - 1, clean.stop - 1)[:, None])
        return np.asarray(y[known - start] + (x[columns - low.start] - x[known - low.start]), dtype=np.float32)
