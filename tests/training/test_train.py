"""Training: killed at any moment it ends in the same weights; the decoder never sees an abnormal record."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from ecg_core.errors import ConfigError
from training.config import load_config
from training.masks import random_visible
from training.signals import Prepared
from training.train import Run, StageConfig, TrainConfig, draw_batch, stage_rows

SMALL = {
    "CAE": {"class": "CAE", "width": 32, "n_latents": 4, "dilations": [1]},
    "VAE-BiLSTM": {"class": "VAE-BiLSTM", "width": 32, "hidden": 8, "n_latents": 4},
    "VAE-BiLSTM-MHA": {"class": "VAE-BiLSTM-MHA", "width": 32, "hidden": 8, "latents_per_lead": 1, "heads": 2},
}


def config(name: str = "CAE", encoder: int = 6, decoder: int = 4) -> TrainConfig:
    stages = (StageConfig("all", encoder, batch=2), StageConfig("normal", decoder, batch=2))
    return TrainConfig(name.lower(), 3, SMALL[name], *stages, crop_s=1.6)


@pytest.fixture
def data() -> Prepared:
    signals = np.random.default_rng(0).normal(0, 0.3, (12, 8, 1000)).astype(np.float32)
    records = pd.DataFrame(
        {
            "split": ["train"] * 8 + ["validation"] * 2 + ["test"] * 2,
            "label": ["normal", "abnormal"] * 6,
            "bad_leads": [""] * 12,
        }
    )
    return Prepared(signals, records, {"sources": {"test": {}}})


def trained(folder: Path, data: Prepared, name: str) -> dict[str, torch.Tensor]:
    run = Run(config(name), folder, torch.device("cpu"))
    run.train(data)
    run.finish(data)
    return load_file(folder / "network.safetensors")


@pytest.mark.parametrize("name", SMALL)
def test_the_same_seed_gives_the_same_weights(tmp_path, data, name):
    one, two = (trained(tmp_path / folder, data, name) for folder in ("one", "two"))
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(("stage", "step"), [(0, 3), (1, 2)])
def test_a_run_that_was_interrupted_ends_in_the_same_weights(tmp_path, data, name, stage, step, monkeypatch):
    monkeypatch.setattr("training.train.SAVE_EVERY", 1)
    whole = trained(tmp_path / "whole", data, name)
    real = Run.step

    def interrupted(self: Run, *args: object) -> dict[str, object]:
        if (self.progress.stage, self.progress.step) == (stage, step):
            raise KeyboardInterrupt
        return real(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "cut", data, name)
    resumed = trained(tmp_path / "cut", data, name)
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_the_encoder_is_frozen_while_the_decoder_starts_anew(tmp_path, data):
    run = Run(config(), tmp_path, torch.device("cpu"))
    run.train(data)
    encoder = torch.load(tmp_path / "state.pt", weights_only=True)["model"]
    first = Run(config(decoder=1), tmp_path / "other", torch.device("cpu"))
    first.train(data)
    other = torch.load(tmp_path / "other" / "state.pt", weights_only=True)["model"]
    assert all(torch.equal(encoder[k], other[k]) for k in encoder if k.startswith(("stem", "context", "to_z")))
    assert not torch.equal(encoder["head.up1.weight"], other["head.up1.weight"])


def test_kl_per_dimension_is_logged(tmp_path, data, monkeypatch):
    monkeypatch.setattr("training.train.LOG_EVERY", 2)
    trained(tmp_path, data, "VAE-BiLSTM")
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(e["stage"], e["step"]) for e in entries] == [(0, 2), (0, 4), (0, 6), (1, 2), (1, 4)]
    assert all(len(e["kl_per_dimension"]) == 4 for e in entries)


def test_another_configuration_does_not_resume(tmp_path, data):
    trained(tmp_path, data, "CAE")
    with pytest.raises(ConfigError, match="another configuration"):
        Run(config(encoder=7), tmp_path, torch.device("cpu"))


def test_stages_see_the_train_split_and_the_decoder_normals_only(data):
    assert stage_rows(data, StageConfig("all", 1)).tolist() == list(range(8))
    assert stage_rows(data, StageConfig("normal", 1)).tolist() == [0, 2, 4, 6]
    with pytest.raises(ConfigError, match='"all" or "normal"'):
        stage_rows(data, StageConfig("abnormal", 1))


def test_a_batch_is_a_function_of_seed_stage_and_step(data):
    rows = np.arange(8)
    one, two, other = (draw_batch(data.signals, rows, config(), 0, step)[0] for step in (5, 5, 6))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


def test_masks_hide_blocks_per_lead_and_over_all_leads():
    visible = random_visible(np.random.default_rng(0), 400, 504)
    assert set(np.unique(visible)) == {0.0, 1.0}
    assert 0.4 < visible.mean() < 0.8
    together = (visible == visible[:, :1]).all(axis=(1, 2)).mean()
    whole_leads = (visible.max(axis=2) == 0).any(axis=1).mean()
    assert 0.2 < together < 0.4
    assert 0.3 < whole_leads < 0.5
    assert (visible.max(axis=2).sum(axis=1) >= 4).all()


@pytest.mark.parametrize("name", ["cae", "vae-bilstm", "vae-bilstm-mha"])
def test_shipped_configurations_load(root, name):
    assert load_config(root / "training" / "configs" / f"{name}.toml", TrainConfig).name == name


def test_kill_minus_nine(tmp_path, data, root):
    """The command itself, killed without warning, goes on and finishes with the weights of an unbroken run."""
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "signals.npy", data.signals)
    data.records.to_parquet(tmp_path / "data" / "records.parquet")
    (tmp_path / "data" / "meta.json").write_text(json.dumps({"sources": {}}))
    toml = tmp_path / "small.toml"
    toml.write_text(
        'name = "small"\nseed = 3\ncrop_s = 1.6\n[architecture]\nclass = "CAE"\nwidth = 32\nn_latents = 4\n'
        'dilations = [1]\n[encoder]\nrecords = "all"\nsteps = 400\nbatch = 2\n[decoder]\nrecords = "normal"\n'
        "steps = 100\nbatch = 2\n"
    )

    def start(runs: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "training.train", "--config", str(toml), "--data", str(tmp_path / "data")]
        command += ["--runs", str(tmp_path / runs), "--threads", "1"]
        return subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL)

    unbroken = start("unbroken")
    killed = start("killed")
    deadline = time.monotonic() + 120
    while not (tmp_path / "killed" / "small" / "state.pt").is_file():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "small" / "network.safetensors").exists()
    assert start("killed").wait(timeout=240) == 0
    assert unbroken.wait(timeout=240) == 0
    one, two = (load_file(tmp_path / runs / "small" / "network.safetensors") for runs in ("unbroken", "killed"))
    assert all(torch.equal(one[key], two[key]) for key in one)
