"""What reviewers decided: never lost, never changed, superseded by the same reviewer alone."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecg_core.errors import WorklistError
from ecg_core.worklist import DIFFER, Job, Worklist, runner
from tests.conftest import ROOT
from tests.worklist_scorer import CHECKPOINT
from tests.worklists import MODELS, finished, make_worklist, put, scored_here


@pytest.fixture
def worklist(tmp_path, monkeypatch) -> Iterator[Worklist]:
    monkeypatch.setattr(runner, "score_paths", scored_here)
    with make_worklist(tmp_path) as made:
        put(made.root / "ward", "a", "b", "bad", "dark")
        yield made


@pytest.fixture
def job(worklist) -> Job:
    return finished(worklist, worklist.create_job_from_folder("ward", MODELS, 0.05))


def sha256_of(worklist: Worklist, job: Job, record: str) -> str:
    table = worklist.rows(job.id)
    return table["sha256"][table["record"].index(record)]


def row_of(worklist: Worklist, job: Job, record: str, reviewer: str | None = None) -> dict:
    table = worklist.rows(job.id, reviewer=reviewer)
    k = table["record"].index(record)
    return {name: column[k] for name, column in table.items()}


def test_a_decision_says_who_when_what_and_on_which_verdicts(worklist, job):
    before = datetime.now(UTC)
    sha256 = sha256_of(worklist, job, "b")
    made = worklist.decide(job.id, sha256, "  Dr.\tAnna  Berg ", "anomalous", " wide QRS\nsee V1 ")
    assert worklist.decisions() == [made]
    assert (made.reviewer, made.decision, made.comment) == ("Dr. Anna Berg", "anomalous", "wide QRS\nsee V1")
    assert (made.sha256, made.job, made.job_name, made.record, made.path) == (sha256, job.id, "ward", "b", "ward/b.npy")
    assert made.at.tzinfo is not None
    assert (made.at - before).total_seconds() >= -0.001
    assert made.false_alarm_rate == 0.05
    assert [(v.model, v.checkpoint, v.threshold, v.anomalous) for v in made.verdicts] == [
        (model, CHECKPOINT, 4.0, False) for model in MODELS
    ]
    assert made.verdicts[1].score == 37 / 32 + 0.25


def test_a_record_that_is_not_interpretable_is_decided_without_a_threshold(worklist, job):
    made = worklist.decide(job.id, sha256_of(worklist, job, "dark"), "Anna", "second look")
    assert [(v.threshold, v.score, v.anomalous) for v in made.verdicts] == [(None, None, None)] * 3


def test_a_later_decision_supersedes_ones_own_and_erases_nothing(worklist, job):
    sha256 = sha256_of(worklist, job, "a")
    first = worklist.decide(job.id, sha256, "Anna", "anomalous", "first")
    second = worklist.decide(job.id, sha256, "anna", "not anomalous", "again")
    assert worklist.decisions(sha256=sha256) == [second, first]
    assert worklist.decisions(job=job.id, limit=1) == [second]
    assert worklist.reviews(sha256=sha256)[sha256].latest == (second,)
    row = row_of(worklist, job, "a", "ANNA")
    assert (row["decision"], row["comment"], row["differ"]) == ("not anomalous", "again", False)
    assert (row["reviewers"], row["my_decision"], row["decided_at"]) == ("anna", "not anomalous", second.at)
    assert worklist.reviewed(job.id) == {"below": 1}


def test_where_reviewers_differ_the_worklist_shows_it_until_they_agree(worklist, job):
    sha256 = sha256_of(worklist, job, "a")
    worklist.decide(job.id, sha256, "Anna", "anomalous")
    assert row_of(worklist, job, "a", "Ben")["my_decision"] is None
    worklist.decide(job.id, sha256, "Ben", "not anomalous", "looks like artefact")
    row = row_of(worklist, job, "a", "Anna")
    assert (row["decision"], row["differ"], row["reviewers"]) == (DIFFER, True, "Ben, Anna")
    assert (row["my_decision"], row["comment"]) == ("anomalous", "looks like artefact")
    worklist.decide(job.id, sha256, "Anna", "not anomalous")
    row = row_of(worklist, job, "a")
    assert (row["decision"], row["differ"]) == ("not anomalous", False)
    assert row_of(worklist, job, "b")["decision"] is None
    assert len(worklist.decisions()) == 3


def test_decisions_belong_to_the_recording_and_outlive_their_job(worklist, job):
    sha256 = sha256_of(worklist, job, "a")
    made = worklist.decide(job.id, sha256, "Anna", "anomalous")
    again = finished(worklist, worklist.create_job_from_folder("ward", ["cae"], 0.05))
    assert row_of(worklist, again, "a")["decision"] == "anomalous"
    worklist.delete(job.id)
    assert worklist.decisions(job=again.id) == [made]
    assert worklist.decisions(job=job.id) == []
    worklist.delete(again.id)
    assert worklist.decisions() == [made]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"reviewer": " \t"}, "reviewer's name of 1 to 80"),
        ({"reviewer": "x" * 81}, "reviewer's name of 1 to 80"),
        ({"decision": "normal"}, "Expected one of anomalous, not anomalous, second look; found 'normal'"),
        ({"comment": "x" * 4001}, "at most 4,000 characters"),
        ({"sha256": "0" * 64}, "no longer in the job"),
        ({"job": "0123456789ab"}, "no longer in the job"),
    ],
)
def test_a_decision_that_is_not_one_is_refused_in_a_sentence(worklist, job, change, sentence):
    given = {"job": job.id, "sha256": sha256_of(worklist, job, "a"), "reviewer": "Anna", "decision": "anomalous"}
    with pytest.raises(WorklistError, match=sentence):
        worklist.decide(**(given | change))
    assert worklist.decisions() == []


def test_text_that_is_no_unicode_is_written_out(worklist, job):
    made = worklist.decide(job.id, sha256_of(worklist, job, "a"), "Anna", "anomalous", "lone \ud800\x00")
    assert made.comment == "lone \\ud800\\x00"
    assert worklist.decisions() == [made]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE decisions SET decision = 'not anomalous'",
        "UPDATE decisions SET comment = ''",
        "DELETE FROM decisions",
        "INSERT OR REPLACE INTO decisions SELECT id, at, 'Eve', 'eve', sha256, decision, comment, job, job_name, "
        "record, path, false_alarm_rate, verdicts FROM decisions",
    ],
)
def test_the_database_itself_refuses_to_change_or_remove_a_decision(worklist, job, statement):
    made = worklist.decide(job.id, sha256_of(worklist, job, "a"), "Anna", "anomalous", "stays")
    with (
        closing(sqlite3.connect(worklist.data / "worklist.sqlite")) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)
    assert worklist.decisions() == [made]


DECIDE = """
import os, signal, sys
from pathlib import Path
from ecg_core.worklist import Worklist
data, root, job, sha256, reviewer, times, end = sys.argv[1:]
worklist = Worklist(Path(data), root=Path(root))
for k in range(int(times)):
    worklist.decide(job, sha256, reviewer, ("anomalous", "not anomalous")[k % 2], f"{k}")
