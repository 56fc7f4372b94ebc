"""A record's measurements beside the normals', and how values, ranges and leads are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from ecg_core.measurements.measure import Measurements
from ecg_core.measurements.ranges import NormalRange, NormalRanges
from ecg_core.measurements.registry import REGISTRY
from ecg_core.measurements.scores import RankScores
from ecg_core.records import LEADS, Sex

Side = Literal["high", "low"]
CHEST = LEADS[6:]
MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"


@dataclass(frozen=True)
class Finding:
    """One thing that is unusual, told by one or more measurements.

    Attributes
    ----------
    kind : what it is, whichever measurement says it.
    text : without the normal range, which follows.
    name : the measurement whose value and range are stated; `names` are all it stands for, itself first.
    weight : how much it counts beside others of the same rarity.
    z : the largest normal score of what it stands for.
    """

    kind: str
    text: str
    name: str
    names: tuple[str, ...]
    side: Side
    weight: float
    z: float
    leads: tuple[str, ...] = ()
    span: str | None = None


@dataclass(frozen=True)
class Seen:
    """A record's measurements beside the normals'."""

    measured: Measurements
    ranks: RankScores
    ranges: NormalRanges
    age: float | None
    sex: Sex | None

    @cached_property
    def scores(self) -> dict[str, float]:
        """Normal scores by name."""
        return dict(zip(self.ranks.names, self.measured.among(self.ranks).tolist(), strict=True))

    def value(self, name: str) -> float:
        """Return a measurement, NaN where it was not made."""
        return self.measured.values.get(name, float("nan"))

    def z(self, names: Iterable[str]) -> float:
        """Return the largest normal score of some measurements, without sign."""
        return max((abs(self.scores.get(name, 0.0)) for name in names), default=0.0)

    def range(self, name: str) -> NormalRange | None:
        """Return the normal range for this patient."""
        return self.ranges.of(name, self.age, self.sex)

    def side(self, name: str) -> Side | None:
        """Return on which side of its range a measurement lies, as it is written; None within, or not made."""
        if name not in self._sides:
            self._sides[name] = self._side(name)
        return self._sides[name]

    @cached_property
    def _sides(self) -> dict[str, Side | None]:
        return {}

    def _side(self, name: str) -> Side | None:
        value, normal = self.value(name), self.range(name)
        if normal is None or not np.isfinite(value) or normal.low <= value <= normal.high:
            return None
        value, low, high = (in_words(name, v) for v in (value, normal.low, normal.high))
        return "high" if value > high else "low" if value < low else None

    def out(self, names: Iterable[str], side: Side | None = None) -> tuple[str, ...]:
        """Return those that lie outside their range (on one side of it)."""
        found = {name: self.side(name) for name in names}
        return tuple(name for name, at in found.items() if at is not None and side in (None, at))


PERCENT = ("rr_irregularity", "rr_min_ratio", "rr_max_ratio", "other_beats_share")
"""Ratios that people read in percent."""


def unit_of(name: str) -> str:
    """Return the unit a measurement is written in."""
    return "%" if name in PERCENT else REGISTRY[name].unit


def in_words(name: str, value: float) -> float:
    """Return a value as it is written: in percent where people do, rounded."""
    number = 100.0 * value if name in PERCENT else value
    return round(number, 2 if unit_of(name) in ("mV", "") else 0) + 0.0


def written_number(name: str, value: float) -> str:
    """Return "152", "−0.12": a value without its unit."""
    return f"{in_words(name, value):.{2 if unit_of(name) in ('mV', '') else 0}f}".replace("-", MINUS)


def written(name: str, value: float) -> str:
    """Return "152 ms", "−0.12 mV", "−52°"."""
    unit = unit_of(name)
    return written_number(name, value) + {"": "", "deg": "°"}.get(unit, f" {unit}")


def written_range(name: str, normal: NormalRange) -> str:
    """Return "normal 78–112", "normal −0.03 to 0.10", "normal up to 30"."""
    return f"normal {written_span(name, normal)}"


def written_span(name: str, normal: NormalRange) -> str:
    """Return "78–112", "−0.03 to 0.10", "up to 30"."""
    low, high = written_number(name, normal.low), written_number(name, normal.high)
    degree = "°" if unit_of(name) == "deg" else ""
    if in_words(name, normal.low) == 0.0 and REGISTRY[name].abnormal != "low":
        return f"up to {high}{degree}"
    joint = " to " if MINUS in low or MINUS in high else DASH
    return f"{low}{degree}{joint}{high}{degree}"


def written_leads(leads: Sequence[str]) -> str:
    """Return "II, III, aVF", "I, aVL, V4–V6"."""
    parts: list[str] = []
    row = sorted(leads, key=LEADS.index)
    while row:
        run = 1
        while run < len(row) and row[0] in CHEST and LEADS.index(row[run]) == LEADS.index(row[0]) + run:
            run += 1
        parts += [f"{row[0]}{DASH}{row[run - 1]}"] if run > 2 else row[:run]
        row = row[run:]
    return ", ".join(parts)
