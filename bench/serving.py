"""Start the app as a user does, on a free port, and stop it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START_S = 120


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(
    log: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None, abruptly: bool = False
) -> Iterator[str]:
    """Run the app and yield its address; what it prints goes to `log`.

    Parameters
    ----------
    settings : environment variables beyond its own data folder, which lies beside the log.
    abruptly : end it as a power cut would.

    Raises
    ------
    RuntimeError
        If it does not start.
    """
    port = port or free_port()
    command = [sys.executable, "-m", "streamlit", "run", "app/main.py"]
    command += ["--server.port", str(port), "--server.headless", "true"]
    # its own jobs and decisions, not the user's
    own = {**os.environ, "LEADWISE_DATA": str(log.parent / "data"), **(settings or {})}
    with log.open("wb") as out, subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out, env=own) as process:
        try:
            address = f"http://localhost:{port}"
            _wait_for(address, process, log)
            yield address
        finally:
            if abruptly:
                process.kill()
            process.terminate()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"The app did not start: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
