"""From features to evidence: how rarely a normal beat is so far from its patient's other beats.

Each group of features is centred on the record's median and divided by its spread; a Gaussian with Ledoit and Wolf's
covariance (2004, doi:10.1016/S0047-259X(03)00096-4), fitted on normal beats of the training patients, gives a distance,
and the distances of the same normal beats say what share of them is as far: the evidence is minus its logarithm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

KNOTS = 200
MAD_TO_SD = 1.4826
ALIKE = 0.85
"""A beat whose QRS complex correlates as much with the dominant one, in the mean over leads, is of its shape."""


@dataclass(frozen=True, eq=False)
class Survival:
    """Minus the logarithm of the share of normals above a value.

    Attributes
    ----------
    values, logs : (KNOTS,), both ascending; beyond the last one `logs` goes on along the logarithm of the value.
    """

    values: F64
    logs: F64

    def __call__(self, x: F64) -> F64:
        """Return the evidence of values, same shape."""
        out = np.interp(x, self.values, self.logs)
        last, before = self.values[-1], self.values[len(self.values) * 3 // 4]
        steep = (self.logs[-1] - self.logs[len(self.values) * 3 // 4]) / max(np.log(last / before), 1e-3)
        beyond = x > last
        return np.where(beyond, self.logs[-1] + steep * np.log(np.maximum(x, last) / last), out)


def fit_survival(normal: F64) -> Survival:
    """Return the survival function of positive values of normals, (n,)."""
    n = len(normal)
    shares = np.geomspace(1.0, 3.0 / n, KNOTS)
    values = np.maximum.accumulate(np.quantile(normal, 1.0 - shares))
    values = np.maximum(values, 1e-9) + 1e-12 * np.arange(KNOTS)
    return Survival(values, -np.log(shares))


@dataclass(frozen=True, eq=False)
class Spread:
    """Where a record's own beats lie: median and spread of each feature, (..., n_features)."""

    middle: F64
    spread: F64

    def scale(self, features: F64) -> F64:
        """Return features in units of the record's own spread."""
        return (features - self.middle) / self.spread


def alike(correlation: F64) -> NDArray[np.bool_]:
    """Return which beats have the shape that most of a record's beats have, (n,): half of them at least.

    Parameters
    ----------
    correlation : (n,), with the dominant beat.
    """
    return np.asarray(correlation >= min(ALIKE, float(np.median(correlation))))


def spread_of(features: F64, smallest: F64 | float, others: F64 | None = None) -> Spread:
    """Return median and median absolute deviation of features over beats, (n_beats, ..., n_features).

    Parameters
    ----------
    smallest : spread below which a record's beats are called equal.
    others : (n_features,), spread in most patients; the geometric mean of it and the record's own is taken: a few
        minutes say little of a record's own, and ectopic beats among them too much.
    """
    middle = np.median(features, axis=0)
    own = np.maximum(MAD_TO_SD * np.median(np.abs(features - middle), axis=0), smallest)
    return Spread(middle, own if others is None else np.sqrt(own * others))


@dataclass(frozen=True, eq=False)
class Group:
    """A Gaussian of some features of normal beats, and the survival function of their distances.

    Attributes
    ----------
    mean : (k,); whiten : (k, k); limit : of a scaled feature, either way.
    """

    mean: F64
    whiten: F64
    survival: Survival

    def distance(self, scaled: F64) -> F64:
        """Return the Mahalanobis distance of scaled features, (..., k)."""
        z = (np.asarray(scaled) - self.mean)[..., None, :] * self.whiten
        return np.sqrt(np.square(z.sum(axis=-1)).sum(axis=-1))

    def evidence(self, scaled: F64) -> F64:
        """Return -log of the share of normal beats that are as far, (...)."""
        return self.survival(self.distance(scaled))


def fit_group(scaled: F64) -> Group:
    """Fit a group on scaled features of normal beats, (n, k)."""
    from sklearn.covariance import ledoit_wolf

    mean = np.median(scaled, axis=0)
    covariance, _ = ledoit_wolf(scaled - mean, assume_centered=True)
    values, vectors = np.linalg.eigh(covariance)
    group = Group(mean, (vectors / np.sqrt(values)).T, Survival(np.zeros(0), np.zeros(0)))
    return Group(group.mean, group.whiten, fit_survival(group.distance(scaled)))


def pack(groups: Mapping[str, Group]) -> dict[str, F64]:
    """Return the arrays of groups by name."""
    return {
        f"{name}/{part}": value
        for name, group in groups.items()
        for part, value in {
            "mean": group.mean,
            "whiten": group.whiten,
            "values": group.survival.values,
            "logs": group.survival.logs,
        }.items()
    }


def unpack(arrays: Mapping[str, F64]) -> dict[str, Group]:
    """Return groups from the arrays that `pack` made."""
    names = dict.fromkeys(key.rsplit("/", 1)[0] for key in arrays)
    return {
        name: Group(
            arrays[f"{name}/mean"],
            arrays[f"{name}/whiten"],
            Survival(arrays[f"{name}/values"], arrays[f"{name}/logs"]),
        )
        for name in names
    }
