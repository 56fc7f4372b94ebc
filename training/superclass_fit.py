"""Linear probes of several classes at once: a logistic regression a class, calibrated on held-out records."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
"""Inverse strengths of the L2 penalty that are tried, on standardised latents."""

MAX_ITER = 200


@dataclass(frozen=True)
class Labelled:
    """What is known of the records: split, patient and classes.

    Attributes
    ----------
    rows : (n,), in the prepared folder; interpretable records of PTB-XL.
    truth : (n, n_classes).
    train, validation, test : (n,) each.
    patients : (n,), which patient each record is of.
    """

    rows: NDArray[np.int64]
    truth: Bools
    train: Bools
    validation: Bools
    test: Bools
    patients: NDArray[np.int64]


@dataclass(frozen=True)
class Fit:
    """A calibrated linear map of standardised latents to one logit a class.

    Attributes
    ----------
    mean, scale : (n_features,), of the training records.
    weight, bias : (n_classes, n_features) and (n_classes,).
    penalties : chosen, one a class; empty where it is made of other fits.
    """

    mean: F32
    scale: F32
    weight: F32
    bias: F32
    penalties: tuple[float, ...] = ()

    def logits(self, z: F32) -> F64:
        """Return logits, (n, n_classes)."""
        return np.asarray(((z - self.mean) / self.scale) @ self.weight.T + self.bias, np.float64)


def log_loss(logits: F64, truth: Bools) -> float:
    """Return the mean of -log of the probability given to what was so."""
    return float(np.logaddexp(0.0, np.where(truth, -logits, logits)).mean())


def platt(logits: F64, truth: Bools) -> tuple[float, float]:
    """Return factor and offset that make expit(factor * logit + offset) likeliest (Platt 1999)."""
    fit = LogisticRegression(C=1e6, max_iter=1000).fit(logits[:, None], truth)
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])


def calibrated(logits: F64, truth: Bools) -> tuple[F64, F64]:
    """Return factors and offsets, (n_classes,) each."""
    found = [platt(logits[:, k], truth[:, k]) for k in range(truth.shape[1])]
    return np.array([a for a, _ in found]), np.array([b for _, b in found])


def fit_linear(z: F32, labels: Labelled, penalties: Sequence[float] = PENALTIES) -> Fit:
    """Fit on the training split; choose each class's penalty and calibrate on the validation split."""
    of, held = labels.train, labels.validation
    mean, scale = z[of].mean(0, dtype=np.float64), z[of].std(0, dtype=np.float64) + 1e-6
    x, x_held = ((z[of] - mean) / scale).astype(np.float32), ((z[held] - mean) / scale).astype(np.float32)
    weight, bias, chosen = [], [], []
    for k in range(labels.truth.shape[1]):
        best: tuple[float, float, F64, float] | None = None
        model = LogisticRegression(max_iter=MAX_ITER, tol=1e-3, warm_start=True)
        for penalty in sorted(penalties):
            model.set_params(C=penalty).fit(x, labels.truth[of, k])
            logits = np.asarray(x_held @ model.coef_[0] + model.intercept_[0], np.float64)
            a, b = platt(logits, labels.truth[held, k])
            loss = log_loss(a * logits + b, labels.truth[held, k])
            if best is None or loss < best[0]:
                best = loss, penalty, a * model.coef_[0], a * float(model.intercept_[0]) + b
        assert best is not None
        chosen.append(best[1])
        weight.append(best[2])
        bias.append(best[3])
    return Fit(
        mean.astype(np.float32),
        scale.astype(np.float32),
        np.array(weight, np.float32),
        np.array(bias, np.float32),
        tuple(chosen),
    )


def kept_fit(z: F32, labels: Labelled, cache: Path | None) -> Fit:
    """Return `fit_linear`, read from the cache where the same latents and labels were fitted before."""
    if cache is None:
        return fit_linear(z, labels)
    digest = hashlib.sha256(repr((PENALTIES, MAX_ITER)).encode() + labels.truth.tobytes() + labels.train.tobytes())
    digest.update(np.ascontiguousarray(z[:: max(1, len(z) // 256)]).tobytes())
    kept = cache / f"fit-{digest.hexdigest()[:12]}.npz"
    if kept.is_file():
        with np.load(kept) as arrays:
            names = ("mean", "scale", "weight", "bias")
            return Fit(*(arrays[name] for name in names), tuple(float(v) for v in arrays["penalties"]))
    fit = fit_linear(z, labels)
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(".part.npz")
    np.savez(part, **vars(fit))
    part.replace(kept)
    return fit


def mean_of(fits: Sequence[Fit], zs: Sequence[F32], labels: Labelled) -> Fit:
    """Return the mean of several probes' logits, calibrated anew, as one linear map of the latents end to end."""
    held = labels.validation
    logits = np.mean([fit.logits(z[held]) for fit, z in zip(fits, zs, strict=True)], axis=0)
    a, b = calibrated(logits, labels.truth[held])
    weight = np.concatenate([fit.weight for fit in fits], axis=1) * a[:, None] / len(fits)
    bias = a * np.mean([fit.bias for fit in fits], axis=0) + b
    mean, scale = (np.concatenate([getattr(fit, name) for fit in fits]) for name in ("mean", "scale"))
    return Fit(mean, scale, weight.astype(np.float32), bias.astype(np.float32))
