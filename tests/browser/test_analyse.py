"""The real thing: the app as started by a user, its models, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlparse

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser import driving


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Return a page that notes every request and every complaint of the browser; at the end there must be none."""
    fresh = context.new_page()
    outside, complaints = [], []

    def note(url: str) -> None:
        parts = urlparse(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname not in ("localhost", "127.0.0.1"):
            outside.append(url)

    fresh.on("request", lambda request: note(request.url))
    fresh.on("websocket", lambda socket: note(socket.url))
    fresh.on("pageerror", lambda error: complaints.append(str(error)))
    yield fresh
    assert outside == []
    assert complaints == []


def test_an_example_from_choice_to_threshold(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.open_example(page, "Left bundle branch block")
    verdict = page.locator("section.band")
    expect(verdict).to_contain_text("the alarm threshold")
    expect(verdict).to_contain_text("normal ECGs")
    assert page.locator("svg.sheet path.recorded").first.get_attribute("d").count("M") == 13

    shapes = {}
    for title, name in (("CAE", "cae"), ("VAE-BiLSTM", "vae-bilstm"), ("VAE-BiLSTM-MHA", "vae-bilstm-mha")):
        driving.choose_model(page, title, name)
        shapes[name] = page.locator("svg.sheet path.model").first.get_attribute("d")
        maps = page.get_by_text("Attention of the model", exact=True)
        expect(maps).to_have_count(1 if name == "vae-bilstm-mha" else 0)
    assert len(set(shapes.values())) == 3

    driving.move_threshold(page, "ArrowRight", "6 %")
    expect(page.get_by_text("moved from 5 %")).to_be_visible()
    page.get_by_role("button", name="Reset to 5 %").click()
    expect(page.get_by_text("validated at 5 %")).to_be_visible()


def test_a_pair_is_dropped_and_measured(page: Page, address: str, pair: list[str]) -> None:
    driving.go(page, address)
    driving.drop(page, pair)
    driving.open_first(page)
    sheet = page.locator("svg.sheet")
    sheet.scroll_into_view_if_needed()
    box = sheet.bounding_box()
    # from 56 px (14 mm) on, 100 px are one second: 300 px along one strip are 3000 ms less the snap to samples
    page.mouse.move(box["x"] + 156, box["y"] + box["height"] - 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 236, box["y"] + box["height"] - 60, steps=3)
    page.mouse.up()
    expect(sheet.locator("text.reading")).to_contain_text("II  800 ms")
    expect(sheet.locator("text.reading")).to_contain_text("75 /min")


def test_a_stretch_opens_all_leads_around_it(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.open_example(page, "Premature ventricular beat")
    first = page.locator("button.stretch").first
    first.click()
    page.wait_for_function("() => window.leadwise.painted.layout.startsWith('closeup')")
    expect(page.locator("button.stretch").first).to_have_attribute("aria-pressed", "true")
    page.locator("button.stretch").first.click()
    page.wait_for_function("() => window.leadwise.painted.layout.startsWith('3x4')")


def test_keys_flip_the_model_and_turn_the_page(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.open_example(page, "Sinus rhythm, 55 /min")
    first = driving.painted(page)["record"]
    page.keyboard.press("m")
    page.wait_for_function("() => window.leadwise.painted.model === 'cae'")
    page.keyboard.press("o")
    page.get_by_text("1 ready", exact=True).wait_for()
    page.get_by_role("button", name="Left bundle branch block").click()
    page.wait_for_function("old => window.leadwise.painted.record !== old", arg=first)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("old => window.leadwise.painted.record === old", arg=first)
    assert driving.painted(page)["model"] == "cae"


@pytest.mark.parametrize("width", [1024, 1440])
def test_nothing_runs_off_the_page(page: Page, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 768})
    driving.go(page, address)
    driving.open_example(page, "Atrial fibrillation")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    sheet = page.locator("svg.sheet").bounding_box()
    assert sheet["x"] >= 0
    assert sheet["x"] + sheet["width"] <= width
