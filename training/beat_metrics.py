"""Figures of beats, with intervals over records: beats of one patient are not independent, patients are.

A resample draws records with replacement and takes all their beats (cluster bootstrap; Field and Welsh 2007,
doi:10.1111/j.1467-9868.2007.00593.x). Accuracy is never given without sensitivity, specificity and PPV beside it: 89 of
100 beats are N, so answering N always is 89 % accurate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.metrics import AT_SPECIFICITY, Estimate, auroc, both_kinds, checked

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Strings = NDArray[np.str_]

N_BOOTSTRAP = 1000
BINS = 4000
"""Scores are put into so many bins of equal count: a resample is then a sum over records of their histograms."""

FEWEST = 5
"""A record or a class with fewer beats of a kind gets no figure."""


def histograms(abnormal: Bools, scores: Array, records: Strings) -> tuple[Array, Array]:
    """Return abnormal and normal beats by record and bin, (n_records, bins) each, bins by descending score."""
    values, bins = np.unique(-scores, return_inverse=True)
    if len(values) > BINS:
        edges = np.unique(np.quantile(-scores, np.linspace(0, 1, BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, -scores, side="left")
    _, index = np.unique(records, return_inverse=True)
    shape = (index.max() + 1, bins.max() + 1)
    tables = np.zeros((2, *shape))
    np.add.at(tables, (abnormal.astype(int), index, bins), 1.0)
    return tables[1], tables[0]


def draws(n_records: int, n: int, seed: int) -> Iterator[Array]:
    """Yield how often each record is drawn, (some resamples, n_records)."""
    rng = np.random.default_rng(seed)
    for start in range(0, n, 100):
        yield rng.multinomial(n_records, np.full(n_records, 1 / n_records), min(100, n - start)).astype(float)


def curve_figures(tp: Array, fp: Array) -> dict[str, Array]:
    """Return AUROC and the sensitivity at 5 % false alarms from counts by bin, (..., bins), highest scores first."""
    positive, negative = tp.cumsum(-1), fp.cumsum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        area = (fp * (positive - tp / 2)).sum(-1) / (positive[..., -1] * negative[..., -1])
        allowed = negative <= (1 - AT_SPECIFICITY) * negative[..., -1:] + 1e-9
        at_95 = np.where(allowed, positive, 0.0).max(-1) / positive[..., -1]
    return {"auroc": area, "sensitivity_at_95": at_95}


def counted_figures(tp: Array, fp: Array, fn: Array, tn: Array) -> dict[str, Array]:
    """Return what a threshold gives, from counts of any shape; NaN where there is nothing to divide by."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "sensitivity": tp / (tp + fn),
            "specificity": tn / (tn + fp),
            "ppv": tp / (tp + fp),
            "f1": 2 * tp / (2 * tp + fp + fn),
            "accuracy": (tp + tn) / (tp + fp + fn + tn),
        }


def _estimates(point: dict[str, Array], drawn: list[dict[str, Array]]) -> dict[str, Any]:
    """Return each figure with the 2.5th and 97.5th percentile of its resamples; None where it is not defined."""
    found: dict[str, Any] = {}
    for name, value in point.items():
        values = np.concatenate([np.atleast_1d(d[name]) for d in drawn])
        values = values[np.isfinite(values)]
        if not np.isfinite(value).all() or not len(values):
            found[name] = None
            continue
        low, high = np.quantile(values, [0.025, 0.975])
        found[name] = asdict(Estimate(float(value), float(low), float(high)))
    return found


def measure_beats(
    abnormal: Bools,
    scores: Array,
    records: Strings,
    flagged: Bools | None = None,
    n: int = N_BOOTSTRAP,
    seed: int = 0,
) -> dict[str, Any]:
    """Return every figure of a set of beats, each as {value, low, high}.

    Parameters
    ----------
    abnormal : (n_beats,).
    scores : (n_beats,), the higher, the more anomalous.
    records : (n_beats,), which record each beat is of.
    flagged : (n_beats,), beats above a threshold that was not chosen on them.
    n, seed : of the resampling.
    """
    truth, values = checked(abnormal, scores)
    both_kinds(truth)
    tp, fp = histograms(truth, values, records)
    exact = auroc(truth, values)
    point = curve_figures(tp.sum(0), fp.sum(0)) | {"auroc": np.asarray(exact)}
    counts = None
    if flagged is not None:
        counts = np.stack([_by_record(m, records) for m in _cells(truth, flagged)])
        point |= counted_figures(*counts.sum(-1))
    drawn = []
    for weights in draws(len(tp), n, seed):
        figures = curve_figures(weights @ tp, weights @ fp)
        drawn.append(figures | (counted_figures(*(weights @ c for c in counts)) if counts is not None else {}))
    return {"n_normal": int((~truth).sum()), "n_abnormal": int(truth.sum()), "n_records": len(tp)} | _estimates(
        point, drawn
    )


def _cells(truth: Bools, flagged: Bools) -> Sequence[Bools]:
    return truth & flagged, ~truth & flagged, truth & ~flagged, ~truth & ~flagged


def _by_record(mask: Bools, records: Strings) -> Array:
    """Return how many beats of each record are in a mask, records by name."""
    names, index = np.unique(records, return_inverse=True)
    return np.bincount(index, weights=mask, minlength=len(names))


def by_class(classes: Strings, scores: Array, records: Strings, flagged: Bools | None) -> dict[str, dict[str, Any]]:
    """Return the figures of each abnormal class against all beats of class N."""
    found = {}
    for name in sorted(set(classes.tolist()) - {"N"}):
        kept = (classes == "N") | (classes == name)
        if (classes == name).sum() >= FEWEST:
            flags = None if flagged is None else flagged[kept]
            figures = measure_beats(classes[kept] == name, scores[kept], records[kept], flags)
            # against N alone: PPV, F1 and accuracy would be of a mixture that does not exist
            found[name] = {k: v for k, v in figures.items() if k not in ("ppv", "f1", "accuracy", "specificity")}
    return found


def by_record(abnormal: Bools, scores: Array, records: Strings, flagged: Bools) -> list[dict[str, Any]]:
    """Return a row for each record: its beats, AUROC, and what a threshold gives; None where it has too few."""
    rows = []
    for name in np.unique(records):
        here = records == name
        bad, flags = abnormal[here], flagged[here]
        enough = min(int(bad.sum()), int((~bad).sum())) >= FEWEST
        rows.append(
            {
                "record": str(name),
                "beats": int(here.sum()),
                "abnormal": int(bad.sum()),
                "auroc": auroc(bad, scores[here]) if enough else None,
                "sensitivity": float(flags[bad].mean()) if bad.sum() >= FEWEST else None,
                "false_alarms": float(flags[~bad].mean()) if (~bad).sum() >= FEWEST else None,
            }
        )
    return rows
