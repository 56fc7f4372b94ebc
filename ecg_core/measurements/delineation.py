"""The fiducial points of a median beat: over all leads, and in each lead."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from ecg_core.measurements.fiducials import (
    DEFAULT,
    MS,
    NAN,
    Delineation,
    Qrs,
    TWave,
    find_qrs,
    find_t,
    smooth,
    velocity,
)
from ecg_core.measurements.median_beat import BEFORE, MedianBeat
from ecg_core.measurements.p_on_t import find_p_on_t, may_lie_on_t
from ecg_core.measurements.p_wave import (
    LESS_WHEN_LOCKED,
    LONGER_MS,
    NO_P,
    SHORTER_MS,
    PWave,
    enough_for_p,
    find_p,
    is_locked,
    is_upright,
    p_evidence,
    previous_t_end,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Fiducials:
    """Fiducial points in ms from R of the median beat; NaN where there is none.

    Attributes
    ----------
    p_onset, p_offset : of the P wave; NaN without one before each beat.
    qrs_onset, qrs_offset : of the QRS complex.
    t_peak, t_end : of the T wave.
    """

    p_onset: float = NAN
    p_peak: float = NAN
    p_offset: float = NAN
    qrs_onset: float = NAN
    qrs_offset: float = NAN
    t_peak: float = NAN
    t_end: float = NAN

    def sample(self, name: str) -> int:
        """Return a point as the nearest sample of the median beat."""
        return BEFORE + round(getattr(self, name) * MS)

    def has(self, *names: str) -> bool:
        """Tell whether all these points were found."""
        return all(np.isfinite(getattr(self, name)) for name in names)


SHIFTS = Fiducials(-13.5, 0.0, 5.8, -1.6, -1.8, 0.0, -5.3)
"""What is added to each point as found, ms: the trimmed mean by which cardiologists mark it earlier (negative) or later
in LUDB's odd records; `python -m training.intervals` prints them."""


@dataclass(frozen=True)
class Found:
    """Points as found, before `SHIFTS`, and what speaks for a P wave (a log odds, and how much is asked for)."""

    points: Fiducials
    p_evidence: float
    p_enough: float

    @property
    def p_present(self) -> bool:
        """Whether a P wave stands before each beat."""
        return self.p_evidence >= self.p_enough


def find_points(beat: MedianBeat, windows: NDArray[np.float32], rr_s: Array) -> Found | None:
    """Find the points over the leads of the median beat; None where no QRS has both ends.

    Parameters
    ----------
    beat, windows : the median beat and its beats, from `median_beat`.
    rr_s : intervals between all beats, s.
    """
    limb = beat.rows[:2] == (0, 1)
    return find_points_in(beat.x[list(beat.rows)].astype(np.float64), windows, rr_s, limb)


def find_points_in(
    x: Array, windows: NDArray[np.float32], rr_s: Array, limb: bool = True, c: Delineation = DEFAULT
) -> Found | None:
    """Find the points of a median beat, shape (n_leads, 576), and of its beats, (n_beats, n_leads, 576).

    With I and II first (`limb`), P is looked for a second time where it may lie on T or is not trusted.
    """
    rr = float(np.median(rr_s))
    qrs = find_qrs(x, c)
    length = (qrs.offset - qrs.onset) / MS
    if not SHORTEST_QRS_MS <= length <= LONGEST_QRS_MS or qrs.onset < MARGIN:
        return None
    t = find_t(x, qrs, rr, c)
    beats = windows.astype(np.float64)
    p, evidence = _p_within(x, beats, qrs, t, rr_s, c)
    first = _found(p, qrs, t, evidence, enough_for_p(rr_s))
    return _look_again(first, x, beats, qrs, t, rr_s, c) if limb else first


def _found(p: PWave, qrs: Qrs, t: TWave, evidence: float, enough: float) -> Found:
    at = [(k - BEFORE) / MS for k in (*p, *qrs, *t)]
    return Found(Fiducials(*at), evidence, enough)


def _p_within(x: Array, beats: Array, qrs: Qrs, t: TWave, rr_s: Array, c: Delineation) -> tuple[PWave, float]:
    """Return the P wave between T and QRS, and what speaks for it."""
    before = previous_t_end(t.end, float(np.median(rr_s)))
    p = find_p(x, qrs.onset, before, c)
    return p, -np.inf if p == NO_P else p_evidence(p, x, beats, qrs.onset, before, rr_s)


CUT_MS = 20.0
"""A P wave that begins this near to the start of its window may have begun before."""


def _look_again(first: Found, x: Array, beats: Array, qrs: Qrs, t: TWave, rr_s: Array, c: Delineation) -> Found:
    """Return a P that begins on T or far ahead, or one that is at one place in the beats; else what was found first."""
    enough, trusted = first.p_enough, first.p_present and plausible(shifted(first.points))
    p = PWave(*(BEFORE + getattr(first.points, name) * MS for name in ("p_onset", "p_peak", "p_offset")))
    if may_lie_on_t(p if trusted else NO_P, x, qrs, t, rr_s):
        on_t, evidence = find_p_on_t(x, beats, qrs, t, rr_s, c)
        if evidence >= enough and not (trusted and on_t.onset >= p.onset):
            return _found(on_t, qrs, t, evidence, enough)
    cut = qrs.onset - p.onset > (c.p_window_ms - CUT_MS) * MS
    if trusted and not cut:
        return first

    def within(window_ms: float) -> tuple[PWave, float]:
        return _p_within(x, beats, qrs, t, rr_s, replace(c, p_window_ms=window_ms))

    looks = [(*within(LONGER_MS), enough)]
    if not trusted:
        less = enough - LESS_WHEN_LOCKED
        looks += [(p, first.p_evidence, less), (*within(SHORTER_MS), less)]
    for wave, evidence, asked in sorted(looks, key=lambda look: -look[1]):
        found = _found(wave, qrs, t, evidence, asked)
        points = shifted(found.points)
        if not (found.p_present and plausible(points) and is_upright(wave, x)):
            continue
        far = points.qrs_onset - points.p_onset >= SHORTEST_PR_LOCKED_MS
        if asked == enough or (far and is_locked(wave, x, beats)):
            return found
    return first


