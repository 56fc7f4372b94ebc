"""ECG paper in millimetres: where each strip lies, at which scale; the same for the screen and the PDF.

Paper coordinates have their origin at the top left, x to the right and y downwards, in mm. One second is 25 mm (or
50 mm), one millivolt 10 mm (or 5, 20; or 10 for limb and 5 for chest leads).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import ConfigError
from ecg_core.records import LEADS

Layout = Literal["3x4", "6x2", "12x1", "closeup", "lead"]
Gain = tuple[float, float]
"""mm per mV of limb leads and of chest leads."""

SPEEDS = (25.0, 50.0)
"""mm per second."""
PAPER_S = 10.0
"""Seconds on one sheet at 25 mm/s."""
GUTTER_MM = 14.0
RIGHT_MM = 1.0
PULSE_X_MM, PULSE_WIDTH_MM, PULSE_FOOT_MM, PULSE_MV = 1.5, 5.0, 1.0, 1.0
FOOTER_MM = 5.0
CLOSEUP_S = 4.6
CLOSEUP_GAP_MM = 20.0
LEAD_GAIN = 20.0
NOISE_MV = 1.0
"""A lead that is further than this from its baseline half of the time shows noise."""

# smallest and largest distance between two rows, in mm; beyond the largest, rows overlap as on printed paper
ROW_MM: dict[str, tuple[int, int]] = {
    "3x4": (18, 26),
    "6x2": (12, 22),
    "12x1": (12, 18),
    "closeup": (12, 22),
    "lead": (30, 60),
}

LEAST_ROW_MM = 3
"""Rows of a sheet that must fit into a height come no closer than this."""

COLUMNS: dict[str, tuple[tuple[str, ...], ...]] = {
    "3x4": (LEADS[:3], LEADS[3:6], LEADS[6:9], LEADS[9:]),
    "6x2": (LEADS[:6], LEADS[6:]),
    "12x1": (LEADS,),
    "closeup": (LEADS[:6], LEADS[6:]),
}
RHYTHM_LEAD = "II"


@dataclass(frozen=True)
class Strip:
    """One lead over one run of time.

    Attributes
    ----------
    start_s, stop_s : seconds from the record's start.
    x_mm, y_mm : where its first sample and its `zero_mv` lie.
    label_x_mm, label_y_mm, label_left : where its name stands; `label_left` = to the left of the trace.
    clip_mm : y from and to which it is drawn; None: wherever its waves reach.
    """

    lead: str
    row: int
    start_s: float
    stop_s: float
    x_mm: float
    y_mm: float
    gain: float
    zero_mv: float
    rhythm: bool
    label_x_mm: float
    label_y_mm: float
    label_left: bool
    clip_mm: tuple[float, float] | None = None


@dataclass(frozen=True)
class Paper:
    """A laid-out sheet.

    Attributes
    ----------
    speed : mm per second.
    gain : mm per mV of limb and chest leads.
    pulses : calibration pulses as (x, y of the foot, height), mm.
    overlaps : True where tall waves of one row reach into the next.
    """

    layout: str
    speed: float
    gain: Gain
    start_s: float
    stop_s: float
    width_mm: float
    height_mm: float
    row_mm: float
    strips: tuple[Strip, ...]
    pulses: tuple[tuple[float, float, float], ...]
    overlaps: bool

    @property
    def missing(self) -> tuple[str, ...]:
        """The leads that the sheet does not show, in report order; a rhythm strip shows none of its own."""
        shown = {strip.lead for strip in self.strips if not strip.rhythm}
        return tuple(lead for lead in LEADS if lead not in shown)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return asdict(self)


@dataclass(frozen=True)
class _Slot:
    lead: str
    row: int
    start_s: float
    stop_s: float
    x_mm: float
    rhythm: bool = False


def lead_gain(lead: str, gain: Gain) -> float:
    """Return mm per mV of a lead."""
    return gain[1] if lead.startswith("V") else gain[0]


def lay_out(
    signal: NDArray[np.float32],
    fs: float,
    layout: Layout,
    *,
    gain: Gain = (10.0, 10.0),
    speed: float = 25.0,
    start_s: float = 0.0,
    centre_s: float | None = None,
    lead: str | None = None,
    leads: Collection[str] = LEADS,
    clipped: Collection[str] = (),
    room_mm: float | None = None,
) -> Paper:
    """Lay twelve leads out on ECG paper.

    Parameters
    ----------
    signal : shape (12, n_samples), mV, in `LEADS` order: what is on view, at most 10 s.
    fs : Hz.
    start_s : where `signal` begins, seconds from the record's start.
    centre_s : the instant in the middle of a "closeup" (all leads over the same seconds).
    lead : the one lead of the layout "lead".
    leads : which leads are shown, in report order whatever the order here; in "3x4" the place of the others stays
        empty, and the rhythm strip stays.
    clipped : leads that stay within their row, however far they swing: those too noisy to read.
    room_mm : height that the sheet is to fit into: rows move closer, at one scale, and overlap where they must.

    Raises
    ------
    ConfigError
        For an unknown layout, a signal that is not twelve leads, or leads of which none is shown.
    """
    if layout not in ROW_MM:
        raise ConfigError(f"Unknown paper layout {layout!r}; choose one of {', '.join(ROW_MM)}.")
    if signal.ndim != 2 or signal.shape[0] != len(LEADS):
        raise ConfigError(f"Expected twelve leads to lay out, shape (12, n); found {signal.shape}.")
    if not set(LEADS) & set(leads):
        raise ConfigError(f"Expected at least one of the twelve leads to show; found {', '.join(leads) or 'none'}.")
    if layout == "lead":
        gain = (max(gain[0], LEAD_GAIN), max(gain[1], LEAD_GAIN))
    whole_s = signal.shape[1] / fs
    stop_s = start_s + min(whole_s, PAPER_S * 25.0 / speed)
    if layout == "closeup":
        middle = _middle(start_s, start_s + whole_s, speed, centre_s)
        slots = _slots(layout, *middle, speed, lead or RHYTHM_LEAD, leads)
    else:
        slots = _slots(layout, start_s, stop_s, speed, lead or RHYTHM_LEAD, leads)
    zero = {i: _zero(_cut(signal, fs, start_s, slot)) for i, slot in enumerate(slots)}
    ink = [
        _ink(_cut(signal, fs, start_s, slot), fs, slot, zero[i], gain, speed) if slot.lead not in clipped else ({}, {})
        for i, slot in enumerate(slots)
    ]
    n_rows = max(slot.row for slot in slots) + 1
    last_down = max((max(d.values(), default=0.0) for s, (_, d) in zip(slots, ink, strict=True) if s.row == n_rows - 1))
    foot = math.ceil(min(max(last_down + 1.0, 8.0 if layout == "12x1" else 6.0), 20.0))
    pulse_mm = PULSE_MV * max(gain) + 1.0
    for most_mm in range(ROW_MM[layout][1], LEAST_ROW_MM - 1, -1):
        rows, overlaps = _row_positions(slots, ink, n_rows, layout, pulse_mm, most_mm)
        if room_mm is None or rows[-1] + foot + FOOTER_MM <= room_mm:
            break
    row_mm = (rows[-1] - rows[0]) / (n_rows - 1) if n_rows > 1 else float(ROW_MM[layout][0])
    height = rows[-1] + foot + FOOTER_MM
    strips = tuple(
        _strip(slot, zero[i], rows, row_mm, layout, gain, height if slot.lead in clipped else None)
        for i, slot in enumerate(slots)
    )
    return Paper(
        layout=layout,
        speed=speed,
        gain=gain,
        start_s=start_s,
        stop_s=stop_s,
        width_mm=GUTTER_MM + PAPER_S * 25.0 + RIGHT_MM,
        height_mm=height,
        row_mm=row_mm,
        strips=strips,
        pulses=_pulses(rows, strips),
        overlaps=overlaps,
    )


def choose_gain(signal: NDArray[np.float32], fs: float, layout: Layout = "3x4", start_s: float = 0.0) -> Gain:
    """Return 10 mm/mV, or 10 for limb and 5 for chest leads where these would overlap at 10, each other or the rhythm.

    Limb leads that clash among themselves, as a wandering baseline makes them, are no reason to halve the chest leads;
    nor is a lead that keeps away from its baseline: that is noise, and no gain makes room for it.
    """
    away = np.median(np.abs(signal - np.median(signal, axis=1, keepdims=True)), axis=1)
    alone = signal.copy()
    alone[[k for k, lead in enumerate(LEADS) if not lead.startswith("V") and lead != RHYTHM_LEAD]] = 0.0
    alone[away > NOISE_MV] = 0.0
    if lay_out(alone, fs, layout, gain=(10.0, 10.0), start_s=start_s).overlaps:
        return (10.0, 5.0)
    return (10.0, 10.0)


def spread(paper: Paper, spare_mm: float) -> Paper:
    """Return the sheet with its rows further apart by whole mm, as far as the spare height and the layout allow."""
    n_rows = max(strip.row for strip in paper.strips) + 1
    by = min(int(spare_mm / max(n_rows - 1, 1)), int(ROW_MM[paper.layout][1] - paper.row_mm))
    if by <= 0 or n_rows < 2:
        return paper
    row_of = {strip.y_mm: strip.row for strip in paper.strips}
    strips = tuple(
        replace(
            strip,
            y_mm=strip.y_mm + by * strip.row,
            label_y_mm=strip.label_y_mm + by * strip.row,
            clip_mm=_moved(strip, by, n_rows),
        )
        for strip in paper.strips
    )
    return replace(
        paper,
        strips=strips,
        row_mm=paper.row_mm + by,
        height_mm=paper.height_mm + by * (n_rows - 1),
        pulses=tuple((x, y + by * row_of[y], tall) for x, y, tall in paper.pulses),
    )


def _moved(strip: Strip, by: int, n_rows: int) -> tuple[float, float] | None:
    """Return the bounds of a strip that is held in its row, half-way to neighbours that are further apart by `by`."""
    if strip.clip_mm is None:
        return None
    top, bottom = strip.clip_mm
    above = by * (strip.row - 0.5) if strip.row else 0.0
    return top + above, bottom + by * (strip.row + (0.5 if strip.row + 1 < n_rows else 0.0))


def trace_mm(strip: Strip, values: NDArray[np.float32], fs: float, speed: float) -> NDArray[np.float32]:
    """Return the strip's samples as paper coordinates, shape (n, 2): x and y in mm.

    Parameters
    ----------
    values : shape (n,), mV: the strip's lead from `start_s` to `stop_s`.
    """
    x = strip.x_mm + np.arange(values.shape[0]) / fs * speed
    y = strip.y_mm - (values - strip.zero_mv) * strip.gain
    return np.stack([x, y], axis=1).astype(np.float32)


def _middle(start_s: float, stop_s: float, speed: float, centre_s: float | None) -> tuple[float, float]:
    """Return the seconds of a close-up: around its centre, inside what there is."""
    half = min(CLOSEUP_S * 25.0 / speed, stop_s - start_s) / 2
    centre = (start_s + stop_s) / 2 if centre_s is None else centre_s
    middle = min(max(centre, start_s + half), stop_s - half)
    return middle - half, middle + half


def _slots(
    layout: Layout, start_s: float, stop_s: float, speed: float, lead: str, leads: Collection[str]
) -> list[_Slot]:
    if layout == "lead":
        return [_Slot(lead, 0, start_s, stop_s, GUTTER_MM)]
    columns = [list(column) for column in COLUMNS[layout]]
    if layout != "3x4":  # the printed report keeps its places
        columns = [kept for column in columns if (kept := [name for name in column if name in leads])]
    if layout == "closeup":
        step_mm = (stop_s - start_s) * speed + CLOSEUP_GAP_MM
        spans = [(start_s, stop_s, GUTTER_MM + c * step_mm) for c in range(len(columns))]
    else:
        width_s = (stop_s - start_s) / len(columns)
        edges = [start_s + c * width_s for c in range(len(columns) + 1)]
        spans = [(a, b, GUTTER_MM + (a - start_s) * speed) for a, b in itertools.pairwise(edges)]
    slots = [
        _Slot(name, row, a, b, x)
        for names, (a, b, x) in zip(columns, spans, strict=True)
        for row, name in enumerate(names)
        if name in leads
    ]
    if layout == "3x4":
        slots.append(_Slot(RHYTHM_LEAD, 3, start_s, stop_s, GUTTER_MM, rhythm=True))
    return slots


def _cut(signal: NDArray[np.float32], fs: float, start_s: float, slot: _Slot) -> NDArray[np.float32]:
    lo, hi = round((slot.start_s - start_s) * fs), round((slot.stop_s - start_s) * fs)
    return signal[LEADS.index(slot.lead), lo:hi]


def _zero(values: NDArray[np.float32]) -> float:
    """Return the voltage drawn on a strip's baseline: electrodes add an offset that says nothing."""
    return float(np.median(values)) if values.size else 0.0


