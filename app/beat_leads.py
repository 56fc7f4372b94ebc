"""Which leads a recording's beats are compared in: all of up to three, of more the best or the independent ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.state import Entry
from ecg_core.quality import assess_quality
from ecg_core.readers import read_blocks
from ecg_core.records import INDEPENDENT_LEADS, LEADS, Record

FEW = 3
"""Up to so many leads are all compared, and held whole up to 24 h."""

PREFERRED = ("II", "V5", "V1", "I", "V2", "V6", "V4", "V3", "III", "aVF", "aVL", "aVR")
"""Leads with large P and QRS first, as rhythm strips are chosen."""

LOOKED_AT_S = 60.0

HELD = FEW * 24 * 3600 * 500
"""Values that are held at most: of a long recording with many leads the preferred ones are compared."""


def offered(record: Record, duration_s: float) -> dict[str, tuple[str, ...]]:
    """Return the choices of leads by name: all of a few, else the best and all independent ones that can be held.

    Parameters
    ----------
    record : the recording, or its beginning; duration_s : of all of it.
    """
    if len(record.leads) <= FEW:
        return {"best": record.leads}
    best = best_lead(record)
    every = tuple(lead for lead in INDEPENDENT_LEADS if lead in record.leads) or record.leads
    held = int(HELD // (duration_s * record.fs))
    if held < 2:
        return {"best": (best,)}
    others = [lead for lead in every if lead != best]
    if held < len(every):
        others = sorted(others, key=_place)[: held - 1]
    return {"best": (best,), "all": (best, *others)}


def _place(lead: str) -> int:
    return PREFERRED.index(lead) if lead in PREFERRED else len(PREFERRED)


def best_lead(record: Record) -> str:
    """Return the lead to look at first: the foremost of `PREFERRED` without a fault, else the first there is."""
    there = [lead for lead in PREFERRED if lead in record.leads]
    if not there:
        return record.leads[0]
    if record.leads != LEADS:
        return there[0]
    head = record.crop(0.0, min(record.duration, LOOKED_AT_S))
    faults = assess_quality(head.signal, head.fs).faults
    return next((lead for lead in there if not faults.get(lead)), there[0])


def chosen(record: Record, leads: Sequence[str]) -> Record:
    """Return a record with these of its leads, in this order."""
    if tuple(leads) == record.leads:
        return record
    signal = np.stack([record.lead(lead) for lead in leads])
    signal.setflags(write=False)
    return replace(record, signal=signal, leads=tuple(leads))


def of_all(entry: Entry, leads: tuple[str, ...]) -> Record:
    """Return these leads of a whole recording; of one over 1 h they are gathered from its files block by block.

    Raises
    ------
    RecordError
        If a block cannot be read.
    """
    if entry.whole_s is None:
        return chosen(entry.record, leads)
    signal = np.zeros((len(leads), round(entry.whole_s * entry.record.fs)), np.float32)
    opening: Record | None = None
    for block in read_blocks(entry.files, **entry.said):
        first = round(block.start_s * block.fs)
        signal[:, first : first + block.n_samples] = chosen(block, leads).signal
        opening = opening or chosen(block, leads)
    assert opening is not None
    signal.setflags(write=False)
    return replace(opening, signal=signal)
