"""The middle of the page: the ECG as high as it needs to be, and below it what there is room for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ecg_core import wording
from ecg_core.colours import PRINT
from ecg_core.detection import Detection, Explanation
from ecg_core.display import on_view, titles
from ecg_core.paper import PAPER_S, choose_gain, lay_out, spread
from ecg_core.records import LEADS, Record
from ecg_core.report import ecg, measured, panels
from ecg_core.report.content import Page, Reading
from ecg_core.report.pen import Pen

LEFT_MM, RIGHT_MM = 16.0, 281.0
PRINT_MM = RIGHT_MM - LEFT_MM
GAP_MM = 2.5
EASY_ROW_MM = {"3x4": 16.0, "6x2": 10.0, "12x1": 6.0}
"""Rows that are closer ask for what stands above and below to be shorter."""

Paint = Callable[[Pen, float, float, ecg.Ecg], None]
Panel = tuple[float, Paint]
"""What stands below the sheet: its height and how it is drawn."""


def draw_sheet(pen: Pen, page: Page, top: float, bottom: float, beats_mm: float) -> bool:
    """Draw the sheet as high as it needs to be, the median beats, then what there is room for.

    Parameters
    ----------
    beats_mm : height of the row of median beats, which has its room before the sheet.

    Returns
    -------
    easy : whether the rows of the sheet are not pressed together.
    """
    detection = page.reading.detection
    if detection.segments:
        bottom -= panels.OVERVIEW_MM
    below = _beats(detection, beats_mm)
    drawn = _drawn(page, bottom - top - sum(height for height, _ in below))
    if detection.segments:
        words = "Score of each 10 s of the recording; framed: the seconds above"
        pen.text(LEFT_MM, bottom + 3.0, words, 7, PRINT["text"], bold=True)
        level = page.reading.threshold
        panels.draw_overview(pen, LEFT_MM, bottom + 5.0, PRINT_MM, detection.segments, level, drawn.paper)
    spare = bottom - top - drawn.paper.height_mm - sum(height for height, _ in below)
    easy = spare >= 0.0 and drawn.paper.row_mm >= EASY_ROW_MM[drawn.paper.layout]
    for panel in _panels(drawn):
        if panel[0] <= spare:
            below.append(panel)
            spare -= panel[0]
    drawn = replace(drawn, paper=spread(drawn.paper, spare))
    ecg.draw(pen, LEFT_MM, top, drawn)
    y = top + drawn.paper.height_mm + GAP_MM
    for height, paint in below:
        paint(pen, y, height - GAP_MM, drawn)
        y += height
    return easy


def _beats(detection: Detection, beats_mm: float) -> list[Panel]:
    if not measured.has_beats(detection):
        return []
    paint: Paint = lambda pen, y, tall, _: measured.draw_beats(pen, detection, LEFT_MM, y, PRINT_MM, tall)  # noqa: E731
    return [(beats_mm + GAP_MM, paint)]


def _panels(drawn: ecg.Ecg) -> list[Panel]:
    """Return what is drawn only where there is room: score, error map."""
    if drawn.explanation is None:
        return []
    return [
        (panels.TRACE_MM, lambda pen, y, tall, sheet: panels.draw_trace(pen, LEFT_MM, y, tall, sheet)),
        (panels.MAP_MM, lambda pen, y, tall, sheet: panels.draw_map(pen, LEFT_MM, y, tall, sheet)),
    ]


def _drawn(page: Page, room: float) -> ecg.Ecg:
    record, view, reading = page.record, page.view, page.reading
    detection = reading.detection
    found = detection.explanation if detection.interpretable and _covers(record, detection.explanation) else None
    whole = min(record.duration, PAPER_S)
    begin = found.start_s if found else record.start_s
    around = on_view(record, begin, begin + whole, view.filters)
    sheet_s = min(whole, PAPER_S * 25.0 / view.speed)
    start = begin if view.start_s is None else view.start_s
    start = min(max(start, record.start_s), record.start_s + record.duration - sheet_s)
    shown = on_view(record, start, start + sheet_s, view.filters)
    if found and not found.start_s - sheet_s < start < found.start_s + len(found.sample_scores) / found.fs:
        found = None
    clipped = [lead for lead, why in detection.quality.items() if why]
    kept = shown.signal
    if clipped:
        kept = kept.copy()
        kept[[LEADS.index(lead) for lead in clipped]] = 0.0
    gain = view.gain or choose_gain(kept, shown.fs, start_s=shown.start_s)
    paper = lay_out(
        shown.signal, shown.fs, view.layout, gain=gain, speed=view.speed, start_s=shown.start_s,
        leads=view.leads, clipped=clipped, room_mm=room,
    )  # fmt: skip
    by_itself = view.gain is None
    return ecg.Ecg(
        paper=paper,
        record=shown,
        around=around,
        explanation=found,
        reconstruction=view.reconstruction,
        marks=view.marks,
        filled=bool(reading.above) if view.filled is None else view.filled,
        faults={lead: " and ".join(why) for lead, why in detection.quality.items() if why},
        foot=wording.printed(view.speed, gain, record.fs, " + ".join(titles(view.filters)), by_itself)
        + wording.not_shown(paper.missing),
        model_words=_model_words(reading),
    )


def _model_words(reading: Reading) -> str:
    """Return what the blue line is, the model by the title it goes by."""
    model = reading.detection.model
    if model in wording.EXPECTED:
        return wording.drawn_by(model)
    return f"reconstruction by {reading.title}, {wording.BANDS.get(model, '± 1 SD')}"


def _covers(record: Record, found: Explanation | None) -> bool:
    """Return whether a record holds the seconds that the model's maps are of."""
    if found is None:
        return False
    stop_s = found.start_s + len(found.sample_scores) / found.fs
    return record.start_s - 0.1 <= found.start_s and stop_s <= record.start_s + record.duration + 0.1
