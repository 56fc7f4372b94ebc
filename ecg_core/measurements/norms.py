"""A record's measurements beside the normals': the rows of a measurement table, and the band of normal median beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.measurements.measure import Measurements
from ecg_core.measurements.median_beat import BEFORE, GRID_FS
from ecg_core.measurements.ranges import NormalRange, NormalRanges
from ecg_core.measurements.registry import NAMED, PER_LEAD_NAMED, REGISTRY, Measurement
from ecg_core.measurements.seen import Side, in_words, unit_of, written_number, written_span
from ecg_core.records import LEADS, Sex

F32 = NDArray[np.float32]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Band:
    """Between which values nine of ten normal ECGs have their median beat.

    Attributes
    ----------
    at_ms : shape (n,), ms from R.
    low, high : shape (12, n), mV, 5th and 95th percentile, level before QRS as zero.
    """

    at_ms: Array
    low: F32
    high: F32


@dataclass(frozen=True)
class Norms:
    """The normals that a record is held against, for its sex and age.

    Attributes
    ----------
    ranges : normal ranges of measurements.
    band : of median beats.
    """

    ranges: NormalRanges = field(repr=False)
    band: Band = field(repr=False)
    age: float | None = None
    sex: Sex | None = None

    def of(self, name: str) -> NormalRange | None:
        """Return the normal range of a measurement; None where too few normals have it."""
        return self.ranges.of(name, self.age, self.sex)


@dataclass(frozen=True)
class Row:
    """One row of a measurement table.

    Attributes
    ----------
    measurement : its name, title, definition and source.
    value : None where it was not made; `why` then says why.
    normal : range of the normals for the record's sex and age, None where too few normals have it.
    percentile : percent of them that are lower; None without value or range.
    side : of the range on which the value lies, as both are written; None within it.
    why : why it is withheld, or given with low confidence; empty otherwise.
    """

    measurement: Measurement
    value: float | None
    normal: NormalRange | None
    percentile: float | None
    side: Side | None
    why: str

    @property
    def unit(self) -> str:
        """The unit that value and range are written in."""
        return {"deg": "°", "bpm": "/min"}.get(unit := unit_of(self.measurement.name), unit)

    @property
    def number(self) -> str:
        """The value as it is written, without its unit; empty where it was not made."""
        return "" if self.value is None else written_number(self.measurement.name, self.value)

    @property
    def span(self) -> str:
        """The normal range as it is written, without unit; empty without one."""
        return "" if self.normal is None else written_span(self.measurement.name, self.normal)

    def as_json(self) -> dict[str, Any]:
        """Return the normal range and the value's place in it as plain JSON values."""
        normal = self.normal
        return {
            "low": None if normal is None else round(normal.low, 4),
            "high": None if normal is None else round(normal.high, 4),
            "percentile": None if self.percentile is None else round(self.percentile, 2),
            "side": self.side,
            "n": None if normal is None else normal.n,
            "group": None if normal is None else normal.group,
        }


def rows(found: Measurements, norms: Norms, names: Sequence[str]) -> tuple[Row, ...]:
    """Return measurements beside their normal ranges, in the order of `names`."""
    return tuple(_row(found, norms, name) for name in names)


def lead_names(lead: str) -> tuple[str, ...]:
    """Return the measurements of a lead that a summary names."""
    return tuple(f"{kind}_{lead}" for kind in PER_LEAD_NAMED)


LEVEL = 6
"""Samples at 500 Hz before the QRS whose mean is a beat's level, as in the band of normals."""


def beside_band(found: Measurements, band: Band) -> F32 | None:
    """Return a record's median beat where and on the level that the band is given, shape (12, n), mV.

    Leads that cannot be read are NaN; None where there is no median beat.
    """
    beat = found.beat
    if beat is None:
        return None
    onset = found.points.sample("qrs_onset") if found.points.has("qrs_onset") else BEFORE - round(60.0 / 2)
    x = beat.x - beat.x[:, max(onset - LEVEL, 0) : max(onset, 1)].mean(axis=1, keepdims=True)
    at = BEFORE + np.round(band.at_ms * GRID_FS / 1000.0).astype(int)
    read = np.any(beat.x != 0.0, axis=1)
    return np.asarray(np.where(read[:, None], x[:, np.clip(at, 0, x.shape[1] - 1)], np.nan), dtype=np.float32)


ALL_NAMED = (*NAMED, *(name for lead in LEADS for name in lead_names(lead)))
"""Every measurement that a summary names, those over all leads first."""


def _row(found: Measurements, norms: Norms, name: str) -> Row:
    value, normal = found.get(name), norms.of(name)
    percentile: float | None = None
    side: Side | None = None
    if value is not None and normal is not None:
        percentile = norms.ranges.percentile(name, value, norms.age, norms.sex)
        here, low, high = (in_words(name, v) for v in (value, normal.low, normal.high))
        side = "high" if here > high else "low" if here < low else None
    why = found.withheld.get(name) if value is None else found.uncertain.get(name)
    return Row(REGISTRY[name], value, normal, percentile, side, why or "")
