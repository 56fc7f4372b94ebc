"""How well scores tell abnormal from normal records: AUROC, AUPRC, sensitivity, specificity, and their intervals.

Everywhere `abnormal` is (n,), bool, and `scores` (n,): the higher, the more anomalous; a record is called anomalous
when its score is above the threshold, never at it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecg_core.errors import ConfigError

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

AT_SPECIFICITY = 0.95
N_BOOTSTRAP = 1000
_BATCH_CELLS = 4_000_000  # numbers held at once while resampling: 32 MB per array


@dataclass(frozen=True)
class Estimate:
    """A figure and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Read as ".896 (.882-.909)"."""
        return f"{self.value:.3f} ({self.low:.3f}-{self.high:.3f})"


@dataclass(frozen=True)
class Metrics:
    """What is reported of one set of scores.

    Attributes
    ----------
    n_normal, n_abnormal : records.
    prevalence : share of abnormal records: the AUPRC of scores that know nothing.
    auroc, auprc, sensitivity_at_95 : None where one of the two kinds is missing.
    sensitivity, specificity : at the threshold; None without one, or without records of that kind.
    """

    n_normal: int
    n_abnormal: int
    prevalence: float
    auroc: Estimate | None
    auprc: Estimate | None
    sensitivity_at_95: Estimate | None
    sensitivity: Estimate | None
    specificity: Estimate | None


@dataclass(frozen=True)
class Ordered:
    """Records by descending score, with the last of each group of equal scores marked."""

    order: NDArray[np.intp]
    positive: BoolArray
    scores: Array
    last: NDArray[np.int64]


def checked(abnormal: ArrayLike, scores: ArrayLike) -> tuple[BoolArray, Array]:
    """Return both as arrays of one length, or say what is wrong with them."""
    truth, values = np.asarray(abnormal, dtype=bool).ravel(), np.asarray(scores, dtype=np.float64).ravel()
    if truth.shape != values.shape:
        raise ConfigError(f"Expected one score per record; found {values.size} scores for {truth.size} records.")
    if not np.isfinite(values).all():
        raise ConfigError(f"Expected finite scores; {int((~np.isfinite(values)).sum())} of {values.size} are not.")
    return truth, values


def both_kinds(abnormal: BoolArray) -> None:
    """Refuse a set in which normal or abnormal records are missing."""
    if abnormal.all() or not abnormal.any():
        raise ConfigError("Expected normal and abnormal records; found only one of the two kinds.")


def by_score(abnormal: BoolArray, scores: Array) -> Ordered:
    """Sort by descending score."""
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last = np.append(np.flatnonzero(np.diff(ordered)), len(ordered) - 1)
    return Ordered(order, abnormal[order], ordered, last)


def tallies(ordered: Ordered, weights: Array) -> tuple[Array, Array]:
    """Return true and false positives at each distinct score, shape (resamples, distinct), from record weights."""
    tp = np.cumsum(weights * ordered.positive, axis=-1)[..., ordered.last]
    fp = np.cumsum(weights * ~ordered.positive, axis=-1)[..., ordered.last]
    return tp, fp


def _auroc(tp: Array, fp: Array) -> Array:
    """Return the area under the ROC curve: the trapezoids give a tie half."""
    before_tp = np.concatenate([np.zeros_like(tp[..., :1]), tp[..., :-1]], axis=-1)
    step = np.diff(fp, axis=-1, prepend=0.0)
    return np.asarray((step * (tp + before_tp)).sum(-1) / (2.0 * tp[..., -1] * fp[..., -1]))


def _auprc(tp: Array, fp: Array) -> Array:
    """Return the average precision: precision weighted by the steps of sensitivity, no interpolation."""
    flagged = tp + fp
    precision = np.divide(tp, flagged, out=np.zeros_like(tp), where=flagged > 0)
    return np.asarray((np.diff(tp, axis=-1, prepend=0.0) * precision).sum(-1) / tp[..., -1])


def _sensitivity_at(tp: Array, fp: Array, specificity: float) -> Array:
    """Return the largest sensitivity that leaves at least this specificity."""
    allowed = fp <= (1.0 - specificity) * fp[..., -1:] + 1e-9
    return np.asarray(np.where(allowed, tp, 0.0).max(-1) / tp[..., -1])


def auroc(abnormal: ArrayLike, scores: ArrayLike) -> float:
    """Return the probability that an abnormal record scores higher than a normal one (a tie counts half)."""
    truth, values = checked(abnormal, scores)
    both_kinds(truth)
    ordered = by_score(truth, values)
    return float(_auroc(*tallies(ordered, np.ones(len(truth)))))


def auprc(abnormal: ArrayLike, scores: ArrayLike) -> float:
    """Return the area under the precision-recall curve (average precision); read it beside the prevalence."""
    truth, values = checked(abnormal, scores)
    both_kinds(truth)
    return float(_auprc(*tallies(by_score(truth, values), np.ones(len(truth)))))


def sensitivity_at_specificity(abnormal: ArrayLike, scores: ArrayLike, specificity: float = AT_SPECIFICITY) -> float:
    """Return the largest sensitivity of any threshold that leaves at least this specificity."""
    truth, values = checked(abnormal, scores)
    both_kinds(truth)
    return float(_sensitivity_at(*tallies(by_score(truth, values), np.ones(len(truth))), specificity))


def sensitivity(abnormal: ArrayLike, scores: ArrayLike, threshold: float) -> float:
    """Return the share of abnormal records above the threshold; NaN without abnormal records."""
    truth, values = checked(abnormal, scores)
    return float((values[truth] > threshold).mean()) if truth.any() else float("nan")


def specificity(abnormal: ArrayLike, scores: ArrayLike, threshold: float) -> float:
    """Return the share of normal records at or below the threshold; NaN without normal records."""
    truth, values = checked(abnormal, scores)
    return float((values[~truth] <= threshold).mean()) if not truth.all() else float("nan")


def roc_curve(abnormal: ArrayLike, scores: ArrayLike) -> tuple[Array, Array, Array]:
    """Return (1 - specificity, sensitivity, threshold), from (0, 0); flagged is what scores at least the threshold."""
    truth, values = checked(abnormal, scores)
    both_kinds(truth)
    ordered = by_score(truth, values)
    tp, fp = tallies(ordered, np.ones(len(truth)))
    thresholds = np.concatenate([[np.inf], ordered.scores[ordered.last]])
    return np.concatenate([[0.0], fp / fp[-1]]), np.concatenate([[0.0], tp / tp[-1]]), thresholds


def pr_curve(abnormal: ArrayLike, scores: ArrayLike) -> tuple[Array, Array, Array]:
    """Return (sensitivity, ppv, threshold) from the highest score down; flagged scores at least the threshold."""
    truth, values = checked(abnormal, scores)
    both_kinds(truth)
    ordered = by_score(truth, values)
    tp, fp = tallies(ordered, np.ones(len(truth)))
    return tp / tp[-1], tp / (tp + fp), ordered.scores[ordered.last]


def resamples(positive: BoolArray, n: int, seed: int) -> Iterator[Array]:
    """Yield how often each record is drawn, (some resamples, n_records), normals and abnormals drawn apart."""
    rng = np.random.default_rng(seed)
    batch = max(1, _BATCH_CELLS // max(1, positive.size))
    for start in range(0, n, batch):
        size = min(batch, n - start)
        counts = np.zeros((size, positive.size))
        for kind in (positive, ~positive):
            members = np.flatnonzero(kind)
            if members.size:
                drawn = rng.integers(0, members.size, (size, members.size))
                drawn += np.arange(size)[:, None] * members.size
                counted = np.bincount(drawn.ravel(), minlength=size * members.size)
                counts[:, members] = counted.reshape(size, members.size)
        yield counts


def _figures(ordered: Ordered, weights: Array, above: BoolArray | None) -> dict[str, Array]:
    """Return every figure for each row of weights; `above` says which of the ordered records are anomalous."""
    figures: dict[str, Array] = {}
    n_positive = float(ordered.positive.sum())
    n_negative = float(ordered.positive.size) - n_positive
    if n_positive and n_negative:
        tp, fp = tallies(ordered, weights)
        figures["auroc"] = _auroc(tp, fp)
        figures["auprc"] = _auprc(tp, fp)
        figures["sensitivity_at_95"] = _sensitivity_at(tp, fp, AT_SPECIFICITY)
    if above is not None:
        if n_positive:
            figures["sensitivity"] = weights @ (ordered.positive & above) / n_positive
        if n_negative:
            figures["specificity"] = weights @ (~ordered.positive & ~above) / n_negative
    return figures


def measure(
    abnormal: ArrayLike, scores: ArrayLike, threshold: ArrayLike | None = None, n: int = N_BOOTSTRAP, seed: int = 0
) -> Metrics:
    """Return every figure with its interval: the 2.5th and 97.5th percentile of a stratified bootstrap.

    Normals and abnormals are drawn with replacement apart (Efron and Tibshirani 1993, section 8.3), so that each
    resample keeps the prevalence; the same seed gives the same intervals.

    Parameters
    ----------
    abnormal : (n_records,), bool.
    scores : (n_records,).
    threshold : where sensitivity and specificity are wanted, one number or one per record (records with masked
        leads have their own); never chosen on these records.
    n : resamples.
    seed : of the resampling.
    """
    truth, values = checked(abnormal, scores)
    ordered = by_score(truth, values)
    above = None if threshold is None else (values > np.asarray(threshold, np.float64))[ordered.order]
    point = _figures(ordered, np.ones(truth.size), above)
    drawn = [_figures(ordered, weights, above) for weights in resamples(ordered.positive, n, seed)] if point else []
    estimates: dict[str, Estimate] = {}
    for name, value in point.items():
        low, high = np.quantile(np.concatenate([d[name] for d in drawn]), [0.025, 0.975])
        estimates[name] = Estimate(float(value), float(low), float(high))
    return Metrics(
        n_normal=int((~truth).sum()),
        n_abnormal=int(truth.sum()),
        prevalence=float(truth.mean()) if truth.size else float("nan"),
        auroc=estimates.get("auroc"),
        auprc=estimates.get("auprc"),
        sensitivity_at_95=estimates.get("sensitivity_at_95"),
        sensitivity=estimates.get("sensitivity"),
        specificity=estimates.get("specificity"),
    )
