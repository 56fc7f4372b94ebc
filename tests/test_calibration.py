"""Percentiles, thresholds and conditions: what a number of normals can show."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from ecg_core.calibration import (
    Condition,
    NormalScores,
    combine,
    condition_for,
    normal_scores,
    survival_of,
    wilson_interval,
)
from ecg_core.errors import ConfigError, RecordError

WEIGHTS = {"a": 0.2, "b": 1.0}


def table(n: int = 914, seed: int | np.random.Generator = 0) -> NormalScores:
    rng = np.random.default_rng(seed)
    return normal_scores({"a": rng.normal(size=n), "b": rng.gamma(3.0, size=n)}, WEIGHTS)


def test_evidence_rises_with_the_value_and_is_minus_log_survival():
    normals = np.sort(np.random.default_rng(0).normal(size=20000)).astype(np.float32)
    values = np.linspace(-4, 8, 400)
    survival = survival_of(normals)
    evidence = survival.evidence(values)
    assert (np.diff(evidence) >= 0).all()
    assert (np.diff(evidence[values > normals[0]]) > 0).all()
    assert survival.evidence(np.median(normals)) == pytest.approx(np.log(2), abs=0.02)
    assert survival.evidence(np.quantile(normals, 0.95)) == pytest.approx(np.log(20), abs=0.05)
    assert survival.evidence(100.0) > 50  # the tail goes on beyond the highest normal


def test_percentile_counts_normals_below():
    t = table()
    assert t.percentile(float(t.score[0]) - 1) == 0.0
    assert t.percentile(float(t.score[-1]) + 1) == 100.0
    assert t.n_higher(float(t.score[-1]) + 1) == 0
    assert t.n_higher(float(t.score[-1])) == 1
    assert t.percentile(float(t.score[457])) == pytest.approx(50.0)


def test_threshold_is_the_conformal_order_statistic():
    t = table(99)
    assert t.threshold(0.05) == t.score[94]  # ceil(100 * 0.95) = 95th smallest
    assert t.threshold(0.01) == t.score[98]
    with pytest.raises(ConfigError, match=r"99 normal ECGs cannot show a false-alarm rate of 0\.90%"):
        t.threshold(0.009)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        t.threshold(0.0)


def test_threshold_keeps_the_stated_rate_on_new_normals():
    rng = np.random.default_rng(5)
    alarms = 0
    for _ in range(400):
        t = table(100, rng)
        new = t.evidence({"a": rng.normal(), "b": rng.gamma(3.0)})
        alarms += float(combine(new, WEIGHTS)) > t.threshold(0.1)
    assert binomtest(alarms, 400, 0.1, alternative="greater").pvalue > 0.01


def test_conditions():
    assert condition_for(10.0, ()) == Condition(10.0)
    assert condition_for(10.3, (2,)) == Condition(10.0, (2,))
    assert condition_for(7.99, ()) == Condition(7.5)
    assert condition_for(9.0, (1, 3)) == Condition(5.0, (1, 3))
    assert Condition(5.0, (1, 3)).key == "5s-without-II+V2"
    with pytest.raises(RecordError, match="at least 5 s"):
        condition_for(4.9, ())
    with pytest.raises(RecordError, match="at most 4 leads"):
        condition_for(10.0, (0, 1, 2, 3, 4))
    with pytest.raises(RecordError, match="at most 2 leads to be left out of 8 s"):
        condition_for(8.0, (0, 1, 2))


def test_wilson_interval_is_scipys():
    for k, n in ((0, 20), (3, 50), (50, 50)):
        expected = binomtest(k, n).proportion_ci(method="wilson")
        assert wilson_interval(k, n) == pytest.approx((expected.low, expected.high), abs=1e-4)
