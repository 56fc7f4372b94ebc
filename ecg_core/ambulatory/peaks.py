"""R peaks of one lead or more, as the signal comes in, with a second look into gaps.

Each lead's energy between 5 and 22 Hz over 0.1 s, in units of its own recent QRS complexes, weighted by how far these
stand above what lies between them, and added up: a lead that is all noise counts little, and a ventricular beat that is
small in one lead is found in another. The highest point of 0.2 s to either side is a candidate; one above a share of
the last beats' height is a beat (Pan and Tompkins 1985, doi:10.1109/TBME.1985.325532). After 1.3 median RR intervals
without one the best candidate in the gap is looked at again with a lower bar: ventricular beats, which are slow and
often small in a lead, are found there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin

from ecg_core.ambulatory.cleaning import FS, filtered
from ecg_core.ambulatory.tail import Tail

F32 = NDArray[np.float32]
INT = NDArray[np.int64]

DOWN = 4
RATE = FS / DOWN
"""Energy is worked out at 90 Hz."""

BAND_HZ = (5.0, 22.0)
HALF_BAND = 54
"""Half the length of the band-pass, samples at 360 Hz (0.15 s)."""

WIDTH = 9
"""Energy is the mean over so many samples at 90 Hz (0.1 s)."""

APART = 18
"""A candidate is the highest within so many samples at 90 Hz to either side (0.2 s)."""

BLOCK = 180
"""Samples at 90 Hz of a block (2 s), of which the highest and the median energy are kept."""

BLOCKS = 6
"""A lead's QRS energy and noise are medians over so many blocks (12 s); the first blocks see those after them."""

HEIGHT, LOW_HEIGHT = 0.42, 0.18
"""A beat's energy against the median of the last beats': at once, and looked at again in a gap."""

AFTER_S, AFTER_HEIGHT = 0.36, 0.6
"""So soon after a beat a wave must be this much of that beat's height: T waves are not."""

GAP = 1.3
"""Median RR intervals without a beat after which the gap is looked into."""

LONGEST_GAP_S = 1.6
RECENT = 8
"""Beats whose heights and intervals are the measure for the next."""

SEARCH = 27
"""The R peak is the largest deflection within so many samples at 360 Hz of the energy's peak (75 ms)."""

_TAPER = (1.0 - 0.3 * np.abs(np.arange(-SEARCH, SEARCH + 1)) / SEARCH).astype(np.float32)


