"""The batch page as a reviewer drives it."""

from __future__ import annotations

from playwright.sync_api import Frame, Page

PATIENCE_MS = 120_000.0
POLLING_MS = 100.0
"""A page behind another gets no animation frames to poll by."""

FIND = "let said = null; leadwise.desk.api.forEachNode((n) => { if (n.data.r === name) said = n.data.d; });"


def grid(page: Page) -> Frame:
    """Return the grid's frame, once it has rows."""
    page.frame_locator("iframe[title*=agGrid]").locator(".ag-center-cols-container .ag-row").first.wait_for()
    return next(frame for frame in page.frames if "st_aggrid" in frame.url)


def on_view(page: Page, other_than: str = "") -> str:
    """Return the name of the record beside the grid, once it is another one and the server has every act."""
    page.wait_for_function(
        "old => { const d = window.leadwise && window.leadwise.desk, p = window.leadwise && window.leadwise.previewed;"
        " return d && p && !d.pending.length && String(p.position) === d.current && d.node().data.r !== old; }",
        arg=other_than,
        polling=POLLING_MS,
        timeout=PATIENCE_MS,
    )
    return page.evaluate("leadwise.desk.node().data.r")


def give_name(page: Page, name: str) -> None:
    """Enter the reviewer's name."""
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Keep").click()
    page.wait_for_function("name => window.leadwise.desk.reviewer === name", arg=name, polling=POLLING_MS)


def decide_in_grid(page: Page, frame: Frame, key: str, name: str) -> str:
    """Press a key in the grid's frame, once, and return the next record."""
    frame.locator(".ag-row-selected .ag-cell").first.click()
    page.keyboard.press(key)
    return on_view(page, other_than=name)


def decided(page: Page, name: str) -> str:
    """Return what the grid says of a record's decision."""
    return page.evaluate(f"name => {{ {FIND} return said; }}", name)
