"""Probes of superclasses: what they tell on synthetic latents, when they are switched off, and where they are kept."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ecg_core.checkpoints import default_store, load_checkpoint, read_config, write_config
from ecg_core.checkpoints.probe import PROBE_FILE
from ecg_core.errors import RecordError
from tests.stores import store_without_probes
from training import consensus, release, superclass_fit, superclass_probe
from training.signals import Prepared
from training.superclass_fit import Labelled, calibrated, fit_linear, kept_fit, mean_of
from training.superclass_latents import latents_of
from training.superclass_probe import (
    CLASSES,
    MEAN,
    TOGETHER,
    better_than_chance,
    calibration_error,
    figures,
    fit_consensus,
    fit_store,
    labelled,
    make_probe,
    operating_points,
)

N = 1200


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(superclass_probe, "N_BOOTSTRAP", 200)


@pytest.fixture(scope="module")
def labels() -> Labelled:
    """Return labels of which the last class is told by nothing."""
    rng = np.random.default_rng(0)
    split = rng.choice(3, N, p=[0.6, 0.2, 0.2])
    truth = rng.random((N, len(CLASSES))) < [0.3, 0.25, 0.2, 0.1]
    return Labelled(np.arange(N), truth, split == 0, split == 1, split == 2, np.arange(N))


def latents(labels: Labelled, strength: float = 1.5, seed: int = 1) -> np.ndarray:
    """Return latents, 12 numbers a record, that move with the first three classes."""
    rng = np.random.default_rng(seed)
    axes = rng.normal(size=(len(CLASSES), 12))
    axes[-1] = 0
    return (strength * labels.truth @ axes + rng.normal(size=(N, 12)) * 2 + 5).astype(np.float32)


def test_what_latents_hold_is_told_and_what_they_do_not_is_switched_off(labels: Labelled):
    z = latents(labels)
    probe, told = make_probe(fit_linear(z, labels), z, labels)
    assert probe.linear.on.tolist() == [True, True, True, False]
    measured = probe.linear.measured
    for name in CLASSES[:3]:
        assert measured[name]["auroc"]["value"] > 0.85
        assert measured[name]["sensitivity"]["low"] < measured[name]["sensitivity"]["value"]
        assert measured[name]["ppv"]["low"] > measured[name]["prevalence"]
        assert measured[name]["calibration_error"] < 0.1
    assert measured["HYP"]["auroc"]["value"] < 0.65
    assert measured["MI"]["n"] == labels.test.sum()
    assert 0 < told["log_loss_validation"] < 0.6
    test = np.flatnonzero(labels.test)
    named = [{one.label for one in probe.resembles(z[k])} for k in test]
    assert all("HYP" not in one for one in named)
    said = np.array(["MI" in one for one in named])
    assert (said & labels.truth[test, 0]).sum() / said.sum() == pytest.approx(measured["MI"]["ppv"]["value"])
    assert any(len(one) > 1 for one in named)  # an ECG may be of several classes


def test_nothing_is_chosen_on_the_test_split(labels: Labelled):
    z = latents(labels)
    other = z.copy()
    other[labels.test] = np.random.default_rng(9).normal(size=(int(labels.test.sum()), z.shape[1]))
    one, two = fit_linear(z, labels), fit_linear(other, labels)
    assert np.array_equal(one.weight, two.weight)
    a, b = make_probe(one, z, labels)[0], make_probe(two, other, labels)[0]
    assert np.array_equal(a.operating, b.operating)
    assert a.linear.on.sum() == 3
    assert not b.linear.on.any()  # what the validation split shows and the test split contradicts is off as well


def test_calibration_makes_logits_that_are_twice_too_sure_right_again():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 1)) * 2
    truth = rng.random((4000, 1)) < 1 / (1 + np.exp(-logits))
    factors, offsets = calibrated(2 * logits + 1, truth)
    assert factors[0] == pytest.approx(0.5, abs=0.05)
    assert offsets[0] == pytest.approx(-0.5, abs=0.1)
    sure = 1 / (1 + np.exp(-logits[:, 0]))
    assert calibration_error(sure, truth[:, 0]) < 0.03
    assert calibration_error(np.clip(sure + 0.2, 0, 1), truth[:, 0]) > 0.1


def test_the_operating_point_is_the_one_of_best_f1():
    truth = np.array([[1], [1], [0], [1], [0], [0]], bool)
    assert operating_points(np.array([[0.9], [0.8], [0.7], [0.6], [0.2], [0.1]]), truth) == [0.6]
    assert operating_points(np.array([[0.9], [0.8], [0.7], [0.1], [0.6], [0.5]]), truth) == [0.8]


def test_figures_are_of_what_is_named_and_intervals_of_patients():
    truth = np.zeros((40, 4), bool)
    truth[:20] = True
    likely = np.full((40, 4), 0.1)
    likely[5:25] = 0.9
    row = figures(likely, truth, np.full(4, 0.5), np.arange(40))["CD"]
    assert (row["of_class"], row["named"], row["prevalence"]) == (20, 20, 0.5)
    assert row["sensitivity"]["value"] == row["ppv"]["value"] == 0.75
    assert better_than_chance(row)
    twins = figures(likely, truth, np.full(4, 0.5), np.arange(40) // 20)["CD"]  # two patients: nothing is sure
    assert twins["ppv"]["low"] < 0.5
    assert not better_than_chance(twins)
    assert figures(likely, truth, np.full(4, 0.95), np.arange(40))["MI"]["ppv"] is None


def test_the_consensus_takes_what_the_validation_split_likes_better(labels: Labelled, tmp_path: Path):
    disturbed = 5 * np.random.default_rng(7).normal(size=(N, 12)).astype(np.float32)
    one_explains_the_other = [latents(labels) + disturbed, disturbed]
    repeated = [latents(labels, 0.7, seed) for seed in (1, 2, 3)]
    for zs, wanted in ((one_explains_the_other, TOGETHER), (repeated, MEAN)):
        fits = [fit_linear(z, labels) for z in zs]
        fit, together, kind = fit_consensus(labels, fits, zs, tmp_path)
        assert kind == wanted
        assert together.shape == (N, 12 * len(zs))
        assert fit.weight.shape == (4, 12 * len(zs))
    logits = np.mean([one.logits(z) for one, z in zip(fits, zs, strict=True)], axis=0)[:, 0]
    assert np.corrcoef(mean_of(fits, zs, labels).logits(together)[:, 0], logits)[0, 1] == pytest.approx(1.0)


def test_a_fit_is_kept_and_belongs_to_its_latents(labels: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    z = latents(labels)
    fit = kept_fit(z, labels, tmp_path)
    monkeypatch.setattr(superclass_fit, "fit_linear", None)
    again = kept_fit(z, labels, tmp_path)
    assert np.array_equal(again.weight, fit.weight)
    assert again.penalties == fit.penalties
    with pytest.raises(TypeError):
        kept_fit(z + 1, labels, tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return the shipped store without the probes it has."""
    return store_without_probes(tmp_path / "store")