def _ink(
    values: NDArray[np.float32], fs: float, slot: _Slot, zero: float, gain: Gain, speed: float
) -> tuple[dict[int, float], dict[int, float]]:
    """Return how far ink reaches above and below the baseline in each 2 mm column, mm."""
    if not values.size:
        return {}, {}
    column = ((slot.x_mm + np.arange(values.size) / fs * speed) / 2).astype(int)
    starts = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    mm = (values - zero) * lead_gain(slot.lead, gain)
    up, down = np.maximum.reduceat(mm, starts), -np.minimum.reduceat(mm, starts)
    keys = column[starts].tolist()
    return dict(zip(keys, up.tolist(), strict=True)), dict(zip(keys, down.tolist(), strict=True))


def _row_positions(
    slots: list[_Slot],
    ink: list[tuple[dict[int, float], dict[int, float]]],
    n_rows: int,
    layout: Layout,
    pulse_mm: float,
    most_mm: int,
) -> tuple[list[float], bool]:
    """Return each row's baseline in mm, at most `most_mm` apart, and whether ink of neighbours overlaps."""
    low, high = ROW_MM[layout]
    up: list[dict[int, float]] = [{} for _ in range(n_rows)]
    down: list[dict[int, float]] = [{} for _ in range(n_rows)]
    for slot, (above, below) in zip(slots, ink, strict=True):
        up[slot.row] |= above
        down[slot.row] |= below
    first_up = max(up[0].values(), default=0.0)
    rows = [max(pulse_mm, float(min(max(math.ceil(first_up) + 3, low * 0.75), high)))]
    low, high = min(low, most_mm), most_mm
    overlaps = False
    for row in range(1, n_rows):
        shared = up[row].keys() & down[row - 1].keys()
        clash = math.ceil(max((down[row - 1][c] + up[row][c] for c in shared), default=0.0)) + 1
        overlaps = overlaps or clash > high
        rows.append(rows[-1] + min(max(clash, low), high))
    return [float(math.ceil(y)) for y in rows], overlaps


