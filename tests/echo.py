"""Work for a pool: it gives back what it gets, or ends its process. Imports next to nothing, to start quickly."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ecg_core.errors import CheckpointError


def make_echo(setup: Mapping[str, Any]) -> Callable[[Sequence[str]], list[Any]]:
    """Return what gives each item back with the process's id; the setup may refuse, end it, or start a thread."""
    if "refuse" in setup:
        raise CheckpointError(setup["refuse"])
    if "die" in setup:
        os._exit(3)
    if "thread" in setup:
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    loaded_by = os.getpid()

    def echo(items: Sequence[str]) -> list[dict[str, Any]]:
        print("a library that prints")
        for item in items:
            fate(item)
        about = {"pid": os.getpid(), "threads": os.environ["OMP_NUM_THREADS"], "group": len(items)}
        return [{"item": item, "loaded_by": loaded_by, **about} for item in items]

    return echo


def fate(name: str) -> None:
    """End the process, or take a while, as the name says."""
    if name.startswith("kill"):
        os.kill(os.getpid(), signal.SIGKILL)
    if name.startswith("segfault"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if name.startswith("crash"):
        raise ZeroDivisionError("a mistake in the code\x1b[31m")
    word, _, path = name.partition(":")
    if word == "touch":
        Path(path).touch()
    while word == "wait" and not Path(path).exists():
        time.sleep(0.01)
    if name.startswith("slow"):
        time.sleep(0.3)
