"""Checkpoints load strictly: damaged, foreign and newer ones are refused by name."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from ecg_core.checkpoints import FORMAT, default_store, list_checkpoints, load_checkpoint, save_checkpoint
from ecg_core.detector import AnomalyDetector
from ecg_core.errors import CheckpointError
from ecg_core.readers import read_record
from ecg_core.synthetic import example_paths

NAMES = ["cae", "vae-bilstm", "vae-bilstm-mha"]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(default_store() / "cae", tmp_path / "cae"))


def edit(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_all_are_shipped_and_small():
    assert list_checkpoints() == sorted([*NAMES, "consensus", "measurements"])
    assert sum(path.stat().st_size for path in default_store().rglob("*") if path.is_file()) < 30e6


@pytest.mark.parametrize("name", list_checkpoints())
def test_every_checkpoint_loads_with_card_and_figures(name):
    config = load_checkpoint(default_store() / name).config
    assert config.name == name
    assert config.metrics["overall"]["auroc"]
    assert len(config.operating_points) > 5
    card = (default_store() / name / "README.md").read_text()
    auroc = config.metrics["overall"]["auroc"]
    assert f"{auroc['value']:.3f} ({auroc['low']:.3f}-{auroc['high']:.3f})" in card
    assert config.weights_sha256[:12] in card


def test_saved_again_it_is_the_same(copy, tmp_path):
    checkpoint = load_checkpoint(copy)
    config = save_checkpoint(checkpoint, tmp_path / "again")
    assert config.weights_sha256 == checkpoint.config.weights_sha256
    again = load_checkpoint(tmp_path / "again")
    for key, value in checkpoint.network.model.state_dict().items():
        assert torch.equal(value, again.network.model.state_dict()[key])


def test_missing(tmp_path):
    with pytest.raises(CheckpointError, match=r"There is no checkpoint nothing in .*; it has none"):
        load_checkpoint(tmp_path / "nothing")
    with pytest.raises(
        CheckpointError,
        match=r"no checkpoint gan in .*; it has cae, consensus, measurements, vae-",
    ):
        AnomalyDetector.from_store("gan")


@pytest.mark.parametrize("name", ["", "../cae", "a/b", "/etc"])
def test_names_cannot_leave_the_store(name):
    with pytest.raises(CheckpointError, match="Expected the name of a checkpoint"):
        AnomalyDetector.from_store(name)


def test_flipped_bit(copy):
    data = bytearray((copy / "model.safetensors").read_bytes())
    data[-100] ^= 1
    (copy / "model.safetensors").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"cae/model\.safetensors has sha256"):
        load_checkpoint(copy)


def test_cut_off(copy):
    path = copy / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=r"cae/model\.safetensors"):
        load_checkpoint(copy)


def test_weights_gone(copy):
    (copy / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="cannot be read"):
        load_checkpoint(copy)


def test_graph_gone(copy):
    (copy / "graph.onnx").unlink()
    with pytest.raises(CheckpointError, match=r"cae/graph\.onnx cannot be read"):
        load_checkpoint(copy)


def test_graph_of_another_network(copy):
    shutil.copy(default_store() / "vae-bilstm" / "graph.onnx", copy / "graph.onnx")
    with pytest.raises(CheckpointError, match=r"cae/graph\.onnx has sha256"):
        load_checkpoint(copy)


def test_a_graph_that_is_none(copy):
    (copy / "graph.onnx").write_bytes(b"nothing")
    edit(copy, graph_sha256=hashlib.sha256(b"nothing").hexdigest())
    with pytest.raises(CheckpointError, match=r"cae does not fit its own config \(its graph cannot be run"):
        load_checkpoint(copy)


def test_without_a_graph_torch_runs_it(copy):
    edit(copy, graph_sha256="")
    record = read_record(example_paths()[0])
    plain, shipped = (AnomalyDetector.from_store("cae", store).detect(record) for store in (copy.parent, None))
    assert not load_checkpoint(copy).graph
    assert plain.score == pytest.approx(shipped.score, abs=1e-4)
    assert np.allclose(plain.explanation.reconstruction, shipped.explanation.reconstruction, atol=1e-5, equal_nan=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": FORMAT + 1}, f"cae has checkpoint format {FORMAT + 1}; this Leadwise reads {FORMAT}"),
        ({"colour": "blue"}, "unknown key colour"),
        ({"architecture": {"class": "CAE", "width": 64}}, "cae does not fit its own config"),
        ({"architecture": {"class": "GAN"}}, "cae does not fit its own config (its graph was written from"),
        ({"architecture": {"class": "GAN"}, "graph_sha256": ""}, "Expected a model among"),
        ({"preprocessing": {"fs": 250.0}}, "another preprocessing"),
        ({"leads": ["I", "II"]}, "other leads"),
        ({"seed": "one"}, "seed"),
    ],
)
def test_config_that_does_not_fit(copy, changes, message):
    edit(copy, **changes)
    with pytest.raises(CheckpointError, match=re.escape(message)):
        load_checkpoint(copy)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "x"}'])
def test_config_that_is_none(copy, text):
    (copy / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load_checkpoint(copy)
