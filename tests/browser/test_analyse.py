"""The real thing: the app as started by a user, its models, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlparse

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect

from ecg_core.wording import TITLES
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
    expect(page.locator("svg.sheet > g.recorded > g")).to_have_count(13)  # twelve leads and the rhythm strip

    shapes = {}
    reasons = verdict.locator(".reasons li")
    expect(reasons.first).to_contain_text("QRS 1")
    expect(verdict.locator(".first")).to_contain_text("PR")
    page.get_by_role("button", name="2 more").click()
    expect(reasons).to_have_count(5)
    for name, title in TITLES.items():
        driving.choose_model(page, title, name)
        shapes[name] = page.locator("svg.sheet > g.model").inner_html()
        maps = page.get_by_text("Attention of the model", exact=True)
        expect(maps).to_have_count(1 if name == "vae-bilstm-mha" else 0)
    assert len(set(shapes.values())) == 4, "consensus and measurements share the expected ECG"

    driving.move_threshold(page, "ArrowRight", "6 %")
    expect(page.get_by_text("moved from 5 %")).to_be_visible()
    page.get_by_role("button", name="Reset to 5 %").click()
    expect(page.get_by_text("validated at 5 %")).to_be_visible()


def test_what_a_record_resembles_stands_after_verdict_and_reasons(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.open_example(page, "Left bundle branch block")
    hint = page.locator("section.band p.kind")
    expect(hint).to_contain_text("Resembles: conduction disturbance (of ECGs told so, ")
    expect(hint).to_contain_text("A hint, not a diagnosis.")
    below = hint.bounding_box()["y"]
    assert below > page.locator("section.band .headline").bounding_box()["y"]
    assert below > page.locator("section.band .reasons li").last.bounding_box()["y"]
    driving.choose_model(page, "CAE", "cae")
    expect(hint).to_have_count(1)
    assert hint.bounding_box()["y"] > page.locator("section.band .panels").bounding_box()["y"] + 100
    driving.choose_model(page, "Measurements", "measurements")  # which has no latent to read
    expect(hint).to_have_count(0)


def told(page: Page) -> list[str]:
    """Return what verdict and threshold say, and how marks are drawn."""
    marks = page.locator("svg.sheet .badge").evaluate_all("list => list.map(badge => badge.getAttribute('class'))")
    return [page.locator(at).inner_text() for at in ("section.band", "section[aria-label='Alarm threshold']")] + marks


def test_a_move_of_the_threshold_is_shown_before_the_server_knows_of_it(page: Page, address: str) -> None:
    held, holding = [], [False]

    def relay(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda message: held.append((server, message)) if holding[0] else server.send(message))

    page.route_web_socket("**/_stcore/stream", relay)
    driving.go(page, address)
    driving.open_example(page, "Left bundle branch block")
    driving.settle(page)
    slider = page.get_by_role("slider", name="False-alarm rate")
    before = told(page)
    holding[0] = True
    for key in ("Home", "ArrowRight"):
        slider.press(key)
    driving.painted_at(page, 1)
    alone = told(page)
    assert alone != before
    assert "1 %" in alone[1]
    assert slider.get_attribute("aria-valuetext") == "1 %"
    behind = page.locator("html[data-leadwise-behind]")
    expect(behind).to_have_count(1)
    holding[0] = False
    for server, message in held:
        server.send(message)
    expect(behind).to_have_count(0)
    driving.settle(page)
    assert told(page) == alone
    # what was moved holds on another page, and after it
    driving.visit(page, "Compare models")
    expect(page.get_by_text("alarm at 1 % false alarms")).to_be_visible()
    driving.visit(page, "Analyse")
    expect(page.get_by_text("moved from 5 %")).to_be_visible()
    expect(slider).to_have_attribute("aria-valuetext", "1 %")
    assert told(page) == alone


def test_a_click_elsewhere_takes_the_moved_threshold_along(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.open_example(page, "Left bundle branch block")
    page.get_by_role("slider", name="False-alarm rate").press("ArrowRight")
    page.get_by_role("radio", name="CAE", exact=True).click()
    page.wait_for_function("() => window.leadwise.painted.model === 'cae'")
    driving.settle(page)
    expect(page.get_by_role("slider", name="False-alarm rate")).to_have_attribute("aria-valuetext", "6 %")
    assert driving.painted(page)["rate"] == 8


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
    page.wait_for_function("() => window.leadwise.painted.model === 'measurements'")
    page.keyboard.press("o")
    page.get_by_text("1 ready", exact=True).wait_for()
    page.get_by_role("button", name="Left bundle branch block").click()
    page.wait_for_function("old => window.leadwise.painted.record !== old", arg=first)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("old => window.leadwise.painted.record === old", arg=first)
    assert driving.painted(page)["model"] == "measurements"


@pytest.mark.parametrize("width", [1024, 1440])
def test_nothing_runs_off_the_page(page: Page, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 768})
    driving.go(page, address)
    driving.open_example(page, "Atrial fibrillation")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    sheet = page.locator("svg.sheet").bounding_box()
    assert sheet["x"] >= 0
    assert sheet["x"] + sheet["width"] <= width


def drawn(page: Page, **want: object) -> None:
    """Wait until the paper says that it drew this."""
    page.wait_for_function(
        "want => Object.keys(want).every(key => window.leadwise.painted[key] === want[key])", arg=want
    )


def test_fifty_mm_a_second_and_the_half_picked_by_key_and_click(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.open_example(page, "Sinus rhythm, 72 /min")
    page.get_by_role("radio", name="50 mm/s").click()
    strip = page.get_by_role("slider", name="Anomaly score over the record")
    strip.wait_for()
    expect(page.locator("svg.sheet")).to_contain_text("50 mm/s, 10 mm/mV, 500 Hz, no filter")
    strip.focus()
    page.keyboard.press("End")
    drawn(page, start_s=5)
    assert strip.get_attribute("aria-valuenow") == "5.0"
    page.keyboard.press("Home")
    drawn(page, start_s=0)
    box = strip.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 20)
    drawn(page, start_s=2.5)


def test_a_filter_is_named_on_the_plot_and_moves_the_trace(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.open_example(page, "Sinus rhythm, 72 /min")
    recorded = page.locator("svg.sheet > g.recorded")
    before, said = recorded.inner_html(), page.locator("section.band").inner_text()
    page.get_by_role("button", name="Leads, filter").click()
    page.get_by_role("button", name="40 Hz low-pass").click()
    expect(page.locator("svg.sheet")).to_contain_text("display filter 40 Hz low-pass")
    assert recorded.inner_html() != before
    assert page.locator("section.band").inner_text() == said


def test_a_lead_alone_and_back_by_key(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.open_example(page, "Premature ventricular beat")
    page.locator("svg.sheet text.name").filter(has_text="V3").press("Enter")
    drawn(page, alone="V3")
    expect(page.get_by_text("Anomaly score of V3 over time")).to_be_visible()
    assert page.locator("svg.sheet path[class^=error-]").count() > 0
    page.keyboard.press("m")
    drawn(page, model="measurements", alone="V3")
    page.locator("svg.sheet").focus()
    page.keyboard.press("Escape")
    drawn(page, alone=None)


def test_measurements_and_median_beats_stand_below_the_paper(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.open_example(page, "Left bundle branch block")
    expect(page.get_by_role("row", name="QRS duration")).to_contain_text("high")
    expect(page.locator("button.beat")).to_have_count(12)
    page.locator("button.beat[aria-label*='of V5']").click()
    expect(page.get_by_role("row", name="T amplitude")).to_be_visible()
    assert page.locator("svg.sheet path.limit").count() == 0
    page.get_by_text("Limits of P, QRS and T on the paper").click()
    expect(page.locator("svg.sheet path.limit-QRS").first).to_be_attached()


def test_the_caliper_is_used_by_key_and_turns_no_page(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.open_example(page, "Sinus rhythm, 72 /min")
    record = driving.painted(page)["record"]
    sheet = page.locator("svg.sheet")
    sheet.focus()
    page.keyboard.press("PageDown")
    page.keyboard.press("Enter")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    reading = sheet.locator("text.reading")
    expect(reading).to_contain_text("II  80 ms")
    page.keyboard.press("ArrowLeft")
    expect(reading).to_contain_text("II  78 ms")
    page.keyboard.press("Escape")
    expect(reading).to_have_count(0)
    assert driving.painted(page)["record"] == record


def test_a_flip_of_the_model_keeps_the_close_up(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.open_example(page, "Premature ventricular beat")
    page.locator("button.stretch").first.click()
    page.wait_for_function("() => window.leadwise.painted.layout.startsWith('closeup')")
    layout = driving.painted(page)["layout"]
    page.keyboard.press("m")
    drawn(page, model="measurements", layout=layout)
    page.get_by_text("Back to the whole sheet").click()
    page.wait_for_function("() => window.leadwise.painted.layout.startsWith('3x4')")
