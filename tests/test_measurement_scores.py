"""Normal scores of measurements, and the signs that are read off them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from ecg_core.detector import AnomalyDetector
from ecg_core.measurements.scores import CLIP, RankScores, fit_rank_scores, signs_score
from ecg_core.readers import read_record
from ecg_core.synthetic import example_paths
from training.measure import evidence, sensitivity_at


def test_normals_score_as_a_normal_distribution_whatever_theirs_is() -> None:
    drawn = np.random.default_rng(0).gamma(2.0, size=(5000, 1))
    ranks = fit_rank_scores(drawn, ["qrs_ms"])
    z = ranks.transform(drawn)[:, 0]
    assert np.quantile(z, [0.025, 0.5, 0.975]) == pytest.approx(norm.ppf([0.025, 0.5, 0.975]), abs=0.05)
    assert np.all(np.diff(z[np.argsort(drawn[:, 0])]) >= 0)


def test_far_values_go_on_and_are_cut_and_missing_ones_are_no_evidence() -> None:
    drawn = np.random.default_rng(0).normal(100, 10, (5000, 1))
    ranks = fit_rank_scores(drawn, ["qrs_ms"])
    z = ranks.transform(np.array([[140.0], [150.0], [1e6], [-1e6], [np.nan], [np.inf]]))[:, 0]
    assert 3 < z[0] < z[1] < CLIP
    assert z[2:].tolist() == [CLIP, -CLIP, 0.0, CLIP]


def test_a_value_that_half_of_the_normals_share_scores_in_the_middle_of_their_ranks() -> None:
    drawn = np.concatenate([np.zeros(600), np.linspace(10, 40, 400)])[:, None]
    z = fit_rank_scores(drawn, ["q_ms_II"]).transform(np.array([[0.0], [10.5], [39.0]]))[:, 0]
    assert -0.9 < z[0] < -0.3
    assert z[0] < z[1] < z[2]


def test_only_the_abnormal_side_of_a_sign_counts() -> None:
    names = ["t_mv_V5", "qrs_ms", "qrs_axis_deg"]
    z = np.array([[-3.0, 0, 0], [3.0, 0, 0], [0, 3.0, 0], [0, -3.0, 0], [0, 0, 5.0]])
    assert signs_score(z, names).tolist() == [4.0, 0, 4.0, 0, 0]


def test_evidence_rises_and_goes_on_beyond_the_normals() -> None:
    normals = np.random.default_rng(1).exponential(size=4000)
    values = np.array([0.0, 0.7, 3.0, 8.0, 20.0])
    found = evidence(normals, values)
    assert np.all(np.diff(found) > 0)
    assert found == pytest.approx(values, rel=0.15, abs=0.05)  # of an exponential, -log of the survival is the value


def test_sensitivity_at_a_specificity() -> None:
    score = np.concatenate([np.arange(100.0), [95.5, 50, 200, 300]])
    abnormal = np.arange(104) >= 100
    assert sensitivity_at(abnormal, score, 0.95) == 0.75


def test_normal_scores_of_a_record_are_worked_out_once(monkeypatch: pytest.MonkeyPatch):
    asked = []
    real = RankScores.transform
    monkeypatch.setattr(RankScores, "transform", lambda self, values: asked.append(len(values)) or real(self, values))
    found = AnomalyDetector.from_store().detect(read_record(example_paths()[0]))
    assert found.reasons is not None
    assert found.explanation is not None  # its lead scores are made of them too
    assert asked == [1]
