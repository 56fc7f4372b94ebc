"""Threshold rules on scores whose answer is known."""

import numpy as np
import pytest

from ecg_core.errors import ConfigError
from ecg_core.metrics import sensitivity, specificity
from ecg_core.thresholds import (
    RULES,
    conformal_threshold,
    max_f1,
    mean_plus_2sd,
    peaks_over_threshold,
    percentile_95,
    youden_j,
)


@pytest.mark.parametrize(("n", "rate", "rank"), [(19, 0.05, 19), (39, 0.05, 38), (99, 0.05, 95), (914, 0.05, 870)])
def test_conformal_is_the_stated_order_statistic(n: int, rate: float, rank: int) -> None:
    scores = np.random.default_rng(0).permutation(np.arange(1, n + 1))
    assert conformal_threshold(scores, rate) == rank


def test_conformal_says_when_n_is_too_small() -> None:
    assert conformal_threshold(np.arange(18), 0.05) is None
    assert conformal_threshold(np.arange(19), 0.05) == 18.0
    with pytest.raises(ConfigError, match="between 0 and 1"):
        conformal_threshold(np.arange(18), 0.0)
    with pytest.raises(ConfigError, match="at least one normal"):
        conformal_threshold([], 0.05)


@pytest.mark.parametrize("n", [25, 60, 200])
def test_conformal_keeps_its_rate_where_the_plain_percentile_does_not(n: int) -> None:
    """Mean false-alarm rate over many calibration sets, exact for each by the distribution function (uniform)."""
    rng = np.random.default_rng(n)
    sets = rng.random((4000, n))
    conformal = np.mean([1.0 - conformal_threshold(s, 0.05) for s in sets])  # type: ignore[operator]
    plain = np.mean([1.0 - percentile_95(s) for s in sets])
    expected = 1.0 - np.ceil((n + 1) * 0.95) / (n + 1)
    assert conformal == pytest.approx(expected, abs=0.003)
    assert conformal < 0.0515
    assert plain > conformal
    if n == 25:
        assert plain > 0.07


def test_percentile_and_mean_rules() -> None:
    assert percentile_95(np.arange(101)) == 95.0
    assert mean_plus_2sd([1.0, 3.0]) == pytest.approx(2.0 + 2.0 * np.sqrt(2.0))
    with pytest.raises(ConfigError, match="at least two"):
        mean_plus_2sd([1.0])


def brute_force(abnormal: np.ndarray, scores: np.ndarray, goal: str) -> float:
    """Return the best value of a goal over every threshold between two scores."""
    levels = np.unique(scores)
    best = -np.inf
    for t in np.concatenate([[levels[0] - 1], (levels[1:] + levels[:-1]) / 2]):
        found, spared = sensitivity(abnormal, scores, t), specificity(abnormal, scores, t)
        tp = found * abnormal.sum()
        fp = (1 - spared) * (~abnormal).sum()
        value = 2 * tp / (tp + fp + abnormal.sum()) if goal == "f1" else found + spared - 1
        best = max(best, value)
    return best


@pytest.mark.parametrize("seed", range(3))
def test_f1_and_youden_reach_the_best_of_all_thresholds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    abnormal = rng.random(150) < 0.5
    scores = np.round(rng.normal(size=150) + abnormal, 1)
    t = max_f1(abnormal, scores)
    tp, fp = (scores[abnormal] > t).sum(), (scores[~abnormal] > t).sum()
    assert 2 * tp / (tp + fp + abnormal.sum()) == pytest.approx(brute_force(abnormal, scores, "f1"))
    t = youden_j(abnormal, scores)
    reached = sensitivity(abnormal, scores, t) + specificity(abnormal, scores, t) - 1
    assert reached == pytest.approx(brute_force(abnormal, scores, "youden"))


def test_best_threshold_lies_between_separated_kinds() -> None:
    abnormal = np.repeat([False, True], 20)
    scores = np.concatenate([np.linspace(0, 1, 20), np.linspace(3, 4, 20)])
    assert max_f1(abnormal, scores) == 2.0
    assert youden_j(abnormal, scores) == 2.0


@pytest.mark.parametrize(
    ("draw", "truth"),
    [
        (lambda rng, n: rng.exponential(size=n), -np.log(0.01)),
        (lambda rng, n: rng.random(n), 0.99),
        (lambda rng, n: rng.pareto(4.0, n) + 1.0, 0.01**-0.25),
    ],
    ids=["exponential tail", "bounded tail", "heavy tail"],
)
def test_peaks_over_threshold_finds_the_quantile_of_known_tails(draw, truth: float) -> None:
    estimates = [peaks_over_threshold(draw(np.random.default_rng(seed), 2000), 0.01) for seed in range(5)]
    assert np.mean(estimates) == pytest.approx(truth, rel=0.04)


def test_peaks_over_threshold_refuses_what_it_cannot_extrapolate() -> None:
    with pytest.raises(ConfigError, match="at least 10 scores"):
        peaks_over_threshold(np.arange(50), 0.01)
    with pytest.raises(ConfigError, match=r"below 0\.1"):
        peaks_over_threshold(np.arange(500), 0.2)


def test_every_rule_gives_a_threshold_that_scales_with_the_scores() -> None:
    rng = np.random.default_rng(4)
    normal, sick = rng.gamma(3.0, size=400), rng.gamma(3.0, size=300) + 2.0
    for name, rule in RULES.items():
        one, ten = rule(normal, sick), rule(10.0 * normal, 10.0 * sick)
        assert one is not None and ten is not None
        assert ten == pytest.approx(10.0 * one, rel=2e-3), name
