"""The worklist as CSV and Parquet: all of it, with decisions, and no cell that a spreadsheet would compute."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ecg_core.errors import WorklistError
from ecg_core.worklist import Job, Worklist, runner
from tests.worklist_scorer import CHECKPOINT
from tests.worklists import MODELS, finished, make_worklist, put, scored_here


@pytest.fixture
def worklist(tmp_path, monkeypatch) -> Iterator[Worklist]:
    monkeypatch.setattr(runner, "score_paths", scored_here)
    with make_worklist(tmp_path) as made:
        put(made.root / "ward", "=cmd", "+a", "-b", "@c", "bad", "dark", "plain")
        yield made


@pytest.fixture
def job(worklist) -> Job:
    return finished(worklist, worklist.create_job_from_folder("ward", MODELS, 0.05))


def csv_rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def parquet(data: bytes) -> pa.Table:
    return pq.read_table(io.BytesIO(data))


def test_csv_and_parquet_have_every_record_with_its_scores_and_decisions(worklist, job):
    table = worklist.rows(job.id)
    sha256 = table["sha256"][table["record"].index("plain")]
    worklist.decide(job.id, sha256, "Anna", "anomalous", "wide")
    worklist.decide(job.id, sha256, "Ben", "not anomalous")
    rows = {row["record"]: row for row in csv_rows(worklist.export(job.id, "csv"))}
    assert len(rows) == 7
    row = rows["plain"]
    assert (row["decision"], row["differ"], row["reviewers"]) == ("reviewers differ", "true", "Ben, Anna")
    assert row["decisions"].startswith("Ben: not anomalous, 20")
    assert row["decisions"].endswith("Z, wide")
    assert (row["checkpoint_cae"], row["threshold_cae"], row["false_alarm_rate"]) == (CHECKPOINT, "4.0", "0.05")
    assert datetime.fromisoformat(row["decided_at"]).utcoffset() is not None
    assert (rows["bad"]["score_cae"], rows["bad"]["decision"]) == ("", "")
    other = parquet(worklist.export(job.id, "parquet"))
    assert other.column_names == list(row)
    by_record = {one["record"]: one for one in other.to_pylist()}
    assert by_record["plain"]["score_cae"] == float(row["score_cae"]) == 222 / 32
    assert by_record["plain"]["anomalous_vae-bilstm"] is True
    assert by_record["bad"]["score_cae"] is None
    assert by_record["=cmd"]["sha256"] is not None  # Parquet computes nothing, and is as it was
    assert other.schema.metadata[b"job"] == b"ward"
    assert not {"seq", "my_decision"} & set(row)


def test_cells_that_a_spreadsheet_would_compute_are_neutralised(worklist, job):
    table = worklist.rows(job.id)
    for k, comment in enumerate(("=1+1", "+1", "-1", "@SUM(A1)")):
        worklist.decide(job.id, table["sha256"][k], "=Anna", "anomalous", comment)
    for data in (worklist.export(job.id, "csv"), worklist.export_decisions("csv", job=job.id)):
        cells = [cell for row in csv.reader(io.StringIO(data.decode(), newline="")) for cell in row]
        assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
        assert {"'=cmd", "'+a", "'-b", "'@c", "'=Anna", "'=1+1", "'-1"} <= set(cells)


def test_numbers_below_zero_stay_numbers(worklist, job):
    from ecg_core.worklist.export import worklist_table, written

    rows = worklist.rows(job.id)
    rows["score_cae"] = [-1.5] * 7
    (first, *_) = csv_rows(written(worklist_table(job, rows, {}), "csv"))
    assert first["score_cae"] == "-1.5"


def test_a_job_without_rows_exports_its_columns(worklist):
    job = worklist.create_job_from_folder("ward", ["cae"], 0.05)
    assert csv_rows(worklist.export(job.id, "csv")) == []
    table = parquet(worklist.export(job.id, "parquet"))
    assert (table.num_rows, table.schema.field("score_cae").type) == (0, pa.float64())


def test_the_log_of_decisions_has_the_superseded_ones_too(worklist, job):
    sha256 = worklist.rows(job.id)["sha256"][0]
    for decision in ("anomalous", "second look"):
        worklist.decide(job.id, sha256, "Anna", decision)
    worklist.decide(job.id, sha256, "Ben", "anomalous")
    worklist.delete(job.id)
    rows = csv_rows(worklist.export_decisions("csv"))
    assert [(row["reviewer"], row["decision"], row["superseded"]) for row in rows] == [
        ("Anna", "anomalous", "true"),
        ("Anna", "second look", "false"),
        ("Ben", "anomalous", "false"),
    ]
    assert CHECKPOINT in rows[0]["models"]
    assert parquet(worklist.export_decisions("parquet")).num_rows == 3


def test_other_forms_are_refused(worklist, job):
    with pytest.raises(WorklistError, match="Expected csv or parquet; found 'xlsx'"):
        worklist.export(job.id, "xlsx")
