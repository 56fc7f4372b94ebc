"""Curves with bootstrap bands: against the figures they belong to, hand-made cases, and the file that carries them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecg_core.checkpoints import list_checkpoints, read_config
from ecg_core.curves import FILE, Curves, measure_at, measure_curves, read_curves, write_curves
from ecg_core.errors import CheckpointError, ConfigError
from ecg_core.metrics import measure, pr_curve, roc_curve
from ecg_core.store import default_store


def scores_with_ties(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    abnormal = rng.random(n) < 0.4
    return abnormal, np.round(rng.gamma(2.0, size=n) + abnormal, 1)


@pytest.fixture(scope="module")
def curves() -> Curves:
    return measure_curves(*scores_with_ties(), "0" * 64, n=200, seed=5)


def test_roc_at_a_rate_is_the_sensitivity_within_it_and_its_interval(curves: Curves) -> None:
    known = measure(*scores_with_ties(), n=200, seed=5).sensitivity_at_95
    k = curves.roc.at.index(0.05)
    assert known is not None
    found = (curves.roc.value[k], curves.roc.low[k], curves.roc.high[k])
    assert found == pytest.approx((known.value, known.low, known.high), abs=1e-4)


def test_every_point_is_on_the_curves_of_all_records(curves: Curves) -> None:
    abnormal, scores = scores_with_ties()
    rates, found, _ = roc_curve(abnormal, scores)
    for rate, value in zip(curves.roc.at, curves.roc.value, strict=True):
        assert value == pytest.approx(found[rates <= rate + 1e-9].max(), abs=1e-4)
    recall, ppv, _ = pr_curve(abnormal, scores)
    for share, value in zip(curves.pr.at, curves.pr.value, strict=True):
        assert value == pytest.approx(ppv[recall >= share - 1e-9][0], abs=1e-4)


def test_bands_hold_their_curves_and_are_wide(curves: Curves) -> None:
    for band in (curves.roc, curves.pr):
        low, value, high = np.array([band.low, band.value, band.high])
        assert (low <= high).all()
        assert np.mean((low <= value) & (value <= high)) > 0.95
        assert (high - low).max() > 0.05
    assert curves.roc.value[-1] == 1.0
    assert list(curves.roc.value) == sorted(curves.roc.value)


def test_the_histogram_counts_each_record_once(curves: Curves) -> None:
    abnormal, scores = scores_with_ties()
    edges = np.array(curves.scores.edges)
    assert (sum(curves.scores.normal), sum(curves.scores.abnormal)) == ((~abnormal).sum(), abnormal.sum())
    assert (np.diff(edges) > 0).all()
    k = 20
    inside = (scores >= edges[k]) & (scores < edges[k + 1])
    assert curves.scores.abnormal[k] == (inside & abnormal).sum()
    assert curves.scores.abnormal[-1] == ((scores >= edges[-2]) & abnormal).sum()


def test_equal_scores_and_perfect_scores() -> None:
    abnormal = np.repeat([False, True], 50)
    same = measure_curves(abnormal, np.ones(100), "x", n=20)
    assert set(same.roc.value[:-1]) == {0.0} and same.roc.value[-1] == 1.0
    assert set(same.pr.value) == {0.5}
    perfect = measure_curves(abnormal, abnormal.astype(float), "x", n=20)
    assert set(perfect.roc.value) == set(perfect.roc.low) == set(perfect.pr.value) == {1.0}


def test_shares_at_thresholds_are_those_of_measure() -> None:
    abnormal, scores = scores_with_ties()
    for threshold, (found, kept) in zip((1.0, 3.0), measure_at(abnormal, scores, [1.0, 3.0], 200, 5), strict=True):
        known = measure(abnormal, scores, threshold, n=200, seed=5)
        assert known.sensitivity is not None and known.specificity is not None
        for one, other in ((found, known.sensitivity), (kept, known.specificity)):
            assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_one_kind_alone_is_refused() -> None:
    with pytest.raises(ConfigError, match="only one of the two kinds"):
        measure_curves([True, True], [1.0, 2.0], "x")


def test_the_file_reads_back_the_same_and_stays_small(curves: Curves, tmp_path: Path) -> None:
    assert read_curves(tmp_path, "x") is None
    write_curves(curves, tmp_path)
    assert read_curves(tmp_path, curves.checkpoint) == curves
    text = (tmp_path / FILE).read_text()
    assert len(text) < 60_000
    assert len(text.splitlines()) < 40  # a line for each array, to be read by people


def test_a_file_of_other_weights_damaged_or_newer_is_refused(curves: Curves, tmp_path: Path) -> None:
    write_curves(curves, tmp_path)
    with pytest.raises(CheckpointError, match="measured with checkpoint 000000000000, beside it lies 111111111111"):
        read_curves(tmp_path, "1" * 64)
    write_curves(replace(curves, format=99), tmp_path)
    with pytest.raises(CheckpointError, match="has format 99"):
        read_curves(tmp_path, curves.checkpoint)
    data = json.loads((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(json.dumps({**data, "surprise": 1}))
    with pytest.raises(CheckpointError, match="surprise"):
        read_curves(tmp_path, curves.checkpoint)
    (tmp_path / FILE).write_text("{")
    with pytest.raises(CheckpointError, match="is damaged"):
        read_curves(tmp_path, curves.checkpoint)


@pytest.mark.parametrize("name", list_checkpoints())
def test_every_shipped_checkpoint_carries_the_curves_of_its_figures(name: str) -> None:
    config = read_config(default_store() / name)
    curves = read_curves(default_store() / name, config.weights_sha256)
    assert curves is not None
    overall = config.metrics["overall"]
    assert (curves.n_normal, curves.n_abnormal) == (overall["n_normal"], overall["n_abnormal"])
    k = curves.roc.at.index(0.05)
    known = overall["sensitivity_at_95"]
    found = (curves.roc.value[k], curves.roc.low[k], curves.roc.high[k])
    assert found == pytest.approx((known["value"], known["low"], known["high"]), abs=1e-4)
