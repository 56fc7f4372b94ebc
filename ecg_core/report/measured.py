"""What was measured, on the page: the reasons, the named measurements beside their ranges, and the median beats."""

from __future__ import annotations

import numpy as np

from ecg_core.colours import PRINT
from ecg_core.detection import Detection
from ecg_core.findings import group_words, rarity, without_reasons
from ecg_core.measurements import NAMED
from ecg_core.measurements.delineation import Fiducials
from ecg_core.measurements.norms import F32, Band, Row, beside_band, rows
from ecg_core.measurements.ranges import EVERYONE
from ecg_core.records import LEADS
from ecg_core.report.pen import Pen, text_mm

BEATS_MM, LEAST_BEATS_MM = 22.0, 16.0
"""Height of the row of median beats, and where room is short."""

LINE_MM, REASON_MM = 3.25, 4.0
REASONS_MM = 158.0
GAINS = (10.0, 7.5, 5.0, 4.0, 3.0, 2.5)
"""mm per mV of median beats: the largest at which all limb leads, or all chest leads, have room."""
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


def has_beats(detection: Detection) -> bool:
    """Return whether there are median beats to draw, and normals' to hold them against."""
    found, norms = detection.measurements, detection.norms
    return found is not None and norms is not None and beside_band(found, norms.band) is not None


def draw_beats(pen: Pen, detection: Detection, x: float, y: float, wide: float, tall: float) -> None:
    """Draw the median beat of each lead over the band of normals', one row, the top at y."""
    found, norms = detection.measurements, detection.norms
    beat = beside_band(found, norms.band) if found and norms else None
    if found is None or norms is None or beat is None:
        return
    pen.text(x, y + 2.2, "Median beats", 7, PRINT["text"], bold=True)
    words = "grey: nine of ten normal ECGs (5th to 95th percentile); dotted: limits of P, QRS and T"
    pen.text(x + 20.0, y + 2.2, words, 6.5, PRINT["muted"])
    top, room, each = y + 6.2, tall - 6.4, wide / len(LEADS)
    limb, chest = _gain(beat[:6], room), _gain(beat[6:], room)
    told = f"{limb:g} mm/mV" if limb == chest else f"limb {limb:g}, chest {chest:g} mm/mV"
    pen.text(x + wide, y + 2.2, told, 6.5, PRINT["muted"], anchor="end")
    for k, lead in enumerate(LEADS):
        box = (x + k * each, top, each - 1.0, room)
        _draw_beat(pen, box, beat[k], norms.band, k, chest if lead.startswith("V") else limb, found.points)


def _middle(own: F32, band: Band, k: int, span: float) -> float:
    """Return the mV at half height of a box of so many mV: all of the beat is in it, and of the band what has room."""
    low, high = (float(each(own)) for each in (np.nanmin, np.nanmax))
    both = (min(low, float(band.low[k].min())) + max(high, float(band.high[k].max()))) / 2
    return min(max(both, high - span / 2), low + span / 2) if high - low <= span else (low + high) / 2


def _gain(beats: F32, room: float) -> float:
    """Return mm per mV at which beats, shape (leads, n), fit into a height."""
    read = beats[np.isfinite(beats).all(axis=1)]
    reach = float(np.ptp(read, axis=1).max(initial=0.0))
    return next((gain for gain in GAINS if reach * gain <= room), GAINS[-1])


def _draw_beat(
    pen: Pen, box: tuple[float, float, float, float], own: F32, band: Band, k: int, gain: float,
    points: Fiducials,
) -> None:  # fmt: skip
    """Draw one lead's median beat, shape (n,), over the band of normals' in its box (left, top, width, height)."""
    left, top, wide, tall = box
    at_mm = (band.at_ms - band.at_ms[0]) * (wide - 1.0) / np.ptp(band.at_ms)
    read = bool(np.isfinite(own).any())
    zero = _middle(own, band, k, tall / gain) if read else 0.0
    low, high, line = (
        np.stack([left + at_mm, top + tall / 2 - (v - zero) * gain], axis=1) for v in (band.low[k], band.high[k], own)
    )
    with pen.clip(*box):
        pen.area(np.concatenate([high, low[::-1]]), PRINT["normals"])
        pen.traces([low, high], PRINT["border"], 0.1)
        for name in LIMITS if read else ():
            ms = getattr(points, name)
            if np.isfinite(ms):
                across = left + float(np.interp(ms, band.at_ms, at_mm))
                pen.line(across, top, across, top + tall, PRINT["muted"], 0.1, (0.3, 0.7))
        pen.traces([line], PRINT["trace"], 0.2)
    pen.text(left, top - 0.4, LEADS[k], 7, PRINT["text" if read else "warn"], bold=True)
    if not read:
        pen.text(left + text_mm(LEADS[k], 7, bold=True) + 1.0, top - 0.4, "not read", 6, PRINT["warn"])
