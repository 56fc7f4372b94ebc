"""The batch: one row per record and model, in order, whatever the files are like."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecg_core import batch, score_file
from ecg_core.batch import SCHEMA, batch_paths, score_paths, write_parquet
from ecg_core.errors import CheckpointError
from ecg_core.records import LEADS
from ecg_core.score_file import FileScorer, ScoreOptions
from tests.fakes import MODELS, FakeDetector, write_wfdb

ONE = ScoreOptions(models=("cae",))


@pytest.fixture(autouse=True)
def _fake_detectors(monkeypatch):
    monkeypatch.setattr(batch, "SCORER", "tests.fakes:make_scorer")


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a folder with good, bad and deadly records."""
    top = tmp_path / "records"
    write_wfdb(top, "a", spread_mv=0.1)
    write_wfdb(top / "deep" / "er", "b", spread_mv=0.9)
    write_wfdb(top, "kill")
    write_wfdb(top, "short", seconds=2)
    write_wfdb(top, "z")
    (top / "nodata.hea").write_text("nodata 12 100 1000\n")
    (top / "empty.hea").write_text("")
    np.save(top / "array.npy", np.zeros((12, 1000), np.float32))
    (top / "table.csv").write_text("not,an\necg,1\n")
    return top


def rows_in(folder: Path, options: ScoreOptions = ONE, workers: int = 2) -> list[dict]:
    return [row for rows in score_paths(batch_paths(folder, options), folder, options, workers) for row in rows]


def test_bad_and_deadly_files_get_rows_and_stop_nothing(folder):
    rows = {row["path"]: row for row in rows_in(folder)}
    assert list(rows) == [
        "a.hea", "array.npy", "deep/er/b.hea", "empty.hea", "kill.hea", "nodata.hea", "short.hea", "z.hea"
    ]  # fmt: skip
    assert {path for path, row in rows.items() if row.get("error")} == set(rows) - {"a.hea", "deep/er/b.hea", "z.hea"}
    assert "signal 9" in rows["kill.hea"]["error"]
    assert "sampling rate" in rows["array.npy"]["error"]
    assert rows["a.hea"]["anomalous"] is False
    assert rows["deep/er/b.hea"]["anomalous"] is True


def test_a_row_per_record_and_model(folder):
    rows = rows_in(folder, ScoreOptions(models=MODELS))
    assert [(row["path"], row["model"]) for row in rows] == [
        (path.relative_to(folder).as_posix(), model) for path in batch_paths(folder, ONE) for model in MODELS
    ]


def test_the_number_of_workers_changes_nothing(folder):
    assert rows_in(folder, workers=1) == rows_in(folder, workers=3)


def test_described_files_are_read_and_csv_only_then(folder):
    rng = np.random.default_rng(0)
    np.save(folder / "array.npy", rng.normal(0, 200, (12, 1000)))
    np.savetxt(folder / "table.csv", rng.normal(0, 200, (1000, 12)), delimiter=",", fmt="%.1f")
    described = ScoreOptions(models=("cae",), fs=100.0, unit="uV", leads=LEADS)
    rows = {row["path"]: row for row in rows_in(folder, described)}
    assert not rows["array.npy"].get("error")
    assert not rows["table.csv"].get("error")
    assert rows["array.npy"]["score"] == pytest.approx(2.0, abs=0.2)
    assert not rows["a.hea"].get("error")  # WFDB states its own rate


def test_the_parquet_file_has_the_columns_and_nulls_for_what_is_unknown(folder, tmp_path):
    out = tmp_path / "out.parquet"
    write_parquet(rows_in(folder), out)
    table = pq.read_table(out)
    assert table.schema.equals(SCHEMA)
    row = table.slice(0, 1).to_pylist()[0]
    assert row["parts"]["latent"] == {"value": pytest.approx(row["score"] / 2), "percentile": None}
    assert set(row["lead_scores"]) == set(LEADS)
    assert row["error"] is None
    issue_fields = (
        "record model score percentile threshold anomalous interpretable heart_rate lead_scores parts notes seconds"
    )
    assert set(issue_fields.split()) <= set(table.column_names)


def test_rows_are_written_in_groups_as_they_come(tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "ROW_GROUP", 2)
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
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "records"]


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
    monkeypatch.setattr(score_file, "read_record", None)
    ((_, outcome),) = FileScorer(ONE, load=FakeDetector).score(path)
    assert not isinstance(outcome, str)
    assert outcome.notes == ("3 blocks.",)


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

    monkeypatch.setattr(score_file, "read_record", fail)
    ((_, outcome),) = FileScorer(ONE, load=FakeDetector).score(write_wfdb(tmp_path, "a"))
    assert isinstance(outcome, str)
    assert sentence in outcome
