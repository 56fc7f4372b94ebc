"""What was measured, on the page: the reasons, the named measurements beside their ranges, and the median beats."""

from __future__ import annotations

import numpy as np

from ecg_core.colours import PRINT
from ecg_core.detection import Detection
from ecg_core.findings import group_words, rarity, without_reasons
from ecg_core.measurements import NAMED
from ecg_core.measurements.norms import Row, beside_band, rows
from ecg_core.measurements.ranges import EVERYONE
from ecg_core.records import LEADS
from ecg_core.report.pen import Pen, text_mm

BEATS_MM = 20.0
"""Height of the row of median beats."""

LINE_MM, REASON_MM = 3.25, 4.0
REASONS_MM = 158.0
GAINS = (10.0, 5.0, 2.5)
LIMITS = ("p_onset", "p_offset", "qrs_onset", "qrs_offset", "t_end")


def draw_measured(pen: Pen, detection: Detection, above: bool | None, x: float, y: float, wide: float) -> float:
    """Write reasons on the left and measurements on the right from y on; return where they end."""
    found, norms = detection.measurements, detection.norms
    if found is None or norms is None:
        return y
    pen.line(x, y, x + wide, y, PRINT["border"], 0.2)
    left = _reasons(pen, detection, above, x, y + 3.6)
    right = _table(pen, rows(found, norms, NAMED), x + REASONS_MM + 6.0, y + 3.6, wide - REASONS_MM - 6.0)
    return max(left, right)


def _reasons(pen: Pen, detection: Detection, above: bool | None, x: float, y: float) -> float:
    title = "Measured in the strongest 10 s" if detection.segments else "Measured"
    reasons = detection.reasons
    pen.text(x, y, f"{title}, most unusual first" if reasons else title, 7.5, PRINT["muted"])
    y += REASON_MM
    if not reasons:
        pen.text(x, y, without_reasons(above), 8, PRINT["text"])
        return y + 1.4
    for reason in reasons:
        told = pen.text(x, y, reason.text, 8, PRINT["text"], bold=True, most_mm=REASONS_MM)
        rest = rarity(reason)
        if told + 2.0 + text_mm(rest, 7) <= REASONS_MM:
            pen.text(x + told + 2.0, y, rest, 7, PRINT["muted"])
        y += REASON_MM
    return y - REASON_MM + 1.4


def _table(pen: Pen, shown: tuple[Row, ...], x: float, y: float, wide: float) -> float:
    """Write the measurements in two columns."""
    groups = [row.normal.group for row in shown if row.normal and row.normal.group != EVERYONE]
    whose = f", {group_words(groups[0])} where that matters" if groups else ""
    pen.text(x, y, f"In brackets: 95 % of normal ECGs{whose}", 6.5, PRINT["muted"], most_mm=wide)
    y += REASON_MM
    half = (len(shown) + 1) // 2
    for k, row in enumerate(shown):
        _cell(pen, row, x + k // half * wide / 2, y + k % half * LINE_MM, wide / 2 - 1.5)
    return y + (half - 1) * LINE_MM + 1.4


def _cell(pen: Pen, row: Row, x: float, y: float, wide: float) -> None:
    name = pen.text(x, y, row.measurement.title, 7, PRINT["muted"]) + 1.2
    if row.value is None:
        pen.text(x + name, y, "withheld", 7, PRINT["warn"], most_mm=wide - name)
        return
    gap = "" if row.unit in ("°", "") else " "
    side = f" {row.side}" if row.side else ""
    colour = PRINT["anomaly" if row.side else "text"]
    value = pen.text(x + name, y, f"{row.number}{gap}{row.unit}{side}", 7, colour, bold=True, most_mm=wide - name)
    if row.span:
        at = name + value + 1.0
        pen.text(x + at, y, f"({row.span})", 7, PRINT["muted"], most_mm=wide - at)


def draw_beats(pen: Pen, detection: Detection, x: float, y: float, wide: float, tall: float) -> None:
    """Draw the median beat of each lead over the band of normals', one row, the top at y."""
    found, norms = detection.measurements, detection.norms
    beat = beside_band(found, norms.band) if found and norms else None
    if found is None or norms is None or beat is None:
        return
    pen.text(x, y + 2.2, "Median beats", 7, PRINT["text"], bold=True)
    words = "grey: nine of ten normal ECGs (5th to 95th percentile); dotted: limits of P, QRS and T"
    pen.text(x + 20.0, y + 2.2, words, 6.5, PRINT["muted"])
    top, each = y + 3.6, wide / len(LEADS)
    room, at_mm = tall - 4.4, (norms.band.at_ms - norms.band.at_ms[0]) * (each - 2.0) / np.ptp(norms.band.at_ms)
    read = beat[np.isfinite(beat).all(axis=1)]
    reach = float(np.ptp(read, axis=1).max(initial=0.0))
    gain = next((g for g in GAINS if reach * g <= room), GAINS[-1])
    pen.text(x + wide, y + 2.2, f"{gain:g} mm/mV", 6.5, PRINT["muted"], anchor="end")
    for k, lead in enumerate(LEADS):
        left, own = x + k * each, beat[k]
        with pen.clip(left, top, each - 1.0, room):
            zero = float(np.nanmax(own) + np.nanmin(own)) / 2 if np.isfinite(own).any() else 0.0
            low, high, line = (
                np.stack([left + at_mm, top + room / 2 - (v - zero) * gain], axis=1)
                for v in (norms.band.low[k], norms.band.high[k], own)
            )
            pen.area(np.concatenate([high, low[::-1]]), PRINT["normals"])
            for name in LIMITS:
                ms = getattr(found.points, name)
                if np.isfinite(ms):
                    across = left + float(np.interp(ms, norms.band.at_ms, at_mm))
                    pen.line(across, top, across, top + room, PRINT["muted"], 0.1, (0.3, 0.7))
            pen.traces([line], PRINT["trace"], 0.2)
            pen.text(left + 0.8, top + 2.6, lead, 7, PRINT["text" if np.isfinite(own).any() else "warn"], bold=True)
