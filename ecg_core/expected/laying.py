"""A beat laid along a record: where beats are, and where one was due."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.beats import Beats
from ecg_core.measurements.median_beat import AFTER, BEFORE, GRID_FS, UP, MedianBeat
from ecg_core.preprocessing import MODEL_FS

F32 = NDArray[np.float32]
Array = NDArray[np.float64]

DUE_FROM = 1.6
"""An interval this many times the median RR lacks a beat."""

SAME_BEAT_S = 0.06
SEARCH_S = 0.04
BEFORE_R_S, BEFORE_R_RR = 0.34, 0.45
"""The next beat's part of the record begins this long before its R, or this share of the interval where shorter."""

START = BEFORE - round(BEFORE_R_S * GRID_FS)
BLEND_S = 0.06


@dataclass(frozen=True)
class Places:
    """Where a beat is laid.

    Attributes
    ----------
    at : shape (n,), R on the grid of 500 Hz, ascending.
    due : shape (n,), True where a beat was due and none is.
    """

    at: NDArray[np.int64]
    due: NDArray[np.bool_]

    @property
    def times_s(self) -> Array:
        """R, s from the start of the segment."""
        return np.asarray(self.at / GRID_FS)


def due_times(times_s: Array, stop_s: float) -> Array:
    """Return when beats were due that did not come: in intervals over 1.6 median RR, at its multiples.

    Parameters
    ----------
    times_s : shape (n_beats,), R.
    stop_s : end of the record; the stretches before the first beat and after the last count as intervals.
    """
    if len(times_s) < 2:
        return np.zeros(0)
    rr = float(np.median(np.diff(times_s)))
    found = []
    edges = [0.0, *times_s, stop_s]
    for k, (lo, hi) in enumerate(itertools.pairwise(edges)):
        gap = hi - lo
        if gap <= DUE_FROM * rr:
            continue
        if k == 0:  # nothing is known of what came before: back from the first beat
            found += [hi - j * rr for j in range(1, int(gap / rr + 0.001) + 1) if hi - j * rr > 0.1]
        elif k == len(edges) - 2:
            found += [lo + j * rr for j in range(1, int(gap / rr) + 1) if lo + j * rr < stop_s - 0.1]
        else:
            found += [lo + j * rr for j in range(1, max(round(gap / rr), 2))]
    return np.array(sorted(found))


def places(x: F32, beat: F32, made: MedianBeat, beats: Beats) -> Places:
    """Return where the beat is laid: each beat of the record, moved onto the median beat, and each that was due.

    Parameters
    ----------
    x : shape (8, n), mV at 100 Hz.
    beat : shape (8, 576), the median beat of the same leads at 500 Hz.
    made, beats : the median beat's own places, and the record's R peaks.
    """
    times = beats.times_s
    kept = made.positions / GRID_FS
    at = []
    for r in times:
        near = int(np.abs(kept - r).argmin()) if len(kept) else -1
        if near >= 0 and abs(kept[near] - r) < SAME_BEAT_S:
            at.append(int(made.positions[near]))
        else:
            at.append(_moved(x, beat, round(r * GRID_FS)))
    due = [round(t * GRID_FS) for t in due_times(times, x.shape[1] / MODEL_FS)]
    every = np.array(at + due, dtype=np.int64)
    order = np.argsort(every, kind="stable")
    return Places(every[order], (np.arange(len(every)) >= len(at))[order])


def with_neighbours(at: NDArray[np.int64], rr_s: float, n: int) -> NDArray[np.int64]:
    """Return places with the beats just outside the record, whose T or P wave may reach into it."""
    rr, stop = round(rr_s * GRID_FS), n * UP
    before = [at[0] - rr] if at[0] - rr < 0 else []
    after = [at[-1] + rr] if at[-1] + rr >= stop else []
    return np.concatenate([before, at, after]).astype(np.int64)


def _moved(x: F32, beat: F32, at: int) -> int:
    """Move a beat by at most 40 ms to where the median beat fits best around R."""
    reach, width = round(SEARCH_S * GRID_FS), round(0.08 * GRID_FS)
    lo, hi = -(-max(at - width, 0) // UP), min((at + width) // UP, x.shape[1] - 1)
    if hi - lo < 8:
        return at
    t = np.arange(lo, hi + 1)
    own = x[:, t]
    own = own - own.mean(axis=1, keepdims=True)
    lags = np.arange(at - reach, at + reach + 1, 2)
    index = np.clip(BEFORE + t[None] * UP - lags[:, None], 0, beat.shape[1] - 1)
    shapes = beat[:, index]  # (8, lags, t)
    shapes = shapes - shapes.mean(axis=2, keepdims=True)
    return int(lags[((shapes - own[:, None]) ** 2).sum(axis=(0, 2)).argmin()])


def lay(beat: F32, at: NDArray[np.int64], n: int) -> F32:
    """Lay a beat along n samples at 100 Hz, shape (n_leads, n), mV.

    Each beat has the record from shortly before its R to shortly before the next, where one fades into the other; what
    lies beyond the beat's end is a straight line to the next beat's start.

    Parameters
    ----------
    beat : shape (n_leads, 576), mV at 500 Hz.
    at : shape (n_beats,), R on the grid of 500 Hz, ascending; at least one.
    n : samples at 100 Hz.
    """
    total, weight = np.zeros((len(beat), n), np.float32), np.zeros(n, np.float32)
    r = at / GRID_FS
    gaps = np.diff(r, prepend=r[0] - 10.0, append=r[-1] + 10.0)
    starts = r - np.minimum(BEFORE_R_S, BEFORE_R_RR * gaps[:-1])
    stops = np.append(starts[1:], n / MODEL_FS + 1.0)
    starts[0] = min(starts[0], -1.0)
    for k, own in enumerate(at):
        lo = max(int(np.floor((starts[k] - BLEND_S) * MODEL_FS)), 0)
        hi = min(int(np.ceil((stops[k] + BLEND_S) * MODEL_FS)) + 1, n)
        if hi <= lo:
            continue
        t = np.arange(lo, hi)
        index = BEFORE + t * UP - own
        wave = beat[:, np.clip(index, 0, beat.shape[1] - 1)].copy()
        beyond = index - (beat.shape[1] - 1)
        if (beyond > 0).any():  # a straight line back to where the next beat begins
            length = max(float((stops[k] + BLEND_S) * GRID_FS - own - (AFTER - 1)), 1.0)
            share = np.clip(beyond / length, 0.0, 1.0).astype(np.float32)
            wave += share * (beat[:, START, None] - beat[:, -1:])
        up = np.clip((t / MODEL_FS - starts[k]) / BLEND_S + 0.5, 0.0, 1.0) if k else np.ones(len(t))
        down = np.clip((stops[k] - t / MODEL_FS) / BLEND_S + 0.5, 0.0, 1.0)
        share = (up * down).astype(np.float32)
        total[:, lo:hi] += share * wave
        weight[lo:hi] += share
    return np.asarray(total / np.maximum(weight, np.float32(1e-6)), dtype=np.float32)
