"""What a user waits for in the browser: the app as it is started, driven in Chromium by Playwright.

Each figure is the median over repeats, from the key or click to the picture (the next frame after it was drawn).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.records import write_records
from bench.serving import served
from bench.worklist import make_job

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE_MS = 120_000
MODELS = ("CAE", "VAE-BiLSTM", "VAE-BiLSTM-MHA")

TARGETS_S = {
    "upload to the verdict in its row": 1.0,
    "upload to verdict on Analyse": 1.0,
    "upload to complete Analyse page": 2.0,
    "model flip": 0.6,
    "threshold move": 0.3,
    "threshold move, the server's answer": 0.8,
    "second visit of a record": 0.8,
    "decision key to the next record": 0.3,
    "grid of 10,000 rows": 3.0,
}
"""Each measure and what it should stay under, in seconds."""

# runs once the next two frames are drawn: what was put into the page is on the screen then
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
PAINTED = """want => {
  const last = window.leadwise && window.leadwise.painted;
  return last && Object.keys(want).every(key => last[key] === want[key]);
}"""
SHADOWS = "[...document.querySelectorAll('*')].map(node => node.shadowRoot).filter(Boolean)"
MOVED = f"""at => {{
  const band = {SHADOWS}.map(root => root.querySelector('section.band')).find(Boolean);
  return band && Number(band.dataset.rate) === at && window.leadwise.painted.rate === at;
}}"""
BLUR = "() => document.activeElement && document.activeElement.blur()"
VERDICT = f"() => {SHADOWS}.some(root => root.querySelector('section.band'))"
ROW_VERDICT = f"() => {SHADOWS}.some(root => root.querySelector('.place.above, .place.below, .place.technical'))"
PREVIEW = f"""() => {{
  const sheets = {SHADOWS}.map(root => root.querySelector('svg.sheet')).filter(Boolean);
  return sheets.length ? sheets[0].getAttribute('aria-label') : null;
}}"""


def chromium() -> str | None:
    """Return a Chromium that is installed; None where there is none, or Playwright is missing."""
    if importlib.util.find_spec("playwright") is None:
        return None
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("LEADWISE_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@contextmanager
def opened(address: str, path: str) -> Iterator[Page]:
    """Open the app in a fresh Chromium, 1440 x 900."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        page.goto(address)
        yield page
        browser.close()


def timed(page: Page, act: Callable[[], Any], *until: Callable[[], Any]) -> list[float]:
    """Do something, and return the seconds until each condition held and was drawn."""
    start = time.perf_counter()
    act()
    spent = []
    for condition in until:
        condition()
        page.evaluate(DRAWN)
        spent.append(time.perf_counter() - start)
    return spent


def painted(page: Page, **want: Any) -> None:
    """Wait until the paper says that it drew this."""
    page.wait_for_function(PAINTED, arg=want)


def rows_scored(page: Page, address: str, files: Path, repeats: int) -> list[float]:
    """Drop a pair into a fresh session; return the seconds until its row tells percentile and side of the threshold."""
    spent = []
    for k in range(repeats + 1):
        _fresh(page, address)
        spent += timed(page, lambda k=k: _drop(page, files, [k]), lambda: page.wait_for_function(ROW_VERDICT))
    return spent[1:]


def uploads(page: Page, address: str, files: Path, repeats: int) -> tuple[list[float], list[float]]:
    """Drop a pair into a fresh session and open it; return the seconds to the verdict and to the whole page."""
    verdicts, pages = [], []
    for k in range(repeats + 1):
        _fresh(page, address)
        verdict, whole = timed(
            page,
            lambda k=k: _open_dropped(page, files, [k]),
            lambda: page.wait_for_function(VERDICT),
            lambda: painted(page),
        )
        verdicts.append(verdict)
        pages.append(whole)
    return verdicts[1:], pages[1:]


def _fresh(page: Page, address: str) -> None:
    """Start a session, and let the models load as they do while a user looks for a file."""
    page.goto(address)
    page.locator("input[type=file]").first.wait_for(state="attached")
    page.wait_for_timeout(1500)


def _drop(page: Page, files: Path, places: list[int]) -> None:
    """Drop pairs."""
    pairs = [str(files / "000" / f"{k:05d}{suffix}") for k in places for suffix in (".hea", ".dat")]
    page.locator("input[type=file]").first.set_input_files(pairs)


def _open_dropped(page: Page, files: Path, places: list[int]) -> None:
    """Drop pairs, and open the first as soon as that is offered."""
    _drop(page, files, places)
    page.get_by_role("button", name="Open first").click()


def flips(page: Page, repeats: int) -> list[float]:
    """Flip through the models by the key; each was shown once before."""
    names = ("measurements", "cae", "vae-bilstm", "vae-bilstm-mha", "consensus")
    spent = []
    for k in range(repeats + len(names)):
        spent += timed(page, lambda: page.keyboard.press("m"), lambda k=k: painted(page, model=names[k % len(names)]))
    return spent[len(names) :]


