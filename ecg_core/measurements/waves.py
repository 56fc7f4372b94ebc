"""What is measured in each lead of the median beat: amplitudes, areas and times of P, QRS, ST and T."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_core.measurements.delineation import Fiducials
from ecg_core.measurements.fiducials import MS

Array = NDArray[np.float64]
PerLead = dict[str, Array]

LEVEL_MS = 12.0
"""The level of the PR segment is the mean of this stretch before the QRS."""

SMALLEST_Q_MV, R_BEFORE_MV = 0.025, 0.05
"""A shallower deflection is no Q; after an R taller than the second, what goes down is S."""

R_SHARE_OF_QS = 0.05
"""A complex whose R is lower than this share of its height is a QS."""

ST_MS = (0, 40, 60, 80, 120)
PART_MS = 40.0
SAMPLE_MS = 1.0 / MS


def level(x: Array, points: Fiducials) -> Array:
    """Return the median beat with the level before the QRS as zero, shape (n_leads, n), mV."""
    onset = points.sample("qrs_onset")
    return x - x[:, max(onset - round(LEVEL_MS * MS), 0) : max(onset, 1)].mean(axis=1, keepdims=True)


def area(x: Array) -> Array:
    """Return the sum over time, mV ms."""
    return np.asarray(x.sum(axis=-1) * SAMPLE_MS)


def qrs_waves(x: Array, points: Fiducials) -> PerLead:
    """Return Q, R, S and what follows from them, each of shape (n_leads,).

    Parameters
    ----------
    x : shape (n_leads, n), mV, from `level`.
    """
    lo, hi = points.sample("qrs_onset"), points.sample("qrs_offset")
    w = x[:, lo : hi + 1]
    n_leads, n = w.shape
    leads, t = np.arange(n_leads), np.arange(n)
    r_at = w.argmax(axis=1)
    r = np.maximum(w[leads, r_at], 0.0)
    height = np.ptp(w, axis=1)
    qs = r < R_SHARE_OF_QS * height
    before = np.where(t < r_at[:, None], w, 0.0)
    q_at = before.argmin(axis=1)
    q = np.minimum(before[leads, q_at], 0.0)
    risen = np.maximum.accumulate(w, axis=1)[leads, q_at]
    q[(risen > R_BEFORE_MV) | (q > -SMALLEST_Q_MV)] = 0.0
    s = np.minimum(np.where((t > r_at[:, None]) | (q == 0)[:, None], w, 0.0).min(axis=1), 0.0)
    lowest = w.min(axis=1)
    q, s = np.where(qs, lowest, q), np.where(qs, lowest, s)
    wide = (w < np.minimum(0.1 * q, -1e-9)[:, None]) & ((t < r_at[:, None]) | qs[:, None])
    s_at = w.argmin(axis=1)
    after = np.where(t >= s_at[:, None], w, -np.inf).max(axis=1) - np.maximum(w[:, -1], 0.0)
    part = round(PART_MS * MS)
    share = np.abs(r) + np.abs(s)
    return {
        "r_mv": r,
        "q_mv": q,
        "s_mv": s,
        "qrs_height_mv": height,
        "q_ms": np.where(q < 0, wide.sum(axis=1) * SAMPLE_MS, 0.0),
        "r_time_ms": r_at * SAMPLE_MS,
        "r_share": np.divide(r, share, out=np.full(n_leads, np.nan), where=share > 0.02),
        "r_prime_mv": np.where(lowest < -R_BEFORE_MV, np.maximum(after, 0.0), 0.0),
        "qrs_area": area(w),
        "qrs_first_area": area(w[:, :part]),
        "qrs_last_area": area(w[:, -part:]),
        "notching": np.divide(
            np.abs(np.diff(w, axis=1)).sum(axis=1), 2 * height, out=np.full(n_leads, np.nan), where=height > 0.02
        ),
    }


def st_waves(x: Array, points: Fiducials) -> PerLead:
    """Return the ST segment at J and after it, its slope, each of shape (n_leads,)."""
    j = points.sample("qrs_offset")
    at = {ms: x[:, min(j + round(ms * MS), x.shape[1] - 1)] for ms in ST_MS}
    found = {("st_j_mv" if ms == 0 else f"st_{ms}_mv"): value for ms, value in at.items()}
    return found | {"st_slope": (at[80] - at[0]) / 0.08}


def t_waves(x: Array, points: Fiducials, height: Array) -> PerLead:
    """Return the T wave's extremes and areas, each of shape (n_leads,)."""
    j, end = points.sample("qrs_offset"), points.sample("t_end")
    w = x[:, j + round(60 * MS) : end + 1]
    high, low = w.max(axis=1), w.min(axis=1)
    t = np.where(np.abs(high) >= np.abs(low), high, low)
    return {
        "t_mv": t,
        "t_max_mv": high,
        "t_min_mv": low,
        "t_area": area(w),
        "st_t_area": area(x[:, j : end + 1]),
        "t_share": np.divide(t, height, out=np.full(len(x), np.nan), where=height > 0.1),
    }


def p_waves(x: Array, points: Fiducials) -> PerLead:
    """Return the P wave's extremes, area and terminal force, each of shape (n_leads,).

    Zero is the straight line between its ends, so that neither drift nor the atrial repolarisation counts.
    """
    lo, hi = points.sample("p_onset"), points.sample("p_offset")
    w = x[:, lo : hi + 1]
    w = w - w[:, :1] - (w[:, -1:] - w[:, :1]) * np.linspace(0, 1, w.shape[1])
    high, low = w.max(axis=1), w.min(axis=1)
    last = np.where(np.arange(w.shape[1]) >= w.shape[1] // 2, w, 0.0)
    return {
        "p_mv": np.where(np.abs(high) >= np.abs(low), high, low),
        "p_max_mv": np.maximum(high, 0.0),
        "p_min_mv": np.minimum(low, 0.0),
        "p_area": area(w),
        "p_terminal_force": np.maximum(-last.min(axis=1), 0.0) * (last < 0).sum(axis=1) * SAMPLE_MS,
    }
