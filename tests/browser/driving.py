"""What a user does on the page, in the browser."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

# the paper says what it drew last, for whom, and when
PAINTED = "() => window.leadwise && window.leadwise.painted"


def go(page: Page, address: str) -> None:
    """Open the app and wait for the Upload page."""
    page.goto(address)
    page.get_by_text("Open an ECG", exact=True).wait_for()


def drop(page: Page, files: list[str]) -> None:
    """Drop files on the Upload page and wait for their rows."""
    page.locator("input[type=file]").set_input_files(files)
    page.locator("tr.record, tr.problem").first.wait_for()


def open_first(page: Page) -> None:
    """Open the first record by its key and wait for its ECG."""
    page.keyboard.press("Enter")
    page.wait_for_function(PAINTED)


def visit(page: Page, title: str) -> None:
    """Go to a page by the header, and wait until it is drawn."""
    page.get_by_role("link", name=title, exact=True).click()
    settle(page)


def open_example(page: Page, title: str) -> None:
    """Open one of the shipped examples and wait for its ECG."""
    page.get_by_role("button", name=title).click()
    page.wait_for_function(PAINTED)


def painted(page: Page) -> dict[str, Any]:
    """Return what the paper says it drew last."""
    return page.evaluate(PAINTED)


def choose(page: Page, label: str) -> None:
    """Click a segment."""
    page.locator("[data-testid=stButtonGroup] button").filter(has_text=label).first.click()


def choose_model(page: Page, title: str, name: str) -> None:
    """Flip to a model and wait until the paper shows it."""
    page.get_by_role("radio", name=title, exact=True).click()
    page.wait_for_function("name => window.leadwise.painted.model === name", arg=name)


def move_threshold(page: Page, key: str, words: str) -> None:
    """Press a key on the threshold slider and wait until the rows beside it say the new rate."""
    page.get_by_role("slider", name="False-alarm rate").press(key)
    page.locator(".st-key-threshold .row").get_by_text(words, exact=True).wait_for()


def painted_at(page: Page, rate: int) -> None:
    """Wait until the paper was drawn at a place of the threshold slider."""
    page.wait_for_function("rate => window.leadwise.painted.rate === rate", arg=rate)


def settle(page: Page) -> None:
    """Wait until the script has run, the paper is drawn, and no control is still on its way."""
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget], [data-testid=stSkeleton]')")
    page.wait_for_timeout(400)
