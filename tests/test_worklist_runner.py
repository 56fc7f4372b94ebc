"""The runner: it outlives its parent, is replaced when it dies or hangs, and goes on where it stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ecg_core import batch
from ecg_core.errors import CheckpointError, WorklistError
from ecg_core.worklist import Job, Worklist, journal, launch, runner
from ecg_core.worklist.journal import Rate
from ecg_core.worklist.locks import ProcessLock
from tests.conftest import ROOT
from tests.worklist_scorer import CHECKPOINT
from tests.worklists import MODELS, finished, make_store, make_worklist, put, runner_command, scored_here, until

SERVER = """
import sys, time
from pathlib import Path
from ecg_core.worklist import Worklist, launch
from tests.worklists import runner_command
launch.command = runner_command
Worklist(Path(sys.argv[1]), root=Path(sys.argv[2])).ensure_runner()
print("started", flush=True)
time.sleep(1000)
"""


@pytest.fixture
def worklist(tmp_path, monkeypatch) -> Iterator[Worklist]:
    monkeypatch.setattr(launch, "command", runner_command)
    monkeypatch.setattr(batch, "SCORER", "tests.worklist_scorer:make_scorer")
    monkeypatch.setattr(batch, "GROUP", 1, raising=False)
    with make_worklist(tmp_path) as made:
        yield made
        if holder := holder_of(made):
            with suppress(ProcessLookupError):
                os.kill(holder, signal.SIGKILL)
        go(made)  # so that workers which wait see that their parent is gone


def go(worklist: Worklist) -> None:
    """Let the files wait-... be scored."""
    assert worklist.store
    (worklist.store / "go").touch()


def holder_of(worklist: Worklist) -> int | None:
    return ProcessLock(worklist.data / "runner.lock").holder()


def scored_times(worklist: Worklist) -> Counter[str]:
    assert worklist.store
    return Counter((worklist.store / "scored.log").read_text().splitlines())


def kept_awake(worklist: Worklist, job: Job, condition) -> None:
    """Wait for something as a page does: look at the job, and see to it that a runner works."""

    def looked() -> bool:
        worklist.ensure_runner()
        return condition(worklist.job(job.id))

    until(looked)


def whole(worklist: Worklist, job: Job) -> list[str]:
    """Return the records of a finished job, after a look that none is there twice or lacks a model."""
    table = worklist.rows(job.id)
    assert table["seq"] == list(range(1, job.total + 1))
    assert sorted(table["position"]) == list(range(job.total))
    for model in MODELS[:2]:
        assert None not in table[f"score_{model}"]
    return table["record"]


def test_a_job_survives_kill_9_of_server_and_runner_and_nothing_is_scored_twice_or_lost(worklist):
    names = [f"a{k:02d}" for k in range(12)] + ["wait"] + [f"z{k:02d}" for k in range(12)]
    put(worklist.root / "ward", *names)
    job = worklist.create_job_from_folder("ward", MODELS[:2], 0.05)
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(worklist.data), str(worklist.root)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert server.stdout
    with server.stdout:
        assert server.stdout.readline() == b"started\n"
    server.kill()
    server.wait()
    until(lambda: worklist.job(job.id).done == 12)  # the runner goes on without the server
    before = worklist.rows(job.id)
    first = holder_of(worklist)
    assert first
    worklist.ensure_runner()
    assert holder_of(worklist) == first  # one is enough
    os.kill(first, signal.SIGKILL)
    until(lambda: holder_of(worklist) is None)
    assert worklist.job(job.id).state == "running"  # nobody could say otherwise
    go(worklist)
    kept_awake(worklist, job, lambda now: not now.active)
    assert worklist.job(job.id).state == "finished"
    assert whole(worklist, job) == sorted(names)
    after = worklist.rows(job.id)
    assert {name: column[:12] for name, column in after.items()} == before
    times = scored_times(worklist)
    assert [times[f"{name}.npy"] for name in names[:12]] == [1] * 12
    assert set(times) == {f"{name}.npy" for name in names}
    until(lambda: holder_of(worklist) is None)  # it ends when there is nothing to do


def test_a_runner_that_hangs_is_replaced(worklist):
    put(worklist.root, "a", "wait", "z")
    job = worklist.create_job_from_folder("", MODELS[:2], 0.05)
    kept_awake(worklist, job, lambda now: now.done == 1)
    hung = holder_of(worklist)
    assert hung
    os.kill(hung, signal.SIGSTOP)
    worklist.ensure_runner()
    assert holder_of(worklist) == hung  # it may only be slow
    os.utime(worklist.data / "runner.lock", (0, 0))
    go(worklist)
    kept_awake(worklist, job, lambda now: not now.active)
    assert holder_of(worklist) != hung
    assert whole(worklist, worklist.job(job.id)) == ["a", "wait", "z"]


def in_background(worklist: Worklist, job: Job, action) -> threading.Thread:
    """Do something to a job once its first record is done, while this thread runs the runner."""

    def act() -> None:
        until(lambda: worklist.job(job.id).done >= 1)
        action(job.id)

    thread = threading.Thread(target=act)
    thread.start()
    return thread


@pytest.mark.parametrize(("action", "state"), [("pause", "paused"), ("cancel", "cancelled"), ("delete", None)])
def test_a_job_stops_while_a_record_is_at_work(worklist, action, state):
    put(worklist.root, "a", "wait", "z")
    job = worklist.create_job_from_folder("", MODELS[:2], 0.05)
    thread = in_background(worklist, job, getattr(worklist, action))
    runner.run(worklist, workers=1)  # it returns although `wait` waits for ever
    thread.join()
    assert [(now.state, now.done) for now in worklist.jobs()] == ([(state, 1)] if state else [])


def test_a_paused_job_goes_on_and_a_cancelled_or_finished_one_does_not(worklist):
    put(worklist.root, "a", "b")
    job = worklist.create_job_from_folder("", MODELS[:2], 0.05)
    worklist.pause(job.id)
    assert finished(worklist, job).done == 0
    worklist.resume(job.id)
    assert finished(worklist, job).state == "finished"
    for action in (worklist.pause, worklist.resume, worklist.cancel):
        action(job.id)
        assert worklist.job(job.id).state == "finished"
    other = worklist.create_job_from_folder("", MODELS[:2], 0.05)
    worklist.cancel(other.id)
    worklist.resume(other.id)
    assert finished(worklist, other).state == "cancelled"


def test_jobs_are_done_in_the_order_they_were_made(worklist, monkeypatch):
    monkeypatch.setattr(runner, "score_paths", scored_here)
    put(worklist.root, "a")
    made = [worklist.create_job_from_folder("", ["cae"], 0.05) for _ in range(3)]
    runner.run(worklist)
    ended = [worklist.job(job.id).ended for job in made]
    assert None not in ended
    assert ended == sorted(ended)
    assert [job.id for job in worklist.jobs()] == [job.id for job in reversed(made)]


def test_a_second_runner_leaves_the_first_alone(worklist, monkeypatch):
    monkeypatch.setattr(runner, "PATIENCE_S", 0.2)
    put(worklist.root, "a")
    job = worklist.create_job_from_folder("", ["cae"], 0.05)
    lock = ProcessLock(worklist.data / "runner.lock")
    assert lock.acquire()
    assert lock.holder() == os.getpid()
    assert finished(worklist, job).state == "waiting"
    lock.release()
    assert lock.holder() is None
    assert finished(worklist, job).state == "finished"


def test_a_checkpoint_that_changed_is_not_mixed_with_the_old_one(worklist, monkeypatch):
    put(worklist.root, "a", "b")
    job = worklist.create_job_from_folder("", MODELS[:2], 0.05)
    worklist.pause(job.id)
    make_store(worklist.store, "f" * 12)
    with pytest.raises(WorklistError, match=rf"cae \({CHECKPOINT}, now ffffffffffff\), vae-bilstm .* start a new job"):
        worklist.resume(job.id)
    make_store(worklist.store)
    worklist.resume(job.id)
    make_store(worklist.store, "f" * 12)
    job = finished(worklist, job)
    assert (job.state, job.done) == ("failed", 0)
    assert "Changed since this job began" in (job.message or "")


def test_a_checkpoint_that_changes_under_the_runner_is_noticed_in_its_rows(worklist, monkeypatch):
    def changing(paths, *rest):
        for k, rows in enumerate(scored_here(paths, *rest)):
            yield [{**row, "checkpoint": "f" * 12} for row in rows] if k == 2 else rows

    monkeypatch.setattr(runner, "score_paths", changing)
    put(worklist.root, "a", "b", "c", "d")
    job = finished(worklist, worklist.create_job_from_folder("", MODELS[:2], 0.05))
    assert (job.state, job.done) == ("failed", 2)
    assert "now ffffffffffff" in (job.message or "")


def test_what_ends_a_job_is_said_and_it_can_be_resumed(worklist, monkeypatch):
    def refused(*_):
        raise CheckpointError("cae is damaged; get it again.")
        yield

    put(worklist.root / "ward", "a")
    job = worklist.create_job_from_folder("ward", MODELS[:2], 0.05)
    monkeypatch.setattr(runner, "score_paths", refused)
    job = finished(worklist, job)
    assert (job.state, job.message) == ("failed", "cae is damaged; get it again.")
    assert job.ended is not None
    monkeypatch.setattr(runner, "score_paths", scored_here)
    worklist.resume(job.id)
    assert (worklist.job(job.id).message, worklist.job(job.id).ended) == (None, None)
    assert finished(worklist, job).state == "finished"


def test_a_root_that_is_gone_fails_the_job_and_not_every_record(worklist):
    put(worklist.root / "ward", "a")
    job = worklist.create_job_from_folder("ward", ["cae"], 0.05)
    worklist.root.rename(worklist.root.with_name("unmounted"))
    job = finished(worklist, job)
    assert (job.state, job.done) == ("failed", 0)
    assert "mount it" in (job.message or "")


def test_results_that_cannot_be_written_fail_the_job(worklist, monkeypatch):
    monkeypatch.setattr(runner, "score_paths", scored_here)
    put(worklist.root, "a")
    job = worklist.create_job_from_folder("", ["cae"], 0.05)
    with worklist.database.writing() as connection:
        connection.exec_driver_sql(
            "CREATE TRIGGER full BEFORE INSERT ON results BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
    job = finished(worklist, job)
    assert (job.state, job.done) == ("failed", 0)
    assert "disk is full" in (job.message or "")


def test_a_job_on_which_every_runner_dies_is_given_up(worklist, monkeypatch):
    put(worklist.root, "a")
    job = worklist.create_job_from_folder("", ["cae"], 0.05)
    for _ in range(runner.MOST_FRUITLESS):
        assert runner._claim(worklist) is not None  # and dies
    job = finished(worklist, job)
    assert (job.state, job.done) == ("failed", 0)
    assert "runner.log" in (job.message or "")
    worklist.resume(job.id)
    assert finished(worklist, job).state == "finished"


def test_an_old_runner_that_wakes_up_writes_nothing(worklist, monkeypatch):
    put(worklist.root, "a")
    job = worklist.create_job_from_folder("", ["cae"], 0.05)
    old = runner._claim(worklist)
    new = runner._claim(worklist)
    assert old
    assert new
    stopped = threading.Event()
    monkeypatch.setattr(journal, "EVERY_S", 0.01)
    with (
        pytest.raises(WorklistError, match="Not all results"),
        journal.Journal(worklist.database, job.id, old.run, 1, lambda: None, stopped.set) as out,
    ):
        out.add(old.pending[0][0], next(scored_here([worklist.root / "a.npy"], worklist.root, job)))
        stopped.wait(60)
    runner._end(worklist.database, old, "finished", None)
    assert (worklist.job(job.id).state, worklist.job(job.id).done) == ("running", 0)


def test_the_rate_is_of_the_last_ten_seconds_and_leaves_out_the_start():
    rate = Rate()
    assert [rate.update(now, 0) for now in (0.0, 30.0, 60.0)] == [None] * 3
    assert rate.update(61.0, 10) == pytest.approx(10.0)
    assert rate.update(62.0, 20) == pytest.approx(10.0)
    for now in range(63, 90):
        last = rate.update(float(now), 20 + 2 * (now - 62))
    assert last == pytest.approx(2.0)


def test_no_runner_is_started_when_nothing_waits(worklist, monkeypatch):
    def never(*_: object) -> None:
        raise AssertionError("started")

    monkeypatch.setattr(launch, "_start", never)
    worklist.ensure_runner()
    put(worklist.root, "a")
    worklist.pause(worklist.create_job_from_folder("", ["cae"], 0.05).id)
    worklist.ensure_runner()


def test_the_module_says_what_is_wrong(tmp_path):
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "ecg_core.worklist", "run", "--data", str(tmp_path / "file" / "data")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("The data folder")


def test_the_runners_command_runs(tmp_path):
    data, root = tmp_path / "data", Path(tmp_path)
    command, environment = launch.command(data, root), launch.environment()
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (data / "worklist.sqlite").exists()
