"""What a user waits for on the Beats page in Chromium: half an hour in two leads, dropped, read, thresholded."""

from __future__ import annotations

import tempfile
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from bench.beats import HALF_HOUR_S, write_recording
from bench.browser import BLUR, DRAWN, chromium, opened, show, timed
from bench.serving import served

if TYPE_CHECKING:
    from playwright.sync_api import Page

TARGETS_S = {
    "30 min to the complete Beats page": 4.0,
    "next anomalous beat by key": 0.3,
    "next anomalous beat, reconstruction too": 0.8,
    "a move of a threshold drag": 0.1,
}
"""Each measure and what it should stay under, in seconds."""

WHOLE = "() => window.leadwise && window.leadwise.beats && window.leadwise.beats.ready"
OTHER = "old => window.leadwise.beats.beat !== old"
MOVED = "old => window.leadwise.beats.rate !== old"
SETTLED = "() => !document.documentElement.hasAttribute('data-leadwise-behind')"
LEFT, RIGHT = 0.45, 0.6
"""Between these parts of the histogram the threshold is dragged to and fro."""


def uploads(page: Page, address: str, header: Path, repeats: int) -> list[float]:
    """Drop the recording into a fresh session and open it; return the seconds until the whole page is drawn."""
    spent = []
    for _ in range(repeats + 1):
        page.goto(address)
        page.locator("input[type=file]").first.wait_for(state="attached")
        page.wait_for_timeout(1500)  # models load while a user looks for a file
        spent += timed(page, lambda: _drop(page, header), lambda: page.wait_for_function(WHOLE))
    return spent[1:]


def _drop(page: Page, header: Path) -> None:
    page.locator("input[type=file]").first.set_input_files([str(header), str(header.with_suffix(".dat"))])
    page.get_by_role("button", name="Open first").click()


def steps(page: Page, repeats: int) -> tuple[list[float], list[float]]:
    """Go from one anomalous beat to the next; return the seconds until it is drawn, and with what was made of it."""
    page.evaluate(BLUR)
    shown, complete = [], []
    for _ in range(repeats + 2):
        before = page.evaluate("() => window.leadwise.beats.beat")
        one, both = timed(
            page,
            lambda: page.keyboard.press("j"),
            lambda before=before: page.wait_for_function(OTHER, arg=before),
            lambda: page.wait_for_function(WHOLE),
        )
        shown.append(one)
        complete.append(both)
        page.wait_for_function(SETTLED)
    return shown[2:], complete[2:]


def drags(page: Page, repeats: int) -> list[float]:
    """Drag the threshold over the histogram; return the seconds from each move until all that follows it is drawn."""
    box = page.get_by_role("slider", name="Alarm threshold").bounding_box()
    assert box is not None
    y = box["y"] + 60
    page.mouse.move(box["x"] + RIGHT * box["width"], y)
    page.mouse.down()
    page.evaluate(DRAWN)
    spent = []
    for _, share in zip(range(repeats + 2), cycle((LEFT, RIGHT)), strict=False):
        before = page.evaluate("() => window.leadwise.beats.rate")
        spent += timed(
            page,
            lambda share=share: page.mouse.move(box["x"] + share * box["width"], y),
            lambda before=before: page.wait_for_function(MOVED, arg=before),
        )
    page.mouse.up()
    return spent[2:]


def beats_page(repeats: int) -> None:
    """Print what is waited for on the Beats page; nothing where there is no Chromium."""
    path = chromium()
    if path is None:
        return
    with tempfile.TemporaryDirectory(prefix="leadwise-bench-") as name:
        folder = Path(name)
        header = write_recording(folder, "half-hour", HALF_HOUR_S)
        with served(folder / "server.log") as address, opened(address, path) as page:
            whole = uploads(page, address, header, max(2, repeats // 3))
            shown, complete = steps(page, repeats)
            measured = dict(zip(TARGETS_S, (whole, shown, complete, drags(page, repeats)), strict=True))
    show(measured, TARGETS_S)
