"""Clicks and keys of a reviewer in a hurry: none is lost, and none reads another record than the one on view."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from bench.worklist import make_job
from ecg_core.worklist import Decision, Worklist
from ecg_core.worklist.data import DATABASE
from tests.browser.serving import served
from tests.browser.worklist_page import PATIENCE_MS, POLLING_MS, decided, give_name, grid, on_view

N = 48
CELL = ".ag-center-cols-container .ag-row[row-id='{}'] .ag-cell"
ROWS = "(() => { const all = []; leadwise.desk.api.forEachNode((n) => all.push({ ...n.data })); return all; })()"
AT_ONCE = """(cell, key) => {
  for (const kind of ["mousedown", "mouseup", "click"]) {
    cell.dispatchEvent(new MouseEvent(kind, { bubbles: true, composed: true, cancelable: true }));
    if (kind === "mousedown") cell.focus();
  }
  const pressed = { key, bubbles: true, composed: true, cancelable: true };
  document.activeElement.dispatchEvent(new KeyboardEvent("keydown", pressed));
}"""
"""A click and a key before the grid has told of the click, as on a machine that is busy."""


class Desk(NamedTuple):
    """A reviewer's page with its grid, and what is stored."""

    page: Page
    frame: Frame
    worklist: Worklist
    job: str
    before: int

    def current(self) -> int:
        """Return the position of the record that keys read."""
        return int(self.page.evaluate("leadwise.desk.current"))

    def chosen(self) -> list[int]:
        """Return the positions of the rows that the grid shows as chosen."""
        rows = self.frame.locator(".ag-center-cols-container .ag-row-selected").all()
        return [int(row.get_attribute("row-id") or -1) for row in rows]

    def stored(self) -> list[Decision]:
        """Return what was decided on this page, oldest first."""
        return [one for one in reversed(self.worklist.decisions()) if one.id > self.before]

    def read(self) -> list[tuple[int, str]]:
        """Return position and reading of each decision that was made on this page."""
        table = self.worklist.rows(self.job)
        place = dict(zip(table["sha256"], table["position"], strict=True))
        return [(place[one.sha256], one.decision) for one in self.stored()]


