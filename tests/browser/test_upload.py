"""The Upload page as it is used: files, rows, keys; and two users at once."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from ecg_core.synthetic import example_paths
from tests.browser import driving

PATIENCE_MS = 60_000


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Return a page; what its scripts complain of fails the test."""
    fresh = context.new_page()
    complaints: list[str] = []
    fresh.on("pageerror", lambda error: complaints.append(str(error)))
    yield fresh
    assert complaints == []


def files_of(*names: str) -> list[str]:
    """Return the files of examples by their names."""
    found = {path.stem: path for path in example_paths()}
    return [str(found[name].with_suffix(suffix)) for name in names for suffix in (".hea", ".dat")]


def test_rows_appear_are_scored_and_open_by_key(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.drop(page, [*files_of("low-voltage", "normal-72"), files_of("normal-55")[0]])
    expect(page.locator("tr.problem")).to_contain_text("Waiting for normal-55.dat.")
    expect(page.locator("tr.record")).to_have_count(2)
    expect(page.locator(".place.above, .place.below")).to_have_count(2, timeout=PATIENCE_MS)

    driving.drop(page, [files_of("normal-55")[1]])
    expect(page.locator("tr.problem")).to_have_count(0)
    expect(page.locator("tr.record")).to_have_count(3)

    # by Tab and Enter the row that has the focus opens, not the first
    page.locator("button.open").nth(1).focus()
    page.keyboard.press("Enter")
    page.wait_for_function(driving.PAINTED)
    expect(page.locator(".lw-title")).to_have_text("normal-72")
    expect(page.get_by_text("2 of 3 in this session")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".lw-title")).to_have_text("low-voltage")

    page.keyboard.press("o")
    page.locator("tr.record").nth(2).click()
    expect(page.locator(".lw-title")).to_have_text("normal-55")


def test_enter_opens_the_first_record(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.drop(page, files_of("low-voltage", "normal-72"))
    driving.open_first(page)
    expect(page.locator(".lw-title")).to_have_text("low-voltage")


def test_enter_on_another_button_is_that_buttons(page: Page, address: str) -> None:
    driving.go(page, address)
    driving.drop(page, files_of("low-voltage"))
    page.get_by_role("button", name="Remove all").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Open an ECG", exact=True)).to_be_visible()


def test_an_archive_is_opened_and_a_broken_one_refused(page: Page, address: str, tmp_path: Path) -> None:
    good, bad = tmp_path / "records.zip", tmp_path / "broken.zip"
    with zipfile.ZipFile(good, "w") as archive:
        for name in files_of("low-voltage", "normal-72"):
            archive.write(name, f"deep/{Path(name).name}")
    bad.write_bytes(b"PK\x03\x04 nothing")
    driving.go(page, address)
    driving.drop(page, [str(good), str(bad)])
    expect(page.locator("tr.record")).to_have_count(2)
    expect(page.locator("tr.problem")).to_contain_text("damaged or no zip archive")
    page.get_by_role("button", name="Remove broken.zip").click()
    expect(page.locator("tr.problem")).to_have_count(0)


def test_two_users_never_see_each_others_records(browser: Browser, address: str) -> None:
    contexts = [browser.new_context(viewport={"width": 1440, "height": 900}) for _ in range(2)]
    pages = [context.new_page() for context in contexts]
    dropped = ["low-voltage", "atrial-fibrillation"]
    for page, name in zip(pages, dropped, strict=True):
        page.set_default_timeout(PATIENCE_MS)
        driving.go(page, address)
        driving.drop(page, files_of(name))
    for page, own, others in zip(pages, dropped, dropped[::-1], strict=True):
        expect(page.locator("tr.record")).to_have_count(1)
        driving.open_first(page)
        expect(page.locator(".lw-title")).to_have_text(own)
        expect(page.get_by_text("1 of 1 in this session")).to_be_visible()
        for title in ("Compare models", "Batch review", "Upload"):
            driving.visit(page, title)
            assert others not in page.locator(".stApp").inner_text()
    driving.visit(pages[0], "Analyse")
    pages[1].get_by_role("button", name="Remove all").click()
    pages[1].get_by_text("Open an ECG", exact=True).wait_for()
    expect(pages[0].locator(".lw-title")).to_have_text(dropped[0])
    for context in contexts:
        context.close()
