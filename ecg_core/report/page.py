"""The page: A4 landscape, verdict above, ECG in the middle at true scale, notes and intended use below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ecg_core import __version__, findings, wording
from ecg_core.colours import CELL_STEPS, PRINT
from ecg_core.detection import Detection
from ecg_core.overlay import cell_steps
from ecg_core.records import LEADS
from ecg_core.report import content, measured
from ecg_core.report.content import Page
from ecg_core.report.pen import Pen, wrapped
from ecg_core.report.sheet import GAP_MM, LEFT_MM, PRINT_MM, RIGHT_MM, draw_sheet
from ecg_core.store import CONSENSUS

WIDE_MM, TALL_MM = 297.0, 210.0
FOOT_MM = 204.5
CELL_ORDER = tuple(LEADS[column * 3 + row] for row in range(3) for column in range(4))


class Room(NamedTuple):
    """How much stands around the ECG: lines of notes, and the height of the median beats."""

    note_lines: int
    beats_mm: float


ROOMS = (Room(4, measured.BEATS_MM), Room(4, measured.LEAST_BEATS_MM), Room(1, measured.LEAST_BEATS_MM))
"""From the most to the least; the first that leaves the ECG its room is taken."""


def draw_page(page: Page) -> bytes:
    """Return the page as PDF."""
    for room in ROOMS:
        pen, easy = _drawn(page, room)
        if easy:
            break
    return pen.finish()


def _drawn(page: Page, room: Room) -> tuple[Pen, bool]:
    """Return the page, and whether its ECG has the room that it needs."""
    pen = Pen(WIDE_MM, TALL_MM, f"ECG report: {page.record.name}", " ".join(wording.INTENDED_USE), page.at)
    detection, above = page.reading.detection, page.reading.above
    top = _header(pen, page)
    top = _resembles(pen, detection, _verdict(pen, page, top + 1.0))
    top = measured.draw_measured(pen, detection, above, LEFT_MM, top + 1.2, PRINT_MM)
    bottom = _footer(pen, page, room.note_lines)
    return pen, draw_sheet(pen, page, top + GAP_MM, bottom - GAP_MM, room.beats_mm)


def _header(pen: Pen, page: Page) -> float:
    """Name the record, the patient and the report; warnings come first of what is said. Return where it ends."""
    record, detection = page.record, page.reading.detection
    text, muted = PRINT["text"], PRINT["muted"]
    wide = pen.text(LEFT_MM, 13.0, record.name, 14, text, bold=True, most_mm=110.0)
    facts = f"{wording.patient(record)}   {wording.recording(record, page.duration_s)}"
    pen.text(LEFT_MM + wide + 5.0, 13.0, facts, 9, muted, most_mm=215.0 - LEFT_MM - wide)
    pen.text(RIGHT_MM, 11.0, "Leadwise ECG report", 9, text, bold=True, anchor="end")
    made = f"{content.made(page.at)}   sha256 {detection.sha256[:12]}"
    pen.text(RIGHT_MM, 15.0, made, 7, muted, anchor="end")
    y = 17.5
    for warning in detection.warnings:
        pen.hatch(LEFT_MM, y + 0.6, 3.0, 3.0, PRINT["warn"])
        pen.box(LEFT_MM, y + 0.6, 3.0, 3.0, line=PRINT["warn"])
        pen.text(LEFT_MM + 5.0, y + 3.1, f"{warning.rstrip('.')}.", 9, PRINT["warn"], bold=True, most_mm=255.0)
        y += 5.0
    pen.line(LEFT_MM, y, RIGHT_MM, y, PRINT["border"], 0.2)
    return y


def _verdict(pen: Pen, page: Page, top: float) -> float:
    """Say how unusual, where, how sure; return where it ends."""
    columns = (LEFT_MM, 122.0, 204.0)
    where = "Where, in the seconds below" if page.reading.detection.segments else "Where"
    for x, title in zip(columns, ("How unusual", where, "How sure"), strict=True):
        pen.text(x, top + 3.2, title, 7.5, PRINT["muted"])
    ends = (
        _how_unusual(pen, page, columns[0], top + 5.0),
        _where(pen, page.reading.detection, columns[1], top + 5.0),
        _how_sure(pen, page, columns[2], top + 5.0),
    )
    bottom = max(ends)
    for x in columns[1:]:
        pen.line(x - 4.0, top + 0.5, x - 4.0, bottom, PRINT["border"], 0.2)
    return bottom


def _how_unusual(pen: Pen, page: Page, x: float, y: float) -> float:
    reading, wide = page.reading, 98.0
    said = wording.verdict(reading.detection, reading.threshold, reading.rate)
    at, low = x, y
    if said.figure:
        big = pen.text(x, y + 9.5, said.figure, 28, PRINT["text"], bold=True)
        pen.text(x + big + 0.8, y + 9.5, said.figure_suffix.strip(), 11, PRINT["muted"])
        caption = said.figure_caption
        low = pen.paragraph(x, y + 13.6, caption, 7.5, PRINT["muted"], most_mm=39.0, most_lines=2, lead=3.2)
        at = x + 42.0
    _square(pen, at, y + 1.6, said.side)
    colour = PRINT["warn" if said.side == "technical" else "text"]
    room = x + wide - at
    after = pen.paragraph(
        at + 4.6, y + 4.5, said.headline, 11, colour, most_mm=room - 4.6, most_lines=2, lead=4.4, bold=True
    )
    lines = 4 if said.side == "technical" else 2
    after = pen.paragraph(at, after + 0.1, said.rarity, 9, PRINT["text"], most_mm=room, most_lines=lines, lead=4.0)
    y = max(y + 19.5, low + 2.0, after + 1.0)
    if said.side == "technical":
        return y - 4.0
    if moved := content.moved_words(reading):
        pen.box(x - 0.8, y - 2.9, wide + 1.6, 4.2, line=PRINT["text"], width_mm=0.3, round_mm=0.6)
        pen.text(x + 0.8, y, moved, 8, PRINT["text"], bold=True, most_mm=wide - 1.6)
        y += 4.6
    listed = reading.detection.model == CONSENSUS and page.others  # its parts are the others: they stand beside
    parts = "" if listed else content.part_words(reading.detection)
    for line in filter(None, (content.score_words(reading), parts, *said.basis)):
        y = pen.paragraph(x, y, line, 7.5, PRINT["text"], most_mm=wide, most_lines=2, lead=3.2) + 0.3
    return y - 1.8


def _resembles(pen: Pen, detection: Detection, y: float) -> float:
    """Say below the verdict what the record resembles, where it is said; return where that ends."""
    told = findings.resembles_line(detection)
    if not told:
        return y
    pen.line(LEFT_MM, y + 1.2, RIGHT_MM, y + 1.2, PRINT["border"], 0.2)
    ink = PRINT["text"]
    return pen.paragraph(LEFT_MM, y + 4.6, told, 7.5, ink, most_mm=PRINT_MM, most_lines=2, lead=3.2) - 2.2


def _square(pen: Pen, x: float, y: float, side: wording.Side) -> None:
    """Draw the verdict's second cue: filled above, hollow below, hatched where it cannot be read."""
    if side == "above":
        pen.box(x, y, 3.0, 3.0, fill=PRINT["anomaly"], line=PRINT["anomaly"])
    elif side == "below":
        pen.box(x, y, 3.0, 3.0, line=PRINT["muted"], width_mm=0.35)
    else:
        pen.hatch(x, y, 3.0, 3.0, PRINT["warn"], 0.8)
        pen.box(x, y, 3.0, 3.0, line=PRINT["warn"], width_mm=0.25)


