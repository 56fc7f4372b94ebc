"""What was measured on held-out records, as rows and words: plain data from model infos, no streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app import words
from app.state import TITLES
from ecg_core.detection import Detection
from ecg_core.model_info import ModelInfo

Estimate = dict[str, float]

FIGURES_MEAN = (
    "Sensitivity: abnormal ECGs above the alarm threshold. False alarms: normal ECGs above it. "
    "AUROC: how often an abnormal ECG scores higher than a normal one; 0.5 is chance. AUPRC: how pure the flagged stay "
    "as more is found; read it beside the share of abnormal ECGs. In brackets the 95 % interval."
)
CLASSES_MEAN = (
    "Mark: share of these ECGs above the alarm threshold. Line: its 95 % interval. Where the lines of two models "
    "overlap widely, these records do not tell which is better. An ECG may belong to several classes."
)
ROC_MEANS = (
    "Each point is one threshold. Dashed: the alarm threshold as it is set. Shaded: 95 % interval. Diagonal: chance."
)
PR_MEANS = (
    "Where abnormal ECGs are rarer than in these records, fewer of the flagged are abnormal than this picture shows."
)
DISTRIBUTION_MEANS = (
    "Share of normal and of abnormal ECGs at each score; the scale is in percentiles of normal ECGs. Dashed: the alarm "
    "threshold. Many abnormal ECGs lie among the normal ones: below the threshold does not mean without disease."
)

CLASSES = {"STTC": "ST/T change", "MI": "Infarction", "HYP": "Hypertrophy", "CD": "Conduction"}
"""PTB-XL's diagnostic superclasses, in the order shown."""

RULES = {
    "conformal, 5 %": "In use: at most 5 of 100 new normal ECGs alarm",
    "95th percentile of normals": "95 of 100 of the calibration normals stay below",
    "mean + 2 SD of normals": "Would flag 2.3 % of normals if their scores were bell-shaped; they are not",
    "max F1": "Best balance on labelled ECGs; moves with the share of abnormal ones",
    "Youden's J": "Sensitivity and specificity weigh alike; fitted with abnormal ECGs",
    "peaks over threshold, 1 %": "A curve fitted to the highest normals; aims at 1 of 100",
}
"""What each rule of `ecg_core.thresholds` means to a reader."""


def share(value: float | None, digits: int = 0, unit: str = " %") -> str:
    """Return a share as "61 %"; a dash where it was not measured."""
    return words.DASH if value is None else f"{100 * value:.{digits}f}{unit}"


def area(estimate: Estimate | None) -> str:
    """Return "0.880 (0.865-0.893)"."""
    if not estimate:
        return words.DASH
    return f"{estimate['value']:.3f} ({estimate['low']:.3f}{words.DASH}{estimate['high']:.3f})"


def percents(value: float | None, low: float | None, high: float | None, digits: int = 0, unit: str = " %") -> str:
    """Return "61 % (58-64)"; without its unit where the table's caption says it."""
    told = share(value, digits, unit)
    if value is None or low is None or high is None:
        return told
    return f"{told} ({100 * low:.{digits}f}{words.DASH}{100 * high:.{digits}f})"


def estimate(value: Estimate | None, digits: int = 0, unit: str = " %") -> str:
    """Return an estimate as "61 % (58-64)"."""
    found = value or {}
    return percents(found.get("value"), found.get("low"), found.get("high"), digits, unit)


def measured(infos: Sequence[ModelInfo]) -> list[ModelInfo]:
    """Return the models that were measured."""
    return [info for info in infos if "overall" in info.metrics]


def subject(infos: Sequence[ModelInfo]) -> str:
    """Return which records were measured: "PTB-XL fold 10, 912 normal and 1,246 abnormal ECGs, 95 % intervals"."""
    if not infos:
        return ""
    first = infos[0]
    records = first.metrics.get("records", {})
    ptbxl = "ptbxl" in first.data.get("sources", {}) and records.get("split") == "test"
    where = "PTB-XL fold 10" if ptbxl else "Held-out records"
    overall = first.metrics["overall"]
    return f"{where}, {overall['n_normal']:,} normal and {overall['n_abnormal']:,} abnormal ECGs, 95 % intervals"


def rate_of(info: ModelInfo) -> float:
    """Return the validated false-alarm rate."""
    return float(info.calibration.get("false_alarm_rate", words.VALIDATED_RATE))


