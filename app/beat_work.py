"""A long recording on its way through the detector, told how far it is. No streamlit, nothing is scored here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from app.background import Report
from ecg_core.records import Record

PIECE_S = 60.0

LONG_S = 3600.0
"""A longer recording is gone through twice: first the dominant beat is learnt from some of its beats."""

LEARNING = 0.4
"""Share of the work that the first time is, of a recording that is gone through twice."""


def pieces(record: Record, report: Report) -> Callable[[], Iterator[Record]]:
    """Return what yields a recording in pieces each time it is called, as `BeatDetector.detect_blocks` takes it.

    Parameters
    ----------
    report : told which share is done, before each piece.
    """
    starts = np.arange(0.0, max(record.duration, 1e-9), PIECE_S)
    spans = [(0.0, LEARNING), (LEARNING, 1.0)] if record.duration > LONG_S else [(0.0, 1.0)]

    def again() -> Iterator[Record]:
        low, high = spans.pop(0) if spans else (1.0, 1.0)
        for k, start in enumerate(starts):
            report(low + (high - low) * k / len(starts))
            yield record.crop(start, min(start + PIECE_S, record.duration))

    return again
