"""Measurements as normal scores: how far each stands from normals', by its rank among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ecg_core.measurements.registry import REGISTRY

Array = NDArray[np.float64]

N_QUANTILES = 400
TAIL = 12
"""Quantiles at either end whose slope goes on beyond the last."""

CLIP = 6.0
SIGN_FROM = 1.0
"""A sign counts from this many normal scores on its abnormal side."""


@dataclass(frozen=True)
class RankScores:
    """What maps measurements to normal scores.

    Attributes
    ----------
    names : of the measurements, shape (n_names,).
    quantiles : shape (n_names, 400), of the normals, ascending.
    """

    names: tuple[str, ...]
    quantiles: Array

    def transform(self, values: Array) -> Array:
        """Return normal scores, shape (n, n_names), within +-6; what is missing, NaN, scores 0: no evidence.

        Values that many normals share (no Q wave) score in the middle of their ranks.
        """
        out = np.empty(values.shape)
        for k, (at, z, low_slope, high_slope) in enumerate(self._knots):
            v = values[:, k]
            score = np.interp(v, at, z)
            score = np.where(v < at[0], z[0] + (v - at[0]) / low_slope, score)
            out[:, k] = np.where(v > at[-1], z[-1] + (v - at[-1]) / high_slope, score)
        return np.clip(np.nan_to_num(out, nan=0.0, posinf=CLIP, neginf=-CLIP), -CLIP, CLIP)

    @cached_property
    def _knots(self) -> list[tuple[Array, Array, float, float]]:
        """Distinct quantiles of each measurement, their normal scores, and the slopes beyond the lowest and highest."""
        levels = ndtri((np.arange(N_QUANTILES) + 0.5) / N_QUANTILES)
        span = levels[TAIL] - levels[0]
        found = []
        for q in self.quantiles:
            at, place = np.unique(q, return_inverse=True)
            least = max(1e-3 * (q[-1] - q[0]), 1e-12)
            low, high = max(q[TAIL] - q[0], least) / span, max(q[-1] - q[-1 - TAIL], least) / span
            found.append((at, np.bincount(place, levels) / np.bincount(place), low, high))
        return found


def fit_rank_scores(values: Array, names: Sequence[str]) -> RankScores:
    """Fit on normals.

    Parameters
    ----------
    values : shape (n, n_names), NaN where missing.
    """
    levels = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
    return RankScores(tuple(names), np.nanquantile(values, levels, axis=0).T)


def signed(z: Array, names: Sequence[str]) -> Array:
    """Return the normal scores that have an abnormal side, that side up, shape (n, n_signs).

    Parameters
    ----------
    z : shape (n, n_names), normal scores.
    """
    side = np.array([{"high": 1.0, "low": -1.0, None: 0.0}[REGISTRY[name].abnormal] for name in names])
    return np.asarray(z[:, side != 0] * side[side != 0])


def signs_score(z: Array, names: Sequence[str]) -> Array:
    """Return the sum over one-sided clinical signs of how far each stands on its abnormal side, squared, shape (n,).

    Parameters
    ----------
    z : shape (n, n_names), normal scores.
    """
    return np.asarray((np.maximum(signed(z, names) - SIGN_FROM, 0.0) ** 2).sum(axis=1))
