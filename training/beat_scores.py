"""What a network alone says of beats: how badly it restores them, how rare their latents are; and its thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecg_core.metrics import auroc
from ecg_core.models.beat_registry import BeatModel
from ecg_core.models.beat_windows import restore, window_of
from training.beat_data import BeatData, Protocol, normals, windows_of

Array = NDArray[np.float64]
F32 = NDArray[np.float32]

SCORES = {
    "whole": "mean squared error over the window, as published",
    "absolute": "mean absolute error over the window, as published for 187 samples",
    "beat": "mean squared error over the beat itself, -0.25 to +0.45 s",
    "near": "squared error around the R peak, weighted by a Gaussian of 140 ms",
    "loud": "that error times the root of the energy there: what is badly restored counts more where the beat is large",
    "latent": "Mahalanobis distance of the latent among training normals",
    "relative": "log error of the beat minus its record's median: no labels, the patient's own beats",
}
SPECIFICITY = 0.95
SPREADS = 2.0
FITTED = 8000
"""Normal beats that the latent's Gaussian and the thresholds are fitted on, at most."""

CHUNK = 8192
NEAR_S = 0.14
"""Chosen on the validation beats of the random protocol."""


@dataclass(frozen=True, eq=False)
class Normals:
    """What training and validation normals look like to a network.

    Attributes
    ----------
    mean, precision : (d,) and (d, d), of training normals' latents.
    thresholds : by score, where 95 % of the validation normals lie below ("rate"), and mean + 2 SD of the training
        normals ("spread"), as published for the 187-sample network.
    validation : by score, AUROC on the validation beats: what a choice between runs may look at.
    """

    mean: Array
    precision: Array
    thresholds: dict[str, dict[str, float]]
    validation: dict[str, float] = field(default_factory=dict)

    def distance(self, z: NDArray[np.float32]) -> Array:
        """Return the Mahalanobis distance of latents, (n, d), from normal ones, (n,)."""
        centred = z.astype(np.float64) - self.mean
        return np.sqrt(np.maximum(((centred @ self.precision) * centred).sum(-1), 0.0))


def fit_gaussian(z: NDArray[np.float32]) -> tuple[Array, Array]:
    """Return mean and precision (Ledoit and Wolf 2004) of latents, (n, d)."""
    from sklearn.covariance import ledoit_wolf

    mean = z.mean(0, dtype=np.float64)
    covariance, _ = ledoit_wolf(z - mean, assume_centered=True)
    return mean, np.linalg.inv(covariance)


def minus_median(values: Array, records: NDArray[np.str_]) -> Array:
    """Return values without their record's median, (n,)."""
    return values - pd.Series(values).groupby(records).transform("median").to_numpy()


def near_error(model: BeatModel, x: F32, x_hat: F32) -> Array:
    """Return the squared error around the R peak, (n,): the beats before and after it count little."""
    window = window_of(model)
    away = (np.arange(window.n_samples) - window.before) / window.fs
    weight = np.exp(-0.5 * np.square(away / NEAR_S)).astype(np.float32)
    return (np.square(x_hat - x) @ (weight / weight.sum())).astype(np.float64)


def raw_scores(
    model: BeatModel, data: BeatData, rows: NDArray[np.int64], scale: str = "window"
) -> tuple[dict[str, Array], NDArray[np.float32]]:
    """Return errors by name and latents, (n, d), of the beats in `rows`; `scale` as in `windows_of`."""
    found: dict[str, list[Array]] = {"whole": [], "absolute": [], "beat": [], "near": [], "loud": []}
    latents = []
    for start in range(0, len(rows), CHUNK):
        x = windows_of(data, rows[start : start + CHUNK], model.config.n_samples, scale)
        out = restore(model, x)
        for name in ("whole", "absolute", "beat"):
            found[name].append(getattr(out, name))
        near = near_error(model, x, out.x_hat)
        found["near"].append(near)
        found["loud"].append(near * np.sqrt(near_error(model, x, np.zeros_like(x))))
        latents.append(out.z)
    return {name: np.concatenate(parts) for name, parts in found.items()}, np.concatenate(latents)


def records_of(data: BeatData, rows: NDArray[np.int64]) -> NDArray[np.str_]:
    """Return the record of each beat, (n,)."""
    return data.table["record"].to_numpy(str)[rows]


def score_beats(
    model: BeatModel,
    fitted: tuple[Array, Array] | Normals,
    data: BeatData,
    rows: NDArray[np.int64],
    scale: str = "window",
) -> dict[str, Array]:
    """Return every score of `SCORES` for the beats in `rows`; the record's median is over those beats."""
    scores, z = raw_scores(model, data, rows, scale)
    mean, precision = (fitted.mean, fitted.precision) if isinstance(fitted, Normals) else fitted
    scores["latent"] = Normals(mean, precision, {}).distance(z)
    scores["relative"] = minus_median(np.log(scores["beat"] + 1e-9), records_of(data, rows))
    return scores


def fit_normals(model: BeatModel, data: BeatData, protocol: Protocol, scale: str = "window") -> Normals:
    """Fit latents on training normals and thresholds on validation normals (all of them, neighbours or not)."""
    rng = np.random.default_rng(0)
    train = normals(data, protocol.train)
    train = np.sort(rng.permutation(train)[:FITTED])
    errors, z = raw_scores(model, data, train, scale)
    fitted = fit_gaussian(z)
    own = {**errors, "latent": Normals(*fitted, {}).distance(z)}
    own["relative"] = minus_median(np.log(errors["beat"] + 1e-9), records_of(data, train))
    validation = score_beats(model, fitted, data, protocol.validation, scale)
    quiet = data.table["aami"].to_numpy()[protocol.validation] == "N"
    thresholds = {
        name: {
            "rate": float(np.quantile(validation[name][quiet], SPECIFICITY)),
            "spread": float(own[name].mean() + SPREADS * own[name].std()),
        }
        for name in SCORES
    }
    told = {} if quiet.all() or not quiet.any() else {name: auroc(~quiet, validation[name]) for name in SCORES}
    return Normals(*fitted, thresholds, told)
