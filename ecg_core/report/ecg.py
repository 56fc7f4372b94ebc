"""The ECG on the page: millimetre grid, pulses, traces, reconstruction, marks; the geometry is `ecg_core.paper`'s."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.colours import ERROR_STEPS, PRINT
from ecg_core.detection import Explanation, Segment, Stretch
from ecg_core.overlay import CELL_S, ERROR_EDGES, error_cells, on_recorded_baseline
from ecg_core.paper import PULSE_FOOT_MM, PULSE_WIDTH_MM, Paper, Strip, trace_mm
from ecg_core.records import Record
from ecg_core.report.pen import Anchor, Pen, text_mm
from ecg_core.wording import clock

TRACE_MM, MODEL_MM, MINOR_MM, MAJOR_MM = 0.2, 0.22, 0.08, 0.16
"""Line widths."""

BADGE_MM = 1.7
MARK_HALF_MM = 12.0
CLEAR_MM = 0.5
"""What is narrower of a stretch at the edge of a strip is not marked there."""
OVERVIEW_MM = 9.0
MAP_MM = 34.0


@dataclass(frozen=True)
class Ecg:
    """What is drawn of a record.

    Attributes
    ----------
    record : the seconds on the sheet, as displayed.
    around : the seconds that `explanation` covers, as displayed: the reconstruction lies on their baseline.
    filled : marks are filled above the alarm threshold, hollow below it.
    faults : what is wrong with a lead, in words.
    foot : scale, rate and filters; `model_words` names the reconstruction and its band.
    """

    paper: Paper
    record: Record
    around: Record
    explanation: Explanation | None
    reconstruction: bool
    marks: bool
    filled: bool
    faults: Mapping[str, str]
    foot: str
    model_words: str

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """The stretches to mark."""
        return self.explanation.stretches if self.explanation and self.marks else ()


def draw(pen: Pen, x: float, y: float, ecg: Ecg) -> None:
    """Draw the sheet with its top left corner at x, y."""
    paper = ecg.paper
    _grid(pen, x, y, paper)
    with pen.clip(x, y, paper.width_mm, paper.height_mm):
        for stretch in ecg.stretches:
            _mark(pen, x, y, ecg, stretch)
        _names(pen, x, y, ecg)
        _model(pen, x, y, ecg)
        _recorded(pen, x, y, ecg)
        _faults(pen, x, y, ecg)
        for number, stretch in enumerate(ecg.stretches, 1):
            _brackets(pen, x, y, ecg, stretch, number)
    _foot(pen, x, y + paper.height_mm - 1.5, ecg)


def _grid(pen: Pen, x: float, y: float, paper: Paper) -> None:
    right, bottom = x + paper.width_mm, y + paper.height_mm
    for every, colour, width in ((1, "grid-minor", MINOR_MM), (5, "grid-major", MAJOR_MM)):
        across = x + np.arange(0, int(paper.width_mm) + 1, every)
        down = y + np.arange(0, int(paper.height_mm) + 1, every)
        upright = np.stack([across, np.full_like(across, y), across, np.full_like(across, bottom)], axis=1)
        level = np.stack([np.full_like(down, x), down, np.full_like(down, right), down], axis=1)
        pen.lines(np.concatenate([upright, level]), PRINT[colour], width)
    pulses = []
    for left, foot, tall in paper.pulses:
        at = np.array([0.0, PULSE_FOOT_MM, PULSE_FOOT_MM, PULSE_WIDTH_MM - PULSE_FOOT_MM])
        across = x + left + np.array([*at, PULSE_WIDTH_MM - PULSE_FOOT_MM, PULSE_WIDTH_MM])
        pulses.append(np.stack([across, y + foot - tall * np.array([0, 0, 1, 1, 0, 0])], axis=1))
    pen.traces(pulses, PRINT["trace"], TRACE_MM)


def _names(pen: Pen, x: float, y: float, ecg: Ecg) -> None:
    for strip in ecg.paper.strips:
        at = (x + strip.label_x_mm, y + strip.label_y_mm)
        anchor: Anchor = "end" if strip.label_left else "start"
        pen.text(*at, strip.lead, 8.5, PRINT["warn" if strip.lead in ecg.faults else "text"], bold=True, anchor=anchor)
        if strip.x_mm > ecg.paper.strips[0].x_mm:
            pen.line(x + strip.x_mm, y + strip.y_mm - 3, x + strip.x_mm, y + strip.y_mm + 3, PRINT["muted"], 0.15)


def _faults(pen: Pen, x: float, y: float, ecg: Ecg) -> None:
    """Name what is wrong with a lead, over its noise."""
    for strip in ecg.paper.strips:
        fault = ecg.faults.get(strip.lead)
        if not fault or strip.label_left:
            continue
        left, foot = x + strip.label_x_mm, y + strip.label_y_mm
        name = text_mm(strip.lead, 8.5, bold=True)
        pen.box(left - 0.5, foot - 3.0, name + text_mm(fault, 6.5) + 2.0, 4.0, fill=PRINT["paper"] + "E0")
        pen.text(left, foot, strip.lead, 8.5, PRINT["warn"], bold=True)
        pen.text(left + name + 1.0, foot, fault, 6.5, PRINT["warn"])


def _recorded(pen: Pen, x: float, y: float, ecg: Ecg) -> None:
    free: list[tuple[Strip, NDArray[Any]]] = []
    held: list[tuple[Strip, NDArray[Any]]] = []
    for strip in ecg.paper.strips:
        trace = trace_mm(
            strip, _of_strip(strip, ecg.record.lead(strip.lead), ecg.record), ecg.record.fs, ecg.paper.speed
        )
        (held if strip.clip_mm else free).append((strip, trace + np.array([x, y])))
    pen.traces([trace for _, trace in free], PRINT["trace"], TRACE_MM)
    for strip, trace in held:
        assert strip.clip_mm
        top, bottom = strip.clip_mm
        with pen.clip(x, y + top, ecg.paper.width_mm, bottom - top):
            pen.traces([trace], PRINT["trace"], TRACE_MM)


def _of_strip(strip: Strip, values: NDArray[np.float32], record: Record) -> NDArray[np.float32]:
    lo, hi = (round((t - record.start_s) * record.fs) for t in (strip.start_s, strip.stop_s))
    return values[max(lo, 0) : hi]


def _model(pen: Pen, x: float, y: float, ecg: Ecg) -> None:
    """Draw the reconstruction and its band, in leads that were scored."""
    found = ecg.explanation
    if found is None or not ecg.reconstruction:
        return
    laid = on_recorded_baseline(found, ecg.around)
    lines = []
    for strip in ecg.paper.strips:
        k = found.leads.index(strip.lead)
        if found.lead_scores.get(strip.lead) is None:
            continue
        n = laid.shape[1]
        lo, hi = (min(max(round((t - found.start_s) * found.fs), 0), n) for t in (strip.start_s, strip.stop_s))
        if hi - lo < 2:
            continue
        at = np.array([x + (found.start_s + lo / found.fs - strip.start_s) * ecg.paper.speed, y])
        values, sd = laid[k, lo:hi], found.reconstruction_sd[k, lo:hi]
        line, upper, lower = (
            trace_mm(strip, v, found.fs, ecg.paper.speed) + at for v in (values, values + sd, values - sd)
        )
        pen.area(np.concatenate([upper, lower[::-1]]), PRINT["band"])
        lines.append(line)
    pen.traces(lines, PRINT["reconstruction"], MODEL_MM)


def _mark(pen: Pen, x: float, y: float, ecg: Ecg, stretch: Stretch) -> None:
    """Shade a stretch in the leads that carry it: filled above the threshold, hollow below."""
    half = min(ecg.paper.row_mm, 2 * MARK_HALF_MM) / 2
    for strip, left, wide in _on_strips(ecg.paper, stretch):
        if strip.lead not in stretch.leads or strip.rhythm:
            continue
        at = (x + left, y + strip.y_mm - half, wide, 2 * half)
        if ecg.filled:
            pen.box(*at, fill=PRINT["highlight"])
            edges = [[at[0] + dx, at[1], at[0] + dx, at[1] + at[3]] for dx in (0.0, wide)]
            pen.lines(np.array(edges), PRINT["anomaly"] + "73", 0.15)
        else:
            pen.box(*at, line=PRINT["anomaly"] + "B3", dash_mm=(0.8, 0.8))


def _brackets(pen: Pen, x: float, y: float, ecg: Ecg, stretch: Stretch, number: int) -> None:
    """Write a stretch's number over the rhythm strip, or where there is none at the top of its columns."""
    last = ecg.paper.strips[-1]
    for strip, left, wide in _on_strips(ecg.paper, stretch):
        first = next(s for s in ecg.paper.strips if s.x_mm == strip.x_mm)
        if strip is not (last if last.rhythm else first):
            continue
        top, left = y + (strip.y_mm - 10.0 if last.rhythm else 3.0), x + left
        outline = np.array([[left, top + 1], [left, top], [left + wide, top], [left + wide, top + 1]])
        pen.traces([outline], PRINT["anomaly"], 0.35)
        fill = PRINT["anomaly" if ecg.filled else "paper"]
        pen.disc(left + wide / 2, top, BADGE_MM, fill, PRINT["anomaly"])
        ink = PRINT["on-anomaly" if ecg.filled else "anomaly"]
        pen.text(left + wide / 2, top + 0.85, str(number), 6.5, ink, bold=True, anchor="middle")


