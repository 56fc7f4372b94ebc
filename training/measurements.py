"""What is measured of a model on a held-out split: figures with intervals, by group, and per threshold rule."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecg_core.calibration import wilson_interval
from ecg_core.curves import Curves, measure_at, measure_curves
from ecg_core.detector import VALIDATED_RATE
from ecg_core.errors import ConfigError
from ecg_core.metrics import Metrics, auroc, measure
from ecg_core.thresholds import RULES
from training.scorers import Scored, Scorer
from training.signals import Prepared

BoolArray = NDArray[np.bool_]

AGE_BANDS = (("under 40", 0, 40), ("40 to 59", 40, 60), ("60 to 74", 60, 75), ("75 and over", 75, 200))
CLASSES = ("MI", "STTC", "CD", "HYP")
RATES = (0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.15, 0.2)
"""False-alarm rates that a user may choose among."""

N_BOOTSTRAP = 2000
SEED = 0


@dataclass(frozen=True)
class Subject:
    """The records to measure on: their rows, labels and table; only normal and abnormal ones.

    Attributes
    ----------
    data : where they come from.
    rows : (n,) indices into it.
    abnormal : (n,).
    records : (n rows).
    """

    data: Prepared
    rows: NDArray[np.int64]
    abnormal: BoolArray
    records: pd.DataFrame

    @property
    def interpretable(self) -> BoolArray:
        """Which records would get a verdict, (n,)."""
        return self.records["interpretable"].to_numpy(bool)


def subject_of(data: Prepared, split: str | None) -> Subject:
    """Return the labelled records of a split (None: of all).

    Raises
    ------
    ConfigError
        If it has no normal or no abnormal records.
    """
    rows = data.rows(split, where=lambda t: t["label"].isin(("normal", "abnormal")).to_numpy(bool))
    records = data.records.iloc[rows].reset_index(drop=True)
    abnormal = (records["label"] == "abnormal").to_numpy(bool)
    if abnormal.all() or not abnormal.any():
        raise ConfigError(f"Expected normal and abnormal records in the {split or 'whole'} split; found only one kind.")
    return Subject(data, rows, abnormal, records)


def score_subject(scorer: Scorer, subject: Subject) -> Scored:
    """Score every record: bad leads masked where interpretable, nothing masked where not."""
    masked = subject.data.bad_leads(subject.rows)
    bad = [leads if ok else () for leads, ok in zip(masked, subject.interpretable, strict=True)]
    return scorer(subject.data.signals[subject.rows], bad)


def _of(scored: Scored, subject: Subject, keep: BoolArray) -> Metrics:
    threshold = scored.threshold[keep]
    known = None if np.isnan(threshold).any() else threshold
    return measure(subject.abnormal[keep], scored.score[keep], known, N_BOOTSTRAP, SEED)


def by_superclass(scored: Scored, subject: Subject) -> dict[str, Metrics]:
    """Return each abnormal superclass against all normals."""
    found = {}
    classes = subject.records["superclasses"].fillna("").str.split(",")
    for name in CLASSES:
        member = classes.map(lambda listed, name=name: name in listed).to_numpy(bool)
        if (member & subject.abnormal).any():
            found[name] = _of(scored, subject, (member & subject.abnormal) | ~subject.abnormal)
    return found


def by_sex(scored: Scored, subject: Subject) -> dict[str, Metrics]:
    """Return abnormals against normals of the same sex."""
    sex = subject.records["sex"].fillna("")
    return {s: _of(scored, subject, (sex == s).to_numpy(bool)) for s in ("female", "male") if (sex == s).any()}


def _band(subject: Subject, low: float, high: float) -> BoolArray:
    age = subject.records["age"].to_numpy(float)
    return np.asarray((age >= low) & (age < high))


def by_age(scored: Scored, subject: Subject) -> dict[str, Metrics]:
    """Return abnormals against normals of the same age band."""
    bands = {name: _band(subject, low, high) for name, low, high in AGE_BANDS}
    return {name: _of(scored, subject, band) for name, band in bands.items() if band.any()}


def false_alarms_by_age(scored: Scored, subject: Subject) -> list[dict[str, Any]]:
    """Return, per age band, the share of interpretable normals above the shipped threshold, with Wilson's interval."""
    found: list[dict[str, Any]] = []
    if np.isnan(scored.threshold).any():
        return found
    for name, low, high in AGE_BANDS:
        keep = _band(subject, low, high) & ~subject.abnormal & subject.interpretable
        n, k = int(keep.sum()), int((scored.score > scored.threshold)[keep].sum())
        if n:
            interval = wilson_interval(k, n)
            row = {"name": name, "from": low, "to": high, "n": n, "false_alarm_rate": k / n}
            found.append({**row, "low": interval[0], "high": interval[1]})
    return found


