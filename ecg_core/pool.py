"""A pool of worker processes that outlives its workers: one that dies costs the item it died of, no more.

Workers come from a nursery (`ecg_core.nursery`) and speak JSON lines over their standard streams. `concurrent.futures`
gives up the whole pool when one process is killed, and `multiprocessing` runs the main script again in every worker,
which under Streamlit is the app.
"""

from __future__ import annotations

import json
import os
import queue
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any

from ecg_core.errors import ECGError
from ecg_core.nursery import Nursery, StillbornError, ended

PREFETCH = 3
"""Groups of items a worker holds: it never waits for the parent, and the last ones are still shared out."""

WINDOW = 10_000
"""How far workers may run ahead of the oldest unfinished item, so that results held back stay few."""

MAX_FAILED_STARTS = 3

Group = tuple[int, ...]
"""Indices of items that are worked on together."""


@dataclass(frozen=True)
class Lost:
    """What stands in the place of a result whose worker died: why, in a sentence."""

    reason: str


class _Worker:
    """One process, the groups of items it holds, and the thread that listens to it."""

    def __init__(self, nursery: Nursery, inbox: queue.SimpleQueue[tuple[_Worker, Any]]) -> None:
        self.holds: deque[Group] = deque()
        self._nursery = nursery
        with ExitStack() as opened, ExitStack() as theirs:
            self._stderr: IO[bytes] = opened.enter_context(tempfile.TemporaryFile())
            reads, writes = os.pipe()
            theirs.callback(os.close, reads)
            self._requests = opened.enter_context(os.fdopen(writes, "wb"))
            listens, replies = os.pipe()
            theirs.callback(os.close, replies)
            self._replies = opened.enter_context(os.fdopen(listens, "rb"))
            self.pid = nursery.bear(reads, replies, self._stderr.fileno())
            self._opened = opened.pop_all()
        self._listener = threading.Thread(target=self._listen, args=(inbox,), daemon=True)
        self._listener.start()

    def _listen(self, inbox: queue.SimpleQueue[tuple[_Worker, Any]]) -> None:
        for line in self._replies:
            if line.endswith(b"\n"):  # a worker killed while it writes leaves half a line
                inbox.put((self, json.loads(line)))
        inbox.put((self, None))

    def send(self, line: str) -> None:
        """Write one line; a worker that is gone reports itself through the listener."""
        with suppress(BrokenPipeError):
            self._requests.write(line.encode() + b"\n")
            self._requests.flush()

    def dismiss(self) -> None:
        """Let the process see that no more items come."""
        with suppress(BrokenPipeError):
            self._requests.close()

    def close(self) -> None:
        """Put away what belonged to a process that ended."""
        self.dismiss()
        self._listener.join()
        self._opened.close()

    def last_words(self) -> str:
        """Return why the process ended: its signal or status, and the last line it wrote."""
        return ended(self._nursery.wait(self.pid), self._stderr.fileno())


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
        self._nurseries: list[Nursery] = []

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for worker in self._workers:
            worker.dismiss()
        for nursery in self._nurseries:
            nursery.close(kill=kind is not None)
        for worker in self._workers:
            worker.close()
        self._workers.clear()
        self._nurseries.clear()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that run."""
        return [worker.pid for worker in self._workers]

    def start(self) -> None:
        """Begin to load what the workers need, and do not wait for it; `map` does it otherwise."""
        if not self._nurseries or self._nurseries[-1].spent:
            self._nurseries.append(Nursery(self._setup))

    def _hire(self) -> _Worker:
        for _ in range(MAX_FAILED_STARTS):
            self.start()
            try:
                return _Worker(self._nurseries[-1], self._inbox)
            except StillbornError as error:
                reason = str(error)
        raise ECGError(f"Worker processes end before they can start ({reason}); run with fewer --workers.")

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
                    self._workers.append(self._hire())
                self._hand_out(todo, items, oldest + WINDOW)
                self._receive(todo, done)
            yield done.pop(oldest)

    def _hand_out(self, todo: deque[Group], items: Sequence[str], limit: int) -> None:
        for _ in range(PREFETCH):
            for worker in self._workers:
                if len(worker.holds) < PREFETCH and todo and todo[0][0] < limit:
                    group = todo.popleft()
                    worker.holds.append(group)
                    worker.send(json.dumps([group, [items[index] for index in group]]))

    def _receive(self, todo: deque[Group], done: dict[int, Any]) -> None:
        worker, message = self._inbox.get()
        if message is None:
            self._bury(worker, todo, done)
        else:
            group = tuple(message[0])
            worker.holds.remove(group)
            done.update(zip(group, message[1], strict=True))

    def _bury(self, worker: _Worker, todo: deque[Group], done: dict[int, Any]) -> None:
        reason = worker.last_words()
        self._workers.remove(worker)
        worker.close()
        if worker.holds:
            last = worker.holds.popleft()
            todo.extendleft(reversed(worker.holds))
            if len(last) == 1:
                done[last[0]] = Lost(f"The process that worked on this file ended {reason}.")
            else:
                todo.extendleft((index,) for index in reversed(last))
