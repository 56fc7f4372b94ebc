"""From one lead and its R peaks to what a network of beats sees, and from what it restores to how badly it did.

Two inputs: 2 s around the R peak at 360 Hz, without drift, z-scored (Beat-CAE, Beat-CNN-LSTM), and 187 samples at
125 Hz from the R peak on, from 0 to 1 (Beat-CAE-187; Kachuee et al. 2018, doi:10.1109/ICHI.2018.00092). Drift is taken
off each window by itself, so that a window needs nothing but its own 2 s: a live monitor has them 1 s after the R peak.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import firwin, oaconvolve, resample_poly

from ecg_core.models.beat_cae import BeatCAE
from ecg_core.models.beat_registry import BeatModel

F32 = NDArray[np.float32]
INT = NDArray[np.int64]

HIGH_HZ = 40.0
"""Upper edge of what is kept."""

HALF_S = 0.06
"""Half the length of the low-pass filter, s."""

DRIFT_ORDER = 3
"""A cubic is fitted to each window and taken off: in 2 s it follows breathing, and not a beat."""

SMALLEST_SD = 1e-3
"""A flatter window, mV, is divided by this: a missing signal must not become noise of unit size."""

BATCH = 256
LONGER_THAN_RR = 1.2
"""A beat of 187 samples ends after this share of the RR interval; zeros follow."""


@dataclass(frozen=True)
class BeatWindow:
    """What a network sees of a beat.

    Attributes
    ----------
    fs : Hz.
    n_samples : of the window.
    before : samples before the R peak.
    core : first and past-the-last sample of the beat itself in the window: -0.25 s to +0.45 s.
    """

    fs: float
    n_samples: int
    before: int
    core: tuple[int, int]


AROUND = BeatWindow(360.0, 720, 360, (270, 522))
FROM_R = BeatWindow(125.0, 187, 0, (0, 56))


def window_of(model: BeatModel) -> BeatWindow:
    """Return what a network sees of a beat."""
    return FROM_R if model.config.n_samples == FROM_R.n_samples else AROUND


def low_pass(x: F32, fs: float) -> F32:
    """Return x, (..., n), below 40 Hz alone, without delay; same unit. Its ends are held."""
    half = round(HALF_S * fs)
    taps = firwin(2 * half + 1, min(1.1 * HIGH_HZ, 0.45 * fs), fs=fs, window=("kaiser", 5.0))
    held = np.pad(x, [*[(0, 0)] * (x.ndim - 1), (half, half)], mode="edge")
    return np.asarray(oaconvolve(held, taps.reshape([1] * (x.ndim - 1) + [-1]), mode="valid", axes=-1), np.float32)


@lru_cache(maxsize=4)
def _polynomials(n: int) -> F32:
    """Return orthonormal polynomials up to a cubic, (4, n)."""
    powers = np.linspace(-1.0, 1.0, n) ** np.arange(DRIFT_ORDER + 1)[:, None]
    return np.ascontiguousarray(np.linalg.qr(powers.T)[0].T, np.float32)


def resampled(x: F32, fs: float, to: float) -> F32:
    """Return x, (..., n), at another rate, polyphase; (..., ceil(n * to / fs))."""
    if fs == to:
        return x
    ratio = Fraction(to / fs).limit_denominator(1000)
    return np.asarray(resample_poly(x, ratio.numerator, ratio.denominator, axis=-1), np.float32)


def cut(x: F32, peaks: INT, before: int, n_samples: int) -> F32:
    """Return windows of one lead, (n_beats, n_samples), from `before` samples before each R peak.

    What lies beyond either end of x, (n,), takes its first or last value.
    """
    rows = peaks[:, None] - before + np.arange(n_samples)
    return x[np.clip(rows, 0, len(x) - 1)]


class Standardised(NamedTuple):
    """Windows on the networks' scale, and the way back: ``z * scale[:, None] + drift``.

    Attributes
    ----------
    z : (n, n_samples), mean 0 and standard deviation 1.
    drift : (n, n_samples), mV.
    scale : (n,), mV.
    """

    z: F32
    drift: F32
    scale: F32


def standardised(windows: F32) -> Standardised:
    """Return windows, (n, n_samples) in mV, without drift (hence with mean 0) and with standard deviation 1."""
    polynomials = _polynomials(windows.shape[-1])
    drift: F32 = np.asarray((windows @ polynomials.T) @ polynomials, np.float32)
    rest = windows - drift
    scale = np.maximum(rest.std(-1), np.float32(SMALLEST_SD))
    return Standardised(np.asarray(rest / scale[:, None], np.float32), drift, np.asarray(scale, np.float32))


def z_scored(windows: F32) -> F32:
    """Return windows, (n, n_samples) in mV, on the networks' scale."""
    return standardised(windows).z


