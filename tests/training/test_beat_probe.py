"""Fitting the probe: held-out records judge it, a class that cannot be told is switched off."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from ecg_core.probe import better_than_chance
from tests.training.marked import write_mitbih
from training.beat_data import load_beats, prepare_beats
from training.beat_probe import (
    calibration_error,
    class_figures,
    fit_calibration,
    fit_probe,
    load_probe,
    main,
    measured,
)
from training.beat_train import BeatTrainConfig, train_beats
from training.mitbih import CLASSES


def labelled(seed: int = 0, n_records: int = 12, n: int = 150):
    """Return features, classes and records: V stands apart, S is like N, F is in one record only, Q is absent."""
    rng = np.random.default_rng(seed)
    records = np.repeat([f"{k:03d}" for k in range(n_records)], n)
    classes = rng.choice(["N", "V", "S"], len(records), p=[0.8, 0.12, 0.08])
    classes[(records == "003") & (rng.random(len(records)) < 0.1)] = "F"
    x = rng.normal(size=(len(records), 6)).astype(np.float32)
    x[:, 0] += 4 * (classes == "V")
    x[:, 1] += np.repeat(rng.normal(0, 1, n_records), n)
    return x, classes, records


def test_what_can_be_told_is_on_and_what_cannot_is_off():
    x, classes, records = labelled()
    probe, figures = fit_probe(x, classes, records)
    assert dict(zip(CLASSES, probe.on.tolist(), strict=True)) == {
        "N": True,
        "S": False,
        "V": True,
        "F": False,
        "Q": False,
    }
    assert figures["V"]["sensitivity"]["value"] > 0.85 and figures["V"]["ppv"]["value"] > 0.85
    fresh = labelled(1)
    found = measured(probe, *fresh)
    assert found["classes"]["V"]["sensitivity"]["value"] > 0.85
    assert found["accuracy"] > found["answering_n"]
    assert "S" not in probe.resembles(fresh[0])
    assert probe.measured["V"]["ppv"] == figures["V"]["ppv"]


def test_probabilities_are_as_sure_as_they_are_right():
    probe, _ = fit_probe(*labelled())
    x, classes, records = labelled(2, n_records=20)
    assert measured(probe, x, classes, records)["calibration_error"] < 0.03


def test_calibration_undoes_a_factor_and_an_offset():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (20_000, len(CLASSES)))
    odds = np.exp(logits)
    classes = np.array([rng.choice(CLASSES, p=row) for row in odds / odds.sum(-1, keepdims=True)])
    factors, offsets = fit_calibration(3 * logits + np.array([1.0, 0, 0, 0, -1]), classes)
    assert factors == pytest.approx(np.full(5, 1 / 3), rel=0.1)
    assert offsets[0] - offsets[4] == pytest.approx(-2 / 3, abs=0.15)


def test_figures_of_classes_are_sensitivity_and_ppv():
    classes = np.array(list("NNNNNNVVVVVVNNNNNN"))
    said = np.array(list("NNNNNVVVVVVNNNNNNN"))
    records = np.array(["a"] * 9 + ["b"] * 9)
    found = class_figures(said, classes, records, n=100)
    assert found["V"]["sensitivity"]["value"] == pytest.approx(5 / 6)
    assert found["V"]["ppv"]["value"] == pytest.approx(5 / 6)
    assert found["V"]["records"] == 2 and found["V"]["prevalence"] == pytest.approx(1 / 3)
    assert found["S"]["sensitivity"] is None and found["S"]["ppv"] is None


def test_chance_is_the_prevalence():
    row = {"records": 5, "prevalence": 0.2, "sensitivity": {"value": 0.5}, "ppv": {"value": 0.4, "low": 0.21}}
    assert better_than_chance(row)
    assert not better_than_chance({**row, "ppv": {"value": 0.4, "low": 0.2}})
    assert not better_than_chance({**row, "records": 1})
    assert not better_than_chance({**row, "ppv": None})


def test_calibration_error_is_the_distance_from_right():
    probabilities = np.tile([0.8, 0.2, 0, 0, 0], (100, 1))
    classes = np.array(["N"] * 60 + ["S"] * 40)
    assert calibration_error(probabilities, classes) == pytest.approx(0.2)


@pytest.mark.parametrize("protocol", ["interpatient", "random"])
def test_the_command_writes_a_probe_into_the_run(tmp_path: Path, capsys, protocol):
    records = ("101", "106", "108", "109", "112", "119", "100", "103", "105")
    prepare_beats({"mitbih": write_mitbih(tmp_path / "mitbih", records)}, tmp_path, quiet=True)
    small = {"class": "Beat-CAE", "channels": [4, 4, 8], "hidden": 16, "n_latents": 4}
    config = BeatTrainConfig("small", 1, small, steps=60, batch=16, protocol=protocol)
    data = load_beats(tmp_path)
    run = train_beats(config, data, tmp_path / "runs", quiet=True).folder
    assert main(["--run", str(run), "--data", str(tmp_path)]) == 0
    assert "answering N always gives" in capsys.readouterr().out
    told = json.loads((run / "probe.json").read_text())
    assert told["test"]["classes"]["V"]["sensitivity"]["value"] > 0.8
    probe = load_probe(run)
    assert probe.classes == CLASSES and probe.on[CLASSES.index("V")] and not probe.on[CLASSES.index("Q")]
    assert main(["--run", str(tmp_path), "--data", str(tmp_path)]) == 1
