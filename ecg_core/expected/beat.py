"""The beat to be expected of a patient: the own median beat, held to what normal anatomy allows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_core.expected.phase_out import GRID, PhaseOut, level_of
from ecg_core.imputation import LeadCovariance
from ecg_core.measurements.delineation import Fiducials
from ecg_core.measurements.median_beat import AFTER, BEFORE, MedianBeat
from ecg_core.records import eight_from_twelve

F32 = NDArray[np.float32]


class ExpectedBeat(NamedTuple):
    """The expected beat of a record.

    Attributes
    ----------
    own, expected : shape (8, 576), mV at 500 Hz, on the record's own level: the median beat with unreadable leads
        imputed, and what is expected.
    sd : shape (12, 576), mV: the normals' standard deviation about the prediction.
    units : shape (12, 100): own beat less prediction in units of `sd`, on `phase_out.GRID`.
    """

    own: F32
    expected: F32
    sd: F32
    units: F32


def expected_beat(
    made: MedianBeat,
    points: Fiducials,
    rr_s: float,
    usable: NDArray[np.bool_],
    phase_out: PhaseOut,
    leads: LeadCovariance,
) -> ExpectedBeat:
    """Return the expected beat.

    Parameters
    ----------
    usable : shape (8,), leads that can be read.
    """
    raw = eight_from_twelve(made.x)
    level = level_of(raw, points.qrs_onset)
    own = leads.fill((raw - level)[None], usable[None])[0]
    level = np.where(usable[:, None], level, np.float32(0))
    on_grid = own[:, GRID]
    held = phase_out.hold(on_grid, rr_s)
    return ExpectedBeat(own + level, own + between(held.expected - on_grid) + level, between(held.sd), held.units)


def between(values: F32) -> F32:
    """Return values on `GRID`, shape (n_leads, 100), at every sample of the median beat, held beyond the ends."""
    at = np.arange(BEFORE + AFTER + 1)
    return np.stack([np.interp(at, GRID, row) for row in values]).astype(np.float32)
