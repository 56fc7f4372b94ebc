"""Measure beat detectors on recordings with marked beats; `training.evaluate` comes here for a checkpoint of beats.

    python -m training.evaluate --model beat-cae --data MITBIH --out runs/detector      # DS2
    python -m training.evaluate --model MY_STORE/beat-cae --data FOLDER                 # any WFDB records and .atr

Three ways: at the marked beats with the whole recording to learn from; with its first five minutes alone, as a live
monitor learns; and end to end, at the beats that the detector finds. End to end, a marked beat that was not found has
the lowest score, and a detection that no mark belongs to counts as a beat of class N.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.ambulatory.detections import level_at
from ecg_core.ambulatory.detector import BeatDetector
from ecg_core.ambulatory.normals import RATE, RATES
from ecg_core.ambulatory.stream import TEMPLATE_S
from ecg_core.checkpoints.beats import load_beat_checkpoint, read_beat_config, write_beat_config
from ecg_core.errors import RecordError
from ecg_core.probe import better_than_chance
from ecg_core.store import BEATS_FILE, default_store
from training.beat_kinds import kind_figures, kinds_text
from training.beat_metrics import by_class, by_record, measure_beats
from training.mitbih import DS1, DS2, PACED, Annotated, annotated_stems, match, read_annotated

F64 = NDArray[np.float64]
Strings = NDArray[np.str_]

WITHOUT = "232"
"""The record whose dominant beat is abnormal: figures are given with it and without."""

BARS = {
    "auroc": 0.94,
    "auroc_without_232": 0.97,
    "ventricular": 0.98,
    "ventricular_first_minutes": 0.95,
    "ventricular_end_to_end": 0.96,
    "false_alarms_fixed": 0.10,
    "false_alarms_recalibrated": 0.06,
}
WORDS = {
    "auroc": "AUROC, marked beats",
    "auroc_without_232": "AUROC without record 232",
    "ventricular": "of ventricular beats at 5 % false alarms",
    "auroc_first_minutes": "AUROC, learnt from the first five minutes",
    "ventricular_first_minutes": "of ventricular beats at 5 % false alarms, learnt from the first five minutes",
    "auroc_end_to_end": "AUROC, end to end",
    "ventricular_end_to_end": "of ventricular beats at 5 % false alarms, end to end",
    "false_alarms_fixed": "false alarms at the threshold as fixed on the training patients",
    "false_alarms_recalibrated": "false alarms after recalibration by record",
    "beats_found": "beats found",
    "detections_right": "detections that are beats (PPV)",
    "ventricular_found": "ventricular beats found",
}
FALSE_ALARMS = ("false_alarms_fixed", "false_alarms_recalibrated")


@dataclass(frozen=True, eq=False)
class Scored:
    """Beats of several records: class, score, record, and whether they are above the fixed and the moved threshold.

    `told` is the class that each resembles, empty where nothing is said or asked.
    """

    classes: Strings
    score: F64
    records: Strings
    fixed: NDArray[np.bool_]
    moved: NDArray[np.bool_]
    told: Strings

    def rows(self, kept: NDArray[np.bool_]) -> Scored:
        """Return some of the beats."""
        return Scored(*(getattr(self, k)[kept] for k in Scored.__dataclass_fields__))


def join(parts: Sequence[Scored]) -> Scored:
    """Return the beats of several records in one piece."""
    return Scored(*(np.concatenate([getattr(p, k) for p in parts]) for k in Scored.__dataclass_fields__))


def is_beat_checkpoint(path: Path) -> bool:
    """Return whether a folder is a checkpoint of beats."""
    return (path / BEATS_FILE).is_file()


def beat_checkpoints(models: Sequence[str], store: Path | None) -> list[Path]:
    """Return the folders that names in a store, or paths, stand for; none where one of them is no beat detector."""
    folder = store or default_store()
    found = [folder / model if is_beat_checkpoint(folder / model) else Path(model) for model in models]
    return found if all(map(is_beat_checkpoint, found)) else []


def at_marks(detector: BeatDetector, one: Annotated, template_s: float | None) -> Scored:
    """Score the marked beats of a record."""
    judge, judged = detector.score_marked(one.record, one.samples, template_s)
    scored = _scored(detector, one.record.name, one.classes, judged.score, level_at(RATES, judge.levels, RATE))
    if detector.probe is None:
        return scored
    names = np.array([*detector.probe.linear.classes, ""])  # NOTHING is the last
    return replace(scored, told=names[judged.kind])


def _scored(detector: BeatDetector, name: str, classes: Strings, score: F64, moved: float) -> Scored:
    fixed, none = level_at(RATES, detector.normals.levels, RATE), np.full(len(score), "")
    return Scored(classes, score, np.full(len(score), name), score > fixed, score > moved, none)


def end_to_end(detector: BeatDetector, one: Annotated) -> tuple[Scored, dict[str, Any]]:
    """Score the beats that the detector finds in a record, and count what it found."""
    found = detector.detect(one.record)
    belongs = match(one.samples / one.record.fs, found.times_s)
    hit = belongs >= 0
    extra = np.setdiff1d(np.arange(len(found.times_s)), belongs[hit])
    lowest = float(found.score.min()) - 1.0
    score = np.concatenate([np.where(hit, found.score[belongs], lowest), found.score[extra]])
    classes = np.concatenate([one.classes, np.full(len(extra), "N")])
    ventricular = one.classes == "V"
    counts = {
        "record": one.record.name,
        "marked": len(hit),
        "found": int(hit.sum()),
        "extra": len(extra),
        "ventricular": int(ventricular.sum()),
        "ventricular_found": int((hit & ventricular).sum()),
        "dominant_percentile": float(found.dominant_percentile),
        "dominant_unusual": bool(found.dominant_unusual),
    }
    return _scored(detector, one.record.name, classes, score, found.threshold), counts


def stems_to_measure(stems: Sequence[Path]) -> tuple[list[Path], bool]:
    """Return the records to measure, and whether they are DS2: of MIT-BIH its DS2, of any other folder all."""
    names = {stem.name for stem in stems}
    if names <= {*DS1, *DS2, *PACED} and names & {*DS2}:
        return [stem for stem in stems if stem.name in DS2], True
    return list(stems), False


def measure_detector(detector: BeatDetector, stems: Sequence[Path]) -> dict[str, Any]:
    """Return every figure of a detector on marked records.

    Raises
    ------
    RecordError
        If a record cannot be read, or none has beats of class N and others.
    """
    whole, first, ends, counts = [], [], [], []
    for stem in tqdm(stems, detector.name, unit="record", disable=None):
        one = read_annotated(stem)
        whole.append(at_marks(detector, one, None))
        first.append(at_marks(detector, one, TEMPLATE_S))
        scored, counted = end_to_end(detector, one)
        ends.append(scored)
        counts.append(counted)
    marked, early, found = join(whole), join(first), join(ends)
    if not (marked.classes == "N").any() or (marked.classes == "N").all():
        raise RecordError("Expected beats of class N and of others in the folder; found only one of the two kinds.")
    figures = figures_of(marked, early, found, counts)
    rows = [
        {"what": WORDS[name], "name": name, "figure": value, "bar": BARS.get(name)} for name, value in figures.items()
    ]
    return {
        "model": detector.name,
        "checkpoint": detector.checkpoint,
        "rows": rows,
        "classes": by_class(marked.classes, marked.score, marked.records, marked.moved),
        "records": by_record(marked.classes != "N", marked.score, marked.records, marked.moved),
        "found": counts,
    } | _kinds(detector, marked)


def _kinds(detector: BeatDetector, marked: Scored) -> dict[str, Any]:
    """Return how often what flagged beats are said to resemble is right; nothing of a detector without a probe."""
    if detector.probe is None:
        return {}
    kinds = kind_figures(marked.told, marked.classes, marked.records, marked.moved)
    fitted = zip(detector.probe.linear.on, kinds.values(), strict=True)
    return {"kinds": kinds, "kinds_on": [bool(on) and better_than_chance(row) for on, row in fitted]}


def _plain(value: float) -> dict[str, float | None]:
    return {"value": value, "low": None, "high": None}


def figures_of(marked: Scored, early: Scored, found: Scored, counts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures by the names in `WORDS`, each {value, low, high}."""
    figures: dict[str, Any] = {}
    for ending, scored in (("", marked), ("_first_minutes", early), ("_end_to_end", found)):
        overall = measure_beats(scored.classes != "N", scored.score, scored.records, scored.moved)
        figures[f"auroc{ending}"] = overall["auroc"]
        ventricular = by_class(scored.classes, scored.score, scored.records, None).get("V")
        if ventricular:
            figures[f"ventricular{ending}"] = ventricular["sensitivity_at_95"]
    if WITHOUT in marked.records:
        rest = marked.rows(marked.records != WITHOUT)
        overall = measure_beats(rest.classes != "N", rest.score, rest.records)
        figures["auroc_without_232"] = overall["auroc"]
    quiet = marked.classes == "N"
    figures["false_alarms_fixed"] = _plain(float(marked.fixed[quiet].mean()))
    figures["false_alarms_recalibrated"] = _plain(float(marked.moved[quiet].mean()))
    totals = {k: sum(c[k] for c in counts) for k in ("marked", "found", "extra", "ventricular", "ventricular_found")}
    figures["beats_found"] = _plain(totals["found"] / totals["marked"])
    figures["detections_right"] = _plain(totals["found"] / max(totals["found"] + totals["extra"], 1))
    if totals["ventricular"]:
        figures["ventricular_found"] = _plain(totals["ventricular_found"] / totals["ventricular"])
    return {name: figures[name] for name in WORDS if name in figures}


