"""A batch of 200 records: scored across a server that is killed, read by keys, found again, read by two."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from ecg_core.worklist import Job, Worklist
from ecg_core.worklist.launch import lock_of
from ecg_core.worklist.locks import ProcessLock
from tests.browser.serving import free_port, served
from tests.browser.worklist_page import (
    FIND,
    PATIENCE_MS,
    POLLING_MS,
    decide_in_grid,
    decided,
    give_name,
    grid,
    on_view,
)

PATIENCE_S = 240.0
SCROLL = (
    "name => leadwise.desk.api.forEachNode((n) => { if (n.data.r === name) leadwise.desk.api.ensureNodeVisible(n); })"
)
"""Rows out of sight are not in the page: where a record stands depends on which was on view when scoring ended."""


@pytest.fixture
def place(tmp_path: Path, many_records: Path) -> Iterator[Path]:
    """Return a folder for data, whose root is the folder of many records; its runner ends with the test."""
    (tmp_path / "data").mkdir()
    yield tmp_path
    kill_runner(tmp_path / "data")


def kill_runner(data: Path) -> None:
    """End the process that scores, as a power cut would."""
    holder = ProcessLock(lock_of(data)).holder()
    if holder:
        with suppress(ProcessLookupError):
            os.kill(holder, signal.SIGKILL)


def until_scored(worklist: Worklist, at_least: int) -> Job:
    """Wait until so many records of the only job are scored."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        (job,) = worklist.jobs()
        if job.done >= at_least:
            return job
        time.sleep(0.05)
    raise AssertionError(f"fewer than {at_least} records were scored: {job}")


def visitor(browser: Browser, stack: ExitStack) -> Page:
    """Return a page of a browser of its own."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="light")
    context.set_default_timeout(PATIENCE_MS)
    stack.callback(context.close)
    return context.new_page()


@pytest.mark.timeout(900)
def test_a_batch_outlives_the_server_and_its_decisions_are_found(
    browser: Browser, place: Path, many_records: Path
) -> None:
    data, port = place / "data", free_port()
    settings = {"LEADWISE_DATA": str(data), "LEADWISE_ROOT": str(many_records)}
    with ExitStack() as stack:
        worklist = stack.enter_context(Worklist(data, root=many_records))
        page = visitor(browser, stack)
        with served(place / "first.txt", port=port, settings=settings, abruptly=True) as address:
            start(page, address)
            job = until_scored(worklist, 20)
            assert page.url.endswith(f"?job={job.id}")
        kill_runner(data)
        (job,) = worklist.jobs()
        assert 20 <= job.done < job.total == 200
        first = dict(rows(worklist, job))

        with served(place / "second.txt", port=port, settings=settings) as address:
            page.goto(f"{address}/batch?job={job.id}")
            expect(page.get_by_text("200 of 200 scored")).to_be_visible(timeout=1000 * PATIENCE_S)
            assert first.items() <= dict(rows(worklist, job)).items()
            names = read_three(page)

        with served(place / "third.txt", port=port, settings=settings) as address:
            page.goto(f"{address}/batch?job={job.id}")
            grid(page)
            assert on_view(page)
            expect(page.get_by_text("A. Meyer", exact=True)).to_be_visible()
            assert [decided(page, name) for name in names] == ["anomalous", "not anomalous", "second look"]
            expect(page.get_by_role("cell", name="repeat in a week")).to_be_visible()
            another_reads(visitor(browser, stack), f"{address}/batch?job={job.id}", names[0])
            page.wait_for_function(
                f"name => {{ {FIND} return said === 'reviewers differ'; }}", arg=names[0], polling=POLLING_MS
            )
        assert [(d.reviewer, d.decision) for d in reversed(worklist.decisions())] == [
            ("A. Meyer", "anomalous"),
            ("A. Meyer", "not anomalous"),
            ("A. Meyer", "second look"),
            ("B. Rossi", "not anomalous"),
        ]


def start(page: Page, address: str) -> None:
    """Score the root with one network."""
    page.goto(f"{address}/batch")
    page.get_by_role("radio", name="Folder on this server").click()
    expect(page.get_by_text("200 records", exact=True)).to_be_visible()
    for title in ("Consensus", "VAE-BiLSTM", "VAE-BiLSTM-MHA"):  # chosen at first
        model = page.get_by_role("button", name=title, exact=True)
        model.click()
        expect(model).to_have_attribute("aria-pressed", "false", timeout=PATIENCE_MS)
        page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')")
    page.get_by_role("button", name="Score and review").click()
    page.wait_for_url("**/batch?job=*")


def rows(worklist: Worklist, job: Job) -> list[tuple[int, str]]:
    table = worklist.rows(job.id)
    return list(zip(table["position"], table["sha256"], strict=True))


def read_three(page: Page) -> list[str]:
    """Decide on three records by key: from the page, with a comment, and from inside the grid's frame."""
    frame = grid(page)
    names = [on_view(page)]
    page.keyboard.press("1")
    assert page.evaluate("leadwise.desk.reviewer") is None
    assert page.evaluate("leadwise.desk.pending.length") == 0
    page.keyboard.press("Escape")
    give_name(page, "A. Meyer")
    page.locator("h2").first.click()
    page.keyboard.press("1")
    names.append(on_view(page, other_than=names[0]))
    page.keyboard.press("j")
    passed = on_view(page, other_than=names[1])
    page.keyboard.press("k")
    assert on_view(page, other_than=passed) == names[1]
    names.append(decide_in_grid(page, frame, "2", names[1]))
    page.get_by_label("Comment, kept with the decision").fill("repeat in a week")
    page.get_by_role("button", name="Second look").click()
    on_view(page, other_than=names[2])
    expect(page.get_by_role("cell", name="repeat in a week")).to_be_visible()
    return names


def another_reads(page: Page, address: str, name: str) -> None:
    """Read a record otherwise, as another reviewer in another browser, who is not taken for the first."""
    page.goto(address)
    page.bring_to_front()
    frame = grid(page)
    on_view(page)
    give_name(page, "B. Rossi")
    page.evaluate(SCROLL, name)
    frame.get_by_role("gridcell", name=name, exact=True).click()
    page.wait_for_function(
        "name => leadwise.desk.current && leadwise.desk.api.getRowNode(leadwise.desk.current).data.r === name",
        arg=name,
        polling=POLLING_MS,
    )
    assert on_view(page) == name
    decide_in_grid(page, frame, "2", name)
    assert decided(page, name) == "reviewers differ"
