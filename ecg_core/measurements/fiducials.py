"""Where the QRS begins and ends and the T wave ends: from the speed of the median beat over all leads.

The speed over leads is that of spatial vectorcardiography, as in the CSE working party's programs (Willems et al.
1985); the end of T is looked for beyond the tangent to the vector's magnitude (Lepeschkin and Surawicz 1952). Constants
were found on the records of LUDB with odd numbers (doi 10.1109/ACCESS.2020.3029211); `python -m training.intervals`
holds what comes out against its cardiologists' marks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ecg_core.measurements.median_beat import BEFORE, GRID_FS

Array = NDArray[np.float64]

MS = GRID_FS / 1000.0
"""Samples of the median beat in a millisecond."""

NAN = float("nan")


@dataclass(frozen=True)
class Delineation:
    """The constants of the delineation: shares without unit, times in ms, `root` in s over the root of s."""

    qrs_smooth_ms: float = 22.0
    onset_share: float = 0.02
    onset_quiet: float = 2.0
    onset_hold_ms: float = 8.0
    offset_share: float = 0.03
    offset_quiet: float = 2.0
    offset_hold_ms: float = 16.0
    t_smooth_ms: float = 46.0
    t_peak_root: float = 0.50
    t_end_root: float = 0.62
    t_end_rr: float = 0.92
    t_share: float = 0.13
    t_down_share: float = 0.35
    p_smooth_ms: float = 22.0
    p_window_ms: float = 320.0
    p_rise_share: float = 0.20
    p_fall_share: float = 0.06
    p_on_share: float = 0.18
    p_off_share: float = 0.20


DEFAULT = Delineation()


class Qrs(NamedTuple):
    """Onset and offset of the QRS in samples of the median beat; NaN where not found."""

    onset: float
    offset: float


class TWave(NamedTuple):
    """Peak of the T wave's magnitude and its end, in samples of the median beat; NaN where not found."""

    peak: float
    end: float


NO_T = TWave(NAN, NAN)


def velocity(x: Array) -> Array:
    """Return each lead's central difference, shape (n_leads, n), mV a sample; one-sided at the ends."""
    v = np.empty_like(x)
    v[:, 1:-1] = 0.5 * (x[:, 2:] - x[:, :-2])
    v[:, 0], v[:, -1] = x[:, 1] - x[:, 0], x[:, -1] - x[:, -2]
    return v


def smooth(x: Array, width_ms: float) -> Array:
    """Return the boxcar mean over an odd number of samples."""
    return np.asarray(uniform_filter1d(x, round(width_ms * MS) | 1, axis=1))


def rms(v: Array) -> Array:
    """Return the root mean square over leads, shape (n,)."""
    return np.asarray(np.sqrt(np.mean(v**2, axis=0)))


def _quiet(speed: Array, lo: int, hi: int) -> float:
    """Return the mean of the quietest 20 ms of a range."""
    part, width = speed[max(lo, 0) : hi], round(20 * MS)
    total = np.concatenate([[0.0], np.cumsum(part)])
    return float((total[width:] - total[:-width]).min() / width) if len(part) >= width else 0.0


def _first_held(below: NDArray[np.bool_], hold: int) -> float:
    """Return the first index from which `hold` values in a row are True, NaN if there is none."""
    count = np.convolve(below, np.ones(hold), mode="valid") if len(below) >= hold else np.zeros(0)
    found = np.flatnonzero(count > hold - 0.5)
    return float(found[0]) if len(found) else NAN


def find_qrs(x: Array, c: Delineation = DEFAULT) -> Qrs:
    """Find onset and offset of the QRS on the median beat.

    From the steepest point outward until the speed stays below a share of its peak plus twice the quiet level: the
    root mean square over leads for the onset, the second fastest lead for the offset, where one lead may still be busy
    with its ST segment. The boxcar of 22 ms has its first zero where the filter's edge at 40 Hz rings.

    Parameters
    ----------
    x : shape (n_leads, 576), mV, readable independent leads.
    """
    v = velocity(smooth(smooth(x, c.qrs_smooth_ms), 6.0))
    reach, near = round(70 * MS), round(30 * MS)
    speed = rms(v)
    peak = BEFORE - reach + int(speed[BEFORE - reach : BEFORE + reach + 1].argmax())
    quiet = _quiet(speed, peak - round(160 * MS), peak - near)
    limit = c.onset_share * speed[peak] + c.onset_quiet * quiet
    onset = peak - _first_held(speed[peak::-1] < limit, round(c.onset_hold_ms * MS))
    second = np.sort(np.abs(v), axis=0)[-min(2, len(v))]
    peak = peak - reach + int(second[peak - reach : peak + reach + 1].argmax())
    quiet = _quiet(second, peak + near, peak + round(200 * MS))
    limit = c.offset_share * second[peak] + c.offset_quiet * quiet
    return Qrs(onset, peak + _first_held(second[peak:] < limit, round(c.offset_hold_ms * MS)))


def find_t(x: Array, qrs: Qrs, rr_s: float, c: Delineation = DEFAULT) -> TWave:
    """Find peak and end of the T wave on the median beat.

    Parameters
    ----------
    x : shape (n_leads, 576), mV, readable independent leads.
    qrs : its onset and offset.
    rr_s : median RR interval, s.
    """
    y = smooth(x, c.t_smooth_ms)
    speed = rms(velocity(y))
    longest = min(c.t_end_root * np.sqrt(rr_s), c.t_end_rr * rr_s)
    last = min(int(qrs.onset + longest * GRID_FS), x.shape[1] - 1)
    first = int(qrs.offset + 40 * MS)
    last_peak = min(int(qrs.onset + c.t_peak_root * np.sqrt(rr_s) * GRID_FS), last - 10)
    if last_peak - first < 10:
        return NO_T
    base = y[:, int(qrs.onset)]
    for _ in range(3):  # the baseline of the first pass is the PR segment, then the quietest point after the tangent
        magnitude = rms(y - base[:, None])
        peak = first + int(magnitude[first : last_peak + 1].argmax())
        falling = -velocity(magnitude[None])[0]
        down = np.flatnonzero(magnitude[peak : last + 1] <= c.t_down_share * magnitude[peak])
        foot = peak + int(down[0]) if len(down) else last  # what falls behind it may be the next P wave
        steep = peak + int(falling[peak : foot + 1].argmax())
        if falling[steep] <= 0:
            return NO_T
        tangent = min(int(steep + magnitude[steep] / falling[steep]), last)
        stop = min(tangent + round(80 * MS), last) + 1
        start = min(max(tangent, steep + 1), stop - 1)
        rest = start + int(speed[start:stop].argmin())
        base = y[:, rest]
    near = slice(max(steep - 10, 0), steep + 10)
    steep = near.start + int(speed[near].argmax())
    limit = speed[rest] + c.t_share * (speed[steep] - speed[rest])
    below = np.flatnonzero(speed[steep : rest + 1] <= limit)
    return TWave(float(peak), float(steep + below[0] if len(below) else rest))
