"""0.5-40 Hz with zero phase at 100 Hz, whatever the file's rate."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_core.preprocessing import MODEL_FS, compress, expand, preprocess


def tone(hz: float, fs: float, seconds: float = 10.0) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * fs)) / fs).astype(np.float32)


@pytest.mark.parametrize("fs", [100.0, 125.0, 257.0, 360.0, 500.0, 1000.0, 999.7])
def test_length_and_phase_at_any_rate(fs):
    y = preprocess(tone(5.0, fs)[None], fs)[0]
    assert y.shape == (1000,)
    assert y.dtype == np.float32
    middle = slice(200, 800)
    assert np.abs(y[middle] - tone(5.0, MODEL_FS)[middle]).max() < 0.06  # 999.7 Hz: 0.3 samples of stretch at the end


@pytest.mark.parametrize(("hz", "gain"), [(0.05, 0.0), (0.5, 0.5), (10.0, 1.0), (40.0, 0.5), (50.0, 0.065)])
def test_gain(hz, gain):
    x = tone(hz, 500.0, 60.0)
    y = preprocess(x[None], 500.0)[0][1500:4500]
    assert np.sqrt(2) * y.std() == pytest.approx(gain, abs=0.03) if hz < 50 else y.std() < 0.1


def test_offset_goes_and_amplitude_stays():
    x = tone(8.0, 500.0) * 1.7 + 300.0
    y = preprocess(x[None], 500.0)[0]
    assert abs(y.mean()) < 0.01
    assert y[200:800].max() == pytest.approx(1.7, rel=0.02)


def test_scaling_passes_through():
    x = np.random.default_rng(0).normal(size=(12, 5000)).astype(np.float32)
    assert np.allclose(preprocess(3 * x, 500.0), 3 * preprocess(x, 500.0), atol=1e-5)


def test_compress_and_expand_undo_each_other():
    x = np.linspace(-5, 5, 101, dtype=np.float32)
    assert np.allclose(expand(compress(x)), x, atol=1e-5)
    assert compress(x).dtype == np.float32
