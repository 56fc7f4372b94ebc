"""Networks of beats: killed at any moment training ends in the same weights; what is measured of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from ecg_core.errors import ConfigError
from tests.training.marked import write_marked, write_mitbih
from training.beat_data import load_beats, prepare_beats, protocol_of, windows_of
from training.beat_evaluate import evaluate_run, is_beat_run, run_beats, text_of
from training.beat_scores import SCORES, minus_median, score_beats
from training.beat_train import (
    LOSSES,
    BeatRun,
    BeatTrainConfig,
    augmented,
    draw,
    load_run,
    network_for_use,
    rate_at,
    train_beats,
    with_gaps,
)
from training.config import load_config
from training.evaluate import main as evaluate_main

SMALL = {"class": "Beat-CAE", "channels": [4, 4, 8], "hidden": 16, "n_latents": 8}


def config(**changes: object) -> BeatTrainConfig:
    return replace(BeatTrainConfig("small", 3, SMALL, steps=6, batch=8), **changes)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    records = ("101", "106", "108", "112", "100", "103", "105")
    prepare_beats({"mitbih": write_mitbih(folder / "mitbih", records)}, folder, quiet=True)
    return folder


@pytest.fixture(scope="module")
def run(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    made = train_beats(config(steps=150, batch=32), load_beats(prepared), runs, quiet=True)
    return made.folder


def windows() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(40, 720)).astype(np.float32)


def trained(folder: Path, made: BeatTrainConfig) -> dict[str, torch.Tensor]:
    one = BeatRun(made, folder)
    one.train(windows(), quiet=True)
    return one.model.state_dict()


SHIPPED = ("cae", "cae-random", "cae-published", "cae-187", "cae-187-random", "cae-187-augmented", "cnn-lstm")


@pytest.mark.parametrize("name", [f"beat-{kind}" for kind in SHIPPED])
def test_shipped_configurations_load_and_build(root, name, tmp_path):
    found = load_config(root / "training" / "configs" / f"{name}.toml", BeatTrainConfig)
    protocol = "random" if name.endswith(("random", "published")) else "interpatient"
    assert found.run == f"{name.removesuffix('-random')}-{protocol}"
    model = BeatRun(found, tmp_path).model
    assert model.config.n_samples == (187 if "187" in name else 720)
    if name in ("beat-cae", "beat-cae-random", "beat-cae-published"):
        assert sum(p.numel() for p in model.parameters()) == 583_361


@pytest.mark.parametrize("changes", [{}, {"augment": True, "optimiser": "rmsprop", "loss": "mae", "hidden": 90}])
def test_a_run_that_was_interrupted_ends_in_the_same_weights(tmp_path, monkeypatch, changes):
    monkeypatch.setattr("training.beat_train.SAVE_EVERY", 1)
    whole = trained(tmp_path / "whole", config(**changes))
    real = BeatRun.step

    def interrupted(self: BeatRun, given: np.ndarray) -> float:
        if self.progress.step == 4:
            raise KeyboardInterrupt
        return real(self, given)

    with monkeypatch.context() as patch:
        patch.setattr(BeatRun, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trained(tmp_path / "cut", config(**changes))
    resumed = trained(tmp_path / "cut", config(**changes))
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_every_pass_takes_every_window_once():
    made = config(batch=10)
    marked = np.repeat(np.arange(40, dtype=np.float32)[:, None], 720, axis=1)
    seen = [draw(marked, made, step)[:, 0].tolist() for step in range(8)]
    for one_pass in (seen[:4], seen[4:]):
        assert sorted(np.concatenate(one_pass)) == list(range(40))
    assert seen[0] != seen[4]


@pytest.mark.parametrize(("warmup", "top"), [(0.3, 29), (0.05, 4)])
def test_the_rate_rises_for_the_warmup_and_falls_to_the_cooldown(warmup: float, top: int):
    made = config(steps=80, cycle=100, cooldown=20, warmup=warmup)
    rates = [rate_at(made, step) for step in range(81)]
    assert int(np.argmax(rates)) == top and max(rates) == pytest.approx(made.learning_rate)
    assert rates[0] == pytest.approx(made.learning_rate / 25)
    whole = [rate_at(replace(made, steps=100, cooldown=0), step) for step in range(61)]
    assert rates[:61] == pytest.approx(whole)
    assert np.diff(rates[60:]) == pytest.approx(-rates[60] / 20) and rates[80] == 0


def test_augmentation_moves_scales_and_is_drawn_from_the_step():
    x = windows()
    one, two, other = (augmented(x, np.random.default_rng([1, 2, step])) for step in (5, 5, 6))
    assert np.array_equal(one, two) and not np.array_equal(one, other)
    beat = np.zeros((200, 720), np.float32)
    beat[:, 360] = 10.0
    peaks = augmented(beat, np.random.default_rng(0)).argmax(-1)
    assert peaks.min() < 350 and peaks.max() > 370 and np.abs(peaks - 360).max() <= 18


def test_gaps_are_of_one_length_anywhere_and_must_be_restored(tmp_path, monkeypatch):
    x = torch.ones(5000, 720)
    gaps = with_gaps(x, 90, np.random.default_rng(0)) == 0
    assert (gaps.sum(-1) == 90).all() and (gaps.int().diff().abs().sum(-1) <= 2).all()
    assert (gaps.float().mean(0)[100:620] > 0.05).all() and gaps[:, 0].any() and gaps[:, -1].any()
    one = BeatRun(config(hidden=90), tmp_path)
    seen, aims = [], []
    real, forward = torch.nn.functional.mse_loss, one.model.forward
    monkeypatch.setattr(one.model, "forward", lambda w: seen.append(w) or forward(w))
    monkeypatch.setitem(LOSSES, "mse", lambda x_hat, aim: aims.append(aim) or real(x_hat, aim))
    for _ in range(2):
        one.step(windows())
    assert all(
        (w == 0).sum(-1).eq(90).all() and torch.equal(w[w != 0], a[w != 0]) for w, a in zip(seen, aims, strict=True)
    )
    assert (aims[0] != 0).all() and not torch.equal(seen[0] == 0, seen[1] == 0)


def test_another_configuration_does_not_resume(tmp_path):
    trained(tmp_path, config())
    with pytest.raises(ConfigError, match="another configuration"):
        BeatRun(config(steps=7), tmp_path)


def test_unknown_losses_and_optimisers_are_said(tmp_path):
    with pytest.raises(ConfigError, match="loss to be one of mse, mae; found 'huber'"):
        BeatRun(config(loss="huber"), tmp_path)
    with pytest.raises(ConfigError, match="optimiser to be one of adamw"):
        BeatRun(config(optimiser="lion"), tmp_path)
    for hidden, message in ((-1, "from 0 on; found -1"), (720, "fewer hidden samples than a window has; found 720")):
        with pytest.raises(ConfigError, match=message):
            BeatRun(config(hidden=hidden), tmp_path)


def test_a_network_of_whole_records_is_measured_on_those_and_is_not_for_use(run: Path, prepared: Path, tmp_path: Path):
    data = load_beats(prepared)
    with pytest.raises(ConfigError, match="scale to be one of window, record; found 'beat'"):
        BeatRun(config(scale="beat"), tmp_path)
    made = train_beats(config(steps=20, scale="record", protocol="random"), data, tmp_path, quiet=True)
    model, found, fitted = load_run(made.folder)
    test = protocol_of(data, "random").test
    x = windows_of(data, test, scale="record")
    with torch.inference_mode():
        error = (model(torch.from_numpy(x)).x_hat.numpy() - x) ** 2
    whole = score_beats(model, fitted, data, test, found.scale)["whole"]
    assert np.allclose(whole, error.mean(-1), rtol=1e-3)
    flagged = (whole > fitted.thresholds["whole"]["rate"])[data.table["aami"].to_numpy()[test] != "N"].mean()
    measured = evaluate_run(made.folder, data)["scores"]["whole"]["overall"]
    assert measured["sensitivity"]["value"] == pytest.approx(flagged)
    with pytest.raises(ConfigError, match="has 'record'"):
        network_for_use(made.folder)
    assert torch.equal(network_for_use(run).to_z.weight, load_run(run)[0].to_z.weight)


def test_a_finished_run_is_loaded_as_it_was_trained(run: Path, prepared: Path):
    model, found, fitted = load_run(run)
    assert found == config(steps=150, batch=32)
    data = load_beats(prepared)
    rows = protocol_of(data, "interpatient").test
    scores = score_beats(model, fitted, data, rows)
    assert set(scores) == set(SCORES) == set(fitted.thresholds)
    x = windows_of(data, rows)
    with torch.inference_mode():
        error = (model(torch.from_numpy(x)).x_hat.numpy() - x) ** 2
    assert np.allclose(scores["whole"], error.mean(-1), rtol=1e-3)
    assert np.allclose(scores["beat"], error[:, 270:522].mean(-1), rtol=1e-3)
    assert np.median(scores["relative"][data.table["record"].to_numpy()[rows] == "100"]) == pytest.approx(0, abs=1e-9)


def test_the_network_learns_normal_beats(run: Path, prepared: Path):
    found = evaluate_run(run, load_beats(prepared))
    assert found["protocol"] == "interpatient"
    assert {row["record"] for row in found["scores"]["whole"]["records"]} == {"100", "103", "105"}
    assert found["scores"]["beat"]["overall"]["auroc"]["value"] > 0.9
    losses = [json.loads(line)["loss"] for line in (run / "log.jsonl").read_text().splitlines()]
    assert losses[-1] < losses[0]


def test_thresholds_are_of_normals_that_were_not_trained_on(run: Path, prepared: Path):
    model, _, fitted = load_run(run)
    data = load_beats(prepared)
    rows = protocol_of(data, "interpatient").validation
    scores = score_beats(model, fitted, data, rows)
    quiet = data.table["aami"].to_numpy()[rows] == "N"
    for name, thresholds in fitted.thresholds.items():
        assert (scores[name][quiet] > thresholds["rate"]).mean() == pytest.approx(0.05, abs=0.02)
        ranks = (scores[name][~quiet][:, None] > scores[name][quiet]).mean()
        assert fitted.validation[name] == pytest.approx(ranks, abs=1e-3)


def test_minus_median_is_by_record():
    values = np.array([1.0, 2.0, 9.0, 5.0])
    assert minus_median(values, np.array(["a", "a", "a", "b"])).tolist() == [-1, 0, 7, 0]


def test_the_command_measures_a_run_and_any_folder_with_marks(run: Path, prepared: Path, tmp_path: Path, capsys):
    assert is_beat_run(run) and not is_beat_run(prepared)
    assert evaluate_main(["--model", str(run), "--data", str(prepared)]) == 0
    text = capsys.readouterr().out
    assert "Answering N always: accuracy" in text and "PPV" in text
    assert json.loads((run / "metrics.json").read_text())["scores"]["whole"]["overall"]["n_records"] == 3
    own = tmp_path / "own"
    for k, name in enumerate(("a", "b")):
        write_marked(own, name, 20 + k, ("ECG1", "ECG2"), fs=250.0)
    assert evaluate_main(["--model", str(run), "--data", str(own), "--out", str(tmp_path / "out")]) == 0
    measured = json.loads((tmp_path / "out" / run.name / "metrics-own.json").read_text())
    assert measured["protocol"] == "own" and measured["scores"]["whole"]["overall"]["n_records"] == 2
    assert evaluate_main(["--model", str(run), "--data", str(tmp_path / "out")]) == 2
    assert "found neither" in capsys.readouterr().err


def test_the_text_never_gives_accuracy_alone(run: Path, prepared: Path):
    text = text_of(run_beats([str(run)], prepared)[0])
    assert all(word in text for word in ("sens.", "spec.", "PPV", "F1", "acc.", "By record", "By class"))


def test_unfinished_runs_are_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="Expected a finished run"):
        load_run(tmp_path)


def test_kill_minus_nine(prepared: Path, tmp_path: Path, root: Path):
    """The command itself, killed without warning, goes on and finishes with the weights of an unbroken run."""
    made = asdict(config(steps=1200, batch=4))
    toml = tmp_path / "small.toml"
    toml.write_text(
        f'name = "small"\nseed = 3\nsteps = {made["steps"]}\nbatch = 4\n[architecture]\nclass = "Beat-CAE"\n'
        "channels = [4, 4, 8]\nhidden = 16\nn_latents = 8\n"
    )

    def start(runs: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "training.train", "--config", str(toml), "--data", str(prepared)]
        command += ["--runs", str(tmp_path / runs), "--threads", "1", "--protocol", "random"]
        return subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL)

    unbroken, killed = start("unbroken"), start("killed")
    deadline = time.monotonic() + 200
    while not (tmp_path / "killed" / "small-random" / "state.pt").is_file():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "killed" / "small-random" / "network.safetensors").exists()
    assert start("killed").wait(timeout=250) == 0
    assert unbroken.wait(timeout=250) == 0
    folders = (tmp_path / name / "small-random" / "network.safetensors" for name in ("unbroken", "killed"))
    one, two = map(load_file, folders)
    assert all(torch.equal(one[key], two[key]) for key in one)
