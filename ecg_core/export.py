"""Scores as files: JSON with everything, and CSV tables; what stands in them is described in docs/exports.md."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import numpy as np

from ecg_core import __version__, wording
from ecg_core.detection import Detection, Explanation
from ecg_core.measurements.norms import ALL_NAMED, rows
from ecg_core.plain import finite, neutralised, plain
from ecg_core.report import Reading

FORMAT, VERSION = "leadwise-scores", 2
DIGITS = 5
"""Significant digits of the traces and maps: more than a float32 of this origin can mean."""

SAFE_NAME = 60


def scores_json(reading: Reading, at: datetime) -> bytes:
    """Return one model's reading as JSON: verdict, alarm, score trace, and error by lead and time.

    Parameters
    ----------
    at : when the file is made, UTC.
    """
    return json.dumps(finite(_content(reading, at)), allow_nan=False, indent=1, ensure_ascii=False).encode()


def scores_csv(reading: Reading, at: datetime) -> bytes:
    """Return everything but the traces as CSV of two columns: field, value; nested fields are joined by dots."""
    content = _content(reading, at)
    content.pop("over_time")
    return _table(["field", "value"], ([name, value] for name, value in _flat(finite(content))))


def over_time_csv(reading: Reading) -> bytes:
    """Return the score trace and the error by lead as CSV: time_s, score, then a column for each lead.

    Empty where a lead was left out; the header alone where nothing was scored.
    """
    found = reading.detection.explanation
    if found is None:
        return _table(["time_s", "score"], ())
    times = found.start_s + np.arange(len(found.sample_scores)) / found.fs
    rows = (
        [round(float(t), 4), _short(score), *map(_short, errors)]
        for t, score, errors in zip(times, found.sample_scores, found.error.T, strict=True)
    )
    return _table(["time_s", "score", *(f"error_{lead}" for lead in found.leads)], rows)


def file_name(record: str, what: str) -> str:
    """Return a name for a file on the user's disk: letters, digits, dots, dashes and underscores of the record's name.

    Parameters
    ----------
    what : ending, such as "report.pdf".
    """
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in record)
    kept = "-".join(part for part in kept.split("-") if part).strip("._-")[:SAFE_NAME].strip("._-")
    return f"{kept or 'record'}-{what}"


def _content(reading: Reading, at: datetime) -> dict[str, Any]:
    detection = reading.detection
    said = wording.verdict(detection, reading.threshold, reading.rate)
    return {
        "format": FORMAT,
        "version": VERSION,
        "made": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "leadwise": __version__,
        "intended_use": " ".join(wording.INTENDED_USE),
        "verdict": wording.spoken(said),
        "alarm": {
            "above": reading.above,
            "threshold": reading.threshold,
            "false_alarm_rate": reading.rate,
            "validated_false_alarm_rate": wording.VALIDATED_RATE,
        },
        "detection": detection.to_dict(),
        "normal_ranges": _ranges(detection),
        "model_title": reading.title,
        "population": detection.population,
        "masked_leads": list(detection.masked_leads),
        "quality": {lead: list(why) for lead, why in detection.quality.items()},
        "rr_sd_ms": detection.rr_sd_ms,
        "rmssd_ms": detection.rmssd_ms,
        "beats_s": list(detection.beats_s),
        "over_time": _over_time(detection.explanation),
    }


def _ranges(detection: Detection) -> dict[str, Any] | None:
    """Return the normal range of each named measurement, and the value's place in it; None without measurements."""
    found, norms = detection.measurements, detection.norms
    if found is None or norms is None:
        return None
    return {row.measurement.name: row.as_json() for row in rows(found, norms, ALL_NAMED)}


def _over_time(found: Explanation | None) -> dict[str, Any] | None:
    if found is None:
        return None
    error = {lead: [_short(v) for v in row] for lead, row in zip(found.leads, found.error, strict=True)}
    lost = {lead for lead in found.leads if found.lead_scores.get(lead) is None}
    return {
        "start_s": found.start_s,
        "fs": found.fs,
        "score": [_short(v) for v in found.sample_scores],
        "error": {lead: None if lead in lost else values for lead, values in error.items()},
    }


def _short(value: float) -> float | None:
    """Return a number with few digits; None where there is none."""
    return float(f"{float(value):.{DIGITS}g}") if math.isfinite(value) else None


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested content by their dotted names; entries of lists count from 1."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield from _flat(item, f"{name}.{number}")
    else:
        yield name, value


def _table(head: list[str], rows: Iterable[list[Any]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(head)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return out.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return neutralised(plain(value)) if isinstance(value, str) else value
