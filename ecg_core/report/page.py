"""The page: A4 landscape, verdict above, ECG in the middle at true scale, notes and intended use below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ecg_core import __version__, wording
from ecg_core.colours import CELL_STEPS, PRINT
from ecg_core.detection import Detection, Explanation
from ecg_core.display import on_view, titles
from ecg_core.overlay import cell_steps
from ecg_core.paper import PAPER_S, choose_gain, lay_out, spread
from ecg_core.records import LEADS, Record
from ecg_core.report import content, ecg, measured, panels
from ecg_core.report.content import Reading, View
from ecg_core.report.pen import Pen, wrapped
from ecg_core.store import CONSENSUS

WIDE_MM, TALL_MM = 297.0, 210.0
LEFT_MM, RIGHT_MM = 16.0, 281.0
PRINT_MM = RIGHT_MM - LEFT_MM
FOOT_MM = 204.5
NOTE_LINES = 4
GAP_MM = 2.5
CELL_ORDER = tuple(LEADS[column * 3 + row] for row in range(3) for column in range(4))


@dataclass(frozen=True)
class Page:
    """Everything on one page.

    Attributes
    ----------
    at : when the report is made, UTC.
    others : other models' readings of the same record.
    duration_s : length of the recording where `record` is a part of it.
    """

    record: Record
    reading: Reading
    others: tuple[Reading, ...]
    view: View
    at: datetime
    duration_s: float | None = None


def draw_page(page: Page) -> bytes:
    """Return the page as PDF."""
    name = page.record.name
    pen = Pen(WIDE_MM, TALL_MM, f"ECG report: {name}", " ".join(wording.INTENDED_USE), page.at)
    top = _header(pen, page)
    top = _verdict(pen, page, top + 1.0)
    top = measured.draw_measured(pen, page.reading.detection, page.reading.above, LEFT_MM, top + 1.2, PRINT_MM)
    bottom = _footer(pen, page)
    _ecg(pen, page, top + GAP_MM, bottom - GAP_MM)
    return pen.finish()


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
    for line in filter(None, (content.score_words(reading), parts, *said.basis[1:])):
        y = pen.paragraph(x, y, line, 7.5, PRINT["text"], most_mm=wide, most_lines=2, lead=3.2) + 0.3
    return y - 1.8


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


def _footer(pen: Pen, page: Page) -> float:
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
    lines = _note_lines(told)
    y -= 3.1 * (len(lines) - 1)
    pen.text(LEFT_MM, y, "Notes", 7, PRINT["muted"])
    for k, line in enumerate(lines):
        pen.text(LEFT_MM + 10.0, y + 3.1 * k, line, 7, PRINT["text"], most_mm=RIGHT_MM - LEFT_MM - 10.0)
    return y - 2.4


def _note_lines(told: Sequence[str]) -> list[str]:
    """Return notes run together into few lines; what has no room is counted."""
    most = RIGHT_MM - LEFT_MM - 10.0
    for kept in range(len(told), 0, -1):
        more = len(told) - kept
        words = " ".join(f"{note.rstrip('. ')}." for note in told[:kept])
        if more:
            words += f" And {more} more note{'s' if more > 1 else ''} in the app."
        lines = wrapped(words, 7, most, NOTE_LINES + 1)
        if len(lines) <= NOTE_LINES:
            return lines
    return wrapped(told[0], 7, most, NOTE_LINES)


def _ecg(pen: Pen, page: Page, top: float, bottom: float) -> None:
    """Draw the sheet as high as it needs to be, then what there is room for below it."""
    segments = page.reading.detection.segments
    if segments:
        bottom -= panels.OVERVIEW_MM
        words = "Score of each 10 s of the recording; framed: the seconds above"
        pen.text(LEFT_MM, bottom + 3.0, words, 7, PRINT["text"], bold=True)
        paper = _drawn(page, bottom - top).paper
        panels.draw_overview(pen, LEFT_MM, bottom + 5.0, RIGHT_MM - LEFT_MM, segments, page.reading.threshold, paper)
    drawn = _drawn(page, bottom - top)
    spare = bottom - top - drawn.paper.height_mm
    fitting = _fitting(page.reading.detection, drawn, spare)
    drawn = replace(drawn, paper=spread(drawn.paper, spare - sum(height for height, _ in fitting)))
    ecg.draw(pen, LEFT_MM, top, drawn)
    y = top + drawn.paper.height_mm + GAP_MM
    for height, paint in fitting:
        paint(pen, y, height - GAP_MM, drawn)
        y += height


Paint = Callable[[Pen, float, float, ecg.Ecg], None]


def _fitting(detection: Detection, drawn: ecg.Ecg, spare: float) -> list[tuple[float, Paint]]:
    """Return what there is room for below the sheet, as height and painter: median beats, score, error map."""
    wanted: list[tuple[float, Paint]] = []
    if detection.measurements is not None and detection.measurements.beat is not None:
        beats = measured.BEATS_MM + GAP_MM
        wanted.append((beats, lambda pen, y, tall, _: measured.draw_beats(pen, detection, LEFT_MM, y, PRINT_MM, tall)))
    if drawn.explanation is not None:
        wanted.append((panels.TRACE_MM, lambda pen, y, tall, sheet: panels.draw_trace(pen, LEFT_MM, y, tall, sheet)))
        wanted.append((panels.MAP_MM, lambda pen, y, tall, sheet: panels.draw_map(pen, LEFT_MM, y, tall, sheet)))
    fitting = []
    for height, paint in wanted:
        if height <= spare:
            fitting.append((height, paint))
            spare -= height
    return fitting


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
