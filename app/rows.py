"""From records to the rows of the Upload page: plain data, no streamlit, no colours."""

from __future__ import annotations

import base64
from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from app import words
from app.state import Entry
from ecg_core.detection import Detection
from ecg_core.errors import ECGError
from ecg_core.readers.comments import SYNTHETIC_NOTE
from ecg_core.records import LEADS, Record
from ecg_core.segments import prepare_record

STRIP_S = 4.0
STRIP_POINTS = 212
"""Points of a strip: one a pixel."""

FEWER_LEADS = "Fewer than twelve leads: looked at beat by beat."
"""Stands where a reading would, of a record that whole ECGs are not compared with."""

SYNTHETIC = "Synthetic, not a patient"
"""`SYNTHETIC_NOTE` in the width of a row."""

LOST = frozenset({"flat", "disconnected"})
MANY_LEADS = 6


def without_maps(found: Detection) -> Detection:
    """Return a detection without what only a sheet shows."""
    return replace(found, explanation=None)


class Overview(NamedTuple):
    """What is known of a record without a model: heart rate (/min), faults by lead; None where it takes a model."""

    heart_rate: float | None
    faults: dict[str, tuple[str, ...]] | None


def overview(entry: Entry) -> Overview:
    """Return heart rate and quality of a record of one segment; longer ones get theirs with the score."""
    if entry.whole_s is not None or not entry.twelve:
        return Overview(None, None)
    try:
        segment = prepare_record(entry.record).segment
    except ECGError:
        return Overview(None, None)
    return Overview(segment.beats.heart_rate, dict(segment.quality.faults)) if segment else Overview(None, None)


def strip_lead(record: Record) -> str:
    """Return the lead that stands for a record: II, of fewer leads the modified II, else the first."""
    return next((lead for lead in ("II", "MLII") if lead in record.leads), record.leads[0])


def strip(entry: Entry) -> str:
    """Return the first 4 s of one lead as one byte a point, base64: 0 is the bottom of the strip, 255 the top."""
    values = entry.record.lead(strip_lead(entry.record))[: round(STRIP_S * entry.record.fs)]
    edges = np.linspace(0, len(values), STRIP_POINTS + 1).astype(int)
    if len(values) <= STRIP_POINTS:
        low = high = values
    else:
        # alternately lowest and highest of each pixel: no R peak is lost
        parts = [values[a:b] for a, b in pairwise(edges)]
        low, high = np.array([p.min() for p in parts]), np.array([p.max() for p in parts])
    middle = float(np.median(values))
    drawn = np.where(np.abs(high - middle) >= np.abs(low - middle), high, low)
    span = max(float(drawn.max() - drawn.min()), 1.0)  # mV: a flat lead stays flat
    centre = (float(drawn.max()) + float(drawn.min())) / 2
    return base64.b64encode(np.clip((drawn - centre) / span * 255 + 127.5, 0, 255).astype(np.uint8)).decode()


def length(seconds: float) -> str:
    """Return "10.0 s", "30 min" or "2.0 h"."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def patient(entry: Entry) -> str:
    """Return "M 69", or what of it the file says."""
    sex = {"male": "M", "female": "F"}.get(entry.record.sex or "", "")
    age = f"{entry.record.age:.0f}" if entry.record.age is not None else ""
    return f"{sex} {age}".strip() or words.DASH


def cells(faults: dict[str, tuple[str, ...]] | None) -> list[dict[str, Any]]:
    """Return a cell per lead in report order: 0 good, 1 noisy, 2 lost, -1 not known yet."""
    if faults is None:
        return [{"step": -1, "words": lead} for lead in LEADS]
    return [
        {
            "step": 2 if LOST & set(faults.get(lead, ())) else 1 if faults.get(lead) else 0,
            "words": f"{lead} {' and '.join(faults.get(lead, ())) or 'good'}",
        }
        for lead in LEADS
    ]


def notes(entry: Entry, faults: dict[str, tuple[str, ...]] | None, reading: Detection | str | None) -> str:
    """Return what there is to say of a record: warnings, leads at fault, what the reader had to do."""
    said = list(reading.warnings) if isinstance(reading, Detection) else []
    at_fault = [lead for lead in LEADS if (faults or {}).get(lead)]
    lost = [lead for lead in at_fault if LOST & set((faults or {})[lead])]
    if len(at_fault) > MANY_LEADS:
        said.append(f"{len(at_fault)} leads not usable")
    else:
        said += [f"{words.lead_list(lost)} not usable"] if lost else []
        said += [f"{lead} {' and '.join((faults or {})[lead])}" for lead in at_fault if lead not in lost]
    shown = (SYNTHETIC if note == SYNTHETIC_NOTE else note for note in entry.record.notes)
    return ". ".join([*said, *(note.rstrip(".") for note in shown)])


def place(reading: Detection | str | None, threshold: float | None, rate: float) -> dict[str, str]:
    """Return a record's place among normal ECGs as its row shows it."""
    if reading is FEWER_LEADS:
        return {"side": "beats", "words": "beat by beat", "why": "fewer than twelve leads: opens on the Beats page"}
    if reading is None:
        return {"side": "waiting", "words": "waiting"}
    if isinstance(reading, str):
        return {"side": "failed", "words": "not scored", "why": reading}
    above = words.is_above(reading, threshold, rate)
    if above is None:
        return {"side": "technical", "words": "not interpretable", "why": reading.reason or ""}
    side = "above" if above else "below"
    if reading.segments:
        told, why = f"{words.share_above(reading, threshold) * 100:.0f} % of segments", "segments above the threshold"
    elif reading.n_higher == 0:
        told, why = "above all", f"higher than all {reading.n_normals} normal ECGs"
    else:
        told, why = f"{reading.percentile:.1f}", f"of {reading.n_normals} normal ECGs"
    return {"side": side, "words": told, "why": f"{why}; {side} the alarm threshold"}


def row(
    entry: Entry, seen: Overview | None, reading: Detection | str | None, threshold: float | None, rate: float
) -> dict[str, Any]:
    """Return what a record's row shows.

    Parameters
    ----------
    seen : None until the record was looked at.
    reading : the detection, one sentence where there is none, None while it is waited for.
    threshold, rate : where the alarm lies.
    """
    scored = isinstance(reading, Detection)
    faults = dict(reading.quality) if isinstance(reading, Detection) else seen.faults if seen else None
    heart_rate = reading.heart_rate if isinstance(reading, Detection) else seen.heart_rate if seen else None
    return {
        "key": entry.key,
        "name": entry.record.name,
        "synthetic": entry.synthetic,
        "patient": patient(entry),
        "leads": str(len(entry.record.leads)),
        "fs": f"{entry.record.fs:g} Hz",
        "length": length(entry.duration),
        "rate": f"{heart_rate:.0f}" if heart_rate else (words.DASH if scored or (seen and seen.faults) else ""),
        "strip": strip(entry),
        "strip_s": min(STRIP_S, entry.record.duration),
        "strip_lead": strip_lead(entry.record),
        "named": "" if entry.twelve else ", ".join(entry.record.leads),
        "cells": cells(faults),
        "notes": notes(entry, faults, reading),
        "place": place(reading, threshold, rate),
    }
