"""The Beats page in Chromium: a recording of MIT-BIH, and the synthetic one of two leads."""

from __future__ import annotations

import csv
import importlib.util
import io
import lzma
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import driving
from tests.browser.test_accessibility import AXE, findings
from tests.browser.test_export import taken

RECORD = "106"
EXAMPLE = "Two leads, 8 minutes"
PATIENCE_MS = 240_000
"""The first recording waits for torch and the network."""

ANY = "() => window.leadwise && window.leadwise.beats"
SETTLED = "() => !document.documentElement.hasAttribute('data-leadwise-behind')"
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
WHOLE = "() => window.leadwise && window.leadwise.beats && window.leadwise.beats.ready"


@pytest.fixture(scope="module")
def mitbih(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one record of MIT-BIH as PhysioNet publishes it."""
    source = shared / "data" / "mitbih"
    if not source.is_dir():
        pytest.skip("needs MIT-BIH in the shared data folder")
    spec = importlib.util.spec_from_file_location("unpack_mitbih", source / "unpack.py")
    assert spec is not None
    assert spec.loader is not None
    unpack = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(unpack)
    out = tmp_path_factory.mktemp("mitbih")
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress((source / "annotations.tar.xz").read_bytes()))) as tar:
        tar.extractall(out, filter="data")
    part = next(p for p in map(unpack.read_part, sorted(source.glob("signals-*.xz"))) if RECORD in p)
    (out / f"{RECORD}.dat").write_bytes(unpack.encode_212(part[RECORD]))
    return out


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Return a page; what its scripts complain of fails the test."""
    fresh = context.new_page()
    complaints: list[str] = []
    fresh.on("pageerror", lambda error: complaints.append(str(error)))
    yield fresh
    assert complaints == []


def beats(page: Page, condition: str = WHOLE) -> dict[str, Any]:
    """Return what the page says that it drew last, once it and the server agree."""
    page.wait_for_function(SETTLED)
    page.wait_for_function(condition, timeout=PATIENCE_MS)
    return page.evaluate(ANY)


def example(page: Page, address: str) -> dict[str, Any]:
    """Open the synthetic recording."""
    driving.go(page, address)
    page.get_by_role("button", name=EXAMPLE).click()
    return beats(page)


def at_beat(page: Page, beat: int) -> dict[str, Any]:
    """Wait until a beat is on view with what was made of it."""
    page.wait_for_function("beat => window.leadwise.beats.beat === beat && window.leadwise.beats.ready", arg=beat)
    return page.evaluate(ANY)


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # wfdb calls what pandas gives up
def test_a_record_of_mit_bih_from_the_drop_to_files_that_others_read(
    page: Page, address: str, mitbih: Path, tmp_path: Path
) -> None:
    driving.go(page, address)
    driving.drop(page, [str(mitbih / f"{RECORD}{suffix}") for suffix in (".hea", ".dat")])
    expect(page.locator("tr.record")).to_contain_text("MLII, V1")
    page.locator("tr.record").click()
    drawn = beats(page)
    assert drawn["n"] == pytest.approx(2027, rel=0.03)
    verdict = page.locator("section.band")
    expect(verdict).to_contain_text("above the alarm threshold")
    expect(page.get_by_text("It does not diagnose, and it does not rule out disease.")).to_be_visible()

    rows = table(page, tmp_path)
    assert len(rows) == drawn["n"]
    marked = [row for row in rows if row["anomalous"] == "true"]
    assert len(marked) == drawn["anomalous"]
    import wfdb

    truth = wfdb.rdann(str(mitbih / RECORD), "atr")
    ventricular = truth.sample[np.isin(truth.symbol, ["V"])] / 360
    times = np.array([float(row["time_s"]) for row in marked])
    found = [np.abs(times - at).min() < 0.15 for at in ventricular]
    assert np.mean(found) > 0.9

    path = taken(page, "Annotations", tmp_path)
    assert path.stem == RECORD
    read = wfdb.rdann(str(path.with_suffix("")), path.suffix[1:])
    own = np.array([float(row["time_s"]) for row in rows])
    gaps = np.abs(read.sample[:, None] / 360 - own[None, :]).min(axis=0)
    assert gaps.max() < 0.01, "every beat of the table is in the annotations"


def table(page: Page, folder: Path) -> list[dict[str, str]]:
    """Open the menu of files and return the table of beats."""
    page.get_by_role("button", name="Export").click()
    page.get_by_role("button", name="Beats (CSV)").wait_for()
    return list(csv.DictReader(io.StringIO(taken(page, "Beats (CSV)", folder).read_text())))


def test_what_an_anomalous_beat_resembles_stands_after_its_score(page: Page, address: str) -> None:
    example(page, address)
    expect(page.locator("td.kinds abbr").first).to_have_attribute("title", re.compile("Resembles: .* ectopic beat"))
    page.locator("tr", has=page.locator("td.kinds abbr")).first.click()
    told = page.locator("div.evidence .parts + p.kind")
    expect(told).to_contain_text(re.compile(r"Resembles: .* ectopic beat \(sensitivity \d+ % .*, PPV \d+ % .*\)"))
    expect(told).to_contain_text("A hint, not a diagnosis.")
    expect(page.locator("p.about")).to_contain_text("On other patients")
    page.get_by_role("slider", name="Beat on view").focus()
    page.keyboard.press("Home")
    page.wait_for_function("() => window.leadwise.beats.beat === 0")
    expect(page.locator("div.evidence .headline")).to_have_text("Below the threshold")
    expect(page.locator("p.kind")).to_have_count(0)


def test_analyse_says_why_it_is_not_for_two_leads(page: Page, address: str) -> None:
    example(page, address)
    page.get_by_role("link", name="Analyse", exact=True).click()
    expect(page.get_by_text("This recording has 2 leads: MLII, V1")).to_be_visible()
    page.get_by_role("button", name="Open on Beats").click()
    beats(page)


def test_keys_go_through_the_anomalous_beats_and_cards_through_a_shape(page: Page, address: str) -> None:
    first = example(page, address)
    page.keyboard.press("j")
    second = beats(page, f"() => window.leadwise.beats && window.leadwise.beats.beat > {first['beat']}")
    assert at_beat(page, second["beat"])["n"] == first["n"]
    page.keyboard.press("k")
    assert at_beat(page, first["beat"])
    own = page.locator("tr.own")
    expect(own).to_have_count(1)
    expect(own).to_be_in_viewport()
    page.get_by_role("button", name="Shape A, the dominant beat").click()
    page.wait_for_function(f"() => window.leadwise.beats.beat !== {first['beat']}")
    expect(page.locator("button.card.chosen b").first).to_have_text("A")
    slider = page.get_by_role("slider", name="Beat on view")
    slider.focus()
    page.keyboard.press("End")
    at_beat(page, first["n"] - 1)


def test_the_threshold_moves_at_once_and_the_server_follows(page: Page, address: str, tmp_path: Path) -> None:
    before = example(page, address)
    slider = page.get_by_role("slider", name="Alarm threshold")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(f"() => window.leadwise.beats.rate === {before['rate'] + 1}")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^5\.1 % false alarms, "))
    for _ in range(3):
        page.keyboard.press("PageDown")
    page.wait_for_function(f"() => window.leadwise.beats.rate === {before['rate'] + 31}")
    after = beats(page)
    assert after["anomalous"] > before["anomalous"]
    headline = f"{after['anomalous']} beats above the alarm threshold"
    expect(page.locator("section.band")).to_contain_text(headline)
    marked = [row for row in table(page, tmp_path) if row["anomalous"] == "true"]
    assert len(marked) == after["anomalous"]
    page.keyboard.press("Escape")
    page.get_by_role("button", name="reset to 5 %").click()
    page.wait_for_function(f"() => window.leadwise.beats.anomalous === {before['anomalous']}")

    # dragged over the histogram: many rates on the way, and what is on view follows each
    box = slider.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60)
    page.mouse.down()
    seen = set()
    for step in range(60):
        page.mouse.move(box["x"] + box["width"] * (0.6 - 0.0035 * step), box["y"] + 60)
        page.evaluate(DRAWN)
        seen.add(tuple(page.evaluate("[window.leadwise.beats.rate, window.leadwise.beats.anomalous]")))
    assert len({rate for rate, _ in seen}) > 20
    counts = [anomalous for _, anomalous in sorted(seen)]
    assert counts == sorted(counts)
    assert len(set(counts)) > 8
    page.wait_for_function("() => window.leadwise.beats.rate === 210")
    page.mouse.up()
    assert beats(page)["anomalous"] == counts[-1] > after["anomalous"]
    expect(page.locator("section.band")).to_contain_text(f"{counts[-1]} beats above the alarm threshold")


