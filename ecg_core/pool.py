"""A pool of worker processes that outlives its workers: one that dies costs the item it died of, no more.

Workers are fresh interpreters that speak JSON lines over their standard streams. `concurrent.futures` gives up the
whole pool when one process is killed, and `multiprocessing` runs the main script again in every worker, which under
Streamlit is the app.
"""

from __future__ import annotations

import importlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ecg_core import errors
from ecg_core.errors import ECGError

PREFETCH = 3
"""Groups of items a worker holds: it never waits for the parent, and the last ones are still shared out."""

WINDOW = 10_000
"""How far workers may run ahead of the oldest unfinished item, so that results held back stay few."""

MAX_FAILED_STARTS = 3
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
_CHILD = "from ecg_core.pool import serve; serve()"


Group = tuple[int, ...]
"""Indices of items that are worked on together."""


@dataclass(frozen=True)
class Lost:
    """What stands in the place of a result whose worker died: why, in a sentence."""

    reason: str


class _Worker:
    """One process, the groups of items it holds, and the thread that listens to it."""

    def __init__(self, setup: str, inbox: queue.SimpleQueue[tuple[_Worker, Any]]) -> None:
        package_root = str(Path(__file__).resolve().parents[1])
        path = os.pathsep.join([package_root, *(p for p in [os.environ.get("PYTHONPATH")] if p)])
        self.ready = False
        self.holds: deque[Group] = deque()
        self.stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the worker)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
            start_new_session=True,  # Ctrl-C in the terminal is the parent's to answer
        )
        self._listener = threading.Thread(target=self._listen, args=(inbox,), daemon=True)
        self._listener.start()
        self.send(setup)

    def _listen(self, inbox: queue.SimpleQueue[tuple[_Worker, Any]]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.endswith(b"\n"):  # a worker killed while it writes leaves half a line
                inbox.put((self, json.loads(line)))
        inbox.put((self, None))

    def send(self, line: str) -> None:
        """Write one line; a worker that is gone reports itself through the listener."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()

    def close(self, kill: bool) -> None:
        """End the process, at once or when it sees that no more items come, and reap it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if kill:
            self.process.kill()
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._listener.join()
        self.process.stdout.close()
        self.stderr.close()

    def last_words(self) -> str:
        """Return why the process ended: its signal or status, and the last line it wrote."""
        status = self.process.wait()
        self.stderr.seek(0)
        lines = self.stderr.read().decode(errors="replace").strip().splitlines()
        ended = f"by signal {-status}" if status < 0 else f"with status {status}"
        return f"{ended}: {lines[-1][:200]}" if lines else ended


class WorkerPool:
    """Apply a function to items in worker processes, and give the results back in the items' order.

    Parameters
    ----------
    factory : "module:function" that a worker calls once with `setup`; what it returns is given a list of items and
        returns the list of their results.
    setup : JSON types.
    workers : number of processes.
    group : items given to the function at a time. When a worker dies of a group, its items are tried one by one.
    """

    def __init__(self, factory: str, setup: Mapping[str, Any], workers: int, *, group: int = 1) -> None:
        self._setup = json.dumps({"factory": factory, "setup": dict(setup)})
        self._size = max(1, workers)
        self._group = max(1, group)
        self._workers: list[_Worker] = []
        self._inbox: queue.SimpleQueue[tuple[_Worker, Any]] = queue.SimpleQueue()
        self._failed_starts = 0

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for worker in self._workers:
            worker.close(kill=kind is not None)
        self._workers.clear()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return [worker.process.pid for worker in self._workers]

    def map(self, items: Sequence[str]) -> Iterator[Any]:
        """Yield the result of each item in order, `Lost` where its worker died.

        Raises
        ------
        ECGError
            If the workers cannot be set up, with what the factory said.
        """
        n = len(items)
        todo = deque(tuple(range(lo, min(lo + self._group, n))) for lo in range(0, n, self._group))
        done: dict[int, Any] = {}
        for oldest in range(len(items)):
            while oldest not in done:
                while len(self._workers) < min(self._size, len(items) - oldest):
                    self._workers.append(_Worker(self._setup, self._inbox))
                self._hand_out(todo, items, oldest + WINDOW)
                self._receive(todo, done)
            yield done.pop(oldest)

    def _hand_out(self, todo: deque[Group], items: Sequence[str], limit: int) -> None:
        for _ in range(PREFETCH):
            for worker in self._workers:
                if worker.ready and len(worker.holds) < PREFETCH and todo and todo[0][0] < limit:
                    group = todo.popleft()
                    worker.holds.append(group)
                    worker.send(json.dumps([group, [items[index] for index in group]]))

    def _receive(self, todo: deque[Group], done: dict[int, Any]) -> None:
        worker, message = self._inbox.get()
        if message is None:
            self._bury(worker, todo, done)
        elif message[0] == "ready":
            worker.ready, self._failed_starts = True, 0
        elif message[0] == "refused":
            raise getattr(errors, message[1])(message[2])
        else:
            group = tuple(message[0])
            worker.holds.remove(group)
            done.update(zip(group, message[1], strict=True))

    def _bury(self, worker: _Worker, todo: deque[Group], done: dict[int, Any]) -> None:
        reason = worker.last_words()
        self._workers.remove(worker)
        worker.close(kill=False)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= MAX_FAILED_STARTS:
                raise ECGError(f"Worker processes end before they can start ({reason}); run with fewer --workers.")
        if worker.holds:
            last = worker.holds.popleft()
            todo.extendleft(reversed(worker.holds))
            if len(last) == 1:
                done[last[0]] = Lost(f"The process that worked on this file ended {reason}.")
            else:
                todo.extendleft((index,) for index in reversed(last))


def serve() -> None:
    """Be a worker: build the function, then answer groups of items until the parent is gone."""
    replies = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what a library prints must not get between the replies
    requests = sys.stdin

    def reply(*message: Any) -> None:
        replies.write(json.dumps(message, allow_nan=False) + "\n")
        replies.flush()

    try:
        start = json.loads(requests.readline())
        module, name = start["factory"].split(":")
        try:
            work = getattr(importlib.import_module(module), name)(start["setup"])
        except ECGError as error:
            reply("refused", type(error).__name__, str(error))
            return
        reply("ready")
        for line in requests:
            group, items = json.loads(line)
            reply(group, work(items))
    except BrokenPipeError:
        os._exit(1)  # the parent is gone; nobody reads a traceback