if end == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
"""


def deciding(worklist: Worklist, job: Job, reviewer: str, times: int, end: str) -> subprocess.Popen[bytes]:
    sha256 = sha256_of(worklist, job, "a")
    argv = [str(worklist.data), str(worklist.root), job.id, sha256, reviewer, str(times), end]
    return subprocess.Popen([sys.executable, "-c", DECIDE, *argv], cwd=ROOT)


def test_a_decision_is_kept_when_the_process_is_killed_right_after(worklist, job):
    process = deciding(worklist, job, "Anna", 1, "kill")
    assert process.wait() == -signal.SIGKILL
    assert [(d.reviewer, d.comment) for d in worklist.decisions()] == [("Anna", "0")]


def test_two_processes_decide_at_once_and_nothing_is_lost(worklist, job):
    processes = [deciding(worklist, job, reviewer, 50, "kill") for reviewer in ("Anna", "Ben")]
    assert [process.wait() for process in processes] == [-signal.SIGKILL] * 2
    made = worklist.decisions()
    for reviewer in ("Anna", "Ben"):
        assert [d.comment for d in reversed(made) if d.reviewer == reviewer] == [str(k) for k in range(50)]
    (review,) = worklist.reviews(job=job.id).values()
    assert {(d.reviewer, d.comment) for d in review.latest} == {("Anna", "49"), ("Ben", "49")}


def test_what_is_stored_is_legible_without_leadwise(worklist, job, tmp_path: Path):
    worklist.decide(job.id, sha256_of(worklist, job, "a"), "Anna", "anomalous", "c")
    with closing(sqlite3.connect(worklist.data / "worklist.sqlite")) as connection:
        at, verdicts = connection.execute("SELECT at, verdicts FROM decisions").fetchone()
    assert datetime.fromisoformat(at).utcoffset() is not None
    assert json.loads(verdicts)[0]["checkpoint"] == CHECKPOINT
