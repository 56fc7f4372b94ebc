"""The curves of a model on held-out records, with bootstrap bands, and the file that carries them with a checkpoint.

`curves.json` lies beside `config.json`, names the weights it was measured with, and has a line for each array.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecg_core.config import from_dict
from ecg_core.errors import CheckpointError, ConfigError
from ecg_core.metrics import N_BOOTSTRAP, Estimate, both_kinds, by_score, checked, resamples, tallies

Array = NDArray[np.float64]

FILE = "curves.json"
FORMAT = 1
DIGITS = 4
N_BINS = 60
HIGHEST_SHOWN = 0.99
"""Quantile of the abnormal scores at which the histogram ends; its last bin holds what is above."""

FALSE_ALARM_RATES: tuple[float, ...] = (*(k / 200 for k in range(20)), *(k / 100 for k in range(10, 101)))
SENSITIVITIES: tuple[float, ...] = tuple(k / 100 for k in range(1, 101))


@dataclass(frozen=True)
class Band:
    """A curve with its pointwise 95 % bootstrap interval: `value`, `low` and `high` at each `at`, (n,) each."""

    at: tuple[float, ...]
    value: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class Histogram:
    """How many normal and abnormal records score in each bin.

    Attributes
    ----------
    edges : (n_bins + 1,) scores, in equal steps of asinh(score), for the tail is long; the last bin also holds what
        is above.
    normal, abnormal : (n_bins,) records.
    """

    edges: tuple[float, ...]
    normal: tuple[int, ...]
    abnormal: tuple[int, ...]


@dataclass(frozen=True)
class Curves:
    """What `curves.json` says.

    Attributes
    ----------
    checkpoint : sha256 of the weights that were measured.
    roc : sensitivity at each false-alarm rate.
    pr : positive predictive value at each sensitivity.
    scores : the distribution of the record scores.
    """

    format: int
    checkpoint: str
    n_normal: int
    n_abnormal: int
    resamples: int
    roc: Band
    pr: Band
    scores: Histogram


def _sensitivity_at(tp: Array, fp: Array) -> Array:
    """Return the largest sensitivity within each false-alarm rate, (n rates,), of one resample."""
    allowed = np.searchsorted(fp, np.asarray(FALSE_ALARM_RATES) * fp[-1] + 1e-9, side="right")
    return np.asarray(np.append(0.0, tp)[allowed] / tp[-1])


def _ppv_at(tp: Array, fp: Array) -> Array:
    """Return the precision of the highest threshold that finds each share of the abnormals, (n sensitivities,)."""
    first = np.searchsorted(tp, np.asarray(SENSITIVITIES) * tp[-1] - 1e-9, side="left")
    return np.asarray(tp[first] / (tp + fp)[first])


def _band(at: tuple[float, ...], value: Array, drawn: list[Array]) -> Band:
    low, high = np.quantile(np.stack(drawn), [0.025, 0.975], axis=0)
    return Band(at, *(tuple(round(float(v), DIGITS) for v in row) for row in (value, low, high)))


def _histogram(truth: NDArray[np.bool_], values: Array) -> Histogram:
    low, high = np.arcsinh([values.min(), np.quantile(values[truth], HIGHEST_SHOWN)])
    edges = np.sinh(np.linspace(low, max(high, low + 1e-2), N_BINS + 1)).round(DIGITS)
    inside = np.clip(values, edges[0], edges[-1])
    counts = [np.histogram(inside[kind], edges)[0] for kind in (~truth, truth)]
    return Histogram(tuple(map(float, edges)), *(tuple(int(c) for c in row) for row in counts))


def measure_curves(
    abnormal: ArrayLike, scores: ArrayLike, checkpoint: str, n: int = N_BOOTSTRAP, seed: int = 0
) -> Curves:
    """Return the curves of one model, with the resamples that `metrics.measure` draws for the same seed.

    Parameters
    ----------
    abnormal : (n_records,), bool.
    scores : (n_records,).
    checkpoint : sha256 of the weights that gave the scores.
    n : resamples.
    seed : of the resampling.
    """
    truth, values = checked(abnormal, scores)
    both_kinds(truth)
    ordered = by_score(truth, values)
    point = tallies(ordered, np.ones(truth.size))
    roc, pr = [], []
    for weights in resamples(ordered.positive, n, seed):
        for tp, fp in zip(*tallies(ordered, weights), strict=True):
            roc.append(_sensitivity_at(tp, fp))
            pr.append(_ppv_at(tp, fp))
    return Curves(
        format=FORMAT,
        checkpoint=checkpoint,
        n_normal=int((~truth).sum()),
        n_abnormal=int(truth.sum()),
        resamples=n,
        roc=_band(FALSE_ALARM_RATES, _sensitivity_at(*point), roc),
        pr=_band(SENSITIVITIES, _ppv_at(*point), pr),
        scores=_histogram(truth, values),
    )


def measure_at(
    abnormal: ArrayLike, scores: ArrayLike, thresholds: ArrayLike, n: int = N_BOOTSTRAP, seed: int = 0
) -> list[tuple[Estimate, Estimate]]:
    """Return sensitivity and specificity at each threshold, with the resamples that `metrics.measure` draws."""
    truth, values = checked(abnormal, scores)
    both_kinds(truth)
    ordered = by_score(truth, values)
    above = ordered.scores[:, None] > np.asarray(thresholds, np.float64).ravel()  # (n_records, n_thresholds)
    kinds = ((above & ordered.positive[:, None], truth.sum()), (~above & ~ordered.positive[:, None], (~truth).sum()))
    found = []
    for hits, total in kinds:
        shares = np.concatenate([w @ hits.astype(np.float64) for w in resamples(ordered.positive, n, seed)]) / total
        low, high = np.quantile(shares, [0.025, 0.975], axis=0)
        value = hits.sum(axis=0) / total
        found.append([Estimate(*map(float, row)) for row in zip(value, low, high, strict=True)])
    return list(zip(*found, strict=True))


def write_curves(curves: Curves, folder: str | Path) -> None:
    """Write curves.json, one line for each array, in one move."""
    path = Path(folder) / FILE
    part = path.with_name(f"{FILE}.part")
    part.write_text(_text(asdict(curves)) + "\n", encoding="utf-8")
    part.replace(path)


def _text(value: Any, indent: str = "") -> str:
    """Return a value as JSON in which only objects are broken into lines."""
    if not isinstance(value, dict):
        return json.dumps(value, allow_nan=False)
    inner = indent + " "
    lines = [f"{inner}{json.dumps(key)}: {_text(item, inner)}" for key, item in value.items()]
    return "{\n" + ",\n".join(lines) + f"\n{indent}}}"


def read_curves(folder: str | Path, checkpoint: str) -> Curves | None:
    """Read curves.json of a checkpoint; None where none was written.

    Parameters
    ----------
    checkpoint : sha256 of the weights that the curves must be of.

    Raises
    ------
    CheckpointError
        If the file is damaged or newer, or its curves are another checkpoint's.
    """
    path = Path(folder) / FILE
    where = f"{path.parent.name}/{FILE}"
    try:
        curves = from_dict(json.loads(path.read_text(encoding="utf-8")), Curves, where)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, ConfigError) as error:
        raise CheckpointError(f"{where} is damaged ({error}); run training.evaluate --write.") from error
    if curves.format != FORMAT:
        raise CheckpointError(f"{where} has format {curves.format}; this Leadwise reads {FORMAT}; update Leadwise.")
    if curves.checkpoint != checkpoint:
        raise CheckpointError(
            f"{where} was measured with checkpoint {curves.checkpoint[:12]}, beside it lies {checkpoint[:12]}; "
            "run training.evaluate --write."
        )
    return curves
