"""From samples as recorded to 360 Hz without baseline, a piece at a time and the same in pieces of any size.

Every output sample depends on a fixed neighbourhood of the input, added up in a fixed order: a recording that is pushed
sample by sample gives the same numbers, bit for bit, as one that is pushed whole.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil, gcd

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, upfirdn

from ecg_core.ambulatory.tail import Tail

F32 = NDArray[np.float32]

FS = 360
"""Hz; the rate of MIT-BIH, at which the networks of single beats are defined."""

HIGH_HZ = 40.0
"""Upper edge of what is kept."""

HALF_S = 0.06
"""Half the length of the low-pass filter, s."""

BIN = 36
"""Samples of 0.1 s, over whose means the baseline is laid."""

MEDIAN_BINS = 5
"""The baseline is the median of 0.1 s means over so many of them to either side (1.1 s in all), ..."""

SMOOTHING = np.array([1, 2, 3, 2, 1], dtype=np.float32) / 9
"""... smoothed over five of them."""

STEP = 18
"""The filters run when so many new samples can come out, 50 ms: a call for each sample would cost too much."""

FEW, MANY = 1 << 11, 1 << 14
"""Fewer outputs of a filter are worked out one by one, more in pieces that stay in the processor's cache."""

_REACH_BINS = MEDIAN_BINS + len(SMOOTHING) // 2 + 1
LOOKAHEAD_S = HALF_S + ((_REACH_BINS + 1) * BIN + STEP) / FS
"""A sample without baseline is known at most so many seconds after it was recorded."""


