"""Work that goes on while the page is used: one thread a session, jobs in the order they were asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Background(Generic[T]):
    """Jobs by name, each done once."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="scoring")
        self._jobs: dict[Hashable, Future[T]] = {}

    def ask(self, name: Hashable, job: Callable[[], T]) -> None:
        """Have a job done after those that were asked for before; a name that is known is not done again."""
        if name not in self._jobs:
            self._jobs[name] = self._pool.submit(job)

    def done(self, name: Hashable) -> bool:
        """Return whether a job is done, with a result or an error."""
        job = self._jobs.get(name)
        return job is not None and job.done()

    def take(self, name: Hashable, otherwise: Callable[[], T]) -> T:
        """Return a job's result and forget it: waits for one at work, does at once what has not begun or is not known.

        Raises
        ------
        Whatever the job raised.
        """
        job = self._jobs.pop(name, None)
        if job is None or job.cancel():
            return otherwise()
        try:
            return job.result()
        except CancelledError:
            return otherwise()

    def forget(self) -> None:
        """Give up all jobs; the one at work ends by itself and is not kept."""
        for job in self._jobs.values():
            job.cancel()
        self._jobs.clear()

    def stop(self) -> None:
        """Give up all jobs and end the thread."""
        self.forget()
        self._pool.shutdown(wait=False, cancel_futures=True)
