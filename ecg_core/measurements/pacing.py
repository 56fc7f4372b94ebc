"""Pacemaker spikes, as far as a recording keeps them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

LOWEST_FS = 400.0
"""Below this rate a spike is smeared over what could be a Q wave."""

STEP_FS = 500.0
SPIKE_MV = 0.08
ABRUPT = 1.2
"""Curvature over slope of the steepest samples before R: at most 1.04 without a pacemaker in LUDB's odd records, 1.38
or more in the two of four whose spikes the recorder kept."""

BEFORE_S, AFTER_S = 0.30, 0.02


def has_spikes(signal: NDArray[np.float32], fs: float, r_times_s: NDArray[np.float64]) -> bool:
    """Tell whether most beats begin with a pacemaker's spike.

    A spike stands out from the median of 10 ms around it, and turns back at once: its second difference exceeds its
    first. Recorders often filter spikes away; False does not say that nobody paced.

    Parameters
    ----------
    signal : shape (n_leads, n), mV, as recorded.
    fs : its rate, Hz; nothing is looked for below 400 Hz.
    r_times_s : R peaks, s.
    """
    if fs < LOWEST_FS or not len(signal) or len(r_times_s) < 2:
        return False
    step = max(round(fs / STEP_FS), 1)
    x = signal[:, ::step]
    rate = fs / step
    before, after = round(BEFORE_S * rate), round(AFTER_S * rate)
    at = np.round(r_times_s * rate).astype(np.int64)
    at = at[(at >= before + 2) & (at + after + 2 < x.shape[1])]
    if not len(at):
        return False
    w = x[:, at[:, None] + np.arange(-before, after + 1)].transpose(1, 0, 2)  # (n_beats, n_leads, n)
    slope = np.sqrt(np.mean(np.diff(w, axis=2) ** 2, axis=1)).max(axis=1)
    bend = np.sqrt(np.mean(np.diff(w, 2, axis=2) ** 2, axis=1)).max(axis=1)
    abrupt = bend > ABRUPT * np.maximum(slope, 1e-9)
    if abrupt.mean() <= 0.5:
        return False
    out = w - median_filter(w, size=(1, 1, 5))
    return bool(np.median(np.sqrt(np.mean(out**2, axis=1)).max(axis=1)) > SPIKE_MV)