class Cleaner:
    """Low-pass, resampling to 360 Hz and baseline.

    Parameters
    ----------
    n_leads : rows of what is pushed.
    fs : of what is pushed, Hz.

    Attributes
    ----------
    low : at 360 Hz, baseline and all, from sample 0 on.
    clean : the same without baseline; lags behind `low` by 0.8 s.
    """

    def __init__(self, n_leads: int, fs: float) -> None:
        ratio = Fraction(FS / fs).limit_denominator(4000)
        self._up, self._down = ratio.numerator, ratio.denominator
        rate = fs * self._up
        half = ceil(HALF_S * rate / self._down) * self._down
        cutoff = min(HIGH_HZ * 1.1, 0.45 * fs)
        self._taps = (self._up * firwin(2 * half + 1, cutoff, fs=rate, window=("kaiser", 5.0))).astype(np.float32)
        self._skip = half // self._down  # output samples before the first that sees the whole filter
        unit = BIN // gcd(self._up, BIN)
        self._unit_in, self._unit_out = unit * self._down, unit * self._up
        self._fs = fs
        self._n_in = 0
        lead_in = ceil(2 * LOOKAHEAD_S * FS / self._unit_out)  # the first sample, held before the start
        self._raw = Tail(n_leads, -lead_in * self._unit_in)
        self._low_from = -lead_in * self._unit_out  # of the untrimmed low-passed signal
        self._bins_low = Tail(n_leads)
        self.low, self.clean = Tail(n_leads), Tail(n_leads)
        self._started = False

    def push(self, x: F32) -> None:
        """Take samples in, shape (n_leads, n), mV."""
        if x.shape[1] == 0:
            return
        if not self._started:
            self._started = True
            self._raw.append(np.repeat(x[:, :1], -self._raw.start, axis=1))
            self._bins_low = Tail(len(x), self._low_from + ceil(self._skip / BIN) * BIN)
        self._raw.append(x)
        self._n_in += x.shape[1]
        self._advance()

    def finish(self) -> None:
        """End the recording: the last sample is held, and what was waiting comes out."""
        if not self._started:
            return
        n = round(self._n_in * FS / self._fs)
        last = self._raw.view(self._raw.stop - 1, self._raw.stop)
        self._raw.append(np.repeat(last, ceil(2 * LOOKAHEAD_S * self._fs) + 2 * self._unit_in, axis=1))
        self._advance(n)

    def _advance(self, end: int | None = None) -> None:
        raw, up, down = self._raw, self._up, self._down
        begin = raw.start // self._unit_in * self._unit_in  # raw.start is a multiple
        out0 = begin // self._unit_in * self._unit_out
        count = ((raw.stop - begin - 1) * up - self._skip * down) // down + 1  # samples that see the whole filter
        stop = out0 + count
        lowpassed = self._bins_low
        if stop < lowpassed.stop + (STEP if end is None else 1):
            return
        skip = self._skip + lowpassed.stop - out0  # of the outputs from `begin` on
        if up == down == 1:
            lowpassed.append(filtered(self._taps, raw.view(begin + skip + 1 - len(self._taps), raw.stop)))
        else:
            y = np.stack([upfirdn(self._taps, row, up, down) for row in raw.view(begin, raw.stop)])
            lowpassed.append(y[:, skip : self._skip + count])
        self._emit(self.low, lowpassed.view(lowpassed.start, lowpassed.stop), lowpassed.start, end)
        self._baseline(end)
        needed = (lowpassed.stop - out0 - self._skip) // self._unit_out - 1
        raw.drop_before(begin + max(0, needed) * self._unit_in)

    def _baseline(self, end: int | None) -> None:
        """Lay the baseline as far as it is known, and take it off."""
        lowpassed = self._bins_low
        first = lowpassed.start // BIN
        n_bins = lowpassed.stop // BIN - first
        reach = MEDIAN_BINS + len(SMOOTHING) // 2
        if n_bins < 2 * reach + 2:
            return
        held = lowpassed.view(lowpassed.start, lowpassed.start + n_bins * BIN)
        means = held.reshape(len(held), n_bins, BIN).mean(axis=2)
        windows = np.lib.stride_tricks.sliding_window_view(means, 2 * MEDIAN_BINS + 1, axis=1)
        medians = np.median(windows, axis=2).astype(np.float32)
        m = medians.shape[1] - len(SMOOTHING) + 1
        level = sum((w * medians[:, k : k + m] for k, w in enumerate(SMOOTHING)), np.float32(0))
        level = np.asarray(level, dtype=np.float32)
        # level k belongs to the middle of bin first + reach + k; between two middles it runs straight
        fraction = ((np.arange(BIN) + 0.5) / BIN).astype(np.float32)
        line = (level[:, :-1, None] + fraction * np.diff(level, axis=1)[:, :, None]).reshape(len(level), -1)
        start = (first + reach) * BIN + BIN // 2
        stop = start + line.shape[1]
        self._emit(self.clean, lowpassed.view(start, stop) - line, start, end)
        keep = (self.clean.stop - BIN // 2) // BIN - reach - 1
        lowpassed.drop_before(max(lowpassed.start, keep * BIN))

    @staticmethod
    def _emit(out: Tail, piece: F32, start: int, end: int | None) -> None:
        """Append the samples of `piece`, which begins at `start`, that `out` lacks, up to `end`."""
        stop = start + piece.shape[1] if end is None else min(start + piece.shape[1], end)
        if stop > out.stop:
            out.append(piece[:, out.stop - start : stop - start])


def filtered(taps: F32, x: F32, down: int = 1) -> F32:
    """Return every `down`-th output of a filter that sees all of its taps, shape (n_rows, n_outputs).

    Many outputs at once take half as long tap by tap as output by output; the terms are added up in the same order.

    Parameters
    ----------
    taps : (n_taps,).
    x : (n_rows, n), at least n_taps samples.
    """
    n, m = len(taps), (x.shape[1] - len(taps)) // down + 1
    if m < FEW:
        first = (n - 1) // down
        return np.stack([upfirdn(taps, row, 1, down)[first : first + m] for row in x])
    out = np.zeros((len(x), m), np.float32)
    term = np.empty(MANY, np.float32)
    for row, all_of_row in zip(x, out, strict=True):
        phases = [np.ascontiguousarray(row[k::down]) for k in range(down)]
        for start in range(0, m, MANY):
            part = all_of_row[start : start + MANY]
            for k, tap in enumerate(taps[::-1]):
                lo = start + k // down
                part += np.multiply(phases[k % down][lo : lo + len(part)], tap, out=term[: len(part)])
    return out
