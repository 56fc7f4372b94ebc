"""Where the P wave begins and ends, and whether there is one before every beat."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ecg_core.measurements.fiducials import DEFAULT, MS, Delineation, rms, velocity
from ecg_core.measurements.median_beat import GRID_FS

Array = NDArray[np.float64]

LOBE = 0.5
"""The P wave reaches from its first to its last stretch with this share of its highest speed."""

GUARD_MS, REACH_MS, SHORTEST_MS = 8.0, 90.0, 40.0

QUIET_BEFORE_MS, QUIET_AFTER_MS = 320.0, 12.0
NARROWEST_MS = 45.0
"""What is narrower, after the 22 ms boxcar, is a pacemaker's spike: 0.5 % of sinus rhythms stay below 67 ms."""

# Fitted by logistic regression on 2,800 records of PTB-XL's folds 1-8: sinus rhythm, first-degree block, premature
# beats and tachycardia against atrial fibrillation and flutter.
EVIDENCE = {"repeats": 0.71, "stands_out": 2.99, "tall": 0.37, "irregular": -0.32, "constant": -6.57}
ENOUGH, ENOUGH_WHEN_IRREGULAR = 0.0, 1.7
IRREGULAR = 0.05
"""Variation of RR (median distance from the median, over it) above which more evidence is asked for: an early beat or
two in a regular rhythm do not count."""


SEARCHED_MS, SAME_PLACE_MS, LOCKED_SHARE, UPRIGHT = 80.0, 8.0, 0.7, 0.7
LESS_WHEN_LOCKED = 1.7
"""By how much less evidence is asked for where the beats have their P wave at one place."""

LONGER_MS, SHORTER_MS = 420.0, 250.0
"""Windows of the second look, where what was found in the first cannot be a P wave or is not trusted."""


class PWave(NamedTuple):
    """Onset, peak and offset of the P wave in samples of the median beat; NaN where none could be looked for."""

    onset: float
    peak: float
    offset: float


NO_P = PWave(float("nan"), float("nan"), float("nan"))


def _chord(w: Array, a: int, b: int) -> Array:
    """Return the straight line of each lead through its values at two samples."""
    t = (np.arange(w.shape[1]) - a) / max(b - a, 1)
    return w[:, a, None] + (w[:, b] - w[:, a])[:, None] * t


def _outward(speed: Array, share: float) -> int:
    """Return how far from the first sample the speed comes down to a share above its minimum."""
    low = speed.min()
    return int(np.flatnonzero(speed <= low + share * (speed[0] - low))[0])