def _on_strips(paper: Paper, stretch: Stretch) -> list[tuple[Strip, float, float]]:
    """Return strips on which a stretch can be seen, with its left edge and width on the sheet, mm."""
    found = []
    for strip in paper.strips:
        start, stop = max(stretch.start_s, strip.start_s), min(stretch.stop_s, strip.stop_s)
        wide = (stop - start) * paper.speed
        if wide >= CLEAR_MM:
            found.append((strip, strip.x_mm + (start - strip.start_s) * paper.speed, wide))
    return found


def _foot(pen: Pen, x: float, y: float, ecg: Ecg) -> None:
    """Print scale and filters on the left, the key of lines on the right."""
    size, muted = 6.5, PRINT["muted"]
    at = x + ecg.paper.width_mm - 2.0
    keys = [("recorded", "trace")]
    if ecg.explanation and ecg.reconstruction:
        keys.insert(0, (ecg.model_words, "reconstruction"))
    if ecg.stretches:
        words = "marked stretch" if ecg.filled else "marked stretch, record below threshold"
        at -= pen.text(at, y, words, size, muted, anchor="end") + 1.5
        how = {"fill": PRINT["highlight"]} if ecg.filled else {"line": PRINT["anomaly"]}
        pen.box(at - 4, y - 1.9, 4, 2.4, **how)  # type: ignore[arg-type]
        at -= 8.0
    for words, colour in keys:
        at -= pen.text(at, y, words, size, muted, anchor="end") + 1.5
        pen.line(at - 4, y - 0.8, at, y - 0.8, PRINT[colour], 0.35)
        at -= 8.0
    left = x + ecg.paper.strips[0].x_mm
    pen.text(left, y, ecg.foot, size, muted, most_mm=at - left)