def operating_points(scorer: Scorer, scored: Scored, subject: Subject) -> list[dict[str, float]]:
    """Return sensitivity and specificity, with Wilson's intervals, over a range of stated false-alarm rates.

    Interpretable records without masked leads: the thresholds are those of complete records.
    """
    bad = np.array([bool(leads) for leads in subject.data.bad_leads(subject.rows)])
    keep = subject.interpretable & ~bad
    points = []
    for rate in RATES:
        threshold = scorer.threshold(rate)
        if threshold is None:
            continue
        point: dict[str, float] = {"false_alarm_rate": rate, "threshold": threshold}
        for name, right in (("specificity", ~subject.abnormal), ("sensitivity", subject.abnormal)):
            hit = (scored.score > threshold) == subject.abnormal
            n, k = int((keep & right).sum()), int((keep & right & hit).sum())
            low, high = wilson_interval(k, n)
            point |= {name: k / n if n else float("nan"), f"{name}_low": low, f"{name}_high": high}
        points.append(point)
    return points


def rules_table(fitted_on: tuple[Scored, Subject], scored: Scored, subject: Subject) -> list[dict[str, Any]]:
    """Return what each threshold rule, fitted on validation scores, gives on the split measured."""
    validation, known = fitted_on
    normal = validation.score[~known.abnormal & known.interpretable]
    abnormal = validation.score[known.abnormal & known.interpretable]
    table = []
    for name, rule in RULES.items():
        try:
            threshold = rule(normal, abnormal)
        except ConfigError as error:
            table.append({"rule": name, "threshold": None, "reason": str(error)})
            continue
        table.append({"rule": name, "threshold": threshold})
    return with_shares(table, subject.abnormal, scored.score)


def with_shares(rules: list[dict[str, Any]], abnormal: BoolArray, score: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Return threshold rules with the sensitivity and specificity that their thresholds give, and intervals."""
    known = [row for row in rules if row["threshold"] is not None]
    measured = measure_at(abnormal, score, [row["threshold"] for row in known], N_BOOTSTRAP, SEED) if known else []
    shares = {}
    for row, found in zip(known, measured, strict=True):
        shares[row["rule"]] = {
            f"{name}{bound}": getattr(estimate, bound.removeprefix("_") or "value")
            for name, estimate in zip(("sensitivity", "specificity"), found, strict=True)
            for bound in ("", "_low", "_high")
        }
    return [row | shares.get(row["rule"], {}) for row in rules]


def curves_of(abnormal: BoolArray, score: NDArray[np.float64], checkpoint: str) -> Curves:
    """Return the curves that travel with a checkpoint, all records, with the resamples of the figures."""
    return measure_curves(abnormal, score, checkpoint, N_BOOTSTRAP, SEED)


def evaluate(scorer: Scorer, subject: Subject, validation: Subject | None) -> tuple[dict[str, Any], Scored]:
    """Return everything that is reported of one model, as plain JSON values, and its scores."""
    scored = score_subject(scorer, subject)
    report: dict[str, Any] = {"name": scorer.name, "title": scorer.title, "kind": scorer.kind}
    report["threshold"] = scorer.threshold(VALIDATED_RATE)
    report["false_alarm_rate"] = VALIDATED_RATE
    report["overall"] = asdict(_of(scored, subject, np.ones(len(subject.rows), bool)))
    report["interpretable"] = asdict(_of(scored, subject, subject.interpretable))
    groups = {"superclass": by_superclass, "sex": by_sex, "age": by_age}
    for name, group in groups.items():
        report[name] = {key: asdict(metrics) for key, metrics in group(scored, subject).items()}
    report["parts"] = {name: {"auroc": auroc(subject.abnormal, part)} for name, part in scored.parts.items()}
    report["age_bands"] = false_alarms_by_age(scored, subject)
    report["operating_points"] = operating_points(scorer, scored, subject)
    if validation is not None:
        report["rules"] = rules_table((score_subject(scorer, validation), validation), scored, subject)
    return report, scored


def counts_of(subject: Subject, split: str | None) -> dict[str, Any]:
    """Return how many records of which kind were measured, and how many would get no verdict."""
    lost = ~subject.interpretable
    bad = np.array([bool(leads) for leads in subject.data.bad_leads(subject.rows)])
    return {
        "split": split or "all",
        "normal": int((~subject.abnormal).sum()),
        "abnormal": int(subject.abnormal.sum()),
        "not_interpretable": {
            "normal": int((lost & ~subject.abnormal).sum()),
            "abnormal": int((lost & subject.abnormal).sum()),
        },
        "with_masked_leads": int((bad & ~lost).sum()),
    }
