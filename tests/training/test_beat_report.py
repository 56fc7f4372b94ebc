"""docs/beats.md: every figure stands in a file, and what is missing is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.marked import write_mitbih
from training.beat_data import load_beats, prepare_beats
from training.beat_evaluate import run_beats
from training.beat_markdown import estimate, plain, prose
from training.beat_probe import run_probe
from training.beat_report import main
from training.beat_train import BeatTrainConfig, train_beats


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    records = ("101", "106", "108", "112", "119", "100", "102", "103", "222", "232")
    prepare_beats({"mitbih": write_mitbih(folder / "mitbih", records)}, folder, quiet=True)
    data = load_beats(folder)
    small = {"class": "Beat-CAE", "channels": [4, 4, 8], "hidden": 16, "n_latents": 4}
    for protocol in ("random", "interpatient"):
        alone = protocol != "random"
        config = BeatTrainConfig("beat-cae", 1, small, steps=20, batch=16, protocol=protocol, alone=alone)
        run = train_beats(config, data, folder / "runs", quiet=True).folder
        run_beats([str(run)], folder)
        run_probe(run, data)
    return folder / "runs"


def test_figures_are_those_of_the_files(runs: Path, tmp_path: Path):
    out = tmp_path / "beats.md"
    assert main(["--runs", str(runs), "--out", str(out)]) == 0
    text = out.read_text()
    assert max(len(line) for line in text.splitlines() if not line.startswith("|")) <= 120
    for protocol in ("random", "interpatient"):
        measured = json.loads((runs / f"beat-cae-{protocol}" / "metrics.json").read_text())
        overall = measured["scores"]["whole"]["overall"]
        for figure in ("auroc", "sensitivity", "specificity", "ppv", "f1", "accuracy"):
            assert estimate(overall[figure]) in text
        assert f"always has an accuracy of {plain(measured['answering_n'])}" in " ".join(text.split())
        made = json.loads((runs / f"beat-cae-{protocol}" / "train.json").read_text())
        kept, passes = "kept" if protocol == "random" else "left out", 20 * 16 / made["beats"]
        told = f"{passes:.1f} | MSE, adamw | {plain(made['validation']['whole'])} |"
        assert f"| {made['beats']:,} | {kept} | 20 | 16 | {told}" in text
    with_paced = json.loads((runs / "beat-cae-random" / "metrics.json").read_text())["with_paced"]
    assert with_paced["overall"]["n_records"] == 10
    assert text.count(estimate(with_paced["overall"]["auroc"])) == 2 and "of all 48 records" in text
    assert f"accuracy of {plain(with_paced['answering_n'])}" in " ".join(text.split())
    for row in measured["scores"]["whole"]["records"]:
        assert f"| {row['record']} | {row['beats']} | {row['abnormal']} |" in text
    assert "AUC .972" in text and "**232**" in text and "**222**" in text
    assert "does not diagnose" in text


def test_the_detector_and_the_sweep_have_their_sections(runs: Path, tmp_path: Path):
    figures = {"auroc": (0.951, 0.94, 0.96, 0.94), "false_alarms_fixed": (0.12, None, None, 0.10)}
    rows = [
        {"name": name, "what": f"the {name}", "figure": {"value": value, "low": low, "high": high}, "bar": bar}
        for name, (value, low, high, bar) in figures.items()
    ]
    records = [{"record": "100", "auroc": 0.987654, "sensitivity": 0.5, "false_alarms": 0.01}]
    told = {"model": "beat-cae", "checkpoint": "0" * 64, "part": "MIT-BIH DS2", "classes": {}}
    (tmp_path / "detector.json").write_text(json.dumps({**told, "rows": rows, "records": records}))
    (tmp_path / "table.csv").write_text("trial,auroc,learning_rate,batch\n3,0.71,0.001,64\n1,0.6,0.1,128\n")
    out = tmp_path / "beats.md"
    argv = ["--runs", str(runs), "--detector", str(tmp_path / "detector.json"), "--sweep", str(tmp_path)]
    assert main([*argv, "--out", str(out)]) == 0
    text = out.read_text()
    assert "| the auroc | .951 (.940-.960) | at least .940 |  |" in text and ".988" in text
    assert "| the false_alarms_fixed | .120 | at most .100 | falls short |" in text
    assert "0.600 to 0.710" in " ".join(text.split()) and "| 3 | 0.71 | 0.001 | 64 |" in text
    assert "### In use" not in text
    figure = {"value": 0.7, "low": 0.6, "high": 0.8}
    row = {"beats": 50, "records": 4, "said": 40, "prevalence": 0.5, "sensitivity": figure, "ppv": figure}
    kinds = {"N": row, "V": row, "S": {**row, "prevalence": 0.65}}
    (tmp_path / "detector.json").write_text(json.dumps({**told, "rows": rows, "records": records, "kinds": kinds}))
    assert main([*argv, "--out", str(out)]) == 0
    text = out.read_text()
    assert "### In use: flagged beats" in text
    assert "| V, ventricular ectopic | 50 | .500 | 40 | .700 (.600-.800) | .700 (.600-.800) | yes |" in text
    assert "| S, supraventricular ectopic | 50 | .650 | 40 | .700 (.600-.800) | .700 (.600-.800) | no |" in text


def test_what_was_not_measured_is_asked_for(tmp_path: Path, capsys):
    assert main(["--runs", str(tmp_path), "--out", str(tmp_path / "beats.md")]) == 1
    assert "run python -m training.evaluate --model" in capsys.readouterr().err
    assert not (tmp_path / "beats.md").exists()


def test_figures_are_written_as_the_readme_writes_them():
    assert estimate({"value": 0.9721, "low": 0.95, "high": 1.0}) == ".972 (.950-1.000)"
    assert estimate(None) == plain(None) == "-"
    assert plain(0.5) == ".500" and plain(1.0) == "1.000"
    assert prose("a\n   b") == ["a b"]
