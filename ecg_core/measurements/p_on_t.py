"""The P wave that lies on the T wave before it, as at a fast rate with a long PR: found across T's directions.

T moves along few directions of the space of leads while it falls, and P along others. What is left of the median beat
across T's directions has no T in it, so that P's onset is not the end of T, nor the end of T P's onset.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_core.measurements.fiducials import DEFAULT, MS, Delineation, Qrs, TWave, rms, smooth
from ecg_core.measurements.p_wave import NO_P, PWave, find_p, p_evidence, previous_t_end, variation

Array = NDArray[np.float64]

DIRECTIONS, AROUND_MS = 2, 40.0
"""How many directions of T are taken out, and how far from its peak they are read."""

AFTER_PEAK_MS, WINDOW_MS = 40.0, 400.0
"""P is looked for from so long after the peak of T, and as long before the QRS."""

NEAR_MS = 40.0
"""A P that begins at most so long after T's end may have begun on T."""

FLUTTER_S = 0.5
"""Where no P was found, none is looked for on T at a shorter RR: it would be flutter's wave as often."""

LONGEST_MS, UNEVEN = 140.0, 1.0
"""What lasts longer, as found, or leaves the level by more than its height is what is left of T."""

UNSTEADY = 0.03
"""Median step of RR over RR above which the T waves before each beat do not lie over each other."""


class OnT(NamedTuple):
    """A P wave on T and what speaks for it."""

    p: PWave
    evidence: float


NOTHING = OnT(NO_P, -np.inf)


def across(x: Array, qrs: Qrs, t: TWave) -> Array:
    """Return the projection of leads across the first directions of T, shape (n_leads, n_leads).

    Parameters
    ----------
    x : shape (n_leads, 576), mV, the median beat.
    qrs, t : its QRS and T wave.
    """
    y = smooth(x, DEFAULT.p_smooth_ms)
    first = max(int(t.peak - AROUND_MS * MS), int(qrs.offset))
    wave = y[:, first : int(t.peak + AROUND_MS * MS) + 1] - y[:, [int(qrs.onset)]]
    u = np.linalg.svd(wave, full_matrices=False)[0][:, :DIRECTIONS]
    return np.asarray(np.eye(len(x)) - u @ u.T)


def may_lie_on_t(p: PWave, x: Array, qrs: Qrs, t: TWave, rr_s: Array) -> bool:
    """Tell whether a P wave that was found, or not, may have its onset on the T wave before it."""
    rr = float(np.median(rr_s))
    end, peak = previous_t_end(t.end, rr), previous_t_end(t.peak, rr)
    room = qrs.onset - max(peak + AFTER_PEAK_MS * MS, 0.0)
    close = p.onset - end < NEAR_MS * MS if np.isfinite(p.onset) else rr > FLUTTER_S
    return bool(len(x) > DIRECTIONS and close and end >= 0 and room >= 60.0 * MS and variation(rr_s) <= UNSTEADY)


def find_p_on_t(x: Array, windows: Array, qrs: Qrs, t: TWave, rr_s: Array, c: Delineation = DEFAULT) -> OnT:
    """Find a P wave that begins on the T wave before it, upright in the second lead; `NOTHING` where none stands out.

    Parameters
    ----------
    x : shape (n_leads, 576), mV, the median beat in its independent leads, I and II first.
    windows : shape (n_beats, n_leads, 576), mV, its beats.
    qrs, t : its QRS and T wave.
    rr_s : intervals between beats, s.
    """
    start = max(previous_t_end(t.peak, float(np.median(rr_s))) + AFTER_PEAK_MS * MS, 0.0)
    take = across(x, qrs, t)
    y = take @ x
    p = find_p(y, qrs.onset, start, replace(c, p_window_ms=WINDOW_MS))
    if p == NO_P:
        return NOTHING
    at = [int(k) for k in p]
    before, peak, after = smooth(y, c.p_smooth_ms)[:, at].T
    height, step = rms((peak - 0.5 * (before + after))[:, None])[0], rms((before - after)[:, None])[0]
    second = smooth(x[1:2], c.p_smooth_ms)[0, at]
    upright = second[1] > 0.5 * (second[0] + second[2])
    if p.offset - p.onset > LONGEST_MS * MS or step > UNEVEN * height or not upright:
        return NOTHING
    return OnT(p, p_evidence(p, y, take @ windows, qrs.onset, start, rr_s))
