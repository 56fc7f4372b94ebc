"""The batch: one row per record and model, in order, whatever the files are like."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecg_core import batch, batch_file, score_file
from ecg_core.batch import batch_paths, score_paths
from ecg_core.batch_file import SCHEMA, write_parquet
from ecg_core.detection import Stretch
from ecg_core.errors import CheckpointError
from ecg_core.records import LEADS
from ecg_core.score_file import FileScorer, ScoreOptions, detection_row
from tests.fakes import MODELS, FakeDetector, block_record, fake_detection, write_wfdb

ONE = ScoreOptions(models=("cae",))


@pytest.fixture(autouse=True, scope="module")
def _fake_detectors() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "SCORER", "tests.fakes:make_scorer")
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return a folder with good, bad and deadly records, and files that need a description."""
    top = tmp_path_factory.mktemp("records")
    rng = np.random.default_rng(0)
    write_wfdb(top, "a", spread_mv=0.1)
    write_wfdb(top / "deep" / "er", "b", spread_mv=0.9)
    write_wfdb(top, "kill")
    write_wfdb(top, "short", seconds=2)
    write_wfdb(top, "z")
    (top / "nodata.hea").write_text("nodata 12 100 1000\n")
    (top / "empty.hea").write_text("")
    np.save(top / "array.npy", rng.normal(0, 200, (12, 1000)))
    np.savetxt(top / "table.csv", rng.normal(0, 200, (1000, 12)), delimiter=",", fmt="%.1f")
    return top


def rows_in(folder: Path, options: ScoreOptions = ONE, workers: int = 2) -> list[dict]:
    return [row for rows in score_paths(batch_paths(folder, options), folder, options, workers) for row in rows]


@pytest.fixture(scope="module")
def rows(folder) -> list[dict]:
    """Return the rows of the folder with two models and two workers."""
    return rows_in(folder, ScoreOptions(models=MODELS[:2]))


def test_bad_and_deadly_files_get_rows_and_stop_nothing(rows):
    by_path = {row["path"]: row for row in rows}
    good = {"a.hea", "deep/er/b.hea", "z.hea"}
    bad = {"array.npy", "empty.hea", "kill.hea", "nodata.hea", "short.hea"}
    assert set(by_path) == good | bad
    assert {path for path, row in by_path.items() if row.get("error")} == bad
    assert "signal 9" in by_path["kill.hea"]["error"]
    assert "sampling rate" in by_path["array.npy"]["error"]
    assert by_path["a.hea"]["anomalous"] is False
    assert by_path["deep/er/b.hea"]["anomalous"] is True


def test_a_row_per_record_and_model_in_the_paths_order(folder, rows):
    assert [(row["path"], row["model"]) for row in rows] == [
        (path.relative_to(folder).as_posix(), model) for path in batch_paths(folder, ONE) for model in MODELS[:2]
    ]


def test_the_number_of_workers_and_of_models_changes_no_row(folder, rows):
    assert rows_in(folder, workers=1) == [row for row in rows if row["model"] == "cae"]


def test_a_record_that_cannot_be_scored_costs_its_company_nothing(tmp_path):
    for name in ("a", "b", "unlucky", "z"):
        write_wfdb(tmp_path, name)
    rows = {row["path"]: row.get("error") for row in rows_in(tmp_path, workers=1)}
    assert rows == {"a.hea": None, "b.hea": None, "unlucky.hea": "unlucky cannot be scored.", "z.hea": None}


def test_described_files_are_read_and_csv_only_then(folder):
    described = ScoreOptions(models=("cae",), fs=100.0, unit="uV", leads=LEADS)
    paths = [folder / "a.hea", folder / "array.npy", folder / "table.csv"]
    assert set(batch_paths(folder, described)) - set(batch_paths(folder, ONE)) == {folder / "table.csv"}
    rows = {row["path"]: row for (row,) in score_paths(paths, folder, described, 1)}
    assert not any(row.get("error") for row in rows.values())  # a.hea too: WFDB states its own rate
    assert rows["array.npy"]["score"] == pytest.approx(2.0, abs=0.2)


def test_the_parquet_file_has_the_columns_and_nulls_for_what_is_unknown(rows, tmp_path):
    out = tmp_path / "out.parquet"
    write_parquet(rows, out)
    table = pq.read_table(out)
    assert table.schema.equals(SCHEMA)
    row = table.slice(0, 1).to_pylist()[0]
    assert row["parts"]["latent"] == {"value": pytest.approx(row["score"] / 2), "percentile": None}
    assert set(row["lead_scores"]) == set(LEADS)
    assert row["error"] is None
    assert [row["path"] for row in table.to_pylist()] == [row["path"] for row in rows]
    fields = (
        "record model score percentile threshold anomalous interpretable heart_rate lead_scores parts notes seconds"
    )
    assert set(fields.split()) <= set(table.column_names)