LONGEST_P_MS, LONGEST_PR_MS = 230.0, 420.0
SHORTEST_PR_LOCKED_MS = 140.0
"""Nearer to the QRS, waves of flutter stand as firmly before each beat as P."""


def plausible(points: Fiducials) -> bool:
    """Tell whether what was found, once shifted, can be a P wave before the QRS and lies in the median beat."""
    if not points.has("p_onset", "p_offset") or points.sample("p_onset") < 0:
        return False
    lasts, ahead = points.p_offset - points.p_onset, points.qrs_onset - points.p_onset
    return 0.0 < lasts <= LONGEST_P_MS and ahead <= LONGEST_PR_MS and points.p_offset <= points.qrs_onset


def shifted(found: Fiducials, shifts: Fiducials = SHIFTS) -> Fiducials:
    """Return the points where a cardiologist would mark them; P ends with the QRS onset at the latest."""
    at = {f.name: getattr(found, f.name) + getattr(shifts, f.name) for f in fields(Fiducials)}
    at["p_offset"] = float(np.minimum(at["p_offset"], at["qrs_onset"]))
    return Fiducials(**at)


SHORTEST_QRS_MS, LONGEST_QRS_MS = 40.0, 280.0
MARGIN = 20
"""What ends beyond is no QRS; before it there must be samples for its level."""

LEAD_SHARE, LEAD_MARGIN_MS = 0.05, 12.0
SMALL_MV = 0.025
"""A wave lower than this has no edges of its own in a lead."""


def _edges(active: NDArray[np.bool_], first: int) -> tuple[Array, Array]:
    """Return the first and last active sample of each lead in ms from R."""
    onset = first + active.argmax(axis=1)
    offset = first + active.shape[1] - 1 - active[:, ::-1].argmax(axis=1)
    none = ~active.any(axis=1)
    return tuple(np.where(none, NAN, (k - BEFORE) / MS) for k in (onset, offset))  # type: ignore[return-value]


def points_per_lead(x: Array, points: Fiducials) -> dict[str, Array]:
    """Return the points of each lead, shape (n_leads,), ms from R, looked for around those over all leads.

    The QRS reaches as far as a lead's speed exceeds a twentieth of its peak; P as far as its distance from the chord
    exceeds 15 % of its height; T ends where the tangent to its steepest fall meets the level at the common end.

    Parameters
    ----------
    x : shape (n_leads, 576), mV.
    points : over all leads, shifted.
    """
    n = x.shape[1]
    margin = round(LEAD_MARGIN_MS * MS)
    names = ("p_onset", "p_offset", "qrs_onset", "qrs_offset", "t_end")
    found = {name: np.full(len(x), NAN) for name in names}
    lo, hi = max(points.sample("qrs_onset") - margin, 0), min(points.sample("qrs_offset") + margin, n - 1)
    speed = np.abs(velocity(smooth(x, 6.0)))[:, lo : hi + 1]
    tall = np.ptp(x[:, lo : hi + 1], axis=1) > SMALL_MV
    active = (speed > LEAD_SHARE * speed.max(axis=1, keepdims=True)) & tall[:, None]
    found["qrs_onset"], found["qrs_offset"] = _edges(active, lo)
    if points.has("p_onset", "p_offset"):
        lo, hi = max(points.sample("p_onset") - margin // 2, 0), points.sample("p_offset") + margin // 2
        w = smooth(x, 10.0)[:, lo : hi + 1]
        w = np.abs(w - w[:, :1] - (w[:, -1:] - w[:, :1]) * np.linspace(0, 1, w.shape[1]))
        height = w.max(axis=1, keepdims=True)
        found["p_onset"], found["p_offset"] = _edges((w > 0.15 * height) & (height > SMALL_MV), lo)
    if points.has("t_peak", "t_end"):
        found["t_end"] = _t_end_per_lead(x, points)
    return found


def _t_end_per_lead(x: Array, points: Fiducials) -> Array:
    """Return where each lead's T wave ends, ms from R; NaN where T is small."""
    lo, end = points.sample("qrs_offset") + round(60 * MS), min(points.sample("t_end"), x.shape[1] - 1)
    if end - lo < 10:
        return np.full(len(x), NAN)
    y = smooth(x, 20.0)
    w = y[:, lo : end + 1] - y[:, end, None]
    leads, t = np.arange(len(x)), np.arange(w.shape[1])
    size = np.abs(w)
    height = size.max(axis=1)
    half = np.where(size >= 0.5 * height[:, None], t, 0).max(axis=1)  # of the last wave, where T is biphasic
    falling = -velocity(w) * np.sign(w[leads, half])[:, None]
    falling[np.abs(t - half[:, None]) > round(30 * MS)] = -np.inf
    steep = falling.argmax(axis=1)
    slope = falling[leads, steep]
    with np.errstate(divide="ignore", invalid="ignore"):
        tangent = lo + steep + np.abs(w[leads, steep]) / slope
    bad = (height < SMALL_MV) | ~(slope > 0)
    return np.where(bad, NAN, (np.minimum(tangent, end + round(40 * MS)) - BEFORE) / MS)