def holds(row: Mapping[str, Any]) -> bool | None:
    """Return whether a figure is where it was aimed at; None where nothing was aimed at."""
    if row["bar"] is None:
        return None
    value = row["figure"]["value"]
    return bool(value <= row["bar"] if row["name"] in FALSE_ALARMS else value >= row["bar"])


def text_of(result: Mapping[str, Any]) -> str:
    """Return the figures as text."""
    lines = [f"{result['model']} ({result['checkpoint'][:12]}), {result['part']}, {len(result['records'])} records"]
    for row in result["rows"]:
        figure, ok = row["figure"], holds(row)
        span = f" ({figure['low']:.3f}-{figure['high']:.3f})" if figure["low"] is not None else ""
        aim = "" if ok is None else f"; aimed at {row['bar']:g}: {'holds' if ok else 'falls short'}"
        lines.append(f"  {row['what']}: {figure['value']:.3f}{span}{aim}")
    for name, row in result["classes"].items():
        lines.append(
            f"  {name}: {row['n_abnormal']} beats, AUROC {row['auroc']['value']:.3f}, "
            f"{row['sensitivity_at_95']['value']:.3f} at 5 % false alarms, {row['sensitivity']['value']:.3f} flagged"
        )
    if "kinds" in result:
        lines += kinds_text(result["kinds"], result["kinds_on"])
    for row in result["records"]:
        cells = [f"{row[k]:.3f}" if row[k] is not None else "-" for k in ("auroc", "sensitivity", "false_alarms")]
        lines.append(f"  {row['record']:>8} {row['beats']:>6} {row['abnormal']:>6}  {'  '.join(cells)}")
    return "\n".join(lines)


def run_detectors(
    paths: Sequence[Path], folder: Path, out: Path | None = None, *, write: bool = False
) -> list[dict[str, Any]]:
    """Measure detectors on a folder of marked records; write NAME.json into `out`, figures into the checkpoints.

    Parameters
    ----------
    write : put the figures into beats.json; weights stay.
    """
    stems, is_ds2 = stems_to_measure(annotated_stems(folder))
    results = []
    for path in paths:
        result = measure_detector(BeatDetector(load_beat_checkpoint(path)), stems)
        result["part"] = "MIT-BIH DS2" if is_ds2 else f"{len(stems)} records of one's own"
        if not is_ds2:
            result["rows"] = [{**row, "bar": None} for row in result["rows"]]
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            (out / f"{path.name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        if write:
            kept = {k: result[k] for k in ("part", "rows", "classes", "records", "kinds") if k in result}
            write_beat_config(replace(read_beat_config(path), metrics=kept), path)
        results.append(result)
    return results
