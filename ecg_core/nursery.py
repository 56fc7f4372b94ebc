"""A process that loads once what every worker needs, and forks the workers.

Importing libraries and loading a checkpoint takes seconds; two workers that each do it share the cores while they do.
The nursery is a fresh interpreter: neither the caller's threads nor its main script are in it, and it forks only while
it has one thread. Where that cannot be known (no Linux), or is not so, it becomes the one worker it is asked for.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from ecg_core import errors
from ecg_core.errors import ECGError

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
PATIENCE_S = 5.0
_CHILD = "from ecg_core.nursery import tend; tend()"
_THREADS = Path("/proc/self/task")
_LONGEST = 1 << 16

Work = Callable[[Sequence[str]], Sequence[Any]]


class StillbornError(Exception):
    """The nursery ended before it could give a worker; the message says how."""


class Nursery:
    """The parent's side: it asks for workers, one request at a time, and for how they ended.

    Parameters
    ----------
    setup : JSON of "factory" ("module:function") and "setup", what it is called with; it returns what a group of items
        is given to.
    """

    def __init__(self, setup: str) -> None:
        package_root = str(Path(__file__).resolve().parents[1])
        path = os.pathsep.join([package_root, *(p for p in [os.environ.get("PYTHONPATH")] if p)])
        self._control, theirs = socket.socketpair()
        self._replies = self._control.makefile("rb")
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the nursery)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _CHILD],
                stdin=theirs.fileno(),
                stdout=self._stderr,
                stderr=self._stderr,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": path},
                start_new_session=True,  # Ctrl-C in the terminal is the parent's to answer
            )
        self._control.sendall(setup.encode() + b"\n")
        self._loaded = False
        self._born: set[int] = set()
        self.spent = False
        """Whether it can give no more workers: it is gone, or became one."""

    def bear(self, stdin: int, stdout: int, stderr: int) -> int:
        """Return the process id of a new worker that reads, writes and complains there; wait until all is loaded.

        Raises
        ------
        ECGError
            What the factory said.
        StillbornError
            If the nursery ended.
        """
        if not self._loaded:
            loaded = self._answer()
            if loaded[0] == "refused":
                raise getattr(errors, loaded[1])(loaded[2])
            self._loaded = True
        with suppress(BrokenPipeError, ConnectionResetError):  # gone: no answer comes
            socket.send_fds(self._control, [b"bear\n"], [stdin, stdout, stderr])
        pid = int(self._answer()[0])
        self._born.add(pid)
        self.spent = pid == self._process.pid
        return pid

    def wait(self, pid: int) -> int | None:
        """Reap a worker that ended; return its status as `subprocess` does, None where the nursery is gone."""
        self._born.discard(pid)
        if pid == self._process.pid:
            return self._process.wait()
        with suppress(BrokenPipeError, ConnectionResetError, StillbornError):
            self._control.sendall(f"wait {pid}\n".encode())
            return int(self._answer()[0])
        return None

    def _answer(self) -> list[Any]:
        line = b""
        with suppress(ConnectionResetError):
            line = self._replies.readline()
        if not line.endswith(b"\n"):
            self.spent = True
            raise StillbornError(self._last_words())
        answer: list[Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        status = self._process.wait()
        return ended(status, self._stderr.fileno())

    def close(self, kill: bool) -> None:
        """End the workers, at once or when they see that no more items come, and the nursery, which reaps them."""
        if kill:
            self._kill_born()
        self._replies.close()
        self._control.close()
        try:
            self._process.wait(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._kill_born()
            self._process.kill()
            self._process.wait()
        self._stderr.close()

    def _kill_born(self) -> None:
        """Kill the workers, or what only loads; their numbers are no others' while the nursery lives to reap them."""
        if self._process.poll() is None:
            for pid in self._born or {self._process.pid}:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def ended(status: int | None, stderr: int) -> str:
    """Return how a process ended: its signal or status, and the last line it wrote."""
    said = os.pread(stderr, os.fstat(stderr).st_size, 0).decode(errors="replace").strip().splitlines()
    how = "unexpectedly" if status is None else f"by signal {-status}" if status < 0 else f"with status {status}"
    return f"{how}: {said[-1][:200]}" if said else how


def tend() -> None:
    """Be the nursery: load, then fork a worker for each request until the parent is gone; in a worker, work."""
    control = socket.socket(fileno=os.dup(0))
    with control.makefile("rwb", buffering=0) as stream:
        start = json.loads(stream.readline())
        module, name = start["factory"].split(":")
        try:
            work: Work = getattr(importlib.import_module(module), name)(start["setup"])
        except ECGError as error:
            _reply(control, "refused", type(error).__name__, str(error))
            return
    gc.collect()
    gc.freeze()  # what was loaded stays: collecting would look at it again and copy its pages
    _reply(control, "ready")
    while True:
        request, channels, _, _ = socket.recv_fds(control, _LONGEST, 3)
        if not request:
            break
        if channels:
            if _worker_of(control, channels):
                control.close()
                serve(work)
        else:
            _, status = os.waitpid(int(request.split()[1]), 0)
            _reply(control, os.waitstatus_to_exitcode(status))
    with suppress(ChildProcessError):
        while True:
            os.wait()


def _worker_of(control: socket.socket, channels: Sequence[int]) -> bool:
    """Fork where that is safe, and tell the parent; return whether this process is the worker now."""
    safe = _THREADS.is_dir() and len(list(_THREADS.iterdir())) == 1
    pid = os.fork() if safe else 0
    if pid == 0:
        if safe:
            os.setsid()  # Linux shares the processor out by session: each worker counts
        for place, channel in enumerate(channels):
            os.dup2(channel, place)
    for channel in channels:
        os.close(channel)
    if pid or not safe:
        _reply(control, pid or os.getpid())
    return pid == 0


def _reply(control: socket.socket, *message: Any) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")


def serve(work: Work) -> NoReturn:
    """Be a worker: answer groups of items until the parent is gone."""
    replies = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what a library prints must not get between the replies
    with suppress(BrokenPipeError):  # the parent is gone; nobody reads a traceback
        for line in sys.stdin:
            group, items = json.loads(line)
            replies.write(json.dumps([group, work(items)], allow_nan=False) + "\n")
            replies.flush()
    os._exit(0)  # nothing is left to put away, and taking libraries down takes a while