def from_r(x: F32, peaks: INT, rr: NDArray[np.float64]) -> F32:
    """Return beats as the 187-sample networks see them, (n_beats, 187), from 0 to 1.

    Parameters
    ----------
    x : (n,), one lead at 125 Hz.
    peaks : (n_beats,), R peaks, samples.
    rr : (n_beats,), interval that each beat's length is taken from, samples; published is the median of its 10 s.
    """
    windows = cut(x, peaks, FROM_R.before, FROM_R.n_samples)
    inside = np.arange(FROM_R.n_samples) < np.round(LONGER_THAN_RR * rr)[:, None]
    low = np.where(inside, windows, np.inf).min(-1, keepdims=True)
    high = np.where(inside, windows, -np.inf).max(-1, keepdims=True)
    scaled = (windows - low) / np.maximum(high - low, SMALLEST_SD)
    return np.where(inside, scaled, 0.0).astype(np.float32)


def local_rr(peaks: INT, fs: float, around_s: float = 10.0) -> NDArray[np.float64]:
    """Return the median RR interval of the 10 s around each beat, (n_beats,), in samples; 1 s where there is none."""
    rr = np.diff(peaks).astype(np.float64)
    if not len(rr):
        return np.full(len(peaks), fs)
    half = around_s * fs / 2
    first = np.searchsorted(peaks, peaks - half)
    last = np.searchsorted(peaks, peaks + half, side="right") - 1
    return np.array([np.median(rr[a:b]) if b > a else np.median(rr) for a, b in zip(first, last, strict=True)])


def windows_for(model: BeatModel, x: F32, fs: float, peaks: INT) -> F32:
    """Return what a network sees of the beats of one lead.

    Parameters
    ----------
    x : (n,), one lead, low-passed.
    fs : its rate, Hz.
    peaks : (n_beats,), R peaks, samples at `fs`.
    """
    window = window_of(model)
    at = np.round(peaks * (window.fs / fs)).astype(np.int64)
    x = resampled(x, fs, window.fs)
    if window is FROM_R:
        return from_r(x, at, local_rr(at, window.fs))
    return z_scored(cut(x, at, window.before, window.n_samples))


class Restored(NamedTuple):
    """What a network makes of n windows.

    Attributes
    ----------
    x_hat : (n, n_samples).
    z : (n, n_latents).
    whole : (n,), mean squared error over the window.
    beat : (n,), mean squared error over the beat itself.
    absolute : (n,), mean absolute error over the window.
    """

    x_hat: F32
    z: F32
    whole: NDArray[np.float64]
    beat: NDArray[np.float64]
    absolute: NDArray[np.float64]


def restore(model: BeatModel, windows: F32, batch: int = BATCH) -> Restored:
    """Return what a network makes of windows, (n, n_samples), a batch at a time."""
    lo, hi = window_of(model).core
    parts: list[tuple[NDArray[np.float32], ...]] = []
    with torch.inference_mode():
        for start in range(0, len(windows), batch):
            x = torch.from_numpy(np.ascontiguousarray(windows[start : start + batch]))
            out = model(x)
            error = out.x_hat - x
            squared = error.square()
            found = (out.x_hat, out.z, squared.mean(-1), squared[:, lo:hi].mean(-1), error.abs().mean(-1))
            parts.append(tuple(t.numpy() for t in found))
    if not parts:
        none = np.zeros(0)
        return Restored(windows[:0], np.zeros((0, model.config.n_latents), np.float32), none, none, none)
    x_hat, z, *errors = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Restored(x_hat, z, *(e.astype(np.float64) for e in errors))


def beat_errors(model: BeatModel, windows: F32, batch: int = BATCH) -> tuple[NDArray[np.float64], F32]:
    """Return the mean squared error over each beat itself, (n,), and its latents, (n, n_latents).

    These are `beat` and `z` of what `restore` returns, without the rest of the windows where that saves time.
    """
    if not isinstance(model, BeatCAE) or not len(windows):
        restored = restore(model, windows, batch)
        return restored.beat, restored.z
    lo, hi = window_of(model).core
    errors, latents = [], []
    with torch.inference_mode():
        for start in range(0, len(windows), batch):
            x = torch.from_numpy(np.ascontiguousarray(windows[start : start + batch]))
            z = model.encode(x)
            errors.append((model.decode_within(z, lo, hi) - x[:, lo:hi]).square().mean(-1).numpy())
            latents.append(z.numpy())
    return np.concatenate(errors).astype(np.float64), np.concatenate(latents)
