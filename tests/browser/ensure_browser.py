"""Find a Chromium, or get one: what is installed, else Debian's package, else Playwright's own download.

    python -m tests.browser.ensure_browser

prints its path, or says that there is none and exits with 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_S = 600


def installed() -> str | None:
    """Return a browser that is on the path, or named by LEADWISE_CHROMIUM."""
    return os.environ.get("LEADWISE_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def from_debian() -> str | None:
    """Install Debian's package where this user may; return the browser."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None
    quiet = {"check": False, "capture_output": True, "timeout": INSTALL_S}
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(["apt-get", "update", "-q"], env=environment, **quiet)
    subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium"], env=environment, **quiet)
    return installed()


def from_playwright() -> str | None:
    """Let Playwright download its own; return it where that worked and it starts."""
    from playwright.sync_api import sync_playwright

    command = [sys.executable, "-m", "playwright", "install", "chromium-headless-shell"]
    if subprocess.run(command, check=False, capture_output=True, timeout=INSTALL_S).returncode:
        return None
    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return str(path) if path.exists() else None


@lru_cache(maxsize=1)
def browser_path() -> str | None:
    """Return a Chromium that can be run, None where there is none to be had."""
    for way in (installed, from_debian, from_playwright):
        try:
            found = way()
        except (OSError, subprocess.TimeoutExpired):
            continue
        if found:
            return found
    return None


if __name__ == "__main__":
    path = browser_path()
    if path is None:
        sys.exit("No Chromium found, and none could be installed; on Debian: apt-get install chromium")
    sys.stdout.write(path + "\n")
