"""The ECG on the page: millimetre grid, pulses, traces, reconstruction, marks; the geometry is `ecg_core.paper`'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.colours import PRINT
from ecg_core.detection import Explanation, Stretch
from ecg_core.overlay import on_recorded_baseline
from ecg_core.paper import PULSE_FOOT_MM, PULSE_WIDTH_MM, Paper, Strip, trace_mm
from ecg_core.records import Record
from ecg_core.report.pen import Anchor, Pen, text_mm

TRACE_MM, MODEL_MM, MINOR_MM, MAJOR_MM = 0.2, 0.22, 0.08, 0.16
"""Line widths."""

BADGE_MM = 1.7
MARK_HALF_MM = 12.0
CLEAR_MM = 0.5
"""What is narrower of a stretch at the edge of a strip is not marked there; the least distance of a name to a wave."""

NAME_MM, NAME_STEPS = 2.8, 16
"""Height of a lead's name, and by less than how many mm it may stand aside."""


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
        if ecg.explanation and ecg.marks:
            _beats(pen, x, y, ecg.paper, ecg.explanation)
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
    traces = [trace for _, trace in _traces(ecg) if len(trace) > 1]
    ends = np.concatenate([np.stack([trace[:-1], trace[1:]]) for trace in traces], axis=1)
    ink = np.stack([ends[0, :, 0], ends[:, :, 1].min(axis=0), ends[:, :, 1].max(axis=0)])
    for strip in ecg.paper.strips:
        left = strip.label_x_mm if strip.lead in ecg.faults else _beside(strip, ink)
        at = (x + left, y + strip.label_y_mm)
        anchor: Anchor = "end" if strip.label_left else "start"
        pen.text(*at, strip.lead, 8.5, PRINT["warn" if strip.lead in ecg.faults else "text"], bold=True, anchor=anchor)
        if strip.x_mm > ecg.paper.strips[0].x_mm:
            pen.line(x + strip.x_mm, y + strip.y_mm - 3, x + strip.x_mm, y + strip.y_mm + 3, PRINT["muted"], 0.15)


def _beside(strip: Strip, ink: NDArray[np.floating[Any]]) -> float:
    """Return where on the sheet a lead's name stands: a little to the right of its place where waves would cross it.

    Parameters
    ----------
    ink : shape (3, n): x, and from and to which y the line goes on from there, mm.
    """
    if strip.label_left:
        return strip.label_x_mm
    wide, foot = text_mm(strip.lead, 8.5, bold=True), strip.label_y_mm
    level = ink[0, (ink[2] > foot - NAME_MM) & (ink[1] < foot + CLEAR_MM)]
    for step in range(NAME_STEPS):
        left = strip.label_x_mm + step
        if not ((level > left - CLEAR_MM) & (level < left + wide + CLEAR_MM)).any():
            return left
    return strip.label_x_mm


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
    traces = [(strip, trace + np.array([x, y])) for strip, trace in _traces(ecg)]
    free, held = ([(s, t) for s, t in traces if bool(s.clip_mm) == clipped] for clipped in (False, True))
    pen.traces([trace for _, trace in free], PRINT["trace"], TRACE_MM)
    for strip, trace in held:
        assert strip.clip_mm
        top, bottom = strip.clip_mm
        with pen.clip(x, y + top, ecg.paper.width_mm, bottom - top):
            pen.traces([trace], PRINT["trace"], TRACE_MM)


def _traces(ecg: Ecg) -> list[tuple[Strip, NDArray[Any]]]:
    """Return each strip with its samples on the sheet, shape (n, 2), mm."""
    return [
        (strip, trace_mm(strip, _of_strip(strip, ecg.record.lead(strip.lead), ecg.record), ecg.record.fs, speed))
        for speed in [ecg.paper.speed]
        for strip in ecg.paper.strips
    ]


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


def _beats(pen: Pen, x: float, y: float, paper: Paper, found: Explanation) -> None:
    """Point at beats that come early (filled), and at where one was due and none came (hollow), below the trace."""
    last = paper.strips[-1]
    for t, word in [*((t, "early") for t in found.early_s), *((t, "missing") for t in found.missing_s)]:
        for strip in paper.strips:
            first = next(s for s in paper.strips if s.x_mm == strip.x_mm)
            if not strip.start_s <= t <= strip.stop_s or strip is not (last if last.rhythm else first):
                continue
            at = x + strip.x_mm + (t - strip.start_s) * paper.speed
            top = y + (strip.y_mm + 5.0 if last.rhythm else paper.height_mm - 7.0)
            tip = np.array([[at - 1.2, top + 1.8], [at + 1.2, top + 1.8], [at, top], [at - 1.2, top + 1.8]])
            if word == "early":
                pen.area(tip, PRINT["anomaly"])
            pen.traces([tip], PRINT["anomaly"], 0.25)
            pen.text(at + 2.0, top + 1.8, word, 6.5, PRINT["anomaly"])


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
