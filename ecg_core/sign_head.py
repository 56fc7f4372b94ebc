"""Clinical signs as an encoder sees them: measurements read off its pooled features by a linear map."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ecg_core.measurements.scores import CLIP, SIGN_FROM

Array = NDArray[np.float64]

RIDGE = 100.0
"""Penalty in units of standardised features' variance over 7,118 normals; 30 to 1,000 differ by .0003 on fold 9."""


@dataclass(frozen=True)
class SignHead:
    """What reads one-sided clinical signs off pooled features.

    A network that restores ECGs has to know how wide the QRS is and where T points. What a linear map recovers of the
    measurements is held against normals on the side that is abnormal: evidence that a distance alone cannot weigh.

    Attributes
    ----------
    mean, scale : shape (n_features,), of normals' features.
    weight : shape (n_signs, n_features), float16: from standardised features to signs, abnormal side up, in units of
        the standard deviation that the readings have among normals.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weight: NDArray[np.float16]

    @cached_property
    def _matrix(self) -> NDArray[np.float32]:
        return (self.weight.astype(np.float64) / self.scale).astype(np.float32)

    def read(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the signs, shape (n, n_signs), of features (n, n_features): 0 is a normal ECG's mean, abnormal is up.

        One record at a time, for the reason that `Density.score` gives.
        """
        return np.stack([self._matrix @ one for one in features - self.mean])

    def score(self, features: NDArray[np.float32]) -> Array:
        """Return the sum of squares by which signs exceed `SIGN_FROM`, shape (n,)."""
        beyond = np.clip(self.read(features).astype(np.float64), 0.0, CLIP) - SIGN_FROM
        return np.asarray((np.maximum(beyond, 0.0) ** 2).sum(axis=1))


def fit_sign_head(features: NDArray[np.float32], signs: Array, ridge: float = RIDGE) -> SignHead:
    """Fit on normals by ridge regression.

    Parameters
    ----------
    features : shape (n, n_features), of whole records.
    signs : shape (n, n_signs), their measurements as normal scores, abnormal side up, 0 where missing.
    """
    mean = features.mean(0, dtype=np.float64)
    scale = features.std(0, dtype=np.float64) + 1e-6
    x = (features - mean) / scale
    weight = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ (signs - signs.mean(0))).T
    weight /= (x @ weight.T).std(0)[:, None] + 1e-9
    return SignHead(mean.astype(np.float32), scale.astype(np.float32), weight.astype(np.float16))