def find_p(x: Array, qrs_onset: float, previous_t_end: float, c: Delineation = DEFAULT) -> PWave:
    """Find the P wave of the median beat, whether or not it is one.

    The baseline runs through the quietest points before and after the wave; its edges are where the magnitude over
    leads comes down to a share of its peak.

    Parameters
    ----------
    x : shape (n_leads, 576), mV, readable independent leads.
    qrs_onset : as found by `find_qrs`, sample.
    previous_t_end : end of the T wave before it, sample; may be negative or NaN.
    """
    hi = int(qrs_onset) - round(GUARD_MS * MS)
    first = int(np.ceil(previous_t_end)) if np.isfinite(previous_t_end) else 0
    lo = max(int(hi - c.p_window_ms * MS), first, 1)
    if hi - lo < SHORTEST_MS * MS:
        return NO_P
    w = uniform_filter1d(x[:, lo : hi + 1], round(c.p_smooth_ms * MS) | 1, axis=1, mode="nearest")
    speed = rms(velocity(w))
    n, reach = w.shape[1], round(REACH_MS * MS)
    a = int(speed[: max(n // 3, 2)].argmin())
    b = n - 1 - int(speed[::-1][: max(n // 4, 2)].argmin())
    for _ in range(2):
        magnitude = rms(w - _chord(w, a, b))
        peak = a + int(magnitude[a : b + 1].argmax())
        start = max(peak - reach, 0)
        near = speed[start : peak + reach + 1]
        strong = start + np.flatnonzero(near >= LOBE * near.max())
        up, down = min(int(strong[0]), peak), max(int(strong[-1]), peak)
        a = up - _outward(speed[up::-1], c.p_rise_share)
        b = down + _outward(speed[down:], c.p_fall_share)
    magnitude = rms(w - _chord(w, a, b))
    peak = a + int(magnitude[a : b + 1].argmax())
    low = np.flatnonzero(magnitude[a : peak + 1] <= c.p_on_share * magnitude[peak])
    onset = a + (int(low[-1]) if len(low) else 0)
    low = np.flatnonzero(magnitude[peak : b + 1] <= c.p_off_share * magnitude[peak])
    offset = peak + int(low[0]) if len(low) else b
    return PWave(float(lo + onset), float(lo + peak), float(lo + offset))


def p_evidence(p: PWave, x: Array, windows: Array, qrs_onset: float, previous_t_end: float, rr_s: Array) -> float:
    """Return how much speaks for a P wave before each beat, as a log odds; minus infinity where nothing was found.

    A P wave repeats from beat to beat, stands out from the quiet around it, and belongs to a regular rhythm.

    Parameters
    ----------
    p : what `find_p` found.
    x : shape (n_leads, 576), mV, the median beat.
    windows : shape (n_beats, n_leads, 576), mV, its beats.
    qrs_onset, previous_t_end : samples.
    rr_s : intervals between beats, s.
    """
    lo, hi = (int(p.onset), int(p.offset)) if np.isfinite(p.onset) else (0, 0)
    if hi - lo < NARROWEST_MS * MS:
        return -np.inf
    width = round(DEFAULT.p_smooth_ms * MS) | 1
    both = np.concatenate([x[None], windows])[..., lo : hi + 1]
    both = above_chord(uniform_filter1d(both, width, axis=-1, mode="nearest"))
    wave, beats = both[0], both[1:]
    unlike = ((beats - wave) ** 2).sum(axis=(1, 2)) / np.maximum((beats**2).sum(axis=(1, 2)), 1e-12)
    before = int(max(qrs_onset - QUIET_BEFORE_MS * MS, previous_t_end if np.isfinite(previous_t_end) else 0, 0))
    after = int(qrs_onset - QUIET_AFTER_MS * MS)
    speed = rms(velocity(uniform_filter1d(x, width, axis=1)))
    quiet = np.concatenate([speed[before:lo], speed[hi:after]])
    stands_out = speed[lo:hi].max() / max(float(np.median(quiet)), 1e-9) if len(quiet) > 5 else 2.0
    return float(
        EVIDENCE["constant"]
        - EVIDENCE["repeats"] * np.log(1.02 - np.clip(1.0 - np.median(unlike), -1.0, 1.0))
        + EVIDENCE["stands_out"] * np.log(np.clip(stands_out, 0.8, 20.0))
        + EVIDENCE["tall"] * np.log(np.clip(rms(wave).max() * 1000.0, 2.0, 200.0))
        + EVIDENCE["irregular"] * np.log(variation(rr_s) + 0.01)
    )


def variation(rr_s: Array) -> float:
    """Return the median step from one RR interval to the next over the median RR."""
    return float(np.median(np.abs(np.diff(rr_s))) / np.median(rr_s)) if len(rr_s) > 1 else 0.0


def above_chord(w: Array) -> Array:
    """Return waves, (..., n), above the straight line from their first to their last value."""
    return w - w[..., :1] - (w[..., -1:] - w[..., :1]) * np.linspace(0, 1, w.shape[-1])


def is_upright(p: PWave, x: Array) -> bool:
    """Tell whether the P wave of the median beat, (n_leads, 576), is upright in the second lead, as from the sinus."""
    if not np.isfinite(p.onset) or len(x) < 2:
        return False
    wave = uniform_filter1d(x[1, int(p.onset) : int(p.offset) + 1], round(DEFAULT.p_smooth_ms * MS) | 1, mode="nearest")
    wave = above_chord(wave)
    return bool(wave.max() >= UPRIGHT * np.ptp(wave) > 0)


def is_locked(p: PWave, x: Array, windows: Array) -> bool:
    """Tell whether nearly every beat has its P wave where the median beat has it.

    Each beat is searched from 80 ms before to 80 ms after for where it is most like the median beat's P wave.

    Parameters
    ----------
    p : what `find_p` found.
    x : shape (n_leads, 576), mV, the median beat.
    windows : shape (n_beats, n_leads, 576), mV, its beats.
    """
    lo, n = int(p.onset), int(p.offset) - int(p.onset) + 1
    width, reach = round(DEFAULT.p_smooth_ms * MS) | 1, round(SEARCHED_MS * MS)
    first, last = max(lo - reach, 0), min(lo + reach, x.shape[1] - n)
    wave = above_chord(uniform_filter1d(x[:, lo : lo + n], width, axis=-1, mode="nearest"))
    beats = uniform_filter1d(windows, width, axis=-1, mode="nearest")
    lags = np.arange(first + (lo - first) % 2, last + 1, 2)
    alike = np.empty((len(lags), len(beats)))
    for k, at in enumerate(lags):
        own = above_chord(beats[..., at : at + n])
        alike[k] = (own * wave).sum(axis=(1, 2)) / np.sqrt(np.maximum((own**2).sum(axis=(1, 2)), 1e-12))
    there = np.abs(lags[alike.argmax(axis=0)] - lo) <= SAME_PLACE_MS * MS
    return bool(there.mean() >= LOCKED_SHARE)


def enough_for_p(rr_s: Array) -> float:
    """Return the evidence that is asked for."""
    middle = float(np.median(rr_s)) if len(rr_s) else 0.0
    varies = len(rr_s) > 1 and float(np.median(np.abs(rr_s - middle))) > IRREGULAR * middle
    return ENOUGH_WHEN_IRREGULAR if varies else ENOUGH


def previous_t_end(t_end: float, rr_s: float) -> float:
    """Return where the T wave of the beat before ends, sample of the median beat."""
    return t_end - rr_s * GRID_FS