def _where(pen: Pen, detection: Detection, x: float, y: float) -> float:
    """Draw the twelve cells, and list the strongest stretches."""
    wide, tall = 9.4, 4.8
    steps = cell_steps(detection.lead_scores)
    for k, lead in enumerate(CELL_ORDER):
        left, up = x + k % 4 * (wide + 0.6), y + k // 4 * (tall + 0.6)
        out = lead in detection.masked_leads
        pen.box(left, up, wide, tall, fill=CELL_STEPS[0 if out else steps[lead]], round_mm=0.5)
        if out:
            pen.hatch(left, up, wide, tall, PRINT["warn"] + "66")
        colour = PRINT["warn" if out else "text"]
        pen.text(left + wide / 2, up + 3.4, lead, 7, colour, bold=True, anchor="middle")
    place, line = content.where_words(detection)
    right, beside = x + 42.0, y + 3.0
    if place:
        beside = pen.paragraph(right, beside, place, 8.5, PRINT["text"], most_mm=34.0, most_lines=2, lead=3.6)
    if line:
        pen.paragraph(right, beside, line, 7, PRINT["muted"], most_mm=34.0, most_lines=3 if place else 5, lead=3.0)
    return _stretches(pen, detection, x, y + 3 * (tall + 0.6) + 3.4)


