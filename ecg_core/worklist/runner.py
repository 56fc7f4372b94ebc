"""The runner: one process per data folder that scores what waits, job by job, and ends when nothing does.

It holds a lock that the kernel frees when it dies, however it dies; whoever looks at an active job starts the next
one (`ecg_core.worklist.launch`), which goes on where the records have no result yet.
"""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from sqlalchemy import case, select, update

from ecg_core.batch import score_paths
from ecg_core.errors import ECGError, WorklistError
from ecg_core.score_file import Row, ScoreOptions, error_row
from ecg_core.worklist import jobs as store
from ecg_core.worklist import uploads
from ecg_core.worklist.folders import OUTSIDE, UPLOADS, real_inside
from ecg_core.worklist.journal import Journal
from ecg_core.worklist.launch import lock_of
from ecg_core.worklist.locks import ProcessLock
from ecg_core.worklist.reading import digest_of_unread
from ecg_core.worklist.tables import Database, jobs, records
from ecg_core.worklist.worklist import Worklist

PATIENCE_S = 3.0
"""How long a new runner waits for the lock: whoever asks who holds it has it for a moment."""

MOST_FRUITLESS = 3


class _StoppedError(Exception):
    """The job was paused, cancelled, deleted, or given to another runner."""


@dataclass(frozen=True)
class _Claim:
    """A job that this runner works on, under the name `run`; `pending` has the id and path of each record to do."""

    job: store.Job
    run: str
    root: str
    pending: list[tuple[int, str]]
    next_seq: int


def run(worklist: Worklist, workers: int | None = None) -> None:
    """Score every job that waits; return at once where another runner is at work.

    Raises
    ------
    WorklistError
        If results cannot be written.
    """
    lock = ProcessLock(lock_of(worklist.data))
    database = worklist.database
    while _take(lock):
        try:
            uploads.sweep(worklist.data / UPLOADS, {job.id for job in worklist.jobs()})
            while claim := _claim(worklist):
                _work(worklist, claim, lock, workers)
        finally:
            lock.release()
        if not _waiting(database):  # a job that came later finds the lock free, and its page starts a runner
            return


