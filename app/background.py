"""Work that goes on while the page is used, in the order it was asked for; what the page waits for goes first."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event
from typing import Generic, TypeVar

T = TypeVar("T")

Report = Callable[[float], None]
"""Told by a job which share of it is done, 0-1; raises `GivenUpError` where nobody wants the rest."""


class GivenUpError(Exception):
    """Nobody wants what a job would give."""


@dataclass
class Progress:
    """How far a job is.

    Attributes
    ----------
    share : done, 0-1.
    began : when it began, on `time.monotonic`; None while it waits for others.
    """

    share: float = 0.0
    began: float | None = None

    def left_s(self) -> float | None:
        """Return how long it will take still, s, by what it took so far; None before that can be told."""
        if self.began is None or self.share < 0.02:
            return None
        return (time.monotonic() - self.began) * (1.0 - self.share) / self.share


@dataclass
class _Job(Generic[T]):
    future: Future[T]
    progress: Progress = field(default_factory=Progress)
    given_up: Event = field(default_factory=Event)


class Background(Generic[T]):
    """Jobs by name, each done once: one thread for what was asked for, and two for what the page waits for."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="scoring")
        self._first = ThreadPoolExecutor(2, thread_name_prefix="scoring-first")
        self._jobs: dict[Hashable, _Job[T]] = {}

    def ask(self, name: Hashable, job: Callable[[Report], T]) -> None:
        """Have a job done after those that were asked for before; a name that is known is not done again."""
        if name not in self._jobs:
            self._jobs[name] = self._begin(self._pool, job)

    def _begin(self, pool: ThreadPoolExecutor, job: Callable[[Report], T]) -> _Job[T]:
        progress, given_up = Progress(), Event()

        def report(share: float) -> None:
            if given_up.is_set():
                raise GivenUpError
            progress.share = share

        def run() -> T:
            progress.began = time.monotonic()
            return job(report)

        return _Job(pool.submit(run), progress, given_up)

    def knows(self, name: Hashable) -> bool:
        """Return whether a job was asked for, and what it gives not yet taken."""
        return name in self._jobs

    def done(self, name: Hashable) -> bool:
        """Return whether a job is done, with a result or an error."""
        job = self._jobs.get(name)
        return job is not None and job.future.done()

    def wait(self, name: Hashable, seconds: float) -> None:
        """Wait for a job that was asked for to be done, so long at most."""
        if (job := self._jobs.get(name)) is not None:
            wait([job.future], seconds)

    def take(self, name: Hashable, otherwise: Callable[[], T]) -> T:
        """Return a job's result and forget it: waits for one at work, does at once what has not begun or is not known.

        Raises
        ------
        Whatever the job raised.
        """
        job = self._jobs.pop(name, None)
        if job is None or job.future.cancel():
            return otherwise()
        try:
            return job.future.result()
        except (CancelledError, GivenUpError):
            return otherwise()

    def first(self, name: Hashable, job: Callable[[Report], T]) -> Progress:
        """Have a job done before those that wait, and return how far it is: one at work, or done, goes on as it is."""
        known = self._jobs.get(name)
        if known is None or known.future.cancel():
            known = self._jobs[name] = self._begin(self._first, job)
        return known.progress

    def forget(self) -> None:
        """Give up all jobs; one at work ends by itself when it next reports, and is not kept."""
        for job in self._jobs.values():
            job.given_up.set()
            job.future.cancel()
        self._jobs.clear()

    def stop(self) -> None:
        """Give up all jobs and end the threads."""
        self.forget()
        for pool in (self._pool, self._first):
            pool.shutdown(wait=False, cancel_futures=True)
