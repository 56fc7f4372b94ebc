"""A beating dipole in twelve leads: signals whose beats and faults a test knows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_core.records import twelve_from_eight

# time of the wave's middle after R (s), width (s), dipole x (left), y (down), z (back), mV
WAVES = (
    (-0.16, 0.022, 0.10, 0.12, -0.02),
    (-0.026, 0.008, -0.15, -0.05, -0.20),
    (0.0, 0.011, 1.10, 0.90, 0.15),
    (0.028, 0.010, -0.15, -0.05, 0.60),
    (0.26, 0.045, 0.30, 0.25, -0.15),
)
# how I, II, V1-V6 see the dipole
LEAD_FIELD = np.array(
    [
        [0.65, -0.10, 0.05],
        [0.30, 0.90, -0.05],
        [-0.50, 0.10, -0.90],
        [-0.10, 0.10, -1.60],
        [0.50, 0.15, -1.40],
        [1.10, 0.20, -0.80],
        [1.10, 0.20, -0.20],
        [0.85, 0.20, 0.15],
    ]
)


def r_times(rate: float, seconds: float) -> NDArray[np.float64]:
    """Return the times of R for a steady rate, the first a third of an interval in."""
    interval = 60.0 / rate
    return np.arange(interval / 3, seconds, interval)


def beating(
    fs: float = 500.0, rate: float = 72.0, seconds: float = 10.0, *, noise_mv: float = 0.008, seed: int = 0
) -> NDArray[np.float32]:
    """Return twelve leads, shape (12, seconds x fs), mV, with a little noise of 0-50 Hz in the independent leads."""
    t = np.arange(round(seconds * fs)) / fs
    squeeze = min(1.0, 72.0 / rate)
    dipole = np.zeros((3, len(t)))
    for r in r_times(rate, seconds):
        for after, width, *direction in WAVES:
            bump = np.exp(-0.5 * ((t - r - after * squeeze) / width) ** 2)
            dipole += np.array(direction)[:, None] * bump
    # the same noise at every rate: drawn at 100 Hz
    coarse = np.random.default_rng(seed).normal(0, noise_mv, (8, round(seconds * 100) + 1))
    noise = np.stack([np.interp(t, np.arange(coarse.shape[1]) / 100, row) for row in coarse])
    return twelve_from_eight((LEAD_FIELD @ dipole + noise).astype(np.float32))