def alarm_score(info: ModelInfo, rate: float) -> float | None:
    """Return the score of the alarm threshold at a false-alarm rate; None where it was not measured."""
    point = words.expected_at(info.operating_points, rate)
    return None if point is None else float(point["threshold"])


def distribution_means(is_open: bool, marked: bool) -> str:
    """Return how to read the distributions, and where this record lies."""
    if marked:
        return f"{DISTRIBUTION_MEANS} Triangle: the record on view, filled above the threshold."
    return f"{DISTRIBUTION_MEANS} The record on view has no score to mark." if is_open else DISTRIBUTION_MEANS


def provenance(found: Sequence[Detection]) -> str:
    """Return which checkpoints computed the page."""
    return " · ".join(f"{TITLES[d.model]} {d.checkpoint}" for d in found) or "no model loaded"


COLUMNS = ("Model", "AUROC", "AUPRC", "Sensitivity", "False alarms")


def overall_rows(infos: Sequence[ModelInfo]) -> list[list[str]]:
    """Return a row per model: areas, and what the alarm threshold finds and flags."""
    rows = []
    for info in infos:
        metrics = info.metrics["overall"]
        passed = metrics.get("specificity")
        flagged = (
            {"value": 1 - passed["value"], "low": 1 - passed["high"], "high": 1 - passed["low"]} if passed else None
        )
        cells = [area(metrics.get("auroc")), area(metrics.get("auprc"))]
        rows.append([info.title, *cells, estimate(metrics.get("sensitivity")), estimate(flagged, 1)])
    return rows


def class_points(infos: Sequence[ModelInfo]) -> list[dict[str, Any]]:
    """Return sensitivity at the alarm threshold by superclass, with interval and how many records, by model."""
    points = []
    for info in infos:
        for key, name in CLASSES.items():
            row = info.metrics.get("superclass", {}).get(key)
            if row and row.get("sensitivity"):
                points.append({"model": info.name, "title": info.title, "class": name, "n": row["n_abnormal"]})
                points[-1] |= row["sensitivity"]
    return points


def class_rows(infos: Sequence[ModelInfo]) -> list[list[str]]:
    """Return the same as text, in %: a row per superclass, a column per model."""
    rows = []
    for key, name in CLASSES.items():
        found = [info.metrics.get("superclass", {}).get(key) for info in infos]
        if any(found):
            n = next(row["n_abnormal"] for row in found if row)
            cells = [estimate((row or {}).get("sensitivity"), unit="") for row in found]
            rows.append([f"{name}, {n} ECGs", *cells])
    return rows


def rule_names(infos: Sequence[ModelInfo]) -> list[str]:
    """Return the threshold rules that any model was measured with, in order."""
    return list(dict.fromkeys(row["rule"] for info in infos for row in info.metrics.get("rules", ())))


def rule_facts(infos: Sequence[ModelInfo]) -> list[tuple[str, str]]:
    """Return each rule's name and what it means."""
    return [(_capital(name), RULES[name] + ".") for name in rule_names(infos) if name in RULES]


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def rule_rows(infos: Sequence[ModelInfo]) -> list[list[str]]:
    """Return a row per threshold rule: for each model threshold, abnormal found and normal flagged, in %."""
    rows = []
    for name in rule_names(infos):
        cells = []
        for info in infos:
            row = next((r for r in info.metrics.get("rules", ()) if r["rule"] == name), {})
            threshold = row.get("threshold")
            passed, low, high = (row.get(f"specificity{b}") for b in ("", "_low", "_high"))
            flagged = [None if v is None else 1 - v for v in (passed, high, low)]
            found = [row.get(f"sensitivity{b}") for b in ("", "_low", "_high")]
            cells += [words.DASH if threshold is None else f"{threshold:.2f}"]
            cells += [percents(*found, unit=""), percents(*flagged, digits=1, unit="")]
        rows.append([_capital(name), *cells])
    return rows


def percentile_ticks(info: ModelInfo) -> list[tuple[float, str]]:
    """Return scores at which a percentile of the calibration normals lies, from the operating points."""
    wanted = {0.2: "80", 0.1: "90", 0.05: "95", 0.01: "99"}
    ticks = []
    for point in info.operating_points:
        label = next((told for rate, told in wanted.items() if abs(point["false_alarm_rate"] - rate) < 1e-9), None)
        if label:
            ticks.append((float(point["threshold"]), label))
    return sorted(ticks)