def test_a_row_keeps_the_strongest_stretch_and_what_is_wrong_with_each_lead(tmp_path):
    found = fake_detection(block_record(), "cae", 4.0, 0.05)
    assert found.explanation is not None
    stretches = (Stretch(1.0, 1.4, 3.0, ("V2", "V1")), Stretch(5.0, 5.2, 1.5, ("II",)))
    explanation = replace(found.explanation, stretches=stretches)
    quality = {"V6": ("noisy", "baseline jump")}
    row = detection_row(replace(found, explanation=explanation, quality=quality, masked_leads=("V6",)))
    assert row["stretches"] == [{"start_s": 1.0, "stop_s": 1.4, "peak": 3.0, "leads": ["V2", "V1"]}]
    assert "segments" not in row
    write_parquet(iter([{"path": "a.hea", **row}]), tmp_path / "out.parquet")
    (kept,) = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert kept["quality"]["V6"] == ["noisy", "baseline jump"]
    assert kept["quality"]["V5"] is None
    assert kept["masked_leads"] == ["V6"]
    assert kept["stretches"] == row["stretches"]


def test_rows_are_written_in_groups_as_they_come(tmp_path, monkeypatch):
    monkeypatch.setattr(batch_file, "ROW_GROUP", 2)
    taken = 0

    def rows() -> Iterator[dict]:
        nonlocal taken
        for taken in range(5):
            yield {"path": f"{taken}", "record": "r", "model": "cae", "error": "none"}

    out = tmp_path / "out.parquet"
    write_parquet(rows(), out)
    file = pq.ParquetFile(out)
    assert [file.metadata.row_group(k).num_rows for k in range(file.num_row_groups)] == [2, 2, 1]


def test_an_interrupted_run_leaves_the_old_file_and_nothing_else(folder, tmp_path):
    out = tmp_path / "out.parquet"
    pq.write_table(pa.table({"old": [1]}), out)
    before = hashlib.sha256(out.read_bytes()).hexdigest()

    def interrupted() -> Iterator[dict]:
        for k, rows in enumerate(score_paths(batch_paths(folder, ONE), folder, ONE, 2)):
            if k == 2:
                raise KeyboardInterrupt
            yield from rows

    with pytest.raises(KeyboardInterrupt):
        write_parquet(interrupted(), out)
    assert hashlib.sha256(out.read_bytes()).hexdigest() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_a_checkpoint_that_cannot_be_loaded_is_an_error_of_the_run(folder):
    with pytest.raises(CheckpointError, match="damaged"):
        rows_in(folder, ScoreOptions(models=("damaged",)))


def test_names_from_files_cannot_steer_a_terminal(tmp_path):
    write_wfdb(tmp_path, "good")
    shutil.move(tmp_path / "good.hea", tmp_path / "bad\x1b[2J.hea")
    (tmp_path / "good.dat").unlink()
    row = rows_in(tmp_path)[0]
    assert "\x1b" not in row["path"] + row["record"] + row["error"]


def test_long_recordings_are_read_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(score_file, "MAX_WHOLE_S", 20.0)
    path = write_wfdb(tmp_path, "long", seconds=1300)
    ((_, outcome),) = FileScorer(ONE, load=FakeDetector).score(path)
    assert not isinstance(outcome, str)
    assert outcome.notes == ("3 blocks.",)


def test_a_long_recording_is_read_once_for_all_models(tmp_path, monkeypatch):
    read, read_blocks = [], score_file.read_blocks
    monkeypatch.setattr(score_file, "MAX_WHOLE_S", 20.0)
    monkeypatch.setattr(score_file, "read_blocks", lambda *a, **k: read.append(1) or read_blocks(*a, **k))
    path = write_wfdb(tmp_path, "long", seconds=1300)
    found = FileScorer(ScoreOptions(models=MODELS), load=FakeDetector).score(path)
    assert [(name, outcome.model) for name, outcome in found] == [(name, name) for name in MODELS]
    assert read == [1]


def test_a_detector_that_cannot_score_a_long_recording_leaves_the_others_theirs(tmp_path):
    path = write_wfdb(tmp_path, "long", seconds=30)
    found = dict(FileScorer(ScoreOptions(models=("cae", "uncalibrated")), load=FakeDetector).score(path))
    assert found["uncalibrated"] == "uncalibrated is not calibrated for 10 s."
    assert found["cae"].model == "cae"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (MemoryError(), "more memory"),
        (PermissionError(13, "Permission denied"), "could not be read: Permission denied"),
    ],
)
def test_the_machines_failures_become_sentences(tmp_path, monkeypatch, error, sentence):
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(score_file, "read_up_to", fail)
    ((_, outcome),) = FileScorer(ONE, load=FakeDetector).score(write_wfdb(tmp_path, "a"))
    assert isinstance(outcome, str)
    assert sentence in outcome
