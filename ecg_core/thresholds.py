"""Rules that put a threshold on scores: conformal prediction, which is shipped, and the classical ones beside it.

Each takes validation scores (never those it is reported on) and returns one number; anomalous is what scores above.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import genpareto

from ecg_core.calibration import conformal_rank
from ecg_core.errors import ConfigError
from ecg_core.metrics import pr_curve, roc_curve

Array = NDArray[np.float64]

POT_LEVEL = 0.90
POT_RATE = 0.01


def _normals(normal_scores: ArrayLike) -> Array:
    """Return the scores as an array, or say that there are none or that some are not finite."""
    values = np.asarray(normal_scores, dtype=np.float64).ravel()
    if values.size == 0 or not np.isfinite(values).all():
        raise ConfigError("Expected finite scores of at least one normal record.")
    return values


def conformal_threshold(normal_scores: ArrayLike, false_alarm_rate: float = 0.05) -> float | None:
    """Return the threshold that a new normal record exceeds with at most this probability.

    The ceil((n + 1)(1 - rate))-th smallest of n normal scores. It holds for any distribution, on average over
    calibration sets, as long as the new record comes from the same population (split conformal prediction: Vovk et
    al. 2005, DOI 10.1007/b106715; for outliers Bates et al. 2023, DOI 10.1214/22-AOS2244).

    Returns
    -------
    None where n is too small to show the rate: below 1 / rate - 1 normals no finite threshold keeps it.
    """
    values = np.sort(_normals(normal_scores))
    rank = conformal_rank(values.size, false_alarm_rate)
    return float(values[rank - 1]) if rank <= values.size else None


def percentile_95(normal_scores: ArrayLike) -> float:
    """Return the 95th percentile of normal scores (linear interpolation, no finite-sample correction)."""
    return float(np.percentile(_normals(normal_scores), 95.0))


def mean_plus_2sd(normal_scores: ArrayLike) -> float:
    """Return the mean of normal scores plus two standard deviations (n - 1): 2.3 % if they were Gaussian."""
    values = _normals(normal_scores)
    if values.size < 2:
        raise ConfigError("Expected at least two normal records for a standard deviation; found one.")
    return float(values.mean() + 2.0 * values.std(ddof=1))


def _below(scores: ArrayLike, level: float) -> float:
    """Return a threshold just below `level`: halfway to the next lower score, so that `level` itself is above it."""
    values = np.asarray(scores, dtype=np.float64)
    lower = values[values < level]
    return float((lower.max() + level) / 2.0) if lower.size else float(np.nextafter(level, -np.inf))


def max_f1(abnormal: ArrayLike, scores: ArrayLike) -> float:
    """Return the threshold with the highest F1 (needs abnormal records, and depends on their share)."""
    recall, ppv, thresholds = pr_curve(abnormal, scores)
    total = recall + ppv
    f1 = np.divide(2.0 * recall * ppv, total, out=np.zeros_like(total), where=total > 0)
    return _below(scores, float(thresholds[np.argmax(f1)]))


def youden_j(abnormal: ArrayLike, scores: ArrayLike) -> float:
    """Return the threshold with the highest sensitivity + specificity - 1 (Youden 1950)."""
    false_alarms, found, thresholds = roc_curve(abnormal, scores)
    return _below(scores, float(thresholds[1:][np.argmax((found - false_alarms)[1:])]))


def peaks_over_threshold(normal_scores: ArrayLike, rate: float = POT_RATE, level: float = POT_LEVEL) -> float:
    """Return the score that normals exceed at `rate`, from a generalised Pareto tail (Siffer et al. 2017).

    DOI 10.1145/3097983.3098144, equation 1: z = t + s/g ((rate n / N_t)^-g - 1) with t the `level` quantile, N_t
    the excesses above it, and shape g and scale s fitted to them. Deviations: the fit is scipy's maximum
    likelihood instead of Grimshaw's trick, the level .90 instead of .98 (914 normals leave 18 above .98), and
    nothing is updated with new scores.
    """
    values = _normals(normal_scores)
    if not 0.0 < rate < 1.0 - level:
        raise ConfigError(f"Expected a rate below {1.0 - level:.2g}, the share above the tail's start; found {rate:g}.")
    start = float(np.quantile(values, level))
    excess = values[values > start] - start
    if excess.size < 10:
        raise ConfigError(f"Expected at least 10 scores above the {level:.0%} quantile; found {excess.size}.")
    shape, _, scale = genpareto.fit(excess, floc=0.0)
    ratio = rate * values.size / excess.size
    if abs(shape) < 1e-8:
        return start - float(scale) * math.log(ratio)
    return start + float(scale / shape) * (ratio ** -float(shape) - 1.0)


RULES: dict[str, Callable[[Array, Array], float | None]] = {
    "conformal, 5 %": lambda normal, _: conformal_threshold(normal, 0.05),
    "95th percentile of normals": lambda normal, _: percentile_95(normal),
    "mean + 2 SD of normals": lambda normal, _: mean_plus_2sd(normal),
    "max F1": lambda normal, abnormal: max_f1(*_joined(normal, abnormal)),
    "Youden's J": lambda normal, abnormal: youden_j(*_joined(normal, abnormal)),
    "peaks over threshold, 1 %": lambda normal, _: peaks_over_threshold(normal),
}
"""Every rule by the name it is reported under, as a function of (normal, abnormal) validation scores."""


def _joined(normal: Array, abnormal: Array) -> tuple[NDArray[np.bool_], Array]:
    """Return labels and scores of both kinds in one array each."""
    return np.repeat([False, True], [len(normal), len(abnormal)]), np.concatenate([normal, abnormal])
