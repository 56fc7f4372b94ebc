"""What a record resembles: when a class is named, and how the probe is kept beside the weights of a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecg_core.checkpoints import default_store, load_checkpoint, read_config, save_checkpoint
from ecg_core.checkpoints.probe import PROBE_FILE, write_probe
from ecg_core.detector import AnomalyDetector
from ecg_core.errors import CheckpointError
from ecg_core.probe import LinearProbe
from ecg_core.score_file import detection_row
from ecg_core.superclasses import SUPERCLASSES, SuperclassProbe
from ecg_core.synthetic import EXAMPLES, make_record
from tests.fakes import block_record
from tests.stores import store_without_probes

CLASSES = tuple(SUPERCLASSES)
FIGURE = {"low": 0.6, "high": 0.8}
MEASURED = {
    name: {"sensitivity": {"value": 0.7 + k / 100, **FIGURE}, "ppv": {"value": 0.6 + k / 100, **FIGURE}}
    for k, name in enumerate(CLASSES)
}


def a_probe(n_features: int = 2, bias=(0.0, 0.0, 0.0, 0.0), on=(1, 1, 1, 0)) -> SuperclassProbe:
    weight = np.zeros((4, n_features), np.float32)
    weight[:, :2] = [[1, 0], [0, 1], [-1, 0], [1, 1]]
    zeros = np.zeros(n_features, np.float32)
    linear = LinearProbe(CLASSES, zeros, zeros + 1, weight, np.array(bias, np.float32), np.array(on, bool), MEASURED)
    return SuperclassProbe(linear, np.full(4, 0.5))


def certain(checkpoint) -> SuperclassProbe:
    """Return a probe for a checkpoint's latents that answers MI, at 0.95, and ST/T, at 0.88, whatever it is given."""
    n = sum(load_checkpoint(default_store() / name).network.density.mean.size for name in checkpoint.networks)
    made = a_probe(n, bias=(3.0, 2.0, -3.0, 4.0))
    return replace(made, linear=replace(made.linear, weight=np.zeros_like(made.linear.weight)))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a copy of the shipped store without the probes it has."""
    return store_without_probes(tmp_path / "store")


@pytest.fixture
def probed(store: Path) -> Callable[[str], Path]:
    """Return what puts the certain probe into a checkpoint of the copy."""

    def put(name: str) -> Path:
        checkpoint = load_checkpoint(store / name)
        write_probe(store / name, checkpoint.config, certain(checkpoint), checkpoint.networks)
        return store / name

    return put


def test_classes_are_named_from_their_operating_points_the_likeliest_first():
    named = a_probe().resembles(np.array([1.0, 2.0], np.float32))
    assert [one.label for one in named] == ["STTC", "MI"]
    assert named[0].probability == pytest.approx(1 / (1 + np.exp(-2)))
    assert named[0].as_json() == {
        "class": "STTC", "name": "ST/T change", "probability": named[0].probability, "sensitivity": 0.71, "ppv": 0.61,
    }  # fmt: skip
    assert a_probe().resembles(np.array([-0.01, -0.01], np.float32))[0].label == "CD"
    far = replace(a_probe(), operating=np.array([0.74, 0.5, 0.5, 0.5]))
    assert [one.label for one in far.resembles(np.array([1.0, -1.0], np.float32))] == []
    assert a_probe().resembles(np.array([800.0, -800.0], np.float32))[0].probability == 1.0


def test_a_class_that_is_switched_off_is_never_named():
    x = np.array([3.0, 3.0], np.float32)
    assert a_probe().probabilities(x)[3] > 0.99
    assert [one.label for one in a_probe().resembles(x)] == ["MI", "STTC"]
    assert a_probe(on=(0, 0, 0, 0)).resembles(x) == ()


def test_it_comes_back_from_its_arrays_and_refuses_others():
    probe = a_probe()
    again = SuperclassProbe.from_arrays(probe.arrays(), CLASSES, MEASURED)
    x = np.array([0.3, 0.4], np.float32)
    assert np.array_equal(again.probabilities(x), probe.probabilities(x))
    assert again.resembles(x) == probe.resembles(x)
    with pytest.raises(ValueError, match="expected 4 operating points, found"):
        SuperclassProbe.from_arrays(probe.arrays() | {"operating": np.zeros(3)}, CLASSES, MEASURED)
    with pytest.raises(ValueError, match="the probe of MI is on without measured figures"):
        SuperclassProbe.from_arrays(probe.arrays(), CLASSES, {})


def test_a_checkpoint_keeps_its_name_scores_and_verdict_with_a_probe(probed: Callable[[str], Path], store: Path):
    record = make_record(EXAMPLES[0])
    before = AnomalyDetector.from_store("cae", store).detect(record)
    folder = probed("cae")
    detector = AnomalyDetector.from_store("cae", store)
    after = detector.detect(record)
    assert before.resembles == ()
    assert [(one.label, round(one.probability, 2)) for one in after.resembles] == [("MI", 0.95), ("STTC", 0.88)]
    same = ("score", "percentile", "anomalous", "checkpoint", "parts")
    assert all(getattr(before, name) == getattr(after, name) for name in same)
    told = json.loads(json.dumps(after.to_dict(), allow_nan=False))["resembles"]
    assert told[0] | {"probability": None} == {
        "class": "MI", "name": "myocardial infarction", "probability": None, "sensitivity": 0.7, "ppv": 0.6,
    }  # fmt: skip
    assert detection_row(after)["resembles"] == ["MI", "STTC"]
    assert read_config(folder).probe["networks"] == {"cae": read_config(folder).weights_sha256}


def test_the_consensus_reads_its_members_latents_as_they_were_found(probed: Callable[[str], Path], store: Path):
    folder = probed("consensus")
    assert list(read_config(folder).probe["networks"]) == ["cae", "vae-bilstm", "vae-bilstm-mha"]
    found = AnomalyDetector.from_store("consensus", store).detect(make_record(EXAMPLES[0]))
    assert [one.label for one in found.resembles] == ["MI", "STTC"]
    assert AnomalyDetector.from_store("measurements", store).detect(make_record(EXAMPLES[0])).resembles == ()


def test_nothing_is_said_of_what_was_not_measured(probed: Callable[[str], Path], store: Path):
    probed("cae")
    detector = AnomalyDetector.from_store("cae", store)
    record = make_record(EXAMPLES[0])
    short = detector.detect(record.crop(0.0, 7.0))
    assert short.interpretable
    assert short.resembles == ()
    long = replace(record, signal=np.tile(record.signal, (1, 2)))
    assert detector.detect(long).resembles == ()
    unreadable = detector.detect(block_record())
    assert not unreadable.interpretable
    assert unreadable.resembles == ()


def test_saved_again_the_probe_is_the_same(probed: Callable[[str], Path], tmp_path: Path):
    checkpoint = load_checkpoint(folder := probed("cae"))
    save_checkpoint(checkpoint, tmp_path / "again")
    assert (tmp_path / "again" / PROBE_FILE).read_bytes() == (folder / PROBE_FILE).read_bytes()
    assert load_checkpoint(tmp_path / "again").probe is not None


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-9] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / PROBE_FILE).unlink(), r"cae/probe\.safetensors cannot be read .*get the checkpoint"),
        (lambda folder: flip(folder / PROBE_FILE), r"cae/probe\.safetensors has sha256 \w{12}, config\.json names"),
        (lambda folder: change(folder, measured={}), "on without measured figures"),
        (lambda folder: change(folder, classes=["MI"]), "expected a probe of 1 classes"),
        (lambda folder: change(folder, classes=None), "cannot be read"),
        (
            lambda folder: change(folder, classes=["<img>", "STTC", "CD", "HYP"]),
            "classes among MI, .*, found",
        ),
        (lambda folder: change(folder, networks={"cae": "0" * 64}), "fitted on other networks .*training.superclass"),
        (lambda folder: change(folder, sha256=None), "cae/probe.safetensors has sha256"),
    ],
)
def test_a_damaged_probe_is_refused_with_one_sentence(probed: Callable[[str], Path], damage, message: str):
    damage(folder := probed("cae"))
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


def change(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    data = json.loads(path.read_text())
    data["probe"] |= changes
    path.write_text(json.dumps(data))
