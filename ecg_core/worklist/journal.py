"""The journal of a runner: results written as they come, a heartbeat, and a look at whether the job is still its own.

A thread of its own does the writing, so that a job that is paused while a slow record is at work stops at once.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any

from sqlalchemy import bindparam, update

from ecg_core.errors import ECGError, WorklistError
from ecg_core.score_file import Row
from ecg_core.worklist import rows as table
from ecg_core.worklist.tables import Database, jobs, records, results

EVERY_S = 0.5
RATE_OVER_S = 10.0
MOST_WAITING = 500
"""Records that may wait to be written: more, and whoever adds the next one waits."""


class Rate:
    """Records per second over the last ten seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def update(self, now: float, done: int) -> float | None:
        """Take note of how many are done at a moment, s; return the rate, None before the first one."""
        self._seen.append((now, done))
        while len(self._seen) > 2 and (self._seen[1][1] == 0 or now - self._seen[0][0] > RATE_OVER_S):
            self._seen.popleft()
        since, before = self._seen[0]
        return (done - before) / (now - since) if done > 0 and now > since else None


class Journal:
    """Write the results of one job.

    Parameters
    ----------
    job, run : what is written, while the job is running under that name.
    seq : of the next record that is done.
    alive : called with every heartbeat.
    stop : called, once, when the job is no longer ours or nothing can be written.

    Raises
    ------
    WorklistError
        At the end, if something could not be written.
    """

    def __init__(
        self, database: Database, job: str, run: str, seq: int, alive: Callable[[], None], stop: Callable[[], None]
    ) -> None:
        self._database, self._job, self._run = database, job, run
        self._alive, self._stop = alive, stop
        self._seq, self._first = seq, seq
        self._rate = Rate()
        self._lock = threading.Lock()
        self._waiting: list[tuple[int, list[Row]]] = []
        self._room = threading.Semaphore(MOST_WAITING)
        self._wake = threading.Event()
        self._closing = False
        self._error: ECGError | None = None
        self._whole = False
        self._thread = threading.Thread(target=self._keep, name="journal")

    def __enter__(self) -> Journal:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._closing = True
        self._wake.set()
        self._thread.join()
        if self._error:
            raise self._error
        if not self._whole and kind is None:
            raise WorklistError("Not all results could be written; see runner.log in the data folder.")

    def add(self, record: int, rows: list[Row]) -> None:
        """Take the rows of one record, one per model; they are written within half a second."""
        if not self._room.acquire(blocking=False):
            self._wake.set()
            self._room.acquire()  # `stop` ends this too
        with self._lock:
            self._waiting.append((record, rows))

    def _keep(self) -> None:
        last = False
        try:
            while not last:
                self._wake.wait(EVERY_S)
                self._wake.clear()
                last = self._closing
                if not self._write():
                    return
            self._whole = True
        except ECGError as error:
            self._error = error
        finally:
            if not last:
                self._stop()

    def _write(self) -> bool:
        """Write what has come, in one transaction with the heartbeat; return whether the job is still ours."""
        with self._lock:
            todo, self._waiting = self._waiting, []
        if todo:
            self._room.release(len(todo))
        rate = self._rate.update(time.monotonic(), self._seq - self._first + len(todo))
        values = {"heartbeat": time.time(), "records_per_s": rate, **({"fruitless_starts": 0} if todo else {})}
        mine = (jobs.c.id == self._job, jobs.c.run == self._run, jobs.c.state == "running")
        with self._database.writing() as connection:
            if not connection.execute(update(jobs).where(*mine).values(values)).rowcount:
                return False
            if todo:
                done = [
                    {**table.summary(rows), "seq": self._seq + k, "of": record} for k, (record, rows) in enumerate(todo)
                ]
                names: dict[str, Any] = {name: bindparam(name) for name in done[0] if name != "of"}
                connection.execute(update(records).where(records.c.id == bindparam("of")).values(names), done)
                said = [table.model_values(record, row) for record, rows in todo for row in rows]
                connection.execute(results.insert(), said)
        self._seq += len(todo)
        self._alive()
        return True
