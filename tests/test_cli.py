"""The command line: what it prints, what it returns, and what it says of files that cannot be scored."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from ecg_core import batch, cli, score_file
from ecg_core.cli import main
from tests.fakes import MODELS, FakeDetector, write_wfdb

FIELDS = "record model score percentile threshold anomalous interpretable heart_rate lead_scores parts notes seconds"
TWELVE = "I,II,III,aVR,aVL,aVF,V1,V2,V3,V4,V5,V6"


@pytest.fixture(autouse=True)
def _fake_detectors(monkeypatch):
    monkeypatch.setattr(score_file, "load_detector", FakeDetector)
    monkeypatch.setattr(batch, "SCORER", "tests.fakes:make_scorer")
    monkeypatch.setattr(cli, "list_checkpoints", lambda store=None: [*MODELS, "consensus", "damaged"])


@pytest.fixture
def ecg(tmp_path) -> Path:
    return write_wfdb(tmp_path, "ecg")


def usage_error(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stop:
        main(argv)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_json_has_the_promised_fields_one_object_per_line_and_model(ecg, capsys):
    assert main(["score", str(ecg), "--model", "vae-bilstm", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert set(FIELDS.split()) <= set(found)
    assert found["record"] == "ecg"
    assert found["model"] == "vae-bilstm"
    assert found["anomalous"] is False


def test_json_has_null_where_a_number_is_not_finite(ecg, capsys):
    main(["score", str(ecg), "--json"])
    line = capsys.readouterr().out
    assert "NaN" not in line
    assert json.loads(line)["parts"]["latent"]["percentile"] is None


def test_the_default_is_the_consensus_or_the_first_of_a_store_without_one(ecg, capsys, monkeypatch):
    main(["score", str(ecg), "--json"])
    assert json.loads(capsys.readouterr().out)["model"] == "consensus"
    monkeypatch.setattr(cli, "list_checkpoints", lambda store=None: ["mine", "other"])
    main(["score", str(ecg), "--json"])
    assert json.loads(capsys.readouterr().out)["model"] == "mine"


def test_all_models_of_the_store(ecg, capsys, monkeypatch):
    monkeypatch.setattr(cli, "list_checkpoints", lambda store=None: list(MODELS))
    assert main(["score", str(ecg), str(ecg), "--model", "all", "--json"]) == 0
    assert [json.loads(line)["model"] for line in capsys.readouterr().out.splitlines()] == [*MODELS, *MODELS]


def test_the_table_says_above_or_below_and_shows_notes(tmp_path, capsys):
    low, high = write_wfdb(tmp_path, "low"), write_wfdb(tmp_path, "swapped", spread_mv=0.9)
    assert main(["score", str(low), str(high)]) == 0
    head, first, second, note = capsys.readouterr().out.splitlines()
    assert head.split() == ["record", "model", "verdict", "score", "percentile", "threshold", "bpm"]
    assert first.startswith("low ")
    assert "below threshold" in first
    assert "ABOVE threshold" in second
    assert note.strip() == "Suspected left/right arm electrode reversal."
    assert first.index("consensus") == head.index("model")


def test_the_table_says_how_many_segments_of_a_long_recording(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(score_file, "MAX_WHOLE_S", 5.0)
    main(["score", str(write_wfdb(tmp_path, "long"))])
    assert "25 % (5 % expected)" in capsys.readouterr().out


def test_each_bad_file_is_named_once_whatever_the_number_of_models(ecg, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(cli, "list_checkpoints", lambda store=None: list(MODELS))
    gone, short = tmp_path / "gone.hea", write_wfdb(tmp_path, "short", seconds=2)
    assert main(["score", str(gone), str(short), str(tmp_path), str(ecg), "--model", "all", "--json"]) == 1
    out, err = capsys.readouterr()
    assert [json.loads(line)["record"] for line in out.splitlines()] == ["ecg"] * 3
    complaints = err.splitlines()
    assert [line.split(":")[1].strip() for line in complaints] == [str(gone), str(short), str(tmp_path)]
    assert "batch" in complaints[2]


def test_arrays_need_their_description(tmp_path, capsys):
    path = tmp_path / "array.npy"
    np.save(path, np.random.default_rng(0).normal(0, 200, (12, 1000)))
    assert main(["score", str(path)]) == 1
    assert "--fs" in (err := capsys.readouterr().err) or "fs" in err
    assert main(["score", str(path), "--fs", "100", "--unit", "uV", "--leads", TWELVE, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["score"] == pytest.approx(2.0, abs=0.2)


def test_a_description_of_files_that_need_none_is_refused(ecg, capsys):
    assert "none is given" in usage_error(["score", str(ecg), "--fs", "500"], capsys)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        ([], "COMMAND"),
        (["score"], "FILE"),
        (["score", "x.hea", "--model", "nonsense"], "cae, vae-bilstm, vae-bilstm-mha, consensus, damaged, all"),
        (["score", "x.hea", "--store", "/no/such/folder"], "--store"),
        (["score", "x.hea", "--false-alarm-rate", "5"], "between 0 and 1"),
        (["score", "x.hea", "--false-alarm-rate", "nan"], "between 0 and 1"),
        (["score", "x.npy", "--leads", "I,,II"], "commas"),
        (["score", "x.npy", "--unit", "Pa"], "--unit"),
        (["batch", "/no/such/folder", "--out", "o.parquet"], "not a folder"),
        (["batch", ".", "--out", "o.csv"], ".parquet"),
        (["batch", ".", "--out", "/no/such/folder/o.parquet"], "folder that exists"),
        (["batch", ".", "--out", "o.parquet", "--workers", "0"], "--workers"),
        (["batch", "."], "--out"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_wrong_usage_is_2_and_says_what_is_right(argv, says, capsys):
    assert says in usage_error(argv, capsys)


def test_a_false_alarm_rate_that_the_normals_cannot_show_is_wrong_usage(ecg, capsys):
    assert main(["score", str(ecg), "--false-alarm-rate", "0.0001"]) == 2
    assert "cannot show" in capsys.readouterr().err


def test_a_damaged_checkpoint_is_one_sentence(ecg, capsys):
    assert main(["score", str(ecg), "--model", "damaged"]) == 1
    assert capsys.readouterr().err == "leadwise: damaged/model.safetensors is damaged; get it again.\n"


def test_control_characters_do_not_reach_the_terminal(tmp_path, capsys):
    header = write_wfdb(tmp_path, "ecg")
    evil = header.rename(tmp_path / "e\x1b[31m\u202evil.hea")
    missing = str(tmp_path / "gone\x1b]0;title\x07.hea")
    main(["score", str(evil), missing])
    main(["score", str(evil), "--json"])
    main(["batch", str(tmp_path), "--out", str(tmp_path / "o.parquet"), "--json"])
    out, err = capsys.readouterr()
    usage = usage_error(["score", str(evil), "--model", "\x1b[2J"], capsys)
    for text in (out, err, usage):
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "\\x1b]0;title\\x07" in err


def test_batch_writes_a_row_per_record_and_says_what_failed(tmp_path, capsys):
    write_wfdb(tmp_path / "in", "a")
    write_wfdb(tmp_path / "in", "b", seconds=1)
    out = tmp_path / "scores.parquet"
    assert main(["batch", str(tmp_path / "in"), "--out", str(out), "--workers", "1", "--json"]) == 1
    table = pq.read_table(out).to_pylist()
    assert [(row["path"], row["error"] is None) for row in table] == [("a.hea", True), ("b.hea", False)]
    stdout, stderr = capsys.readouterr()
    assert [json.loads(line)["path"] for line in stdout.splitlines()] == ["a.hea", "b.hea"]
    assert "2 records, 1 could not be scored" in stderr


def test_a_batch_without_records_fails_and_writes_nothing(tmp_path, capsys):
    out = tmp_path / "o.parquet"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "table.csv").write_text("a,b\n1,2\n")
    assert main(["batch", str(tmp_path / "in"), "--out", str(out)]) == 1
    assert "No record" in capsys.readouterr().err
    assert not out.exists()


def test_ctrl_c_is_130_and_leaves_no_file(tmp_path, capsys, monkeypatch):
    write_wfdb(tmp_path / "in", "a")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(batch, "score_paths", interrupted)
    assert main(["batch", str(tmp_path / "in"), "--out", str(tmp_path / "o.parquet")]) == 130
    assert capsys.readouterr().err == "leadwise: Interrupted.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_models_lists_the_store(capsys):
    assert main(["models"]) == 0
    assert capsys.readouterr().out.split("\n")[:3] == ["consensus (default)", "cae", "vae-bilstm"]


def test_a_closed_pipe_ends_quietly(root):
    command = f"{sys.executable} -m ecg_core score --help | head -c 1"
    run = subprocess.run(["bash", "-c", command], cwd=root, capture_output=True, text=True, check=True, env=os.environ)
    assert (run.stdout, run.stderr) == ("u", "")


def test_every_option_is_in_the_readme(root):
    """Fails when an option is added or renamed and the README lags."""
    readme = (root / "README.md").read_text(encoding="utf-8")
    options = {
        option
        for parser in [cli.build_parser(), *subparsers().values()]
        for action in parser._actions
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    }
    assert len(options) > 9
    missing = {option for option in options if f"`{option}" not in readme}
    assert not missing, f"the README says nothing of {sorted(missing)}"
    assert not (unsaid := {name for name in subparsers() if f"leadwise {name}" not in readme}), unsaid


def subparsers() -> dict:
    (choices,) = (action.choices for action in cli.build_parser()._actions if isinstance(action.choices, dict))
    return dict(choices)
