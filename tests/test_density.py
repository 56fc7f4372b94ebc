"""The density: far from normals scores high, and directions that do not repeat count for nothing."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_core.density import fit_density, make_density


def features(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two features that belong to the person, two that differ from half to half."""
    person = rng.normal(size=(n, 2))
    halves = [np.hstack([person + 0.05 * rng.normal(size=(n, 2)), rng.normal(size=(n, 2))]) for _ in range(2)]
    return tuple(a.astype(np.float32) for a in ((halves[0] + halves[1]) / 2, *halves))


@pytest.fixture(scope="module")
def density():
    return fit_density(*features(4000, np.random.default_rng(0)))


def test_repeating_directions_count_and_others_do_not(density):
    origin = density.mean
    person, passing = (density.score((origin + 3 * np.eye(4, dtype=np.float32)[i])[None])[0] for i in (0, 2))
    assert person > 5
    assert passing < 0.2 * person


def test_score_is_zero_at_the_mean_and_grows(density):
    step = np.array([1, 1, 0, 0], dtype=np.float32)
    scores = [density.score((density.mean + k * step)[None])[0] for k in range(4)]
    assert scores[0] == pytest.approx(0.0, abs=1e-9)
    assert scores == sorted(scores)


def test_units_of_the_features_do_not_matter(density):
    rng = np.random.default_rng(0)
    scale = np.array([1.0, 100.0, 0.01, 5.0], dtype=np.float32)
    scaled = fit_density(*(part * scale for part in features(4000, rng)))
    x = np.random.default_rng(1).normal(size=(20, 4)).astype(np.float32)
    assert np.allclose(density.score(x), scaled.score(x * scale), rtol=5e-3)


def test_half_precision_changes_scores_by_less_than_a_thousandth():
    rng = np.random.default_rng(2)
    mean, projection, weight = rng.normal(size=300), rng.normal(size=(200, 300)) * 50, rng.uniform(size=200)
    projection *= np.exp(rng.normal(0, 3, 300))  # features of very different scales
    x = rng.normal(size=(50, 300)).astype(np.float32)
    exact = (((x - mean) @ projection.T) ** 2) @ weight
    assert np.allclose(make_density(mean, projection, weight).score(x), exact, rtol=1e-3)
