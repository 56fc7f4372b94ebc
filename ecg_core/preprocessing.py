"""From a record as written to the signal the models see: 0.5-40 Hz, zero phase, 100 Hz, mV."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

MODEL_FS = 100.0
"""Sampling rate of the models' input, Hz."""

STRIDE = 8
"""Samples per token of a network, three strided convolutions of 2: 80 ms."""

LOW_HZ, HIGH_HZ = 0.5, 40.0
ORDER = 3
PAD_S = 2.0
COMPRESSION = 5.0


@lru_cache(maxsize=32)
def _response(n_in: int, n_out: int, fs: float) -> NDArray[np.float64]:
    """Return the gain at each kept frequency: a Butterworth band-pass run forwards and backwards."""
    f = np.arange(n_out // 2 + 1) * fs / n_in
    with np.errstate(divide="ignore"):
        high_pass = 1.0 / (1.0 + (LOW_HZ / f) ** (2 * ORDER))
    low_pass = 1.0 / (1.0 + (f / HIGH_HZ) ** (4 * ORDER))
    gain = high_pass * low_pass * (n_out / n_in)
    gain[f > fs / 2] = 0.0
    return gain


def preprocess(signal: NDArray[np.float32], fs: float) -> NDArray[np.float32]:
    """Band-pass to 0.5-40 Hz with zero phase and resample to 100 Hz, in one pass over the spectrum.

    The filter is defined by its gain in Hz, so that a record sampled at 100 and at 500 Hz comes out alike.
    Edges are extended by odd reflection over 2 s, as `scipy.signal.sosfiltfilt` does.

    Parameters
    ----------
    signal : shape (..., n_samples), mV.
    fs : sampling rate, Hz.

    Returns
    -------
    Shape (..., round(n_samples * 100 / fs)), float32, mV. Amplitude is kept: there is no scaling by lead.
    """
    n = signal.shape[-1]
    pad = min(round(PAD_S * fs), n - 1)
    pad_out = round(pad * MODEL_FS / fs)
    n_in = n + 2 * pad
    n_fast = fft.next_fast_len(n_in, real=True)
    while abs(n_fast * MODEL_FS / fs - round(n_fast * MODEL_FS / fs)) > 1e-9 and n_fast < 2 * n_in:
        n_fast += 1
    extended = np.empty((*signal.shape[:-1], n_fast))
    x = extended[..., pad : pad + n]
    x[...] = signal
    np.subtract(2 * x[..., :1], x[..., pad:0:-1], out=extended[..., :pad])
    np.subtract(2 * x[..., -1:], x[..., -2 : -pad - 2 : -1], out=extended[..., pad + n : n_in])
    if (
        tail := n_fast - n_in
    ):  # beyond the reflection it fades from the last to the first value: no step in the spectrum
        fade = np.linspace(0.0, 1.0, tail + 2)[1:-1]
        extended[..., n_in:] = extended[..., n_in - 1 : n_in] * (1 - fade) + extended[..., :1] * fade
    n_resampled = round(n_fast * MODEL_FS / fs)
    spectrum = fft.rfft(extended, axis=-1)[..., : n_resampled // 2 + 1]
    gain = _response(n_fast, n_resampled, fs)
    if spectrum.shape[-1] < gain.shape[-1]:
        gain = gain[: spectrum.shape[-1]]
    y = fft.irfft(spectrum * gain, n=n_resampled, axis=-1)
    n_out = round(n * MODEL_FS / fs)
    return np.ascontiguousarray(y[..., pad_out : pad_out + n_out], dtype=np.float32)


def compress(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Map mV to the networks' scale, ``sign(x) log(1 + 5|x|)``: small waves count beside tall ones."""
    return np.asarray(np.sign(x) * np.log1p(COMPRESSION * np.abs(x)), dtype=np.float32)


def expand(y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Invert `compress`: back to mV."""
    return np.asarray(np.sign(y) * np.expm1(np.abs(y)) / COMPRESSION, dtype=np.float32)
