"""What a network of single beats adds: how badly it restores a beat, and where it places it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from ecg_core.ambulatory.cutting import HALF, Cut
from ecg_core.models.beat_registry import BeatModel
from ecg_core.models.beat_windows import FROM_R, LONGER_THAN_RR, SMALLEST_SD, beat_errors, restore, window_of, z_scored

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


def network_windows(model: BeatModel, cut: Cut) -> tuple[F32, F64, F64]:
    """Return what a network sees of beats, (n, n_samples), and the level and scale that were taken off, (n,), mV."""
    if window_of(model) is not FROM_R:
        level = cut.around.mean(axis=1)
        scale = np.maximum(cut.around.std(axis=1), SMALLEST_SD)
        return z_scored(cut.around), level.astype(np.float64), scale.astype(np.float64)
    # the second after the R peak; what a beat of 187 samples has beyond it is not known in time and stays zero
    up, down = 25, 72
    x = resample_poly(cut.around[:, HALF:], up, down, axis=1).astype(np.float32)
    rr = np.where(np.isfinite(cut.local), cut.local, 1.0) * FROM_R.fs
    inside = np.arange(x.shape[1]) < np.round(LONGER_THAN_RR * rr)[:, None]
    low = np.where(inside, x, np.inf).min(axis=1)
    scale = np.maximum(np.where(inside, x, -np.inf).max(axis=1) - low, SMALLEST_SD)
    windows = np.zeros((len(x), FROM_R.n_samples), np.float32)
    windows[:, : x.shape[1]] = np.where(inside, (x - low[:, None]) / scale[:, None], 0.0)
    return windows, low.astype(np.float64), scale.astype(np.float64)


def network_features(model: BeatModel, cut: Cut) -> F64:
    """Return the logarithm of the error at each beat, and its latents, (n, 1 + n_latents)."""
    error, z = beat_errors(model, network_windows(model, cut)[0])
    return np.column_stack((np.log(error + 1e-4), z.astype(np.float64)))


def reconstruction(model: BeatModel, cut: Cut) -> tuple[F32, float, float]:
    """Return what a network makes of one beat, (n_samples,) in mV, where it begins from the R peak, s, and its rate."""
    windows, level, scale = network_windows(model, cut)
    window = window_of(model)
    x_hat: Any = restore(model, windows).x_hat[0] * scale[0] + level[0]
    return np.asarray(x_hat, dtype=np.float32), -window.before / window.fs, window.fs