class Served(NamedTuple):
    """A server with a scored job."""

    address: str
    worklist: Worklist
    job: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a job of records with percentiles that fall with their position."""
    place = tmp_path_factory.mktemp("keys")
    data, root = place / "data", place / "root"
    root.mkdir()
    job = make_job(data, root, N)
    settings = {"LEADWISE_DATA": str(data), "LEADWISE_ROOT": str(root)}
    with Worklist(data, root=root) as worklist, served(place / "log.txt", settings=settings) as address:
        yield Served(address, worklist, job)


@pytest.fixture
def desk(browser: Browser, server: Served) -> Iterator[Desk]:
    """Return a fresh reviewer's page, low enough that not all rows are in sight."""
    context = browser.new_context(viewport={"width": 1440, "height": 700}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(f"{server.address}/batch?job={server.job}")
    frame = grid(page)
    give_name(page, "A. Meyer")
    on_view(page)
    before = max((one.id for one in server.worklist.decisions()), default=0)
    yield Desk(page, frame, server.worklist, server.job, before)
    context.close()


def cell(desk: Desk, position: int) -> Any:
    return desk.frame.locator(CELL.format(position)).first


def test_a_click_on_the_chosen_row_leaves_it_chosen(desk):
    for _ in range(2):
        cell(desk, 4).click(delay=120)
        on_view(desk.page)
        desk.page.wait_for_timeout(300)
        assert (desk.current(), desk.chosen()) == (4, [4])
    desk.page.keyboard.press("Space")
    desk.page.wait_for_timeout(300)
    assert desk.chosen() == [4]


def test_a_key_right_after_a_click_reads_the_row_that_was_clicked(desk):
    for position, key in ((5, "1"), (2, "2"), (7, "3")):
        cell(desk, position).evaluate(AT_ONCE, key)
        name = on_view(desk.page)
        desk.page.wait_for_timeout(300)
        assert (desk.current(), desk.chosen()) == (position + 1, [position + 1])
        assert on_view(desk.page) == name
    assert desk.read() == [(5, "anomalous"), (2, "not anomalous"), (7, "second look")]


def test_keys_faster_than_the_server_read_one_record_each(desk):
    cell(desk, 0).click()
    for key in "12312312":
        desk.page.keyboard.press(key)
    on_view(desk.page)
    readings = {"1": "anomalous", "2": "not anomalous", "3": "second look"}
    assert desk.read() == [(k, readings[key]) for k, key in enumerate("12312312")]
    assert desk.chosen() == [8]
    focused = "document.activeElement.closest('.ag-row').getAttribute('row-id')"
    assert desk.frame.evaluate(focused) == "8"


def test_a_key_that_is_held_down_reads_one_record(desk):
    cell(desk, 3).click()
    for _ in range(6):
        desk.page.keyboard.down("2")  # the later ones repeat
    desk.page.keyboard.up("2")
    on_view(desk.page)
    assert desk.read() == [(3, "not anomalous")]


def test_arrows_choose_rows_as_j_and_k_do(desk):
    cell(desk, 2).click()
    for key, position in (("ArrowDown", 3), ("j", 4), ("PageDown", 14), ("ArrowUp", 13), ("Home", 0), ("End", N - 1)):
        desk.page.keyboard.press(key)
        on_view(desk.page)
        assert (desk.current(), desk.chosen()) == (position, [position])
    assert not desk.read()


def test_rows_that_come_from_above_leave_the_chosen_one_in_sight_and_keys_on_it(desk):
    cell(desk, 1).click()
    on_view(desk.page)
    more = "rows.map((row) => ({ ...row, p: row.p + 1000, c: 100 }))"
    desk.page.evaluate(
        f"(() => {{ const rows = {ROWS}; leadwise.desk.api.setGridOption('rowData', [...rows, ...{more}]); }})()"
    )
    desk.page.wait_for_function(f"leadwise.desk.api.getRowNode('1').rowIndex === {N + 1}", polling=POLLING_MS)
    expect(cell(desk, 1)).to_be_in_viewport()
    assert desk.chosen() == [1]
    desk.page.keyboard.press("2")
    on_view(desk.page)
    assert desk.read() == [(1, "not anomalous")]
    assert desk.chosen() == [2]


def test_the_grid_that_draws_its_rows_again_keeps_what_was_decided_since(desk):
    desk.page.evaluate(f"window.earlier = {ROWS}")
    cell(desk, 9).click()
    name = on_view(desk.page)
    desk.page.keyboard.press("3")
    on_view(desk.page, other_than=name)
    desk.page.evaluate("leadwise.desk.api.setGridOption('rowData', window.earlier)")
    desk.page.wait_for_timeout(300)
    assert decided(desk.page, name) == "second look"


def test_another_reviewers_decision_is_shown_and_takes_no_key(desk):
    cell(desk, 10).click()
    name = on_view(desk.page)
    desk.page.keyboard.press("1")
    on_view(desk.page, other_than=name)
    (mine,) = desk.stored()
    desk.worklist.decide(desk.job, mine.sha256, "B. Rossi", "second look")
    for k in range(20):  # about as long as the page takes to see it
        desk.page.keyboard.press("jk"[k % 2])
        desk.page.wait_for_timeout(400)
    desk.page.wait_for_function(
        "leadwise.desk.node('10').data.d === 'reviewers differ'", polling=POLLING_MS, timeout=PATIENCE_MS
    )
    desk.page.keyboard.press("2")
    on_view(desk.page)
    assert [one[0] for one in desk.read()] == [10, 10, 11]
    assert desk.chosen() == [12]


def test_a_comment_stays_with_its_record(desk):
    cell(desk, 13).click()
    on_view(desk.page)
    comment = desk.page.get_by_label("Comment, kept with the decision")
    comment.fill("repeat in a week")
    desk.page.get_by_role("button", name="Second look").click()
    desk.page.keyboard.press("1")
    on_view(desk.page)
    assert [(one.decision, one.comment) for one in desk.stored()] == [
        ("second look", "repeat in a week"),
        ("anomalous", ""),
    ]
    desk.page.keyboard.press("k")
    desk.page.keyboard.press("k")
    on_view(desk.page)
    expect(comment).to_have_value("repeat in a week")


def test_keys_in_a_filter_of_the_grid_are_its_own(desk):
    desk.frame.locator(".ag-header-cell[col-id=r]").hover()
    desk.frame.locator(".ag-header-cell[col-id=r] .ag-header-cell-filter-button").click()
    desk.frame.locator(".ag-popup .ag-select .ag-picker-field-wrapper").first.focus()
    desk.page.keyboard.press("1")
    desk.page.wait_for_timeout(300)
    assert not desk.page.evaluate("leadwise.desk.pending.some((act) => act.kind === 'decide')")
    assert not desk.read()


def test_a_decision_that_is_not_stored_is_said_and_later_keys_stay_with_their_records(desk):
    cell(desk, 16).click()
    name = on_view(desk.page)
    changed = "update records set sha256 = ? where job = ? and position = 16"
    database = desk.worklist.data / DATABASE
    with sqlite3.connect(database) as connection:
        (kept,) = connection.execute("select sha256 from records where position = 16").fetchone()
        connection.execute(changed, ("0" * 64, desk.job))
    connection.close()
    desk.page.get_by_label("Comment, kept with the decision").fill("typed")
    desk.page.get_by_role("button", name="Second look").click()
    desk.page.keyboard.press("1")
    said = desk.page.get_by_role("alert").get_by_text(f"{name} is not decided")
    expect(said).to_be_visible()
    on_view(desk.page)
    assert (desk.read(), desk.chosen()) == ([(17, "anomalous")], [18])
    assert decided(desk.page, name) is None
    with sqlite3.connect(database) as connection:
        connection.execute(changed, (kept, desk.job))
    connection.close()
    desk.page.get_by_role("button", name=f"Back to {name}").click()
    assert on_view(desk.page) == name
    expect(said).to_be_hidden()
    expect(desk.page.get_by_label("Comment, kept with the decision")).to_have_value("typed")
    desk.page.get_by_role("button", name="Second look").click()
    on_view(desk.page, other_than=name)
    assert [(one.decision, one.comment) for one in desk.stored()] == [("anomalous", ""), ("second look", "typed")]


def test_the_caliper_reads_samples_and_leaves_the_row(desk):
    desk.page.keyboard.press("j")
    on_view(desk.page)
    sheet = desk.page.locator("svg.sheet")
    sheet.focus()
    fs = min(desk.worklist.read_record(desk.job, 1).fs, 250.0)
    for _ in range(25):
        desk.page.keyboard.press("ArrowRight")
    reading = desk.page.locator("svg.sheet text.reading")
    expect(reading).to_contain_text(f"II  {25 / fs * 1000:.0f} ms")
    assert desk.current() == 1
    box = sheet.bounding_box()
    desk.page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    desk.page.mouse.down()
    desk.page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    desk.page.mouse.up()
    expect(reading).to_contain_text(re.compile(r"(III|aVR|aVL)  \d{3} ms  \u2212?\d\.\d\d mV  \d+ /min"))
    desk.page.keyboard.press("Escape")
    expect(reading).to_be_hidden()


def test_pulses_are_one_millivolt_high(desk):
    tall = desk.page.locator("svg.sheet path.pulse").evaluate("path => path.getAttribute('d').match(/v-[\\d.]+/g)")
    said = desk.page.locator("svg.sheet text.print").first.text_content()
    gains = [float(mm) for mm in re.findall(r"(\d+)(?:,| mm/mV)", said.split("mm/s, ")[1])]
    limb, chest = gains[0], gains[-1]
    assert [float(one[2:]) / 3 for one in tall] == [limb] * 6 + [chest] * 6  # 3 px to the millimetre


@pytest.mark.parametrize("size", [(1024, 768), (1440, 900)])
def test_the_last_decisions_stand_above_the_fold(desk, size):
    desk.page.set_viewport_size({"width": size[0], "height": size[1]})
    for key in "123":
        name = on_view(desk.page)
        desk.page.keyboard.press(key)
        on_view(desk.page, other_than=name)
    rows = desk.page.locator(".last tbody tr:visible")
    expect(rows.nth(1)).to_be_visible()
    ends = rows.evaluate_all("rows => rows.map((row) => row.getBoundingClientRect().bottom)")
    assert max(ends) <= size[1] - 28  # the status bar is 28 px high
    bar = desk.page.get_by_role("group", name="Your reading").bounding_box()
    assert bar["height"] < 40
    assert bar["x"] + bar["width"] <= size[0]
