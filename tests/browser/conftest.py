"""A real Chromium and the app as a user starts it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from tests.browser.ensure_browser import browser_path
from tests.browser.serving import served

PATIENCE_MS = 60_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium; without one, skip by name, and fail in CI."""
    path = browser_path()
    if path is None:
        message = "needs Chromium (apt-get install chromium), and none could be installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the app for all browser tests."""
    with served(tmp_path_factory.mktemp("server") / "log.txt") as url:
        yield url


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Return a fresh session, 1440 x 900."""
    fresh = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    fresh.set_default_timeout(PATIENCE_MS)
    yield fresh
    fresh.close()


@pytest.fixture
def pair(shared: Path) -> list[str]:
    """Return the two files of a PTB-XL record at 500 Hz."""
    head = sorted((shared / "data" / "ptbxl500").rglob("*.hea"))[0]
    return [str(head), str(head.with_suffix(".dat"))]