def test_a_click_on_the_whole_recording_shows_its_seconds(page: Page, address: str) -> None:
    before = example(page, address)
    whole = page.get_by_role("region", name="The whole recording, a line a minute")
    whole.scroll_into_view_if_needed()
    box = whole.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 30, box["y"] + 3.5 * 30)
    page.wait_for_function(f"() => window.leadwise.beats.beat !== {before['beat']}")
    beats(page)
    expect(page.locator("svg.sheet text.print").first).to_contain_text("3:5")


def test_a_replay_plays_marks_beats_and_goes_where_it_is_sent(page: Page, address: str) -> None:
    example(page, address)
    page.get_by_role("button", name="Replay", exact=True).click()
    page.wait_for_function(
        "() => window.leadwise.replayed && window.leadwise.replayed.until > 241", timeout=PATIENCE_MS
    )
    page.get_by_role("radio", name="16×").click()
    page.wait_for_function("() => window.leadwise.replayed.beats > 10", timeout=PATIENCE_MS)
    expect(page.get_by_text("beats anomalous since 4:00").first).to_be_visible()
    page.get_by_role("radio", name="Pause").click()

    position = page.get_by_role("slider", name="Position of the replay")
    box = position.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + 12)  # 7:12
    page.wait_for_function("() => Math.abs(window.leadwise.replayed.head - 432) < 3", timeout=PATIENCE_MS)
    there = page.evaluate("window.leadwise.replayed")
    assert there["fed"] >= there["head"], "what lies between went through the stream"
    expect(page.get_by_text(re.compile(r"^7:1\d of 8:00 · \d+ of 2\d\d beats anomalous"))).to_be_visible()

    position.press("Home")
    page.wait_for_function("() => Math.abs(window.leadwise.replayed.head - 240) < 3", timeout=PATIENCE_MS)
    assert page.evaluate("window.leadwise.replayed.fed") == there["fed"]
    page.get_by_role("button", name="End replay").click()
    page.get_by_role("button", name="Replay", exact=True).wait_for()


@pytest.mark.parametrize("width", [1440, 1024])
def test_nothing_runs_off_the_page(page: Page, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    example(page, address)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    strip = page.locator("svg.sheet").bounding_box()
    assert strip["x"] + strip["width"] <= width
    assert strip["y"] < 420, "the strip is on the first screen"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding_of_axe(browser: Browser, address: str, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
    context.set_default_timeout(60_000)
    page = context.new_page()
    example(page, address)
    assert AXE
    assert findings(page, "Beats") == []
    page.get_by_role("link", name="Analyse", exact=True).click()
    page.get_by_text("This recording has 2 leads").wait_for()
    assert findings(page, "Analyse, two leads") == []
    context.close()