def _strip(
    slot: _Slot,
    zero: float,
    rows: list[float],
    row_mm: float,
    layout: Layout,
    gain: Gain,
    clip_height: float | None,
) -> Strip:
    """Place a strip; with the paper's height in `clip_height` it ends half-way to its neighbours."""
    left = layout in ("12x1", "closeup")
    y_mm = rows[slot.row]
    clip = None
    if clip_height is not None:
        top = (rows[slot.row - 1] + y_mm) / 2 if slot.row else 0.0
        clip = (top, (y_mm + rows[slot.row + 1]) / 2 if slot.row + 1 < len(rows) else clip_height - FOOTER_MM)
    return Strip(
        lead=slot.lead,
        row=slot.row,
        start_s=slot.start_s,
        stop_s=slot.stop_s,
        x_mm=slot.x_mm,
        y_mm=y_mm,
        gain=lead_gain(slot.lead, gain),
        zero_mv=zero,
        rhythm=slot.rhythm,
        label_x_mm=slot.x_mm - 1.0 if left else slot.x_mm + 1.0,
        label_y_mm=y_mm - 1.5 if left else y_mm - min(11.0, 0.5 * row_mm),
        label_left=left,
        clip_mm=clip,
    )


def _pulses(rows: list[float], strips: tuple[Strip, ...]) -> tuple[tuple[float, float, float], ...]:
    """Return a pulse of 1 mV in the gutter for each row, at the gain of its first strip.

    Where pulses would reach into the row above, only the first row of each gain has one.
    """
    gains = {strip.row: strip.gain for strip in reversed(strips)}
    tall = [PULSE_MV * gains.get(row, 0.0) for row in range(len(rows))]  # a row may be empty
    shown = [
        row
        for row in range(len(rows))
        if tall[row] and (row == 0 or tall[row] < rows[row] - rows[row - 1] or tall[row] not in tall[:row])
    ]
    return tuple((PULSE_X_MM, rows[row], tall[row]) for row in shown)
