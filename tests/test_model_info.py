"""What a folder says of its model, read without its weights and without torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ecg_core.checkpoints import list_checkpoints, read_config
from ecg_core.errors import CheckpointError
from ecg_core.model_info import read_model_info
from ecg_core.store import default_store
from tests.app.stores import write_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_store(tmp_path / "store") / "cae"


@pytest.mark.parametrize("name", list_checkpoints())
def test_it_agrees_with_the_checkpoint(name: str) -> None:
    config, info = read_config(default_store() / name), read_model_info(default_store() / name)
    assert (info.name, info.title, info.weights_sha256) == (config.name, config.title, config.weights_sha256)
    assert info.metrics == config.metrics
    assert info.calibration["n_normals"] == config.calibration.n_normals
    assert list(info.operating_points) == list(config.operating_points)
    assert info.card.startswith(f"# {config.title}\n")


def test_curves_and_card_are_read_where_they_are(folder: Path) -> None:
    info = read_model_info(folder)
    assert info.curves is not None
    assert (info.curves.n_normal, info.curves_problem, len(info.checkpoint)) == (150, "", 12)
    for name in ("curves.json", "README.md"):
        (folder / name).unlink()
    info = read_model_info(folder)
    assert (info.curves, info.curves_problem, info.card) == (None, "", "")


def test_curves_of_other_weights_are_left_out_with_the_reason(folder: Path) -> None:
    data = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**data, "weights_sha256": "1" * 64}))
    info = read_model_info(folder)
    assert info.curves is None
    assert "beside it lies 111111111111" in info.curves_problem


def test_what_is_no_checkpoint_is_refused_in_words(folder: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no checkpoint nonesuch"):
        read_model_info(folder.parent / "nonesuch")
    path = folder / "config.json"
    data = json.loads(path.read_text())
    for broken, words in (("{", "is damaged"), ("[]", "not a Leadwise checkpoint"), ("{}", "not a Leadwise")):
        path.write_text(broken)
        with pytest.raises(CheckpointError, match=words):
            read_model_info(folder)
    del data["calibration"]
    path.write_text(json.dumps(data))
    with pytest.raises(CheckpointError, match="lacks 'calibration'"):
        read_model_info(folder)


def test_reading_brings_no_torch_along() -> None:
    code = "import sys, ecg_core.model_info; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
