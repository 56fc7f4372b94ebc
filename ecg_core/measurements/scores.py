"""Measurements as normal scores: how far each stands from normals', by its rank among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ecg_core.measurements.registry import REGISTRY

Array = NDArray[np.float64]

N_QUANTILES = 400
TAIL = 12
"""Quantiles at either end whose slope goes on beyond the last."""

CLIP = 6.0
SIGN_FROM = 0.5
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
        levels = ndtri((np.arange(N_QUANTILES) + 0.5) / N_QUANTILES)
        out = np.empty(values.shape)
        for k, q in enumerate(self.quantiles):
            at, place = np.unique(q, return_inverse=True)
            z = np.bincount(place, levels) / np.bincount(place)
            v = values[:, k]
            score = np.interp(v, at, z)
            low_slope = max(q[TAIL] - q[0], 1e-3 * (q[-1] - q[0]), 1e-12) / (levels[TAIL] - levels[0])
            high_slope = max(q[-1] - q[-1 - TAIL], 1e-3 * (q[-1] - q[0]), 1e-12) / (levels[TAIL] - levels[0])
            score = np.where(v < at[0], z[0] + (v - at[0]) / low_slope, score)
            out[:, k] = np.where(v > at[-1], z[-1] + (v - at[-1]) / high_slope, score)
        return np.clip(np.nan_to_num(out, nan=0.0, posinf=CLIP, neginf=-CLIP), -CLIP, CLIP)


def fit_rank_scores(values: Array, names: Sequence[str]) -> RankScores:
    """Fit on normals.

    Parameters
    ----------
    values : shape (n, n_names), NaN where missing.
    """
    levels = (np.arange(N_QUANTILES) + 0.5) / N_QUANTILES
    return RankScores(tuple(names), np.nanquantile(values, levels, axis=0).T)


def signs_score(z: Array, names: Sequence[str]) -> Array:
    """Return the sum over one-sided clinical signs of how far each stands on its abnormal side, squared, shape (n,).

    Parameters
    ----------
    z : shape (n, n_names), normal scores.
    """
    side = np.array([{"high": 1.0, "low": -1.0, None: 0.0}[REGISTRY[name].abnormal] for name in names])
    signed = side != 0
    return np.asarray((np.maximum(z[:, signed] * side[signed] - SIGN_FROM, 0.0) ** 2).sum(axis=1))
