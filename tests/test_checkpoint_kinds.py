"""Measurements and consensus as checkpoints: what they say, what they share, and what they refuse."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecg_core import segments
from ecg_core.calibration import combine
from ecg_core.checkpoints import (
    ConsensusCheckpoint,
    MeasurementCheckpoint,
    autoencoder,
    default_store,
    load_autoencoder,
    load_checkpoint,
    save_checkpoint,
)
from ecg_core.detector import AnomalyDetector
from ecg_core.errors import CheckpointError
from ecg_core.readers import read_record
from ecg_core.records import LEADS, Record
from ecg_core.segments import prepare_record
from ecg_core.store import default_model
from ecg_core.synthetic import example_paths

MEMBERS = ["measurements", "cae", "vae-bilstm", "vae-bilstm-mha"]


@pytest.fixture(scope="module")
def block() -> Record:
    """Return the example with a broad QRS."""
    return read_record(next(path for path in example_paths() if "bundle" in path.stem))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    shutil.copytree(default_store(), tmp_path / "store")
    return tmp_path / "store"


def test_the_consensus_is_the_default():
    assert default_model() == "consensus"
    assert AnomalyDetector.from_store().name == "consensus"


def test_a_store_without_it_has_its_first_as_default(store: Path):
    shutil.rmtree(store / "consensus")
    assert default_model(store) == "cae"
    assert AnomalyDetector.from_store(store=store).name == "cae"


def test_its_parts_are_its_members_scores(block: Record):
    found = AnomalyDetector.from_store().detect(block)
    assert list(found.parts) == MEMBERS
    detectors = {name: AnomalyDetector.from_store(name) for name in MEMBERS}
    alone = {name: detector.detect(block) for name, detector in detectors.items()}
    for name in MEMBERS:
        assert found.parts[name].percentile == pytest.approx(alone[name].percentile, abs=0.2)
    weights = load_checkpoint(default_store() / "consensus").config.scoring.weights
    assert found.score == pytest.approx(float(combine({n: p.value for n, p in found.parts.items()}, weights)))


def test_it_says_what_was_measured_and_why(block: Record):
    found = AnomalyDetector.from_store().detect(block)
    assert found.anomalous
    assert found.measurements
    assert found.measurements.values["qrs_ms"] > 130
    assert "QRS" in found.reasons[0].text
    assert found.to_dict()["measurements"]["qrs_ms"] > 130
    assert found.to_dict()["reasons"][0]["name"] == "qrs_ms"
    json.dumps(found.to_dict(), allow_nan=False)


def test_an_autoencoder_does_not_measure(block: Record):
    found = AnomalyDetector.from_store("cae").detect(block)
    assert found.measurements is None
    assert found.reasons == ()
    assert found.to_dict()["measurements"] is None


def test_what_detectors_share_is_worked_out_once(block: Record, monkeypatch: pytest.MonkeyPatch):
    asked = []
    real = segments.measure_prepared
    monkeypatch.setattr(segments, "measure_prepared", lambda *a: asked.append(1) or real(*a))
    prepared = prepare_record(block)
    (whole,) = AnomalyDetector.from_store().detect_prepared([prepared])
    assert set(prepared.segment.scored) == {
        load_checkpoint(default_store() / name).config.weights_sha256 for name in ["consensus", *MEMBERS]
    }
    (again,) = AnomalyDetector.from_store("measurements").detect_prepared([prepared])
    assert asked == [1]
    assert again.reasons == whole.reasons


def long_of(block: Record) -> Record:
    """Return the record three times over, V2 silent in the first ten seconds."""
    signal = np.concatenate([block.signal] * 3, axis=1)
    signal[LEADS.index("V2"), : round(10 * block.fs)] = 0.0
    return replace(block, signal=signal)


def test_each_network_sees_each_segment_of_a_long_recording_once(block: Record, monkeypatch: pytest.MonkeyPatch):
    seen = []
    real = autoencoder.raw_parts
    monkeypatch.setattr(
        autoencoder, "raw_parts", lambda net, given: seen.extend([id(net.forward)] * len(given.x)) or real(net, given)
    )
    detectors = [AnomalyDetector.from_store(name) for name in ["consensus", *MEMBERS]]
    assert detectors[0].members == tuple(MEMBERS)
    together = AnomalyDetector.detect_together(detectors, [long_of(block)])
    n = len(together[0].segments)
    assert n == 5
    assert sorted(seen.count(net) for net in set(seen)) == [n, n, n]
    seen.clear()
    alone = [detector.detect(long_of(block)) for detector in detectors]
    assert len(seen) == 2 * 3 * n  # the consensus and each member by itself
    for one, other in zip(together, alone, strict=True):
        assert one.to_dict() | {"seconds": 0.0} == other.to_dict() | {"seconds": 0.0}
        assert np.array_equal(one.explanation.error, other.explanation.error, equal_nan=True)
        assert np.array_equal(one.explanation.reconstruction, other.explanation.reconstruction, equal_nan=True)


def test_its_map_is_against_the_expected_ecg(block: Record):
    detector = AnomalyDetector.from_store()
    one, two = detector.detect(block), AnomalyDetector.from_store("measurements").detect(block)
    other = AnomalyDetector.from_store("cae").detect(block)
    assert np.array_equal(one.explanation.reconstruction, two.explanation.reconstruction)
    assert not np.array_equal(one.explanation.reconstruction, other.explanation.reconstruction)


@pytest.mark.parametrize("name", ["measurements", "consensus"])
def test_saved_and_loaded_again_it_says_the_same(store: Path, name: str, block: Record):
    checkpoint = load_checkpoint(store / name)
    assert isinstance(checkpoint, MeasurementCheckpoint if name == "measurements" else ConsensusCheckpoint)
    config = save_checkpoint(checkpoint, store / name)
    assert config.weights_sha256 == checkpoint.config.weights_sha256
    first, second = (AnomalyDetector.from_store(name, place).detect(block) for place in (default_store(), store))
    assert (first.score, first.percentile, first.threshold) == (second.score, second.percentile, second.threshold)


def test_another_member_than_it_was_calibrated_with_is_refused(store: Path):
    path = store / "consensus" / "config.json"
    config = json.loads(path.read_text())
    config["architecture"]["members"]["cae"] = "0" * 64
    path.write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"consensus was calibrated with cae 000000000000; the store has"):
        load_checkpoint(store / "consensus")


def test_a_member_that_is_missing_is_named(store: Path):
    shutil.rmtree(store / "vae-bilstm")
    with pytest.raises(CheckpointError, match="There is no checkpoint vae-bilstm"):
        load_checkpoint(store / "consensus")


@pytest.mark.parametrize("member", ["../elsewhere", "consensus", ""])
def test_a_member_outside_the_store_is_refused(store: Path, member: str):
    path = store / "consensus" / "config.json"
    config = json.loads(path.read_text())
    config["architecture"]["members"] = {member: "0" * 64}
    path.write_text(json.dumps(config))
    with pytest.raises(CheckpointError):
        load_checkpoint(store / "consensus")


def test_only_an_autoencoder_is_one():
    with pytest.raises(CheckpointError, match="Expected an autoencoder"):
        load_autoencoder(default_store() / "measurements")
    assert not AnomalyDetector.from_store("measurements").has_attention