def draw_trace(pen: Pen, x: float, y: float, tall: float, ecg: Ecg) -> None:
    """Draw the score over time on the sheet's time axis, its top at y: 1 is the level at which a stretch is marked."""
    found, paper, muted = ecg.explanation, ecg.paper, PRINT["muted"]
    assert found is not None
    first = x + paper.strips[0].x_mm
    pen.text(first, y + 2.2, "Anomaly score over time", 7, PRINT["text"], bold=True)
    pen.text(first + 34.0, y + 2.2, "1 = level at which a stretch is marked", 6.5, muted)
    base, high = y + tall - 3.2, tall - 7.2
    times = found.start_s + np.arange(len(found.sample_scores)) / found.fs
    seen = (times >= paper.start_s - 1e-6) & (times <= paper.stop_s + 1e-6)
    if seen.sum() < 2:
        return
    top = max(1.2, float(found.sample_scores[seen].max()))
    across = first + (times[seen] - paper.start_s) * paper.speed
    scores = base - found.sample_scores[seen] / top * high
    level = base - high / top
    for start, stop in _runs(found.sample_scores[seen] > 1.0):
        over = np.stack([across[start:stop], scores[start:stop]], axis=1)
        outline = np.concatenate([[[over[0, 0], level]], over, [[over[-1, 0], level]]])
        if ecg.filled and ecg.marks:
            pen.area(outline, PRINT["anomaly-fill"])
    pen.line(first, base, across[-1], base, PRINT["border"], 0.15)
    pen.line(first, level, across[-1], level, PRINT["anomaly"], 0.2, (1.0, 0.8))
    pen.traces([np.stack([across, scores], axis=1)], PRINT["trace"], 0.2)
    pen.text(first - 1.5, level + 0.8, "1", 6.5, PRINT["anomaly"], bold=True, anchor="end")
    _axis(pen, first, base, paper)


def _axis(pen: Pen, first: float, base: float, paper: Paper) -> None:
    """Write the seconds below a line."""
    last = int(np.floor(paper.stop_s + 1e-6))
    for t in range(int(np.ceil(paper.start_s - 1e-6)), last + 1):
        place = first + (t - paper.start_s) * paper.speed
        pen.line(place, base, place, base + 0.8, PRINT["muted"], 0.15)
        pen.text(place, base + 3.0, str(t), 6, PRINT["muted"], anchor="middle")
    pen.text(first - 4.0, base + 3.0, "s", 6, PRINT["muted"], anchor="end")


