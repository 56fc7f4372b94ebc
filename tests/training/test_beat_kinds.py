"""Fitting what flagged beats resemble: each record judged without itself, every record counting the same."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ecg_core.ambulatory.deviation import SHAPE, TIMING
from ecg_core.ambulatory.evidence import Spread
from ecg_core.ambulatory.kinds import SURE, kind_features
from ecg_core.ambulatory.patient import Own, Patient
from ecg_core.checkpoints.beats import BeatConfig
from training.beat_kinds import balanced, fit_kinds, kind_figures, kinds_table, kinds_text, told_of
from training.beat_release import kinds_section
from training.mitbih import CLASSES

N_LATENTS = 3


def a_patient(name: str, seed: int, n: int = 240) -> SimpleNamespace:
    """Return a record with its features: V has another shape, S is early, F is like N, Q is absent."""
    rng = np.random.default_rng(seed)
    classes = rng.choice(["N", "V", "S", "F"], n, p=[0.35, 0.3, 0.25, 0.1])
    shape = rng.normal(size=(n, 2, len(SHAPE)))
    shape[classes == "V", :, 0] += 6.0
    timing = 0.05 * rng.normal(size=(n, len(TIMING)))
    timing[classes == "S"] -= 0.4
    network = np.concatenate([np.zeros((n, 1)), rng.normal(size=(n, N_LATENTS)) + rng.normal()], axis=1)
    features = SimpleNamespace(shape=shape, timing=timing, network=network, nearer=np.zeros(n, np.int64))
    spread = Spread(np.median(network, axis=0), np.ones(1 + N_LATENTS))
    own = Own(np.zeros((2, 4), np.float32), np.array([0.7, 0.3]), spread, spread)
    return SimpleNamespace(name=name, classes=classes, features=features, patient=Patient((own,), 0.8, spread))


@pytest.fixture(scope="module")
def patients() -> list[SimpleNamespace]:
    return [a_patient(f"{k:03d}", k) for k in range(8)]


@pytest.fixture(scope="module")
def fitted(patients):
    # the last 40 beats of each are below the threshold
    return fit_kinds(patients, [np.arange(len(one.classes)) < 200 for one in patients])


def test_what_can_be_told_is_on_and_what_cannot_is_off(fitted) -> None:
    probe, told = fitted
    on = dict(zip(CLASSES, probe.on.tolist(), strict=True))
    assert on["V"] and on["S"] and not on["F"] and not on["Q"]
    assert told["on"] == list(on.values()) and told["classes"] == list(CLASSES)
    assert told["measured"]["V"]["ppv"]["value"] > 0.85
    assert told["measured"]["Q"]["sensitivity"] is None
    assert told["calibration_error"] < 0.08


def test_a_beat_below_the_threshold_counts_as_missed(fitted, patients) -> None:
    _, told = fitted
    share = np.mean([np.mean(np.flatnonzero(one.classes == "V") < 200) for one in patients])
    assert 0.7 * share < told["measured"]["V"]["sensitivity"]["value"] <= share + 0.03


def test_a_patient_of_his_own_is_told_as_the_figures_say(fitted) -> None:
    probe, _ = fitted
    fresh = a_patient("new", 99, 2000)
    said = told_of(probe.probabilities(kind_features(fresh.features, fresh.patient)))
    figures = kind_figures(said, fresh.classes, np.repeat(["a", "b"], 1000), np.ones(2000, bool))
    assert figures["V"]["sensitivity"]["value"] > 0.85 and figures["V"]["ppv"]["value"] > 0.85
    assert figures["S"]["sensitivity"]["value"] > 0.85
    assert figures["V"]["prevalence"] == pytest.approx(np.mean(fresh.classes == "V"))


def test_labels_without_meaning_are_not_told_better_than_by_chance(patients) -> None:
    rng = np.random.default_rng(3)
    shuffled = []
    for one in patients:
        mixed = SimpleNamespace(**vars(one))
        mixed.classes = rng.permutation(one.classes)
        shuffled.append(mixed)
    probe, _ = fit_kinds(shuffled, [np.ones(len(one.classes), bool) for one in shuffled])
    assert not probe.on.any()


def test_every_record_has_as_much_of_a_class() -> None:
    classes, records = np.array(list("VVVVNV")), np.array(["1", "1", "1", "1", "1", "2"])
    weights = balanced(classes, records)
    assert weights.mean() == pytest.approx(1)
    assert weights[:4].sum() == pytest.approx(weights[5]) and weights[4] == pytest.approx(weights[5])


def test_nothing_is_said_where_no_class_is_likelier_than_not() -> None:
    told = told_of(np.array([[0.1, 0.2, 0.6, 0.1, 0.0], [0.3, 0.3, 0.4, 0.0, 0.0]]))
    assert told.tolist() == ["V", ""] and SURE == 0.5


def test_the_card_and_the_report_have_every_class_but_n(fitted) -> None:
    _, told = fitted
    table = "\n".join(kinds_table(told["measured"]))
    assert "| V, ventricular ectopic |" in table and "| N," not in table
    row = next(line for line in table.splitlines() if line.startswith("| F"))
    assert row.endswith("| no |")
    assert "resembles V (on)" in "\n".join(kinds_text(told["measured"], told["on"]))
    config = BeatConfig("x", "X", kinds=told)
    assert kinds_section(BeatConfig("x", "X")) == []
    assert "\n".join(kinds_section(config)).count("| V, ventricular ectopic |") == 1
    both = replace(config, metrics={"part": "MIT-BIH DS2", "kinds": told["measured"]})
    lines = kinds_section(both)
    assert "\n".join(lines).count("| V, ventricular ectopic |") == 2 and "MIT-BIH DS2:" in lines