class PeakFinder:
    """R peaks of a signal that grows.

    Parameters
    ----------
    n_leads : of the signal.

    Attributes
    ----------
    frontier : no beat before this sample at 360 Hz will be found any more.
    """

    def __init__(self, n_leads: int) -> None:
        self._taps = firwin(2 * HALF_BAND + 1, BAND_HZ, fs=FS, pass_zero=False, window="hamming").astype(np.float32)
        self._signal = Tail(n_leads, -FS)
        self._band = Tail(n_leads, -FS // DOWN + HALF_BAND // DOWN + 1)
        self._energy = Tail(n_leads, -FS // DOWN + HALF_BAND // DOWN + 1 + WIDTH // 2)
        self._sum = Tail(1)
        self._blocks: list[list[list[float]]] = []  # of each block and lead, highest and median energy
        self._n_blocks = 0
        self._weight = [1.0] * n_leads
        self._lead = 0
        self._leads: deque[tuple[int, int]] = deque()  # first sample at 90 Hz, and from there on the best lead
        self._tracker = Tracker()
        self._candidates = 0  # samples at 90 Hz in which candidates have been looked for
        self.frontier = 0

    def push(self, x: F32, last: bool = False) -> INT:
        """Take low-passed samples in, shape (n_leads, n) at 360 Hz from sample 0 on; return the R peaks known by now.

        `last` says that the recording ends with them.
        """
        if x.shape[1] and self._signal.stop == -FS:
            self._signal.append(np.repeat(x[:, :1], FS, axis=1))
        self._signal.append(x)
        if self._signal.stop <= 0:
            return np.zeros(0, np.int64)
        end = self._signal.stop
        if last:
            self._signal.append(np.repeat(self._signal.view(end - 1, end), 2 * FS, axis=1))
        self._filter()
        self._weigh(end // DOWN if last else None)
        found = self._look(end // DOWN if last else None)
        peaks = np.clip(self._place(np.array(found, np.int64)), 0, end - 1) if found else np.zeros(0, np.int64)
        self._forget()
        return peaks

    def _filter(self) -> None:
        """Bring band and energy up to the signal."""
        first = self._band.stop
        stop = (self._signal.stop - 1 - HALF_BAND) // DOWN + 1
        if stop > first:
            held = self._signal.view(first * DOWN - HALF_BAND, self._signal.stop)
            self._band.append(filtered(self._taps, held, DOWN))
        first, stop = self._energy.stop, self._band.stop - WIDTH // 2
        if stop > first:
            held = np.square(self._band.view(first - WIDTH // 2, self._band.stop))
            n = stop - first
            total = sum((held[:, k : k + n] for k in range(1, WIDTH)), held[:, :n])
            self._energy.append(np.sqrt(total / np.float32(WIDTH)))

    def _weigh(self, end: int | None) -> None:
        """Finish blocks, and add the leads up as far as their weights are known."""
        n_blocks = self._energy.stop // BLOCK
        if n_blocks > self._n_blocks:
            held = self._energy.view(self._n_blocks * BLOCK, n_blocks * BLOCK)
            held = held.reshape(len(held), -1, BLOCK)
            middle = np.partition(held, BLOCK // 2, axis=2)[:, :, BLOCK // 2]
            both = np.stack((held.max(axis=2), middle), axis=2)
            self._blocks += both.swapaxes(0, 1).tolist()
            self._n_blocks = n_blocks
        if self._n_blocks < BLOCKS and end is None:
            return
        at, pieces = self._sum.stop, []
        while at < self._energy.stop:
            block = at // BLOCK
            stop = min((block + 1) * BLOCK, self._energy.stop)
            newest = max(block, min(BLOCKS, self._n_blocks))  # blocks before this number are seen
            if newest > self._n_blocks:
                break
            offset = self._n_blocks - len(self._blocks)
            seen = self._blocks[max(0, newest - BLOCKS - offset) : newest - offset]
            if at % BLOCK == 0 or not self._leads:
                self._measure(seen, at)
            energy = self._energy.view(at, stop)
            weighted = sum((np.float32(w) * row for w, row in zip(self._weight, energy, strict=True)), np.float32(0))
            pieces.append(np.asarray(weighted, dtype=np.float32)[None])
            at = stop
        if pieces:
            self._sum.append(np.concatenate(pieces, axis=1))

    def _measure(self, seen: list[list[list[float]]], start: int) -> None:
        """Set the leads' weights from the highest and the median energy of each in some blocks."""
        quality, qrs = [], []
        for lead in zip(*seen, strict=True):
            highest, middle = zip(*lead, strict=True)
            qrs.append(max(_median(highest), 1e-4))
            noise = _median(middle) / qrs[-1]
            quality.append(1.0 / (noise**2 + 0.01))
        if seen:
            total = sum(quality)
            self._weight = [q / total / height for q, height in zip(quality, qrs, strict=True)]
            preferred = [q * (1.5 if k == self._lead else 1.0) for k, q in enumerate(quality)]
            self._lead = preferred.index(max(preferred))
        self._leads.append((start, self._lead))

    def _look(self, end: int | None) -> list[int]:
        """Find candidates as far as their surroundings are known, and let the tracker decide."""
        total = self._sum.view(self._sum.start, self._sum.stop)[0]
        first, stop = self._candidates, self._sum.stop - APART
        if end is not None:
            stop = min(end, self._sum.stop)
            total = np.concatenate((total, np.zeros(APART, np.float32)))
        if stop <= first:
            return []
        lo = first - self._sum.start
        before = min(APART, lo)
        held = total[lo - before : lo + stop - first + APART]
        padded = np.concatenate((np.full(APART - before, -1, np.float32), held))
        here = padded[APART : APART + stop - first]
        highest = here > _highest(padded[: stop - first + APART - 1], APART)[: stop - first]
        highest &= here >= _highest(padded[APART + 1 :], APART)[: stop - first]
        found: list[int] = []
        for k in np.flatnonzero(highest):
            found += self._tracker.candidate(int(first + k), float(here[k]))
        found += self._tracker.reach(stop)
        self._candidates = stop
        self.frontier = self._tracker.frontier(stop) * DOWN
        return found

    def _place(self, at: INT) -> INT:
        """Return the samples of the largest deflection near each peak of energy, in the lead that counts most there."""
        starts = np.array([start for start, _ in self._leads])
        lead = np.array([lead for _, lead in self._leads])[np.maximum(np.searchsorted(starts, at, "right") - 1, 0)]
        held = self._signal.view(self._signal.start, self._signal.stop)
        columns = at[:, None] * DOWN + np.arange(-2 * SEARCH, 2 * SEARCH + 1) - self._signal.start
        x = held[lead[:, None], np.clip(columns, 0, held.shape[1] - 1)]
        level = x.mean(axis=1, keepdims=True)
        near = np.abs(x[:, SEARCH:-SEARCH] - level) * _TAPER
        return np.asarray(at * DOWN - SEARCH + near.argmax(axis=1))

    def _forget(self) -> None:
        self._sum.drop_before(self._candidates - APART)
        self._energy.drop_before(min(self._sum.stop, self._n_blocks * BLOCK))
        spare = self._sum.stop // BLOCK - BLOCKS - (self._n_blocks - len(self._blocks))
        del self._blocks[: max(0, spare)]
        self._band.drop_before(self._energy.stop - WIDTH)
        frontier = self._tracker.frontier(self._candidates)
        while len(self._leads) > 1 and self._leads[1][0] <= frontier:
            self._leads.popleft()
        oldest = min(frontier * DOWN - 2 * SEARCH, self._band.stop * DOWN - HALF_BAND)
        self._signal.drop_before(oldest)


def _median(values: Iterable[float]) -> float:
    """Return the median of a few values, quicker than numpy or `statistics` do."""
    ordered = sorted(values)
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def _highest(x: F32, n: int) -> F32:
    """Return the highest of each n neighbours, shape (len(x) - n + 1,)."""
    have, out = 1, x
    while 2 * have <= n:
        out = np.maximum(out[:-have], out[have:])
        have *= 2
    if have < n:
        out = np.maximum(out[: -(n - have)], out[n - have :])
    return out


class Tracker:
    """Decides which candidates are beats, one after the other, as time goes by; samples at 90 Hz."""

    def __init__(self) -> None:
        self._heights: deque[float] = deque([1.0] * RECENT, RECENT)
        self._intervals: deque[int] = deque([round(0.8 * RATE)] * RECENT, RECENT)
        self._height, self._interval = 1.0, 0.8 * RATE
        self._last = -(10**9)
        self._last_height = 1.0
        self._waiting: list[tuple[int, float]] = []

    def candidate(self, at: int, height: float) -> list[int]:
        """Take the next candidate in; return the beats that are known by it."""
        found = self._search(at)
        soon = at - self._last < AFTER_S * RATE and height < AFTER_HEIGHT * self._last_height
        if height >= HEIGHT * self._height and not soon:
            self._accept(at, height)
            found.append(at)
        elif height >= LOW_HEIGHT * self._height and not soon:
            self._waiting.append((at, height))
        return found

    def reach(self, now: int) -> list[int]:
        """Say that there is no candidate before `now` that has not been taken in; return beats found in a gap."""
        return self._search(now)

    def frontier(self, now: int) -> int:
        """Return the sample before which no beat will be found any more."""
        return min(now, self._waiting[0][0]) if self._waiting else now

    def _search(self, now: int) -> list[int]:
        """Look into the gap since the last beat for as long as it is one at `now`."""
        found: list[int] = []
        while self._waiting:
            deadline = self._last + int(min(GAP * self._interval, LONGEST_GAP_S * RATE))
            reached = max(deadline, self._waiting[0][0] + 1)
            if reached >= now:
                break
            at, height = max((one for one in self._waiting if one[0] < reached), key=lambda one: one[1])
            self._waiting = [one for one in self._waiting if one[0] > at]
            self._accept(at, height, found_late=True)
            found.append(at)
        return found

    def _accept(self, at: int, height: float, found_late: bool = False) -> None:
        if self._last > 0:
            self._intervals.append(min(max(at - self._last, round(0.25 * RATE)), round(2.0 * RATE)))
            self._interval = _median(self._intervals)
        if not found_late:
            self._heights.append(height)
            self._height = _median(self._heights)
            self._waiting.clear()
        self._last, self._last_height = at, height


def find_peaks(low: F32) -> INT:
    """Return the samples of the R peaks of a whole low-passed signal, shape (n_leads, n) at 360 Hz."""
    return PeakFinder(len(low)).push(low, last=True)
