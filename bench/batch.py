"""Run `leadwise batch` as a user does, and watch the memory of its processes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

WATCH_S = 0.2


@dataclass(frozen=True)
class Run:
    """One run: wall time, and the highest peak resident memory among its processes (0 where /proc is not)."""

    seconds: float
    peak_mib: float


def measure_batch(folder: Path, model: str, store: Path | None, workers: int) -> Run:
    """Score a folder with one model and return what it took.

    Raises
    ------
    subprocess.CalledProcessError
        If the batch fails.
    """
    with tempfile.TemporaryDirectory(prefix="leadwise-bench-") as out:
        command = [sys.executable, "-m", "ecg_core", "batch", str(folder), "--out", f"{out}/scores.parquet"]
        command += ["--model", model, "--workers", str(workers), *(["--store", str(store)] if store else [])]
        peaks: dict[int, float] = {}
        start = time.perf_counter()
        process = subprocess.Popen(command)
        while process.poll() is None:
            for pid in (process.pid, *descendants(process.pid)):
                peaks[pid] = max(peaks.get(pid, 0.0), peak_mib(pid))
            time.sleep(WATCH_S)
        seconds = time.perf_counter() - start
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        return Run(seconds, max(peaks.values(), default=0.0))


def descendants(pid: int) -> list[int]:
    """Return the processes that `pid` started, and those that they started."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            line = next(line for line in status.read_text().splitlines() if line.startswith("PPid:"))
        except OSError:  # gone in the meantime
            continue
        parents[int(status.parent.name)] = int(line.split()[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def peak_mib(pid: int) -> float:
    """Return a process's peak resident memory in MiB."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)
