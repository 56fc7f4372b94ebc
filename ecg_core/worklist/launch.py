"""Start the runner, in a session of its own, so that it outlives the app that starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

from ecg_core.worklist.jobs import STALE_S
from ecg_core.worklist.locks import ProcessLock

LOG = "runner.log"
AGAIN_S = 5.0
"""A runner that ended at once is not started again before."""

_guard = threading.Lock()
_started: dict[Path, tuple[subprocess.Popen[bytes], float]] = {}


def lock_of(data: Path) -> Path:
    """Return the lock file of a data folder's runner."""
    return data / "runner.lock"


def command(data: Path, root: Path) -> list[str]:
    """Return the command line of a runner."""
    return [sys.executable, "-P", "-m", "ecg_core.worklist", "run", "--data", str(data), "--root", str(root)]


def ensure(data: Path, root: Path) -> None:
    """Start a runner unless one is at work; one that hangs is ended first."""
    lock = ProcessLock(lock_of(data))
    holder = lock.holder()
    if holder and lock.silent_s() > STALE_S:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(holder, signal.SIGKILL)
    elif holder is not None:
        return
    with _guard:
        process, since = _started.get(data, (None, 0.0))
        if process is not None and (
            process.poll() is None or (time.monotonic() - since < AGAIN_S and process.returncode)
        ):
            return
        _started[data] = (_start(data, root), time.monotonic())


def environment() -> dict[str, str]:
    """Return the environment of a runner, which finds the packages that this process has."""
    package_root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([package_root, *(p for p in [os.environ.get("PYTHONPATH")] if p)])
    return {**os.environ, "PYTHONPATH": path}


def _start(data: Path, root: Path) -> subprocess.Popen[bytes]:
    with (data / LOG).open("wb") as log:
        process = subprocess.Popen(
            command(data, root),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=data,
            env=environment(),
            start_new_session=True,
        )
    threading.Thread(target=process.wait, daemon=True).start()  # so that it is no zombie when it ends
    return process
