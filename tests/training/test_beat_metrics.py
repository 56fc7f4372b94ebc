"""Figures of beats: as defined, and with intervals that know that beats of one record belong together."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_core.errors import ConfigError
from ecg_core.metrics import auroc, sensitivity_at_specificity
from training.beat_metrics import by_class, by_record, measure_beats


def beats(n_records: int = 20, n: int = 200, spread: float = 0.0, seed: int = 0):
    """Return abnormal, scores and records; `spread` is how much records differ in level."""
    rng = np.random.default_rng(seed)
    records = np.repeat([f"{k:03d}" for k in range(n_records)], n)
    abnormal = rng.random(len(records)) < 0.2
    level = np.repeat(rng.normal(0, spread, n_records), n) if spread else 0.0
    return abnormal, abnormal * 1.5 + rng.normal(size=len(records)) + level, records


def test_figures_are_those_of_the_definitions():
    abnormal, scores, records = beats()
    flagged = scores > 1.0
    found = measure_beats(abnormal, scores, records, flagged, n=50)
    assert found["auroc"]["value"] == pytest.approx(auroc(abnormal, scores), abs=1e-12)
    assert found["sensitivity_at_95"]["value"] == pytest.approx(sensitivity_at_specificity(abnormal, scores), abs=0.01)
    assert found["sensitivity"]["value"] == pytest.approx(flagged[abnormal].mean())
    assert found["specificity"]["value"] == pytest.approx((~flagged)[~abnormal].mean())
    assert found["ppv"]["value"] == pytest.approx(abnormal[flagged].mean())
    assert found["accuracy"]["value"] == pytest.approx((flagged == abnormal).mean())
    precision, recall = found["ppv"]["value"], found["sensitivity"]["value"]
    assert found["f1"]["value"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert (found["n_normal"], found["n_abnormal"], found["n_records"]) == ((~abnormal).sum(), abnormal.sum(), 20)


def test_intervals_lie_around_the_figure_and_are_wide_where_records_differ():
    widths = []
    for spread in (0.0, 2.0):
        found = measure_beats(*beats(spread=spread), n=300)["auroc"]
        assert found["low"] <= found["value"] <= found["high"]
        widths.append(found["high"] - found["low"])
    assert widths[1] > 2 * widths[0]


def test_beats_given_twice_do_not_narrow_the_interval():
    abnormal, scores, records = beats(spread=1.0)
    once = measure_beats(abnormal, scores, records, n=300)["auroc"]
    twice = measure_beats(*(np.concatenate([v, v]) for v in (abnormal, scores, records)), n=300)["auroc"]
    assert twice["high"] - twice["low"] == pytest.approx(once["high"] - once["low"], rel=0.05)


def test_the_same_seed_gives_the_same_interval():
    assert measure_beats(*beats(), n=100) == measure_beats(*beats(), n=100)


def test_ties_count_half():
    abnormal = np.array([True, True, False, False])
    found = measure_beats(abnormal, np.zeros(4), np.array(["a", "a", "b", "b"]), n=20)
    assert found["auroc"]["value"] == 0.5


def test_a_class_is_held_against_n_alone():
    abnormal, scores, records = beats()
    classes = np.where(abnormal, np.where(np.arange(len(abnormal)) % 2, "V", "S"), "N")
    scores = np.where(classes == "S", scores - 1.5, scores)
    found = by_class(classes, scores, records, scores > 1)
    assert set(found) == {"S", "V"}
    assert found["V"]["auroc"]["value"] > 0.8 and abs(found["S"]["auroc"]["value"] - 0.5) < 0.06
    assert found["V"]["sensitivity"]["value"] == pytest.approx((scores > 1)[classes == "V"].mean())
    assert "accuracy" not in found["V"]


def test_records_are_rows_and_too_few_beats_give_none():
    abnormal, scores, records = beats(3)
    abnormal[records == "001"] = False
    rows = by_record(abnormal, scores, records, scores > 1)
    assert [row["record"] for row in rows] == ["000", "001", "002"]
    assert rows[1]["auroc"] is None and rows[1]["sensitivity"] is None
    assert rows[1]["false_alarms"] == pytest.approx((scores > 1)[records == "001"].mean())
    assert rows[0]["auroc"] == pytest.approx(auroc(abnormal[records == "000"], scores[records == "000"]))


def test_one_kind_alone_is_refused():
    with pytest.raises(ConfigError, match="only one of the two kinds"):
        measure_beats(np.zeros(4, bool), np.zeros(4), np.array(["a"] * 4))
