"""A patient's second dominant shape: beats that come in sustained stretches, on time, beside the dominant ones.

A bundle branch block or a pre-excitation that comes and goes gives a patient two usual shapes, and beside one dominant
beat all of the other shape look odd. A shape counts as a second dominant one where many beats have it, most of them in
long stretches, nearly none of them early, and where its QRS complex is not far wider: premature beats are early, and
alternate with the others or come a few at a time; a ventricular rhythm is far wider. What of that is asked was chosen
on DS1 of MIT-BIH, where shapes of ventricular beats are many and none passes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_core.ambulatory.cutting import Cut
from ecg_core.ambulatory.dominant import BEFORE, find_dominant, lag_of
from ecg_core.ambulatory.evidence import ALIKE

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

CANDIDATES = 3
"""Shapes that are looked at, the most frequent first: premature beats may be more than those of a second shape."""

SHARE = 0.1
"""Of the beats at least so many must have the shape."""

STRETCH = 6
"""So many beats of the shape in a row are a stretch."""

IN_STRETCHES = 0.7
"""Of the beats of the shape at least so many must lie in stretches."""

FEWEST = 30
"""So many beats must lie in stretches."""

EARLY = 0.85
"""A beat is early after this share of the local interval."""

ON_TIME = 0.9
"""Of the beats of the shape at least so many must not be early."""

WIDEST, WIDE = 2.0, 40
"""The QRS complex may be so many times as wide as the dominant one, and so wide (samples at 360 Hz, see `width`)."""

AROUND_QRS = slice(BEFORE - 36, BEFORE + 58)


def find_second(cut: Cut, dominant: F32, likeness: F64) -> F32 | None:
    """Return the second dominant shape of the beats that a patient is learnt from, (n_leads, WIDTH) in mV, or None.

    Parameters
    ----------
    cut : consecutive beats.
    dominant : (n_leads, WIDTH), the dominant beat, mV.
    likeness : (n,), correlation of QRS complexes with it, mean over leads.
    """
    left = likeness < ALIKE
    for _ in range(CANDIDATES):
        if left.sum() < max(FEWEST, SHARE * len(cut) / 2):
            return None
        template = find_dominant(cut.beats[left]).template
        also = np.mean([lag_of(cut.beats[:, k], row)[1] for k, row in enumerate(template)], axis=0)
        members = (also >= ALIKE) & (also > likeness)
        if _is_dominant(cut, members) and width(template) <= min(WIDEST * width(dominant), WIDE):
            return template
        left &= also < ALIKE
    return None


def _is_dominant(cut: Cut, members: Bools) -> bool:
    """Return whether beats of one shape are many, in stretches, and on time."""
    held = int(in_stretches(members).sum())
    n = int(members.sum())
    if held < max(FEWEST, IN_STRETCHES * n) or n < SHARE * len(cut):
        return False
    early = cut.before[members] < EARLY * cut.local[members]  # what is not known is not early
    return bool(1.0 - early.mean() >= ON_TIME)


def in_stretches(members: Bools) -> Bools:
    """Return which beats lie among `STRETCH` members or more in a row, (n,)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], members, [False])).astype(np.int8)))
    held = np.zeros(len(members), np.bool_)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        held[start:stop] = stop - start >= STRETCH
    return held


def width(template: F32) -> float:
    """Return the standard deviation in time of a QRS complex's squared slope over all leads, samples."""
    power = np.square(np.diff(template[:, AROUND_QRS].astype(np.float64), axis=1)).sum(axis=0)
    time = np.arange(len(power))
    total = power.sum() + 1e-12
    middle = (power * time).sum() / total
    return float(np.sqrt((power * np.square(time - middle)).sum() / total)) + 1.0
