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


@dataclass(frozen=True, eq=False)
class RankScores:
    """What maps measurements to normal scores; each is itself alone, so that `Measurements.among` can know it again.

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
        return np.stack([self._transform(row) for row in values.astype(np.float64)]).reshape(values.shape)

    def _transform(self, v: Array) -> Array:
        """Return the normal scores of one record, shape (n_names,): all measurements at once."""
        at, z, last, low_slope, high_slope = self._knots
        each = np.arange(len(v))
        lo = np.clip(np.count_nonzero(at <= v[:, None], axis=1) - 1, 0, np.maximum(last - 1, 0))
        hi = np.minimum(lo + 1, last)
        step = at[each, hi] - at[each, lo]
        share = np.divide(v - at[each, lo], step, out=np.zeros_like(v), where=step > 0)
        score = z[each, lo] + np.clip(share, 0.0, 1.0) * (z[each, hi] - z[each, lo])
        highest = at[each, last]
        score = np.where(v < at[:, 0], z[:, 0] + (v - at[:, 0]) / low_slope, score)
        score = np.where(v > highest, z[each, last] + (v - highest) / high_slope, score)
        return np.clip(np.nan_to_num(np.where(np.isnan(v), 0.0, score), posinf=CLIP, neginf=-CLIP), -CLIP, CLIP)

    @cached_property
    def _knots(self) -> tuple[Array, Array, NDArray[np.int64], Array, Array]:
        """What `_transform` reads.

        Distinct quantiles of each measurement, padded with infinity, shape (n_names, 400); their normal scores; the
        index of the highest; and the slopes beyond the lowest and the highest, shape (n_names,).
        """
        levels = ndtri((np.arange(N_QUANTILES) + 0.5) / N_QUANTILES)
        span = levels[TAIL] - levels[0]
        q = self.quantiles
        at, z = np.full(q.shape, np.inf), np.zeros(q.shape)
        last = np.zeros(len(q), dtype=np.int64)
        for k, row in enumerate(q):
            distinct, place = np.unique(row, return_inverse=True)
            n = len(distinct)
            at[k, :n], z[k, :n], last[k] = distinct, np.bincount(place, levels) / np.bincount(place), n - 1
        least = np.maximum(1e-3 * (q[:, -1] - q[:, 0]), 1e-12)
        low = np.maximum(q[:, TAIL] - q[:, 0], least) / span
        return at, z, last, low, np.maximum(q[:, -1] - q[:, -1 - TAIL], least) / span


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
