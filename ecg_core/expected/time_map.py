"""When a record is unusual: three channels over time, and their soft maximum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ecg_core.expected.laying import Places
from ecg_core.preprocessing import MODEL_FS

F32 = NDArray[np.float32]
Array = NDArray[np.float64]

OWN_S, WAVE_S = 0.15, 0.05
"""Widths of the means over time of own-beat error and of the error over its normal level."""

EVENT_S = 0.10
"""A beat that is early, or was due, is marked with a bump of this standard deviation around its R."""

AFTER_R_S, BEFORE_R_S, BESIDE_S = 0.30, 0.20, 0.15
FILLED = 0.35
"""A gap is searched from the first after a beat to the second before the next, further than the third from where a beat
was due; what differs more there than at that place fills it, and the missing beat counts for less."""

SOFT = 4
"""Of the norm over channels; 2, 3, 4, 6 and the plain maximum were tried on fold 9."""

MARKED, MARKED_BY_RHYTHM = 0.05, 0.04
"""Shares of normals in which the map marks something, and in which rhythm alone does: a level that marks it less often
passes over missing beats (training/EXPERIMENTS.md)."""

HALVINGS = 20
"""Of the interval in which the quantile is sought."""

NEIGHBOURS = 2
"""An interval is held against those this far around it."""


class Channels(NamedTuple):
    """The channels of the time map, shape (n,) each.

    Attributes
    ----------
    own : error against the patient's own median beat, mean over leads and 150 ms, in units of the normals'.
    wave : the root of the squared error against the expected ECG, in units of the normals' at that lead and phase,
        50 ms mean of the highest lead.
    rhythm : how much earlier than usual a beat comes, or how long one has been missing, around its R.
    """

    own: F32
    wave: F32
    rhythm: F32


@dataclass(frozen=True)
class MarkLevels:
    """What each channel is measured in: the time map reaches 1 somewhere in 5 % of normals, by rhythm alone in 4 %."""

    own: float
    wave: float
    rhythm: float

    def of(self, channels: Channels) -> F32:
        """Return the time map, shape (n,): a soft maximum of the channels at each instant, 1 = marked.

        The 4-norm: one channel alone is its own value, and where two agree they outdo a third that stands alone.
        """
        levels = self.own, self.wave, self.rhythm
        scaled = [value / np.float32(level) for value, level in zip(channels, levels, strict=True)]
        return np.asarray(sum(value**SOFT for value in scaled) ** (1.0 / SOFT), dtype=np.float32)


def fit_levels(normals: Sequence[Channels]) -> MarkLevels:
    """Return the levels at which `MARKED` of normals have a mark, `MARKED_BY_RHYTHM` of them by rhythm alone.

    Own beat and wave share what is left: both take the one quantile of their maxima at which the whole map keeps to
    `MARKED`.

    Parameters
    ----------
    normals : the channels of one record each, with at least one record.
    """
    highest = np.array([[channel.max() for channel in record] for record in normals])
    rhythm = float(np.quantile(highest[:, 2], 1.0 - MARKED_BY_RHYTHM))

    def levels(quantile: float) -> MarkLevels:
        own, wave = (float(level) for level in np.quantile(highest[:, :2], quantile, axis=0))
        return MarkLevels(own, wave, rhythm)

    low, high = 1.0 - MARKED, 1.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        of = levels(middle).of
        too_many = np.mean([of(record).max() > 1.0 for record in normals]) > MARKED
        low, high = (middle, high) if too_many else (low, middle)
    return levels(high)


def own_channel(error: F32) -> F32:
    """Return the own-beat channel from squared errors in units of the normals', shape (n_leads, n), NaN left out."""
    mean = np.sqrt(np.nan_to_num(np.nanmean(error, axis=0)))
    return np.asarray(uniform_filter1d(mean, round(OWN_S * MODEL_FS), mode="nearest"), dtype=np.float32)


def wave_channel(error: F32) -> F32:
    """Return the channel of the error against the expected ECG, from the same."""
    smooth = uniform_filter1d(np.nan_to_num(error), round(WAVE_S * MODEL_FS), axis=-1, mode="nearest")
    return np.asarray(np.sqrt(smooth.max(axis=0)), dtype=np.float32)


def early_by(times_s: Array) -> Array:
    """Return by which share of the interval each beat comes early, shape (n_beats,), 0 for the first.

    Held against the median of the intervals around it or of the record, whichever is shorter: a rate that breathes
    counts little, a beat that breaks step does.
    """
    rr: list[float] = np.diff(times_s).tolist()
    early = np.zeros(len(times_s))
    for k, interval in enumerate(rr):
        around = rr[max(k - NEIGHBOURS, 0) : k] + rr[k + 1 : k + NEIGHBOURS + 1]
        if around:
            early[k + 1] = max(1.0 - interval / min(median(around), median(rr)), 0.0)
    return early


def rhythm_channel(found: Places, own: F32) -> F32:
    """Return the rhythm channel, shape (n,): bumps around beats that come early (share of RR), and where one was due.

    A beat that was due counts as one interval, or as a third where the gap holds something else that is no beat of the
    patient's own: a wide beat that was not taken for one.

    Parameters
    ----------
    own : shape (n,), the own-beat channel.
    """
    n = len(own)
    t = np.arange(n) / MODEL_FS
    times = found.times_s
    real = times[~found.due]
    bumps = list(zip(real, early_by(real), strict=True))
    for r in times[found.due]:
        lo = max(real[real < r], default=0.0) + AFTER_R_S
        hi = min(real[real > r], default=n / MODEL_FS) - BEFORE_R_S
        beside = (t > lo) & (t < hi) & (np.abs(t - r) > BESIDE_S)
        filled = beside.any() and own[beside].max() > own[np.abs(t - r) <= BESIDE_S].max()
        bumps.append((r, FILLED if filled else 1.0))
    out = np.zeros(n)
    for r, size in bumps:
        out = np.maximum(out, size * np.exp(-0.5 * ((t - r) / EVENT_S) ** 2))
    return out.astype(np.float32)


def channels(own: F32, wave: F32, found: Places) -> Channels:
    """Return the channels of a record.

    Parameters
    ----------
    own, wave : shape (12, n), squared errors against own beat and expected ECG in units of the normals'; NaN in leads
        left out.
    found : where beats are, and were due.
    """
    mean = own_channel(own)
    return Channels(mean, wave_channel(wave), rhythm_channel(found, mean))