def prepared(n: int = 96) -> Prepared:
    """Return noise with classes drawn at random; some leads bad, one record not interpretable."""
    rng = np.random.default_rng(0)
    carried = [",".join(name for name in CLASSES if rng.random() < 0.4) for _ in range(n)]
    records = pd.DataFrame(
        {
            "record": [f"r{k}" for k in range(n)],
            "patient": [str(k) for k in range(n)],
            "source": "ptbxl",
            "split": [("train", "validation", "test")[k % 3] for k in range(n)],
            "superclasses": carried,
            "bad_leads": ["V3" if k % 7 == 0 else "" for k in range(n)],
            "interpretable": [k != 5 for k in range(n)],
        }
    )
    return Prepared(rng.normal(size=(n, 8, 1000)).astype(np.float32) * 0.3, records, {})


def test_labels_come_from_superclasses_and_need_every_class_in_every_split():
    data = prepared()
    found = labelled(data)
    assert 5 not in found.rows
    assert found.truth[0].tolist() == [name in data.records["superclasses"][0].split(",") for name in CLASSES]
    assert (found.train + found.validation + found.test == 1).all()
    for table in (data.records.assign(superclasses="NORM"), data.records.assign(split="train")):
        with pytest.raises(RecordError, match="Expected PTB-XL with ECGs of MI, STTC, CD, HYP in all splits"):
            labelled(replace(data, records=table))


def test_probes_are_stored_beside_weights_that_stay_as_they_are(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("vae-bilstm", "vae-bilstm-mha", "consensus"):
        shutil.rmtree(store / name)
    before = (store / "cae" / "model.safetensors").read_bytes()
    data = prepared()
    fit_store(data, store, tmp_path / "cache")
    assert (store / "cae" / "model.safetensors").read_bytes() == before
    checkpoint = load_checkpoint(store / "cae")
    assert checkpoint.config.weights_sha256 == read_config(default_store() / "cae").weights_sha256
    assert checkpoint.probe is not None
    assert checkpoint.config.probe["measured"]["MI"]["n"] == len(labelled(data).rows[labelled(data).test])
    told = (store / "cae" / PROBE_FILE).read_bytes()
    card = release.card(checkpoint.config)
    assert "## What an ECG resembles" in card
    assert "| conduction disturbance (CD) |" in card
    assert "## What an ECG resembles" not in release.card(replace(checkpoint.config, probe={}))
    (store / "cae" / PROBE_FILE).unlink()
    monkeypatch.setattr(superclass_fit, "fit_linear", None)  # everything it needs is kept
    fit_store(data, store, tmp_path / "cache")
    assert (store / "cae" / PROBE_FILE).read_bytes() == told


def test_latents_are_those_of_the_score_with_bad_leads_filled_in(tmp_path: Path):
    network = load_checkpoint(default_store() / "cae").network
    data = prepared(16)
    rows = np.arange(16)
    z = latents_of(network, data, rows, tmp_path)
    assert z.shape == (16, network.density.mean.size)
    assert np.array_equal(latents_of(network, data, rows, tmp_path), z)
    changed = data.signals.copy()
    changed[7, 4] += 1.0  # V3, which is bad in this record
    assert np.allclose(latents_of(network, replace(data, signals=changed), rows)[7], z[7], atol=1e-4)


def test_the_consensus_keeps_its_probe_as_long_as_the_networks_are_the_same(store: Path):
    folder = store / "consensus"
    networks = load_checkpoint(folder).networks
    told = {"sha256": "ab" * 32, "networks": networks}
    write_config(replace(read_config(folder), probe=told), folder)
    assert consensus.kept_probe(folder, networks) == {}  # the file is not there
    (folder / PROBE_FILE).write_bytes(b"x")
    assert consensus.kept_probe(folder, networks) == told
    assert consensus.kept_probe(folder, {**networks, "cae": "0" * 64}) == {}
    assert consensus.kept_probe(store / "new", networks) == {}
