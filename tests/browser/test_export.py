"""Taking things away in the browser: the report opens as a PDF, files are plain, and Ctrl+P prints the page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pypdfium2.raw as pdfium
import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from app.words import INTENDED_USE
from tests.browser import driving
from tests.pages import read_page

NAME = "premature-ventricular-beat"


@pytest.fixture
def page(context: BrowserContext, address: str) -> Iterator[Page]:
    """Return the Analyse page with an example."""
    fresh = context.new_page()
    driving.go(fresh, address)
    driving.open_example(fresh, "Premature ventricular beat")
    driving.settle(fresh)
    yield fresh
    fresh.close()


def taken(page: Page, label: str, folder: Path) -> Path:
    """Press a button of the menu by keyboard, and return the file that comes."""
    button = page.get_by_role("button", name=label)
    button.focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_report_opens_as_a_pdf_and_scores_as_json(page: Page, tmp_path: Path) -> None:
    menu = page.get_by_role("button", name="Export")
    menu.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Report (PDF, A4)").wait_for()
    path = taken(page, "Report (PDF, A4)", tmp_path)
    assert path.name == f"{NAME}-report.pdf"
    sheet = read_page(path.read_bytes())
    assert (round(sheet.width), round(sheet.height)) == (297, 210)
    spoken = page.locator("section.band").get_by_text("the alarm threshold").first.inner_text()
    for sentence in spoken.rstrip(".").split(". "):
        assert sentence in sheet.line
    assert INTENDED_USE[1] in sheet.line
    scores = json.loads(taken(page, "Scores (JSON)", tmp_path).read_text(encoding="utf-8"))
    assert scores["detection"]["record"] == NAME
    assert scores["verdict"].split(". ")[0] in sheet.line


LINE = 40
"""A path of so many points is part of a trace; grids, boxes and marks have fewer."""


def traced_points(document: pypdfium2.PdfDocument) -> int:
    """Return how many points the first page's long paths have together: the recorded ECG, where it is drawn."""
    shapes = document[0].get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=8)
    points = [pdfium.FPDFPath_CountSegments(shape.raw) for shape in shapes]
    return sum(n for n in points if n >= LINE)


def test_printing_keeps_verdict_ecg_and_intended_use_and_leaves_the_chrome(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "printed.pdf"
    page.pdf(path=path, prefer_css_page_size=True, print_background=True)
    document = pypdfium2.PdfDocument(path)
    told = [" ".join(sheet.get_textpage().get_text_range().split()) for sheet in document]
    assert len(told) <= 3
    width, height = document[0].get_size()
    assert width > height
    assert all(INTENDED_USE[1] in words for words in told)
    assert "the alarm threshold" in told[0]
    assert {"aVR", "V6"} <= set(told[0].split())
    assert traced_points(document) > 10_000
    for chrome in ("Batch review", "Previous", "Export", "False-alarm rate", "12 × 1"):
        assert not [words for words in told if chrome in words], chrome


def test_the_menu_is_dark_in_the_dark(browser: Browser, address: str) -> None:
    """What opens over the page lies outside of what Streamlit gives its colour scheme to."""
    context = browser.new_context(color_scheme="dark")
    context.set_default_timeout(60_000)
    page = context.new_page()
    driving.go(page, address)
    driving.open_example(page, "Premature ventricular beat")
    driving.settle(page)
    page.get_by_role("button", name="Export").click()
    button = page.get_by_role("button", name="Scores (JSON)")
    button.wait_for()
    assert button.evaluate("node => getComputedStyle(node).colorScheme") == "dark"
    ink, ground = (button.evaluate(f"node => getComputedStyle(node).{name}") for name in ("color", "backgroundColor"))
    assert brightness(ink) > 200 > 60 > brightness(ground)
    context.close()


def brightness(colour: str) -> float:
    """Return the mean of an opaque colour's channels, 0-255."""
    channels = [float(part) for part in re.findall(r"[\d.]+", colour)[:3]]
    return sum(channels) / 3
