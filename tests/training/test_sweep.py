"""The sweep: DS1 alone, resumed where it was left, with a table and pictures."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import optuna
import pytest

from ecg_core.errors import ConfigError
from tests.training.marked import write_mitbih
from training import sweep as module
from training.beat_data import load_beats, prepare_beats
from training.beat_train import BeatRun
from training.sweep import SPACE, STRIDES, main, open_study, suggest, sweep, task_of


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    prepare_beats({"mitbih": write_mitbih(folder / "mitbih", ("101", "112", "100"))}, folder, quiet=True)
    return folder


def test_a_sweep_that_was_killed_does_the_trials_that_are_missing(prepared: Path, tmp_path: Path, monkeypatch):
    data = load_beats(prepared)
    real = BeatRun.train
    started = []

    def killed(self: BeatRun, *args: object, **options: object) -> None:
        started.append(self.config.name)
        if len(started) == 3:
            raise KeyboardInterrupt
        real(self, *args, **options)

    monkeypatch.setattr(BeatRun, "train", killed)
    with pytest.raises(KeyboardInterrupt):
        sweep(data, tmp_path, "Beat-CAE-187", 3, 2)
    rows = sweep(data, tmp_path, "Beat-CAE-187", 3, 2)
    assert len(rows) == 3 and len(started) == 4
    assert rows[0]["auroc"] == max(row["auroc"] for row in rows)
    assert sweep(data, tmp_path, "Beat-CAE-187", 3, 2) == rows and len(started) == 4
    with (tmp_path / "table.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [float(row["auroc"]) for row in table] == pytest.approx([row["auroc"] for row in rows])
    assert {"batch", "channels", "kernel", "n_latents", "optimiser", "augment", "learning_rate"} <= set(table[0])
    assert (tmp_path / "table.md").read_text().count("\n") == 5
    for picture in ("sweep.png", "history.png"):
        assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG")


def test_a_study_of_another_kind_is_not_gone_on_with(prepared: Path, tmp_path: Path):
    sweep(load_beats(prepared), tmp_path, "Beat-CAE-187", 1, 1)
    with pytest.raises(ConfigError, match="holds a study with"):
        open_study(tmp_path, "Beat-CAE", 1, 0)


@pytest.mark.parametrize("network", STRIDES)
def test_every_choice_can_be_built(tmp_path: Path, network: str):
    for k in range(max(map(len, SPACE.values()))):
        values = {name: choices[k % len(choices)] for name, choices in SPACE.items()}
        trial = optuna.trial.FixedTrial({**values, "learning_rate": 1e-3})
        config = suggest(trial, network, 10)
        assert config.steps * config.batch >= 10 * 512
        BeatRun(config, tmp_path / str(k))


def test_only_ds1_is_opened(prepared: Path, monkeypatch):
    data = load_beats(prepared)
    seen: list[np.ndarray] = []
    real = module.windows_of
    monkeypatch.setattr(module, "windows_of", lambda d, rows, n: seen.append(rows) or real(d, rows, n))
    task = task_of(data, "Beat-CAE-187")
    assert set(data.table["record"].iloc[np.concatenate(seen)]) == {"101", "112"}
    assert task.train.shape[1] == 187 and task.abnormal.any()


def test_the_command_says_what_came_out(prepared: Path, tmp_path: Path, capsys):
    argv = ["--data", str(prepared), "--out", str(tmp_path / "s"), "--trials", "1", "--steps", "1"]
    assert main(argv) == 0
    assert "1 trials; the best, trial 0" in capsys.readouterr().out
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "s")]) == 1
