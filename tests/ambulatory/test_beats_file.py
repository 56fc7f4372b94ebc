"""`leadwise beats`: a table or one JSON object a recording, long files in blocks, refusals in one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench.beats import write_recording
from ecg_core import beats_file
from ecg_core.cli import main
from ecg_core.synthetic_ambulatory import Ambulatory, write_record
from tests.beat_stand_in import make_store

SPEC = Ambulatory("holter", ((21.0, "ventricular"), (47.0, "run"), (70.0, "pause")), seed=3, duration_s=100.0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def holter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_record(SPEC, tmp_path_factory.mktemp("files"))


def test_json_is_one_object_a_recording(holter: Path, store: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["beats", str(holter), str(holter), "--store", str(store), "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    found = json.loads(lines[0])
    assert {"record", "leads", "fs", "heart_rate", "beats", "notes", "seconds"} <= set(found)
    assert (found["record"], found["leads"], found["fs"]) == ("holter", ["MLII", "V1"], 250.0)
    beats = found["beats"]
    assert set(beats[0]) == {"time", "lead", "rr", "score", "percentile", "anomalous", "cluster", "resembles"}
    assert beats[0]["rr"] is None
    assert len(beats) > 90
    assert any(beat["anomalous"] for beat in beats if 20 < beat["time"] < 23)
    assert beats[5]["time"] - beats[4]["time"] == pytest.approx(beats[5]["rr"], abs=2e-4)


def test_the_table_lists_what_is_above_the_threshold(holter: Path, store: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["beats", str(holter), "--store", str(store)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("holter  MLII, V1  250 Hz  0:01:40.000")
    above = int(out.split(" above the threshold")[0].split()[-1])
    rows = [line for line in out.splitlines() if line.strip().startswith("0:0")]
    assert len(rows) == above >= 5
    assert any("0:00:2" in row for row in rows)


def test_a_long_file_goes_through_in_blocks_with_the_same_beats(
    holter: Path, store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    main(["beats", str(holter), "--store", str(store), "--json"])
    monkeypatch.setattr(beats_file, "WHOLE_S", 60.0)
    monkeypatch.setattr(beats_file, "BLOCK_S", 31.0)
    main(["beats", str(holter), "--store", str(store), "--json"])
    whole, blocks = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert blocks["beats"] == whole["beats"]
    assert blocks["sha256"] == whole["sha256"]
    assert blocks["duration_s"] == whole["duration_s"] == 100.0


def test_an_array_needs_its_description(holter: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(1, 2500)).astype(np.float32))
    assert main(["beats", str(tmp_path / "x.npy"), "--store", str(store)]) == 1
    assert "leadwise: " in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(["beats", str(holter), "--store", str(store), "--fs", "250"])
    assert stop.value.code == 2


def test_refusals_are_one_sentence_and_the_next_file_is_taken(
    holter: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    flat = tmp_path / "flat.npy"
    np.save(flat, (np.arange(5000) % 2 * 1e-3)[None].astype(np.float32))
    described = ["--fs", "250", "--unit", "mV", "--leads", "MLII"]
    assert main(["beats", str(flat), str(holter), "--store", str(store), *described]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("holter")
    assert err.count("leadwise: ") == 1
    assert "Expected at least 10 heartbeats" in err
    assert main(["beats", str(tmp_path / "none.hea"), "--store", str(store)]) == 1
    assert "was not found" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["--model", "other"], ["--false-alarm-rate", "2"], ["--store", "/nowhere"]])
def test_wrong_usage_is_two(argv: list[str], holter: Path, store: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stop:
        main(["beats", str(holter), *(["--store", str(store)] if "--store" not in argv else []), *argv])
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("usage: leadwise beats")


def test_a_rate_that_normals_cannot_show_and_an_empty_store(
    holter: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["beats", str(holter), "--store", str(store), "--false-alarm-rate", "0.00001"]) == 2
    assert "Expected a false-alarm rate from 0.001" in capsys.readouterr().err
    assert main(["beats", str(holter), "--store", str(tmp_path)]) == 1
    assert "There is no beat detector beat-cae" in capsys.readouterr().err


def test_the_recordings_of_the_bench_can_be_read(tmp_path: Path, store: Path, capsys: pytest.CaptureFixture[str]):
    path = write_recording(tmp_path, "bench", 500.0)
    assert main(["beats", str(path), "--store", str(store), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["duration_s"] == 500.0
    assert found["leads"] == ["MLII", "V1"]
    assert len(found["beats"]) > 500


def test_what_beats_resemble_comes_last_with_how_often_it_is_right(
    holter: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    probed = make_store(tmp_path, "Beat-CAE", probe=True)
    assert main(["beats", str(holter), "--store", str(probed)]) == 0
    lines = capsys.readouterr().out.splitlines()
    head = next(line for line in lines if line.endswith("resembles"))
    rows = [line for line in lines if line.strip().startswith("0:0")]
    assert any(row.endswith("ventricular ectopic") for row in rows)
    assert all(row.endswith(("ventricular ectopic", "  -")) for row in rows)
    assert all(row.rindex("  ") + 2 == head.index("resembles") for row in rows)
    assert "A hint" not in head and "a hint, not a diagnosis" in lines[-1]
    assert "ventricular ectopic: sensitivity 90 % (80-95), PPV 70 % (50-80)" in lines[-1]
    main(["beats", str(holter), "--store", str(probed), "--json"])
    found = json.loads(capsys.readouterr().out)
    told = {beat["resembles"] for beat in found["beats"] if beat["anomalous"]}
    assert "ventricular ectopic" in told
    assert {beat["resembles"] for beat in found["beats"] if not beat["anomalous"]} == {None}
    assert found["kinds"]["ventricular ectopic"]["ppv"] == {"value": 0.7, "low": 0.5, "high": 0.8}
    main(["beats", str(holter), "--store", str(store)])
    assert "resembles" not in capsys.readouterr().out.lower()