def _stretches(pen: Pen, detection: Detection, x: float, y: float) -> float:
    for number, (when, told) in enumerate(content.stretch_lines(detection), 1):
        pen.disc(x + 1.5, y - 0.9, 1.4, PRINT["paper"], PRINT["anomaly"])
        pen.text(x + 1.5, y - 0.15, str(number), 6, PRINT["anomaly"], bold=True, anchor="middle")
        wide = pen.text(x + 4.2, y, when, 7.5, PRINT["text"], bold=True)
        pen.text(x + 6.2 + wide, y, told, 7, PRINT["text"], most_mm=69.0 - wide)
        y += 3.8
    return y - 2.4


def _how_sure(pen: Pen, page: Page, x: float, y: float) -> float:
    """List what the verdict rests on."""
    wide, name_mm = RIGHT_MM - x, 17.0
    for name, value, fault in content.facts(page.reading, page.others):
        colour = PRINT["warn" if fault else "text"]
        pen.text(x, y + 2.4, name, 7.5, PRINT["muted"])
        y = pen.paragraph(x + name_mm, y + 2.4, value, 7.5, colour, most_mm=wide - name_mm, most_lines=3, lead=3.2)
        y -= 1.6
    return y


def _footer(pen: Pen, page: Page, most_lines: int) -> float:
    """Write notes and intended use from the bottom up; return where they begin."""
    told = content.notes(page.record, page.reading.detection)
    bold, rest = wording.INTENDED_USE
    wide = pen.text(LEFT_MM, FOOT_MM, bold, 7.5, PRINT["text"], bold=True)
    pen.text(LEFT_MM + wide + 1.2, FOOT_MM, rest, 7.5, PRINT["text"])
    right = f"Print at 100 %: 1 mm is 1 mm   Leadwise {__version__}"
    pen.text(RIGHT_MM, FOOT_MM, right, 6.5, PRINT["muted"], anchor="end")
    pen.line(LEFT_MM, FOOT_MM - 4.0, RIGHT_MM, FOOT_MM - 4.0, PRINT["border"], 0.2)
    y = FOOT_MM - 5.6
    if not told:
        return y
    lines = _note_lines(told, most_lines)
    y -= 3.1 * (len(lines) - 1)
    pen.text(LEFT_MM, y, "Notes", 7, PRINT["muted"])
    for k, line in enumerate(lines):
        pen.text(LEFT_MM + 10.0, y + 3.1 * k, line, 7, PRINT["text"], most_mm=RIGHT_MM - LEFT_MM - 10.0)
    return y - 2.4


def _note_lines(told: Sequence[str], most_lines: int) -> list[str]:
    """Return notes run together into few lines; what has no room is counted."""
    most = RIGHT_MM - LEFT_MM - 10.0
    for kept in range(len(told), 0, -1):
        more = len(told) - kept
        words = " ".join(f"{note.rstrip('. ')}." for note in told[:kept])
        if more:
            words += f" And {more} more note{'s' if more > 1 else ''} in the app."
        lines = wrapped(words, 7, most, most_lines + 1)
        if len(lines) <= most_lines:
            return lines
    return wrapped(told[0], 7, most, most_lines)
