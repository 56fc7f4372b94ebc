"""No serious or critical finding of axe-core on any page, light or dark (WCAG 2 A and AA and good practice)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import driving
from tests.browser.serving import ROOT
from tests.browser.test_upload import files_of

AXE = (ROOT / "tests" / "browser" / "vendor" / "axe.min.js").read_text(encoding="utf-8")
BATCH_MS = 300_000
RUN = "() => axe.run(document, {resultTypes: ['violations']})"


def findings(page: Page, where: str) -> list[str]:
    """Return the serious and critical findings on the page as it is, one line each."""
    driving.settle(page)
    for frame in page.frames:
        frame.evaluate(AXE)
    found: list[dict[str, Any]] = page.evaluate(RUN)["violations"]
    return [
        f"{where}: {rule['id']} ({rule['impact']}): {rule['help']}: {node['target']} {node['html'][:160]}"
        for rule in found
        if rule["impact"] in ("serious", "critical")
        for node in rule["nodes"]
    ]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_finding(browser: Browser, address: str, scheme: str, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(60_000)
    driving.go(page, address)
    found = findings(page, "Upload, empty")
    (tmp_path / "bare.npy").write_bytes(b"no array")
    driving.drop(page, [*files_of("low-voltage", "premature-ventricular-beat")[:3], str(tmp_path / "bare.npy")])
    page.locator(".place.above, .place.below").first.wait_for()
    found += findings(page, "Upload, with records")
    for title in ("Compare models", "Batch review", "Models"):
        driving.visit(page, title)
        page.wait_for_timeout(1500)
        found += findings(page, title)
    driving.visit(page, "Batch review")
    page.get_by_role("button", name="Score and review").click()
    page.frame_locator("iframe").first.locator(".ag-row").first.wait_for(timeout=BATCH_MS)
    page.wait_for_timeout(1500)
    found += findings(page, "Batch review, a batch")
    driving.visit(page, "Analyse")
    page.wait_for_function(driving.PAINTED)
    found += findings(page, "Analyse")
    driving.choose(page, "12 × 1")
    found += findings(page, "Analyse, 12 x 1")
    context.close()
    assert found == []


def test_axe_finds_what_is_wrong(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.set_content("<html lang=en><title>x</title><main><img src=x><button></button></main></html>")
    page.evaluate(AXE)
    assert {rule["id"] for rule in page.evaluate(RUN)["violations"]} >= {"image-alt", "button-name"}
    page.close()