def thresholds(page: Page, repeats: int) -> tuple[list[float], list[float]]:
    """Move the threshold to and fro by key; return the seconds until it is shown, and until the server has it too.

    Shown: the figures beside it, the verdict's alarm and the paper are those of the new rate.
    """
    slider = page.get_by_role("slider", name="False-alarm rate")
    shown, agreed = [], []
    for k in range(repeats + 2):
        key, at = (("ArrowRight", 8), ("ArrowLeft", 7))[k % 2]
        one, both = timed(
            page,
            lambda key=key: slider.press(key),
            lambda at=at: page.wait_for_function(MOVED, arg=at),
            lambda: page.wait_for_function("() => !document.documentElement.hasAttribute('data-leadwise-behind')"),
        )
        shown.append(one)
        agreed.append(both)
        page.wait_for_timeout(150)
    return shown[2:], agreed[2:]


def visits(page: Page, address: str, files: Path, repeats: int) -> list[float]:
    """Go back and forth between two records that were shown before."""
    _fresh(page, address)
    _open_dropped(page, files, [0, 1])
    painted(page)
    spent = []
    for _ in range(repeats + 2):
        page.evaluate(BLUR)  # arrows on a slider are its own
        before = page.evaluate("() => window.leadwise.painted.record")
        spent += timed(
            page,
            lambda: page.keyboard.press("ArrowLeft"),
            lambda before=before: page.wait_for_function("old => window.leadwise.painted.record !== old", arg=before),
        )
        page.wait_for_timeout(200)
    return spent[2:]


def analyse(path: str, repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each measure on the Analyse page."""
    with tempfile.TemporaryDirectory(prefix="leadwise-bench-") as name:
        folder = Path(name)
        write_records(folder, repeats + 1, np.random.default_rng(0))
        with served(folder / "server.log") as address, opened(address, path) as page:
            rows = rows_scored(page, address, folder, repeats)
            verdicts, pages = uploads(page, address, folder, repeats)
            flipped = flips(page, repeats)
            moved, agreed = thresholds(page, repeats)
            return {
                "upload to the verdict in its row": rows,
                "upload to verdict on Analyse": verdicts,
                "upload to complete Analyse page": pages,
                "model flip": flipped,
                "threshold move": moved,
                "threshold move, the server's answer": agreed,
                "second visit of a record": visits(page, address, folder, repeats),
            }


def batch(path: str, repeats: int, n_records: int) -> dict[str, list[float]]:
    """Return the seconds until the grid of many records is there, and from a decision's key to the next record."""
    with tempfile.TemporaryDirectory(prefix="leadwise-bench-") as name:
        folder = Path(name)
        (folder / "root").mkdir()
        job = make_job(folder / "data", folder / "root", n_records)
        environment = {"LEADWISE_ROOT": str(folder / "root")}
        with served(folder / "server.log", settings=environment) as address, opened(address, path) as page:
            page.get_by_text("Open an ECG").or_(page.get_by_text("Records")).first.wait_for()
            grid = page.frame_locator("iframe").locator(".ag-row").first
            grids = []
            for _ in range(max(2, repeats // 3)):
                page.goto(address)
                page.locator("input[type=file]").first.wait_for(state="attached")
                grids += timed(page, lambda: page.goto(f"{address}/batch?job={job}"), grid.wait_for)
            name_box = page.get_by_label("Your name").or_(page.get_by_placeholder("Your name"))
            name_box.first.fill("Bench")
            name_box.first.press("Enter")
            page.wait_for_function(f"() => ({PREVIEW})()")
            page.evaluate(BLUR)
            return {"decision key to the next record": decisions(page, repeats), "grid of 10,000 rows": grids[1:]}


def decisions(page: Page, repeats: int) -> list[float]:
    """Decide on one record after the other by key, until the next one's ECG is drawn."""
    spent = []
    for _ in range(repeats + 2):
        before = page.evaluate(PREVIEW)
        spent += timed(
            page,
            lambda: page.keyboard.press("2"),
            lambda before=before: page.wait_for_function(
                f"old => {{ const now = ({PREVIEW})(); return now && now !== old; }}", arg=before
            ),
        )
        page.wait_for_timeout(250)
    return spent[2:]


def show(measured: dict[str, list[float]], targets: dict[str, float]) -> None:
    """Print medians beside targets."""
    for name, spent in measured.items():
        print(f"{name:40}{statistics.median(spent):8.2f}{min(spent):8.2f}{targets[name]:8.1f}", flush=True)


def browser(repeats: int, n_rows: int) -> None:
    """Print what is waited for in the browser; where there is no Chromium, say so."""
    path = chromium()
    if path is None:
        print("\nIn the browser: skipped, it needs Chromium (apt-get install chromium) and playwright", flush=True)
        return
    print(f"\nIn Chromium, 1440 x 900, {repeats} repeats, s\n{'':40}{'median':>8}{'best':>8}{'target':>8}", flush=True)
    show(analyse(path, repeats), TARGETS_S)
    show(batch(path, repeats, n_rows), TARGETS_S)