def _take(lock: ProcessLock) -> bool:
    deadline = time.monotonic() + PATIENCE_S
    while not (taken := lock.acquire()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return taken


def _waiting(database: Database) -> bool:
    with database.reading() as connection:
        return connection.execute(select(jobs.c.id).where(jobs.c.state == "waiting").limit(1)).first() is not None


def _claim(worklist: Worklist) -> _Claim | None:
    """Take the oldest job that waits, before it one whose runner died: with the lock in hand, none but ours lives."""
    with worklist.database.writing() as connection:
        row = connection.execute(
            select(jobs.c.id, jobs.c.root, jobs.c.fruitless_starts)
            .where(jobs.c.state.in_(("running", "waiting")))
            .order_by(case((jobs.c.state == "running", 0), else_=1), jobs.c.created)
            .limit(1)
        ).first()
        if row is None:
            return None
        run = secrets.token_hex(8)
        connection.execute(
            update(jobs)
            .where(jobs.c.id == row.id)
            .values(state="running", run=run, heartbeat=time.time(), records_per_s=None)
            .values(started=case((jobs.c.started.is_(None), time.time()), else_=jobs.c.started))
            .values(fruitless_starts=jobs.c.fruitless_starts + 1)
        )
        job = store.one(connection, row.id)
        todo = select(records.c.id, records.c.path).where(records.c.job == row.id, records.c.seq.is_(None))
        pending = [(record.id, record.path) for record in connection.execute(todo.order_by(records.c.position))]
    claim = _Claim(job, run, row.root, pending, job.done + 1)
    if row.fruitless_starts >= MOST_FRUITLESS:
        message = f"Scoring ended {MOST_FRUITLESS} times before a record was done; see runner.log in the data folder."
        _end(worklist.database, claim, "failed", message)
        return _claim(worklist)
    return claim


def _work(worklist: Worklist, claim: _Claim, lock: ProcessLock, workers: int | None) -> None:
    """Score what is left of a job; what stops it for good is said in its message."""
    database = worklist.database
    try:
        root = _checked_root(worklist, claim)
        with (
            _stoppable() as stop,
            Journal(database, claim.job.id, claim.run, claim.next_seq, lock.touch, stop) as journal,
            closing(_scored(claim, root, workers)) as scored,
        ):
            for record, rows in scored:
                journal.add(record, rows)
    except _StoppedError:
        return
    except ECGError as error:
        _end(database, claim, "failed", str(error))
    else:
        _end(database, claim, "finished", None)


def _checked_root(worklist: Worklist, claim: _Claim) -> Path:
    """Return the folder of the job's paths, after a look that it and the checkpoints are those of the beginning."""
    root = worklist.root_of(claim.job, Path(claim.root))
    if not root.is_dir():
        raise WorklistError(f"The folder {root} is not there; mount it, or put it back, and resume.")
    if changed := store.changed_checkpoints(claim.job.checkpoints, store.checkpoints_now(claim.job)):
        raise WorklistError(changed)
    return Path(os.path.realpath(root))


def _scored(claim: _Claim, root: Path, workers: int | None) -> Generator[tuple[int, list[Row]]]:
    """Yield the rows of each record that has none; links are followed only inside the root, before and after."""
    inside: list[tuple[int, str, Path]] = []
    for record, path in claim.pending:
        real = real_inside(root, path)
        if real is None:
            yield record, _refused(claim, path)
        else:
            inside.append((record, path, real))
    options = ScoreOptions(
        models=claim.job.models,
        store=str(claim.job.store) if claim.job.store else None,
        false_alarm_rate=claim.job.false_alarm_rate,
        **_described(claim.job.description),
    )
    stream = score_paths([real for _, _, real in inside], root, options, workers)
    for (record, path, real), rows in zip(inside, stream, strict=True):
        used = {row["model"]: row["checkpoint"] for row in rows if not row.get("error")}
        if changed := store.changed_checkpoints(claim.job.checkpoints, used):
            raise WorklistError(changed)
        yield record, _with_digest(rows, real) if real_inside(root, path) == real else _refused(claim, path)


def _described(description: dict[str, Any]) -> dict[str, Any]:
    return {**description, "leads": tuple(description["leads"])} if description else {}


def _with_digest(rows: list[Row], path: Path) -> list[Row]:
    """Return the rows of a record; where no model could read the file, with the digest of what it is."""
    if not all(row.get("error") for row in rows):
        return rows
    return [{"sha256": digest_of_unread(path), **row} for row in rows]


def _refused(claim: _Claim, path: str) -> list[Row]:
    return [error_row(Path(path), model, OUTSIDE) for model in claim.job.models]


def _end(database: Database, claim: _Claim, state: store.State, message: str | None) -> None:
    """Put the job into its last state, unless it is no longer this runner's."""
    with database.writing() as connection:
        mine = select(jobs.c.id).where(jobs.c.id == claim.job.id, jobs.c.run == claim.run)
        if connection.execute(mine).first():
            store.move(connection, claim.job.id, state, allowed=("running",), message=message)


@contextmanager
def _stoppable() -> Iterator[Any]:
    """Give what raises `_StoppedError` in the main thread, once, from another thread and even while it waits."""
    main = threading.main_thread().ident
    assert main is not None
    active = True

    def answer(_: int, __: FrameType | None) -> None:
        nonlocal active
        if active:
            active = False
            raise _StoppedError

    before = signal.signal(signal.SIGUSR1, answer)
    try:
        yield lambda: signal.pthread_kill(main, signal.SIGUSR1)
    finally:
        active = False
        signal.signal(signal.SIGUSR1, before)
