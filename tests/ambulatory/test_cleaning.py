"""Cleaning: 360 Hz without baseline, the same numbers in pieces of any size."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_core.ambulatory.cleaning import FS, LOOKAHEAD_S, Cleaner
from ecg_core.ambulatory.tail import Tail


def cleaned(x: np.ndarray, fs: float, sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, float]:
    """Return both outputs of pushing pieces of these sizes in turn, and the longest delay, s."""
    cleaner = Cleaner(len(x), fs)
    low, clean, start, k, delay = [], [], 0, 0, 0.0
    while start < x.shape[1]:
        stop = min(start + sizes[k % len(sizes)], x.shape[1])
        cleaner.push(x[:, start:stop])
        start, k = stop, k + 1
        delay = max(delay, stop / fs - cleaner.clean.stop / FS)
        for out, tail in ((low, cleaner.low), (clean, cleaner.clean)):
            out.append(tail.view(tail.start, tail.stop).copy())
            tail.drop_before(tail.stop)
    cleaner.finish()
    low.append(cleaner.low.view(cleaner.low.start, cleaner.low.stop))
    clean.append(cleaner.clean.view(cleaner.clean.start, cleaner.clean.stop))
    return np.concatenate(low, axis=1), np.concatenate(clean, axis=1), delay


@pytest.mark.parametrize("fs", [360.0, 250.0, 1000.0, 257.5])
def test_pieces_of_any_size_give_the_same_bits(fs: float):
    rng = np.random.default_rng(0)
    x = np.cumsum(rng.normal(size=(2, int(12.3 * fs))), axis=1).astype(np.float32) / 50
    whole = cleaned(x, fs, (x.shape[1],))
    for sizes in ((7,), (100, 1, 3000)):
        pieces = cleaned(x, fs, sizes)
        np.testing.assert_array_equal(pieces[0], whole[0])
        np.testing.assert_array_equal(pieces[1], whole[1])
        assert pieces[2] <= LOOKAHEAD_S + max(sizes) / fs
    assert whole[0].shape == whole[1].shape == (2, round(x.shape[1] * FS / fs))


def test_baseline_and_hum_go_and_a_complex_stays():
    t = np.arange(0, 20, 1 / 500)
    complexes = sum(np.exp(-0.5 * ((t - at) / 0.012) ** 2) for at in np.arange(1.0, 19.5, 0.8))
    x = (complexes + 0.7 * np.sin(2 * np.pi * 0.15 * t) + 0.1 * np.sin(2 * np.pi * 60 * t))[None].astype(np.float32)
    out = cleaned(x, 500.0, (10_000,))[1][0, FS:-FS]
    at = np.arange(0, 20, 1 / FS)[FS:-FS]
    near = np.min(np.abs(at[:, None] - np.arange(1.0, 19.5, 0.8)), axis=1)
    assert np.abs(out[near > 0.1]).max() < 0.12
    assert 0.85 < out[near < 0.01].max() < 1.1


def test_a_tail_holds_what_is_not_dropped():
    tail = Tail(1, start=-5)
    for k in range(100):
        tail.append(np.arange(50 * k, 50 * (k + 1), dtype=np.float32)[None])
        tail.drop_before(tail.stop - 60)
    np.testing.assert_array_equal(tail.view(tail.stop - 3, tail.stop)[0], [4997, 4998, 4999])
    with pytest.raises(IndexError):
        tail.view(tail.start - 1, tail.stop)
