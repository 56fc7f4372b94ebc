"""Compare models and Models in Chromium: what is drawn, what a lead's button changes, and that nothing runs off."""

from __future__ import annotations

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from ecg_core.wording import TITLES
from tests.browser import driving

COMPARED = "() => window.leadwise && window.leadwise.compared"


def compare(page: Page, address: str, title: str) -> None:
    """Open an example and go to Compare models."""
    driving.go(page, address)
    driving.open_example(page, title)
    page.get_by_role("link", name="Compare models", exact=True).click()
    page.wait_for_function(COMPARED)


@pytest.mark.parametrize("width", [1440, 1024])
def test_bands_share_one_time_axis(context: BrowserContext, address: str, width: int) -> None:
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": 900})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    compare(page, address, "Left bundle branch block")
    bands = page.locator("section.model")
    expect(bands).to_have_count(len(TITLES))
    members = bands.first.locator(".members .name")
    expect(members).to_have_count(len(TITLES) - 1)
    assert sorted(members.all_inner_texts()) == sorted(list(TITLES.values())[1:])
    drawn = page.locator("section.model path.recorded")
    expect(drawn).to_have_count(len(TITLES) - 1)
    assert len({round(path.bounding_box()["x"]) for path in drawn.all()}) == 1
    made = {path.get_attribute("d") for path in page.locator("section.model path.made").all()}
    assert len(made) == len(TITLES) - 1
    box = bands.last.locator("svg").first.bounding_box()
    assert box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    recorded = drawn.first.get_attribute("d")
    page.get_by_role("radio", name="aVR", exact=True).click()
    page.wait_for_function("() => window.leadwise.compared.lead === 'aVR'")
    assert drawn.first.get_attribute("d") != recorded
    assert complaints == []


def test_held_out_curves_are_drawn_and_the_record_is_marked(context: BrowserContext, address: str) -> None:
    page = context.new_page()
    compare(page, address, "Left bundle branch block")
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot .main-svg').length >= 4")
    expect(page.locator(".legendtext", has_text="this record")).to_have_count(1)
    expect(page.get_by_role("table")).to_have_count(3)


def test_without_a_record_an_example_is_one_click_away(context: BrowserContext, address: str) -> None:
    page = context.new_page()
    driving.go(page, address)
    driving.visit(page, "Compare models")
    expect(page.get_by_text("No ECG is open")).to_be_visible()
    expect(page.get_by_text("On held-out records", exact=True)).to_be_visible()
    page.get_by_role("button", name="Open an example").click()
    page.wait_for_function(COMPARED)


def test_cards_are_read_one_after_the_other(context: BrowserContext, address: str) -> None:
    page = context.new_page()
    driving.go(page, address)
    driving.visit(page, "Models")
    for title in TITLES.values():
        page.get_by_role("radio", name=title, exact=True).click()
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
