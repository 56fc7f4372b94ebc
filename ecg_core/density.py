"""How unlikely pooled features are among normals: a shrunk Gaussian, weighted by reliability."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RELIABILITY_POWER = 4
MIN_WEIGHT = 1e-3
BLOCK = 64
"""Directions that are computed together: their rows of the matrix stay in the cache from one record to the next."""


@dataclass(frozen=True)
class Density:
    """Gaussian of normals' features, each direction weighted by how well it repeats within a record.

    Attributes
    ----------
    mean, scale : shape (n_features,): what features are centred and divided by.
    projection : shape (n_directions, n_features), float16: from scaled features to whitened directions. Half
        precision halves the checkpoint; it is fitted, calibrated and stored in it.
    weight : shape (n_directions,): ``(1 - l)^4``, with l the variance between the halves of a record.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    projection: NDArray[np.float16]
    weight: NDArray[np.float32]

    @cached_property
    def _matrix(self) -> NDArray[np.float32]:
        """From centred features to weighted directions, (n_directions, n_features)."""
        matrix = np.sqrt(self.weight.astype(np.float64))[:, None] * self.projection.astype(np.float64) / self.scale
        return matrix.astype(np.float32)

    def score(self, features: NDArray[np.float32]) -> Array:
        """Return the weighted squared Mahalanobis distance, shape (n,), of features (n, n_features).

        One record at a time: a product of matrices adds up in another order for each number of records, and a record
        must score the same alone and in company.
        """
        centred = features - self.mean
        total = np.zeros(len(centred))
        for lo in range(0, len(self._matrix), BLOCK):
            rows = self._matrix[lo : lo + BLOCK]
            for k, one in enumerate(centred):
                z = (rows @ one).astype(np.float64)
                total[k] += z @ z
        return total


def fit_density(
    features: NDArray[np.float32], first_half: NDArray[np.float32], second_half: NDArray[np.float32]
) -> Density:
    """Fit the density on normals.

    The covariance is Ledoit and Wolf's (2004, doi:10.1016/S0047-259X(03)00096-4). In the whitened space the halves'
    difference D = (h1 - h2) / 2 has the covariance D'D / n; along its eigenvectors, a direction with eigenvalue l
    varies by l within a record for 1 between records: it carries evidence only as far as it repeats.

    Parameters
    ----------
    features : (n, n_features), of whole records of normals.
    first_half, second_half : the same features of the records' two halves.
    """
    from sklearn.covariance import ledoit_wolf  # needed to fit only: scoring does without scikit-learn

    mean = features.mean(0, dtype=np.float64)
    scale = features.std(0, dtype=np.float64) + 1e-6
    covariance, _ = ledoit_wolf((features - mean) / scale, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    whiten = (vectors / np.sqrt(values)).T / scale  # (n_features, n_features)
    difference = ((first_half - second_half) / 2) @ whiten.T
    within, directions = np.linalg.eigh(difference.T @ difference / len(difference))
    weight = np.clip(1.0 - within, 0.0, None) ** RELIABILITY_POWER
    kept = weight > MIN_WEIGHT
    return make_density(mean, directions[:, kept].T @ whiten, weight[kept])


def make_density(mean: Array, projection: Array, weight: Array) -> Density:
    """Return the density with its columns scaled to a root mean square of one, where half precision is at its best."""
    scale = (1.0 / np.sqrt(np.mean(projection**2, axis=0))).astype(np.float32)
    half = (projection * scale).astype(np.float16)
    return Density(mean.astype(np.float32), scale, half, weight.astype(np.float32))
