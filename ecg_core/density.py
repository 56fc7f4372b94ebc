"""How unlikely pooled features are among normals: a shrunk Gaussian, weighted by reliability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RELIABILITY_POWER = 4
MIN_WEIGHT = 1e-3


@dataclass(frozen=True)
class Density:
    """Gaussian of normals' features, each direction weighted by how well it repeats within a record.

    Attributes
    ----------
    mean : shape (n_features,).
    projection : shape (n_directions, n_features): to whitened directions.
    weight : shape (n_directions,): ``(1 - l)^4``, with l the variance between the halves of a record.
    """

    mean: NDArray[np.float32]
    projection: NDArray[np.float32]
    weight: NDArray[np.float32]

    def score(self, features: NDArray[np.float32]) -> Array:
        """Return the weighted squared Mahalanobis distance, shape (n,), of features (n, n_features)."""
        z = (features.astype(np.float64) - self.mean) @ self.projection.astype(np.float64).T
        return np.asarray((z * z) @ self.weight.astype(np.float64))


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
    projection = directions[:, kept].T @ whiten
    return Density(mean.astype(np.float32), projection.astype(np.float32), weight[kept].astype(np.float32))
