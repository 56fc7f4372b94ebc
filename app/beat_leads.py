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


def offered(record: Record) -> dict[str, tuple[str, ...]]:
    """Return the choices of leads by name: all of a few, else the best and all independent ones."""
    if len(record.leads) <= FEW:
        return {"best": record.leads}
    best = best_lead(record)
    every = tuple(lead for lead in INDEPENDENT_LEADS if lead in record.leads) or record.leads
    return {"best": (best,), "all": (best, *(lead for lead in every if lead != best))}


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
    parts = [chosen(block, leads) for block in read_blocks(entry.files, **entry.said)]
    signal = np.concatenate([part.signal for part in parts], axis=1)
    signal.setflags(write=False)
    return replace(parts[0], signal=signal, start_s=0.0)
