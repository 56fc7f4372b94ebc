"""The probe of kinds: what it sees, what it says, and when it says nothing."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_core.probe import LinearProbe, beat_features


def a_probe(on=(True, True, False)) -> LinearProbe:
    weight = np.array([[1.0, 0], [0, 1], [-1, -1]], np.float32)
    zeros = np.zeros(2, np.float32)
    return LinearProbe(("N", "V", "S"), zeros, zeros + 2, weight, np.zeros(3, np.float32), np.array(on), {})


def test_probabilities_are_the_softmax_of_the_logits():
    x = np.array([[4.0, 0.0], [0.0, 600.0]], np.float32)
    found = a_probe().probabilities(x)
    assert found.sum(-1) == pytest.approx([1, 1])
    assert found[0] == pytest.approx(np.exp([2, 0, -2]) / np.exp([2, 0, -2]).sum())
    assert found[1, 1] == pytest.approx(1)


def test_the_likeliest_class_is_said_and_a_class_that_is_off_never_is():
    x = np.array([[4, 0], [0, 4], [-4, -4]], np.float32)
    assert a_probe().resembles(x) == ("N", "V", None)
    assert a_probe((True, True, True)).resembles(x) == ("N", "V", "S")


def test_it_comes_back_from_its_arrays():
    probe = a_probe()
    again = LinearProbe.from_arrays(probe.arrays(), probe.classes, {})
    x = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)
    assert np.array_equal(again.probabilities(x), probe.probabilities(x))
    assert again.on.tolist() == [True, True, False]
    with pytest.raises(ValueError, match="expected a probe of 2 classes"):
        LinearProbe.from_arrays(probe.arrays(), ("N", "V"), {})


def test_features_are_latents_their_distance_from_the_record_and_both_intervals():
    z = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    x = beat_features(z, np.array([0.0, 1.0, 1.5, 3.0, 4.0]))
    assert x.shape == (5, 8)
    assert np.array_equal(x[:, :3], z)
    assert np.allclose(np.median(x[:, 3:6], axis=0), 0, atol=1e-6)
    assert np.allclose(x[2, 6:], np.log([0.5, 1.5]))
    assert np.allclose(x[0, 6:], 0) and x[4, 7] == 0
    assert np.isfinite(beat_features(z[:1], np.array([1.0]))).all()
    assert np.isfinite(beat_features(z[:2], np.array([1.0, 1.0]))).all()
