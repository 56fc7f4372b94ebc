"""Fit what the beat detector says anomalous beats resemble; `training.beat_detector` comes here.

The probe is fitted on beats of DS1 above the threshold alone: it is asked of those, and a beat above it is of another
class far more often than any beat is. Each record's beats are judged, and the probabilities calibrated, by fits
without it. Within a class every record counts the same, however many beats of it it has. What the probe sees
(`ecg_core.ambulatory.kinds.kind_features`), the regularisation and the weights were chosen by this leaving out, DS1
alone; `training.evaluate` measures it on DS2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression

from ecg_core.ambulatory.kinds import SURE, kind_features
from ecg_core.probe import LinearProbe, better_than_chance
from training.beat_markdown import estimate, plain, table
from training.beat_probe import Fit, calibration_error, class_figures, fit_calibration, logits_of
from training.mitbih import CLASS_WORDS, CLASSES

if TYPE_CHECKING:
    from training.beat_detector import One

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]
Strings = NDArray[np.str_]

REGULARISATION = 0.01
ABSENT = -20.0
"""Logit of a class that a fit has no beats of."""

MEASURED_ON = "MIT-BIH DS1, each patient left out of the fit"


def balanced(classes: Strings, records: Strings) -> F64:
    """Return a weight for each beat, (n,), mean one: each record has as much of a class as any other that has it."""
    _, index, counts = np.unique(np.char.add(classes, records), return_inverse=True, return_counts=True)
    weights = 1.0 / counts[index]
    return np.asarray(weights / weights.mean())


def fit_balanced(x: F32, classes: Strings, records: Strings) -> Fit:
    """Return mean, scale, weight and bias of a multinomial regression in which every record counts the same."""
    weights = balanced(classes, records)
    mean, scale = np.average(x, axis=0, weights=weights), x.std(axis=0) + 1e-6
    fit = LogisticRegression(C=REGULARISATION, max_iter=300, tol=1e-3)
    fit.fit((x - mean) / scale, classes, sample_weight=weights)
    weight = np.zeros((len(CLASSES), x.shape[1]), np.float32)
    bias = np.full(len(CLASSES), ABSENT, np.float32)
    order = [CLASSES.index(name) for name in fit.classes_]
    signs = np.array([[-0.5], [0.5]]) if len(order) == 2 else np.ones((1, 1))  # of two classes one row is given
    weight[order], bias[order] = signs * fit.coef_, signs[:, 0] * fit.intercept_
    return mean.astype(np.float32), scale.astype(np.float32), weight, bias


def left_out_logits(x: F32, classes: Strings, records: Strings) -> F64:
    """Return logits of each beat from a fit without its record, (n, n_classes)."""
    out = np.zeros((len(x), len(CLASSES)))
    for name in np.unique(records):
        own = records == name
        out[own] = logits_of(fit_balanced(x[~own], classes[~own], records[~own]), x[own])
    return out


def told_of(probability: F64) -> Strings:
    """Return the class that is said of each beat, (n,); an empty name where none is likelier than not."""
    return np.where(probability.max(axis=1) >= SURE, np.array(CLASSES)[probability.argmax(axis=1)], "")


def kind_figures(told: Strings, classes: Strings, records: Strings, flagged: Bools) -> dict[str, dict[str, Any]]:
    """Return how often a class is said of its beats, and of whose beats it is said; chance is among flagged beats.

    Parameters
    ----------
    told : class said of each beat, (n,); of beats below the threshold nothing is.
    flagged : beats above the threshold, (n,).
    """
    found = class_figures(np.where(flagged, told, ""), classes, records)
    for name, row in found.items():
        row["prevalence"] = float(np.mean(classes[flagged] == name)) if flagged.any() else 0.0
    return found


def fit_kinds(records: Sequence[One], flagged: Sequence[Bools]) -> tuple[LinearProbe, dict[str, Any]]:
    """Fit, calibrate and judge the probe on the flagged beats of records.

    Parameters
    ----------
    flagged : of each record's beats, those above the threshold.

    Returns
    -------
    The probe, and what the checkpoint's config says of it.
    """
    above = np.concatenate(list(flagged))
    x = np.concatenate([kind_features(one.features, one.patient) for one in records])[above]
    classes = np.concatenate([one.classes for one in records])
    names = np.concatenate([np.full(len(one.classes), one.name) for one in records])
    held = left_out_logits(x, classes[above], names[above])
    factors, offsets = fit_calibration(held, classes[above])
    probability = softmax(factors * held + offsets, axis=1)
    told = np.full(len(classes), "", "U1")
    told[above] = told_of(probability)
    figures = kind_figures(told, classes, names, above)
    mean, scale, weight, bias = fit_balanced(x, classes[above], names[above])
    probe = LinearProbe(
        CLASSES,
        mean,
        scale,
        (factors[:, None] * weight).astype(np.float32),
        (factors * bias + offsets).astype(np.float32),
        np.array([better_than_chance(figures[name]) for name in CLASSES]),
        figures,
    )
    return probe, {
        "classes": list(CLASSES),
        "on": [bool(on) for on in probe.on],
        "measured": figures,
        "measured_on": MEASURED_ON,
        "calibration_error": calibration_error(probability, classes[above]),
    }


def kinds_text(kinds: Mapping[str, Mapping[str, Any]], on: Sequence[bool]) -> list[str]:
    """Return the figures of every class as lines."""
    lines = []
    for (name, row), is_on in zip(kinds.items(), on, strict=True):
        cells = [f"{row['beats']} beats, {row['said']} said, {row['prevalence']:.3f} of flagged beats"]
        for key in ("sensitivity", "ppv"):
            span = f" ({row[key]['low']:.3f}-{row[key]['high']:.3f})" if row[key] else ""
            cells.append(f"{key} {row[key]['value']:.3f}{span}" if row[key] else f"{key} -")
        lines.append(f"  resembles {name} ({'on' if is_on else 'off'}): {', '.join(cells)}")
    return lines


def kinds_table(kinds: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the figures of every class as a table."""
    head = ("class", "beats", "of flagged beats", "said", "sensitivity", "PPV", "better than chance")
    rows = [
        (
            f"{name}, {CLASS_WORDS[name]}",
            str(row["beats"]),
            plain(row["prevalence"]),
            str(row["said"]),
            estimate(row["sensitivity"]),
            estimate(row["ppv"]),
            "yes" if better_than_chance(row) else "no",
        )
        for name, row in kinds.items()
        if name != "N"
    ]
    return table(head, rows)