def draw_map(pen: Pen, x: float, y: float, tall: float, ecg: Ecg) -> None:
    """Draw the error by lead and time on the sheet's time axis, its top at y."""
    found, paper, muted = ecg.explanation, ecg.paper, PRINT["muted"]
    assert found is not None
    first = x + paper.strips[0].x_mm
    pen.text(first, y + 2.2, "Reconstruction error", 7, PRINT["text"], bold=True)
    pen.text(first + 34.0, y + 2.2, "lead × time, in units of normal ECGs’ error", 6.5, muted)
    _map_key(pen, first + (paper.stop_s - paper.start_s) * paper.speed, y + 2.2)
    row, top = (tall - 4.0 - 3.2) / len(found.leads), y + 4.0
    cells = error_cells(found)
    per_s = CELL_S * paper.speed
    at = first + (found.start_s - paper.start_s) * paper.speed + np.arange(cells.shape[1] + 1) * per_s
    seen = (at[:-1] >= first - 1e-6) & (at[1:] <= first + (paper.stop_s - paper.start_s) * paper.speed + 1e-6)
    for k, lead in enumerate(found.leads):
        up = top + k * row
        lost = found.lead_scores.get(lead) is None
        pen.text(first - 1.5, up + row - 0.25, lead, 5.5, PRINT["warn" if lost else "muted"], anchor="end")
        if lost:
            pen.line(first, up + row / 2, at[:-1][seen].max() + per_s, up + row / 2, PRINT["warn"], 0.2, (0.5, 1.0))
            continue
        for start, stop, step in _equal_runs(np.where(seen, cells[k], 0)):
            wide = at[stop] - at[start]
            pen.box(at[start], up + 0.1, wide, row - 0.2, fill=ERROR_STEPS[step])
    _axis(pen, first, top + row * len(found.leads), paper)


def _map_key(pen: Pen, right: float, y: float) -> None:
    """Draw the steps of the map, and what the ends mean."""
    right -= pen.text(right, y, f"over {ERROR_EDGES[-1]}", 6.5, PRINT["muted"], anchor="end") + 1.5
    for colour in reversed(ERROR_STEPS):
        right -= 3.2
        pen.box(right, y - 2.0, 3.0, 2.2, fill=colour)
    pen.text(right - 1.5, y, f"under {ERROR_EDGES[0]}", 6.5, PRINT["muted"], anchor="end")


def _equal_runs(steps: NDArray[np.integer[Any]]) -> list[tuple[int, int, int]]:
    """Return start, stop and step of each run of equal steps."""
    edges = [0, *(np.flatnonzero(np.diff(steps)) + 1).tolist(), len(steps)]
    return [(a, b, int(steps[a])) for a, b in itertools.pairwise(edges)]


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where runs of at least two True begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a > 1]


def draw_overview(
    pen: Pen, x: float, y: float, wide: float, segments: Sequence[Segment], threshold: float | None, paper: Paper
) -> None:
    """Draw the scores of a long recording's segments over its whole length, with the seconds on the sheet framed."""
    begin, end = segments[0].start_s, max(s.stop_s for s in segments)
    scored = [s.score for s in segments if s.score is not None]
    top = 1.08 * max([*scored, threshold or 0.0, 1e-6])
    base, per_s = y + OVERVIEW_MM, wide / max(end - begin, 1e-6)
    for s in segments:
        left, width = x + (s.start_s - begin) * per_s, max((s.stop_s - s.start_s) * per_s / 2, 0.1)
        if s.score is None:
            pen.hatch(left, base - OVERVIEW_MM, width, OVERVIEW_MM, PRINT["warn"])
            continue
        above = threshold is not None and s.score > threshold
        tall = max(s.score / top * OVERVIEW_MM, 0.1)
        pen.box(left, base - tall, width, tall, fill=PRINT["anomaly-fill" if above else "normals"])
    if threshold is not None:
        level = base - threshold / top * OVERVIEW_MM
        pen.line(x, level, x + wide, level, PRINT["anomaly"], 0.2, (1.0, 0.8))
    pen.line(x, base, x + wide, base, PRINT["muted"], 0.15)
    pen.box(
        x + (paper.start_s - begin) * per_s,
        y - 0.5,
        max((paper.stop_s - paper.start_s) * per_s, 0.5),
        OVERVIEW_MM + 1.0,
        line=PRINT["text"],
        width_mm=0.3,
    )
    pen.text(x, base + 3.0, clock(begin, end), 6, PRINT["muted"])
    pen.text(x + wide, base + 3.0, clock(end, end), 6, PRINT["muted"], anchor="end")
