"""Metrics against scikit-learn, hand-made cases and the normal approximation."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc_curve

from ecg_core.errors import ConfigError
from ecg_core.metrics import (
    auprc,
    auroc,
    measure,
    pr_curve,
    roc_curve,
    sensitivity,
    sensitivity_at_specificity,
    specificity,
)


def scores_with_ties(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    abnormal = rng.random(n) < 0.4
    return abnormal, np.round(rng.normal(size=n) + abnormal, 1)


@pytest.mark.parametrize("seed", range(4))
def test_areas_agree_with_scikit_learn_with_ties(seed: int) -> None:
    abnormal, scores = scores_with_ties(seed)
    assert len(np.unique(scores)) < len(scores) / 2  # there are ties
    assert auroc(abnormal, scores) == pytest.approx(roc_auc_score(abnormal, scores), abs=1e-12)
    assert auprc(abnormal, scores) == pytest.approx(average_precision_score(abnormal, scores), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_sensitivity_at_95_is_the_best_point_of_scikit_learns_curve(seed: int) -> None:
    abnormal, scores = scores_with_ties(seed)
    fpr, tpr, _ = sklearn_roc_curve(abnormal, scores, drop_intermediate=False)
    assert sensitivity_at_specificity(abnormal, scores) == pytest.approx(tpr[fpr <= 0.05 + 1e-12].max())


def test_perfect_reversed_and_constant_scores() -> None:
    abnormal = np.array([False, False, True, True])
    assert auroc(abnormal, [0, 1, 2, 3]) == 1.0
    assert auroc(abnormal, [3, 2, 1, 0]) == 0.0
    assert auroc(abnormal, [1, 1, 1, 1]) == 0.5
    assert auprc(abnormal, [1, 1, 1, 1]) == 0.5  # the prevalence
    assert sensitivity_at_specificity(abnormal, [1, 1, 1, 1]) == 0.0
    assert sensitivity_at_specificity(abnormal, [0, 1, 2, 3]) == 1.0


def test_a_score_at_the_threshold_is_not_above_it() -> None:
    abnormal = np.array([False, False, True, True])
    scores = [0.0, 1.0, 1.0, 2.0]
    assert sensitivity(abnormal, scores, 1.0) == 0.5
    assert specificity(abnormal, scores, 1.0) == 1.0
    assert specificity(abnormal, scores, 0.5) == 0.5


def test_areas_do_not_change_under_a_monotone_map() -> None:
    abnormal, scores = scores_with_ties(1)
    for figure in (auroc, auprc, sensitivity_at_specificity):
        assert figure(abnormal, scores) == pytest.approx(figure(abnormal, np.exp(scores) - 7.0), abs=1e-12)


def test_curves_enclose_the_areas() -> None:
    abnormal, scores = scores_with_ties(2)
    false_alarms, found, thresholds = roc_curve(abnormal, scores)
    assert (false_alarms[0], found[0], false_alarms[-1], found[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert np.trapezoid(found, false_alarms) == pytest.approx(auroc(abnormal, scores))
    k = len(thresholds) // 2
    assert found[k] == pytest.approx((scores[abnormal] >= thresholds[k]).mean())
    recall, ppv, _ = pr_curve(abnormal, scores)
    assert np.sum(np.diff(recall, prepend=0.0) * ppv) == pytest.approx(auprc(abnormal, scores))
    assert ppv[-1] == pytest.approx(abnormal.mean())


def test_measure_gives_the_point_values_of_the_single_functions() -> None:
    abnormal, scores = scores_with_ties(3)
    m = measure(abnormal, scores, threshold=0.8, n=50)
    assert m.auroc is not None and m.auprc is not None and m.sensitivity_at_95 is not None
    assert m.sensitivity is not None and m.specificity is not None
    assert m.auroc.value == pytest.approx(auroc(abnormal, scores))
    assert m.auprc.value == pytest.approx(auprc(abnormal, scores))
    assert m.sensitivity_at_95.value == pytest.approx(sensitivity_at_specificity(abnormal, scores))
    assert m.sensitivity.value == pytest.approx(sensitivity(abnormal, scores, 0.8))
    assert m.specificity.value == pytest.approx(specificity(abnormal, scores, 0.8))
    assert (m.n_normal + m.n_abnormal, m.prevalence) == (len(scores), pytest.approx(abnormal.mean()))


def test_bootstrap_interval_of_a_share_is_the_binomial_one() -> None:
    abnormal = np.repeat([False, True], [50, 400])
    scores = np.concatenate([np.zeros(50), np.repeat([0.0, 1.0], [120, 280])])
    share = measure(abnormal, scores, threshold=0.5, n=4000, seed=1).sensitivity
    assert share is not None
    half = 1.96 * np.sqrt(0.7 * 0.3 / 400)
    assert share.value == pytest.approx(0.7)
    assert (share.low, share.high) == (pytest.approx(0.7 - half, abs=0.006), pytest.approx(0.7 + half, abs=0.006))


def test_bootstrap_interval_of_auroc_agrees_with_delong() -> None:
    rng = np.random.default_rng(5)
    normal, sick = rng.normal(size=300), rng.normal(1.0, 1.0, size=200)
    wins = (sick[:, None] > normal[None]).astype(float)  # DeLong et al. 1988: variance from the placements
    sd = np.sqrt(wins.mean(1).var(ddof=1) / len(sick) + wins.mean(0).var(ddof=1) / len(normal))
    m = measure(np.repeat([False, True], [300, 200]), np.concatenate([normal, sick]), n=3000, seed=2).auroc
    assert m is not None
    assert (m.high - m.low) / (2 * 1.96) == pytest.approx(sd, rel=0.06)
    assert m.low < wins.mean() < m.high


def test_intervals_are_the_same_for_the_same_seed_and_differ_for_another() -> None:
    abnormal, scores = scores_with_ties(0)
    assert measure(abnormal, scores, 0.5, n=200, seed=3) == measure(abnormal, scores, 0.5, n=200, seed=3)
    assert measure(abnormal, scores, 0.5, n=200, seed=3) != measure(abnormal, scores, 0.5, n=200, seed=4)


def test_batches_of_resamples_do_not_change_them(monkeypatch: pytest.MonkeyPatch) -> None:
    abnormal, scores = scores_with_ties(0)
    whole = measure(abnormal, scores, n=60, seed=3)
    monkeypatch.setattr("ecg_core.metrics._BATCH_CELLS", len(scores) * 60)
    assert measure(abnormal, scores, n=60, seed=3) == whole


def test_a_threshold_per_record() -> None:
    abnormal = np.array([True, False, True, False])
    scores = np.array([3.0, 2.0, 1.0, 0.0])
    m = measure(abnormal, scores, threshold=[3.5, 1.5, 0.5, 0.5], n=20)
    assert m.sensitivity is not None and m.specificity is not None
    assert (m.sensitivity.value, m.specificity.value) == (0.5, 0.5)
    rng = np.random.default_rng(0)
    order = rng.permutation(4)
    again = measure(abnormal[order], scores[order], threshold=np.array([3.5, 1.5, 0.5, 0.5])[order], n=20)
    assert again.sensitivity is not None and again.sensitivity.value == 0.5


def test_a_missing_kind_leaves_its_figures_out() -> None:
    m = measure([True, True], [1.0, 3.0], threshold=2.0, n=20)
    assert (m.auroc, m.auprc, m.specificity, m.n_normal) == (None, None, None, 0)
    assert m.sensitivity is not None and m.sensitivity.value == 0.5
    with pytest.raises(ConfigError, match="only one of the two kinds"):
        auroc([True, True], [1.0, 3.0])


def test_wrong_input_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="2 scores for 3 records"):
        auroc([True, False, True], [1.0, 2.0])
    with pytest.raises(ConfigError, match="1 of 2 are not"):
        auroc([True, False], [1.0, float("nan")])
