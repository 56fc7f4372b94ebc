"""How a beat differs from the patient's dominant beat, in shape by lead and in time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_core.ambulatory.cutting import Cut
from ecg_core.ambulatory.dominant import BEFORE, QRS, SMALLEST, WHOLE, P, T, lag_of, moved

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
INT = NDArray[np.int64]

SHAPE = (
    *("qrs_correlation", "whole_correlation", "qrs_residual", "p_residual", "t_residual"),
    *("amplitude", "width", "slope", "p_correlation"),
)
"""Features of a beat in one lead, in order."""

TIMING = ("before_local", "before_record")
"""Logarithms of the ratio of the interval before a beat to the usual one: of the last eight, and of the record."""

USUAL = 0.85
"""The record's usual interval is this quantile: where every second beat is premature, the median is not usual."""

LATE = 0.3
"""A beat that comes late counts by this share of one that comes early: pauses are said apart."""

WIDE = slice(BEFORE - 36, BEFORE + 58)


def shape_features(beats: F32, template: F32) -> tuple[F32, INT]:
    """Return how beats differ from the dominant beat in one lead, (n_beats, len(SHAPE)), and their lags (see `lag_of`).

    Logarithms all: of one minus the correlation of QRS complex, whole beat and P wave; of what is left of QRS, P and T
    after the dominant beat is taken off, over the energy of its QRS; of the ratios of amplitude, width and slope.

    Parameters
    ----------
    beats : (n_beats, WIDTH + 2 * MARGIN), mV at 360 Hz.
    template : (WIDTH,), mV.
    """
    lag, correlation = lag_of(beats, template)
    x = moved(beats, lag)
    x = x - x[:, WHOLE].mean(axis=1, keepdims=True)
    t = template - template[WHOLE].mean()
    energy = np.maximum(np.square(t[QRS] - t[QRS].mean()).sum(), SMALLEST)
    rest = np.square(x - t)
    out = [
        np.log(np.maximum(1 - correlation, 0) + np.float32(2e-3)),
        np.log(np.maximum(1 - _correlation(x, t, WHOLE), 0) + np.float32(2e-3)),
        np.log(rest[:, QRS].sum(axis=1) / energy + np.float32(1e-4)),
        np.log(rest[:, P].sum(axis=1) / energy + np.float32(1e-5)),
        np.log(rest[:, T].sum(axis=1) / energy + np.float32(1e-5)),
        np.log(_height(x) / _height(t[None])),
        np.log(_spread(x) / _spread(t[None])),
        np.log(_slope(x) / _slope(t[None])),
        np.log(np.maximum(1 - _correlation(x, t, P), 0) + np.float32(0.05)),
    ]
    return np.stack(out, axis=1).astype(np.float32), lag


def _correlation(x: F32, t: F32, part: slice) -> F32:
    want = t[part] - t[part].mean()
    have = x[:, part] - x[:, part].mean(axis=1, keepdims=True)
    scale = np.sqrt(np.maximum(np.square(have).sum(axis=1) * np.square(want).sum(), SMALLEST))
    return np.asarray((have * want).sum(axis=1) / scale, dtype=np.float32)


def _height(x: F32) -> F32:
    return np.asarray(np.ptp(x[:, QRS], axis=1) + np.float32(0.01), dtype=np.float32)


def _spread(x: F32) -> F32:
    """Return the standard deviation in time of a QRS complex's squared slope, samples."""
    power = np.square(np.diff(x[:, WIDE], axis=1))
    time = np.arange(power.shape[1], dtype=np.float32)
    total = power.sum(axis=1) + SMALLEST
    middle = (power * time).sum(axis=1) / total
    return np.asarray(np.sqrt((power * np.square(time - middle[:, None])).sum(axis=1) / total) + 1, dtype=np.float32)


def _slope(x: F32) -> F32:
    part = x[:, WIDE]
    return np.asarray(np.abs(part[:, 3:] - part[:, :-3]).max(axis=1) + np.float32(0.005), dtype=np.float32)


def timing_features(cut: Cut, usual: float) -> F64:
    """Return how the times of beats differ from what is usual, (n_beats, len(TIMING)).

    Parameters
    ----------
    cut : the beats.
    usual : the record's usual interval, s; it stands in for what is not known of the first beats.
    """
    before = np.where(np.isfinite(cut.before), cut.before, usual)
    local = np.where(np.isfinite(cut.local), cut.local, usual)
    ratios = np.log(np.stack((before / local, before / usual), axis=1))
    return np.where(ratios > 0, LATE * ratios, ratios)
