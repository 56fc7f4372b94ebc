"""The report: one A4 page, at true scale, of one record and one model's reading of it; as PDF and as a picture."""

from __future__ import annotations

import io
import threading
from collections.abc import Sequence
from datetime import datetime

from ecg_core.errors import ConfigError
from ecg_core.records import Record, twelve_leads
from ecg_core.report.content import Page, Reading, View

__all__ = ["Reading", "View", "report_pdf", "report_png"]

LAYOUTS = ("3x4", "6x2", "12x1")
DPI = 200

_ONE_AT_A_TIME = threading.Lock()
"""PDFium draws in one thread of a process only."""


def report_pdf(
    record: Record,
    reading: Reading,
    at: datetime,
    view: View | None = None,
    *,
    others: Sequence[Reading] = (),
    duration_s: float | None = None,
) -> bytes:
    """Return one A4 page, landscape: verdict, ECG at true scale, what computed it, notes, intended use.

    Parameters
    ----------
    record : at least the eight independent leads: the one that was scored, or the part of it to be shown.
    reading : the model's detection at a threshold.
    at : when the report is made, in UTC; the same input gives the same bytes.
    view : how the ECG is shown; as a printed ECG by default.
    others : other models' readings, for their agreement.
    duration_s : length of the recording where `record` is a part of it.

    Raises
    ------
    ConfigError
        For a layout that is not a whole sheet, or a filter that the sampling rate cannot carry.
    """
    from ecg_core.report.page import draw_page  # reportlab comes with it: not before a page is asked for

    view = view or View()
    if view.layout not in LAYOUTS:
        raise ConfigError(f"Expected a layout of a whole sheet, one of {', '.join(LAYOUTS)}; found {view.layout}.")
    return draw_page(Page(twelve_leads(record), reading, tuple(others), view, at, duration_s))


def report_png(pdf: bytes, dpi: int = DPI) -> bytes:
    """Return a report's page as a picture.

    Parameters
    ----------
    pdf : from `report_pdf`.
    dpi : pixels per inch, also written into the file, so that it prints at true scale.
    """
    import pypdfium2

    out = io.BytesIO()
    with _ONE_AT_A_TIME:
        document = pypdfium2.PdfDocument(pdf)
        try:
            picture = document[0].render(scale=dpi / 72).to_pil()
        finally:
            document.close()
    picture.save(out, "PNG", dpi=(dpi, dpi), optimize=False)
    return out.getvalue()
