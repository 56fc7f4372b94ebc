"""Picture every page, light and dark, at 1440 and 1024 px, and its other states, from the state as checked out.

python -m tests.browser.screenshots [docs/screenshots] [--only TEXT]
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import BrowserContext, Page, sync_playwright

from ecg_core.readers import read_record
from ecg_core.synthetic import EXAMPLES, example_paths, write_record
from tests.browser import driving
from tests.browser.ensure_browser import browser_path
from tests.browser.serving import ROOT, served

SIZES = {1440: 900, 1024: 768}
PVC, LBBB, CALM = "Premature ventricular beat", "Left bundle branch block", "Sinus rhythm, 72 /min"
HOLTER = "Two leads, 8 minutes"


def examples_drawn(page: Page) -> None:
    """Wait until the last card of the examples is there."""
    page.get_by_role("button", name="Poor signal").wait_for()
    page.wait_for_timeout(800)


def upload_empty(page: Page, address: str, files: Path) -> None:
    """Show the drop zone and the examples."""
    driving.go(page, address)
    examples_drawn(page)


def upload(page: Page, address: str, files: Path) -> None:
    """Show rows, and files that need attention."""
    driving.go(page, address)
    pairs = [str(path.with_suffix(suffix)) for path in example_paths() for suffix in (".hea", ".dat")]
    driving.drop(page, [*pairs, str(files / "lone.hea"), str(files / "broken.hea")])
    page.locator(".place.waiting").last.wait_for(state="detached")


def description(page: Page, address: str, files: Path) -> None:
    """Show the form that asks what an array does not say."""
    driving.go(page, address)
    driving.drop(page, [str(files / "noisy.npy")])
    page.get_by_text("Read with these").wait_for()


def analyse_empty(page: Page, address: str, files: Path) -> None:
    """Show Analyse without a record."""
    driving.go(page, address)
    driving.visit(page, "Analyse")


def analyse(page: Page, address: str, files: Path) -> None:
    """Show a record above the threshold."""
    driving.go(page, address)
    driving.open_example(page, LBBB)


def below(page: Page, address: str, files: Path) -> None:
    """Show a record below the threshold."""
    driving.go(page, address)
    driving.open_example(page, CALM)


def stretch(page: Page, address: str, files: Path) -> None:
    """Show all leads around a stretch."""
    driving.go(page, address)
    driving.open_example(page, PVC)
    if page.locator("button.stretch").count():
        page.locator("button.stretch").first.click()


def twelve(page: Page, address: str, files: Path) -> None:
    """Show the 12 x 1 layout with its error bars."""
    driving.go(page, address)
    driving.open_example(page, LBBB)
    driving.choose(page, "12 × 1")


def moved(page: Page, address: str, files: Path) -> None:
    """Show a moved threshold."""
    driving.go(page, address)
    driving.open_example(page, LBBB)
    driving.move_threshold(page, "ArrowRight", "6 %")


def unreadable(page: Page, address: str, files: Path) -> None:
    """Show a record that is not interpretable."""
    description(page, address, files)
    page.get_by_label("Sampling rate (Hz)").fill("500")
    for label, option in (("Unit of the values", "mV"), ("Leads, in the file's order", "I, II, III")):
        page.get_by_role("combobox", name=label).click()
        page.get_by_role("option", name=option).first.click()
    page.get_by_role("button", name="Read with these").click()
    page.locator("tr.record").first.click()
    page.wait_for_function(driving.PAINTED)


def long(page: Page, address: str, files: Path) -> None:
    """Show a long recording with the overview of its score."""
    driving.go(page, address)
    driving.drop(page, [str(files / "long.hea"), str(files / "long.dat")])
    driving.open_first(page)


def held_out(page: Page) -> None:
    """Wait until the curves and the last table of the Compare page are drawn."""
    page.get_by_text("Ways to set the threshold").wait_for()
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot .main-svg').length >= 12")


def compare(page: Page, address: str, files: Path) -> None:
    """Show the models on one record, and the held-out figures."""
    driving.go(page, address)
    driving.open_example(page, LBBB)
    driving.visit(page, "Compare models")
    page.wait_for_function("() => window.leadwise.compared")
    held_out(page)


def compare_empty(page: Page, address: str, files: Path) -> None:
    """Show the held-out figures without a record."""
    driving.go(page, address)
    driving.visit(page, "Compare models")
    held_out(page)


def batch_empty(page: Page, address: str, files: Path) -> None:
    """Show how a batch is started."""
    driving.go(page, address)
    driving.visit(page, "Batch review")


def batch(page: Page, address: str, files: Path) -> None:
    """Show a batch that is scored, with a record beside the grid; the first picture makes it."""
    batch_empty(page, address, files)
    made = page.get_by_role("button", name="Synthetic examples")
    if made.count():
        made.first.click()
    else:
        page.get_by_role("button", name="Score and review").click()
        page.get_by_role("button", name="Pause").wait_for()
        page.get_by_role("button", name="Pause").wait_for(state="detached", timeout=600_000)
    page.frame_locator("iframe").first.locator(".ag-row").first.wait_for()
    page.locator("svg.sheet g.model path").first.wait_for(state="attached")


def beats_drawn(page: Page) -> None:
    """Wait until the beat on view is drawn with what was made of it."""
    page.wait_for_function("() => window.leadwise && window.leadwise.beats && window.leadwise.beats.ready")


def beats(page: Page, address: str, files: Path) -> None:
    """Show the two-lead recording beat by beat."""
    driving.go(page, address)
    page.get_by_role("button", name=HOLTER).click()
    beats_drawn(page)


def beats_empty(page: Page, address: str, files: Path) -> None:
    """Show Beats without a record."""
    driving.go(page, address)
    driving.visit(page, "Beats")


def beats_twelve(page: Page, address: str, files: Path) -> None:
    """Show a 12-lead ECG beat by beat, in all leads together."""
    driving.go(page, address)
    driving.open_example(page, PVC)
    driving.visit(page, "Beats")
    beats_drawn(page)
    page.get_by_role("radio", name="8 leads together").click()
    page.wait_for_function("() => window.leadwise.beats.id.includes('|V6|')")
    beats_drawn(page)


def beats_replay(page: Page, address: str, files: Path) -> None:
    """Show a replay."""
    beats(page, address, files)
    page.get_by_role("button", name="Replay", exact=True).click()
    page.wait_for_function("() => window.leadwise.replayed")
    page.get_by_role("slider", name="Position of the replay").press("PageDown")
    page.wait_for_function("() => window.leadwise.replayed.until > 300 && window.leadwise.replayed.beats > 14")
    page.get_by_role("radio", name="Pause").click()


def two_leads(page: Page, address: str, files: Path) -> None:
    """Show Analyse with a record that it is not for."""
    beats(page, address, files)
    page.get_by_role("link", name="Analyse", exact=True).click()
    page.get_by_text("This recording has 2 leads").wait_for()


def models(page: Page, address: str, files: Path) -> None:
    """Show the model cards."""
    driving.go(page, address)
    driving.visit(page, "Models")


STATES: dict[str, Callable[[Page, str, Path], None]] = {
    "upload-empty": upload_empty,
    "upload": upload,
    "upload-description": description,
    "analyse-empty": analyse_empty,
    "analyse": analyse,
    "analyse-below": below,
    "analyse-stretch": stretch,
    "analyse-12x1": twelve,
    "analyse-threshold": moved,
    "analyse-not-interpretable": unreadable,
    "analyse-long": long,
    "analyse-two-leads": two_leads,
    "beats": beats,
    "beats-empty": beats_empty,
    "beats-12-leads": beats_twelve,
    "beats-replay": beats_replay,
    "compare": compare,
    "compare-empty": compare_empty,
    "batch-empty": batch_empty,
    "batch": batch,
    "models": models,
}

PAGES = ("upload", "upload-empty", "analyse", "beats", "compare", "batch", "models")
"""Pictured in every scheme and width; other states in light at 1440 px."""


def prepare_files(folder: Path) -> None:
    """Write the files that go wrong, one that says nothing of itself, and a long recording."""
    source = example_paths()[0]
    (folder / "lone.hea").write_bytes(source.read_bytes().replace(source.stem.encode(), b"lone"))
    (folder / "broken.hea").write_bytes(b"this is no header")
    signal = read_record(source).signal.copy()
    rng = np.random.default_rng(0)
    signal[4:] = rng.normal(0, 1.5, signal[4:].shape)
    signal[:3] = 0.0
    np.save(folder / "noisy.npy", signal)
    spec = next(spec for spec in EXAMPLES if spec.kind == "pvc")
    write_record(replace(spec, name="long", duration_s=120.0), folder)


def picture(context: BrowserContext, name: str, address: str, files: Path, target: Path, width: int) -> None:
    """Bring the page into a state and picture all of it."""
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": SIZES[width]})
    STATES[name](page, address, files)
    page.mouse.move(2, 2)
    driving.settle(page)
    content = page.evaluate("document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight") + 30
    page.set_viewport_size({"width": width, "height": max(SIZES[width], content)})
    driving.settle(page)
    with Image.open(io.BytesIO(page.screenshot())) as taken:
        few = taken.convert("RGB").quantize(256, dither=Image.Dither.NONE)  # a third of the size, and no eye sees it
    few.save(target, optimize=True)
    page.close()


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Picture every state of the app.")
    parser.add_argument("out", nargs="?", type=Path, default=ROOT / "docs" / "screenshots")
    parser.add_argument("--only", default="", help="only pictures whose name contains this text")
    args = parser.parse_args(argv)
    path = browser_path()
    if path is None:
        sys.stderr.write("No Chromium found; on Debian: apt-get install chromium\n")
        return 1
    args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        files = Path(name)
        prepare_files(files)
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        with served(files / "log.txt") as address:
            for scheme in ("light", "dark"):
                context = chromium.new_context(color_scheme=scheme, reduced_motion="reduce")
                context.set_default_timeout(60_000)
                for width in SIZES:
                    for state in STATES if (scheme, width) == ("light", 1440) else PAGES:
                        target = args.out / f"{state}-{scheme}-{width}.png"
                        if args.only in target.stem:
                            picture(context, state, address, files, target, width)
                            sys.stdout.write(f"{target}\n")
                context.close()
        chromium.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
