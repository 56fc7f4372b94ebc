"""What stands below the ECG on its time axis: score and error by lead; of a long recording the whole length too."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.colours import ERROR_STEPS, PRINT
from ecg_core.detection import Segment
from ecg_core.overlay import CELL_S, ERROR_EDGES, error_cells
from ecg_core.paper import Paper
from ecg_core.report.ecg import Ecg
from ecg_core.report.pen import Pen
from ecg_core.wording import clock

TRACE_MM = 19.0
MAP_MM = 34.0
BARS_MM = 9.0
OVERVIEW_MM = BARS_MM + 9.0
"""Heights that the panels take."""


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
    base, per_s = y + BARS_MM, wide / max(end - begin, 1e-6)
    for s in segments:
        left, width = x + (s.start_s - begin) * per_s, max((s.stop_s - s.start_s) * per_s / 2, 0.1)
        if s.score is None:
            pen.hatch(left, base - BARS_MM, width, BARS_MM, PRINT["warn"])
            continue
        above = threshold is not None and s.score > threshold
        tall = max(s.score / top * BARS_MM, 0.1)
        pen.box(left, base - tall, width, tall, fill=PRINT["anomaly-fill" if above else "normals"])
    if threshold is not None:
        level = base - threshold / top * BARS_MM
        pen.line(x, level, x + wide, level, PRINT["anomaly"], 0.2, (1.0, 0.8))
    pen.line(x, base, x + wide, base, PRINT["muted"], 0.15)
    pen.box(
        x + (paper.start_s - begin) * per_s,
        y - 0.5,
        max((paper.stop_s - paper.start_s) * per_s, 0.5),
        BARS_MM + 1.0,
        line=PRINT["text"],
        width_mm=0.3,
    )
    pen.text(x, base + 3.0, clock(begin, end), 6, PRINT["muted"])
    pen.text(x + wide, base + 3.0, clock(end, end), 6, PRINT["muted"], anchor="end")
