"""Beats of one shape: the dominant beat first, then the others by how many there are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
INT = NDArray[np.int64]

ALIKE = 0.9
"""Beats whose QRS complexes correlate as much over the leads, as far as these count, have one shape."""

MOST_SHAPES = 9
"""Beats that fit none of so many shapes join the nearest."""

RATE = 0.1
"""By how much of the difference a shape follows a new beat, at least."""


class Shapes:
    """Shapes met so far; a beat joins the most similar, or begins a new one.

    Parameters
    ----------
    dominant : (n_shapes, n_leads, n), QRS complexes of the dominant beat, and of the second dominant shape where there
        is one: the first shapes.
    leads : (n_leads,), how much each lead counts.
    """

    def __init__(self, dominant: F32, leads: NDArray[np.float64]) -> None:
        size = np.sqrt(np.square(_centred(dominant[:1])).sum(axis=(0, 2)) + 1e-9)
        self._scale = (size / np.sqrt(leads + 1e-6)).astype(np.float32)
        self._shapes = self._prepared(dominant)
        self._counts = [1] * len(dominant)

    def assign(self, beats: F32) -> INT:
        """Return the shape of each beat, numbered as they came up, shape (n_beats,).

        Parameters
        ----------
        beats : (n_beats, n_leads, n), QRS complexes aligned to the dominant beat, in order of time.
        """
        prepared = self._prepared(beats)
        out = np.zeros(len(beats), np.int64)
        unlike = (prepared * self._shapes[0]).sum(axis=1) < ALIKE
        for k in np.flatnonzero(unlike):
            similar = (self._shapes * prepared[k]).sum(axis=1)
            best = int(similar.argmax())
            if similar[best] >= ALIKE or len(self._shapes) > MOST_SHAPES:
                out[k] = best
                if best:
                    self._follow(best, prepared[k])
            else:
                out[k] = len(self._shapes)
                self._shapes = np.concatenate((self._shapes, prepared[k : k + 1]))
                self._counts.append(1)
        return out

    def _follow(self, shape: int, beat: F32) -> None:
        self._counts[shape] += 1
        mixed = self._shapes[shape] + max(RATE, 1 / self._counts[shape]) * (beat - self._shapes[shape])
        self._shapes[shape] = mixed / max(float(np.sqrt(np.square(mixed).sum())), 1e-6)

    def _prepared(self, beats: F32) -> F32:
        """Return beats as unit vectors over all leads, on the dominant beat's scale, (n_beats, n_leads * n)."""
        x = (_centred(beats) / self._scale[None, :, None]).reshape(len(beats), -1)
        return np.asarray(x / np.maximum(np.sqrt(np.square(x).sum(axis=1, keepdims=True)), 1e-6), dtype=np.float32)


def _centred(beats: F32) -> F32:
    return np.asarray(beats - beats.mean(axis=2, keepdims=True), dtype=np.float32)


def by_size(assigned: INT) -> INT:
    """Return shapes renumbered: 0 stays the dominant beat, the others by size."""
    counts = np.bincount(assigned, minlength=1)
    others = sorted(range(1, len(counts)), key=lambda shape: (-counts[shape], shape))
    place = np.zeros(len(counts), np.int64)
    place[others] = np.arange(1, len(counts))
    return place[assigned]
