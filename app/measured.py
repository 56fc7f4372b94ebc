"""What is measured of a record beside the normals': the table, and the median beat of each lead. No streamlit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import words
from app.components import packets
from ecg_core.detection import Detection
from ecg_core.measurements import NAMED, Measurements
from ecg_core.measurements.median_beat import GRID_FS
from ecg_core.measurements.norms import Norms, Row, beside_band, lead_names, rows
from ecg_core.records import LEADS

POINTS = {"p_onset": "P", "p_offset": "P", "qrs_onset": "QRS", "qrs_offset": "QRS", "t_end": "T"}
"""The fiducial points that are drawn, and the wave that each bounds."""

EDGE = 0.03
INSIDE = (0.25, 0.75)
"""Where on its bar a normal range begins and ends."""

NO_RANGE = "no range"

SUMMARY = {
    "heart_rate": "Rate", "pr_ms": "PR", "qrs_ms": "QRS", "qt_ms": "QT", "qtc_fridericia_ms": "QTcF",
    "qrs_axis_deg": "QRS axis",
}  # fmt: skip
"""What a reader asks for first, by the short names of the verdict."""


def place(row: Row) -> float | None:
    """Return where on its bar, 0-1, a value lies: a normal range fills the middle half; far values stop at the ends."""
    if row.value is None or row.normal is None:
        return None
    low, high = row.normal.low, row.normal.high
    share = 0.5 if high <= low else (row.value - low) / (high - low)
    at = INSIDE[0] + share * (INSIDE[1] - INSIDE[0])
    return round(min(max(at, EDGE), 1.0 - EDGE), 4)


def row_data(row: Row) -> dict[str, Any]:
    """Return what one row of the table shows."""
    known = row.measurement
    normal = row.normal
    gap = "" if row.unit in ("°", "") else " "
    return {
        "name": known.title,
        "tip": f"{known.title}: {known.definition}. Source: {known.source}.",
        "value": f"{row.number}{gap}{row.unit}" if row.number else "",
        "side": row.side,
        "why": row.why,
        "range": f"{row.span}{gap}{row.unit.replace('°', '')}" if row.span else NO_RANGE,
        "at": place(row),
        "percentile": "" if row.percentile is None else words.measured_percentile(row.percentile),
        "group": f"{normal.group}, {normal.n:,}" if normal else "",
    }


def summary(detection: Detection) -> list[list[Any]]:
    """Return the measurements that a reader asks for first: short name, value, and the side of its range it is on."""
    found, norms = detection.measurements, detection.norms
    if found is None or norms is None:
        return []
    told = [row_data(row) | {"name": SUMMARY[row.measurement.name]} for row in rows(found, norms, tuple(SUMMARY))]
    return [[row["name"], row["value"] or words.DASH, row["side"], row["why"]] for row in told]


def packet(key: str, detection: Detection) -> bytes | None:
    """Return table and median beats as the browser takes them; None where nothing was measured.

    Parameters
    ----------
    key : of the record.
    detection : of the seconds on view, by a detector that measures.
    """
    found, norms = detection.measurements, detection.norms
    if found is None or norms is None:
        return None
    header: dict[str, Any] = {
        "record": key,
        "rows": [row_data(row) for row in rows(found, norms, NAMED)],
        "amplitudes": amplitudes(found, norms),
        "leads": list(LEADS),
    }
    beat = beside_band(found, norms.band)
    if beat is None:
        return packets.pack(header, {})
    band = norms.band
    header |= {
        "n": int(beat.shape[1]),
        "start_ms": float(band.at_ms[0]),
        "step_ms": float(band.at_ms[1] - band.at_ms[0]),
        "points": {name: _known(getattr(found.points, name)) for name in POINTS},
        "lead_points": {
            name: [_known(v) for v in found.lead_points[name]] for name in POINTS if name in found.lead_points
        },
        "waves": POINTS,
        "unread": [lead for lead, row in zip(LEADS, beat, strict=True) if np.isnan(row).all()],
    }
    arrays: dict[str, NDArray[Any]] = {"beat": beat, "low": band.low, "high": band.high}
    return packets.pack(header, {name: np.asarray(values, dtype=np.float32) for name, values in arrays.items()})


def limits(detection: Detection | None) -> list[tuple[float, str]]:
    """Return when P, QRS and T begin or end in each beat of the largest class: s from the record's start, and the wave.

    They are those of the median beat, laid at each beat that it was made of.
    """
    found = detection.measurements if detection else None
    if detection is None or detection.explanation is None or found is None or found.beat is None:
        return []
    beats_s = detection.explanation.start_s + found.beat.positions / GRID_FS
    points = {name: getattr(found.points, name) for name in POINTS}
    return [
        (round(float(beat_s + ms / 1000.0), 3), POINTS[name])
        for beat_s in beats_s
        for name, ms in points.items()
        if np.isfinite(ms)
    ]


def amplitudes(found: Measurements, norms: Norms) -> dict[str, Any]:
    """Return the amplitudes of each lead: column names, and for each lead the rows of its cells."""
    of_lead = {lead: [row_data(row) for row in rows(found, norms, lead_names(lead))] for lead in LEADS}
    return {"columns": [cell["name"] for cell in of_lead["I"]], "leads": of_lead}


def _known(value: float) -> float | None:
    return round(float(value), 1) if np.isfinite(value) else None
