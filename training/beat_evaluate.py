"""Measure networks of single beats; `training.evaluate` comes here for a run of `training.train` on beats.

    python -m training.evaluate --model runs/beat-cae-random --data PREPARED        # the test beats of its protocol
    python -m training.evaluate --model runs/beat-cae-interpatient --data FOLDER    # any WFDB records with .atr files

Writes metrics.json into the run's folder, or `--out`. Everything was fitted and chosen on other beats: thresholds on
the run's validation normals, and nothing here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import ConfigError
from ecg_core.models.beat_registry import BEAT_REGISTRY
from training.beat_data import BeatData, beats_in_memory, has_beats, load_beats, paced_test, protocol_of
from training.beat_metrics import N_BOOTSTRAP, by_class, by_record, measure_beats
from training.beat_scores import SCORES, records_of, score_beats
from training.beat_train import load_run
from training.mitbih import CLASS_WORDS, MARKS

Array = NDArray[np.float64]

FIELD = {"Beat-CAE": "whole", "Beat-CAE-187": "absolute", "Beat-CNN-LSTM": "whole"}
"""The score that the published network of each kind is judged by."""

RULES = {"Beat-CAE-187": "spread"}
"""Mean + 2 SD where it is published so; elsewhere 95 % of the validation normals lie below the threshold."""


def is_beat_run(path: str | Path) -> bool:
    """Return whether a path is a finished run of a network of beats."""
    file = Path(path) / "train.json"
    if not file.is_file():
        return False
    config = json.loads(file.read_text(encoding="utf-8")).get("config", {})
    return config.get("architecture", {}).get("class") in BEAT_REGISTRY


def has_marks(folder: Path) -> bool:
    """Return whether a folder has WFDB records with marked beats."""
    return next(folder.glob(f"*.{MARKS}"), None) is not None


def figures_of(classes: NDArray[np.str_], scores: Array, records: NDArray[np.str_], threshold: float) -> dict[str, Any]:
    """Return everything that is reported of one score."""
    flagged = scores > threshold
    abnormal = classes != "N"
    return {
        "threshold": threshold,
        "overall": measure_beats(abnormal, scores, records, flagged),
        "classes": by_class(classes, scores, records, flagged),
        "records": by_record(abnormal, scores, records, flagged),
    }


def mix_of(classes: NDArray[np.str_]) -> dict[str, Any]:
    """Return how many beats of each class there are, and the accuracy of answering N always."""
    counts = zip(*np.unique(classes, return_counts=True), strict=True)
    return {"beats": {str(name): int(n) for name, n in counts}, "answering_n": float((classes == "N").mean())}


def evaluate_run(folder: str | Path, data: BeatData, *, own: bool = False) -> dict[str, Any]:
    """Measure a run on the test beats of its protocol, or on all beats of one's own records.

    On random beats also with a test share of the paced records' beats, none of which it was trained on: what is
    published is of all 48 records.

    Parameters
    ----------
    folder : the run.
    data : prepared beats.
    own : all beats of `data` are held out (none of them is of the records it was trained on).
    """
    model, config, fitted = load_run(folder)
    rows = np.arange(len(data.table)) if own else protocol_of(data, config.protocol).test
    kind = config.architecture["class"]
    scores = score_beats(model, fitted, data, rows, config.scale)
    classes, records = data.table["aami"].to_numpy(str)[rows], records_of(data, rows)
    rule = RULES.get(kind, "rate")
    found = {name: figures_of(classes, scores[name], records, fitted.thresholds[name][rule]) for name in SCORES}
    result = {
        "name": config.name,
        "class": kind,
        "protocol": "own" if own else config.protocol,
        "parameters": sum(p.numel() for p in model.parameters()),
        "field_score": FIELD[kind],
        "rule": rule,
        **mix_of(classes),
        "scores": found,
    }
    paced = paced_test(data)
    if config.protocol == "random" and not own and len(paced):
        rows = np.concatenate([rows, paced])
        classes, records = data.table["aami"].to_numpy(str)[rows], records_of(data, rows)
        scored = score_beats(model, fitted, data, rows, config.scale)[FIELD[kind]]
        figures = figures_of(classes, scored, records, fitted.thresholds[FIELD[kind]][rule])
        result["with_paced"] = {**mix_of(classes), **figures}
    return result


def _cell(estimate: Mapping[str, float] | None) -> str:
    if estimate is None:
        return "-"
    return f"{estimate['value']:.3f} ({estimate['low']:.3f}-{estimate['high']:.3f})"


COLUMNS = ("auroc", "sensitivity_at_95", "sensitivity", "specificity", "ppv", "f1", "accuracy")
HEADINGS = ("AUROC", "sens. at 5 % false alarms", "sens.", "spec.", "PPV", "F1", "acc.")


def table_text(rows: Sequence[tuple[str, Mapping[str, Any]]], columns: Sequence[str] = COLUMNS) -> str:
    """Return rows of figures as text in columns."""
    heads = dict(zip(COLUMNS, HEADINGS, strict=True))
    cells = [("", *(heads[c] for c in columns))]
    cells += [(name, *(_cell(figures.get(c)) for c in columns)) for name, figures in rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)


def _paced_lines(result: Mapping[str, Any]) -> list[str]:
    """Return the figures with the paced records as text, where they were measured."""
    found = result.get("with_paced")
    if found is None:
        return []
    counts = ", ".join(f"{n} {name}" for name, n in found["beats"].items())
    told = f"With the paced records: {counts}. Answering N always: accuracy {found['answering_n']:.3f}."
    return ["", told, table_text([(result["field_score"], found["overall"])])]


def text_of(result: Mapping[str, Any]) -> str:
    """Return the figures of a run as text."""
    counts = ", ".join(f"{n} {name}" for name, n in result["beats"].items())
    field = result["scores"][result["field_score"]]
    lines = [
        f"{result['name']}, {result['parameters']} parameters, {result['protocol']}: {counts}. Answering N always: "
        f"accuracy {result['answering_n']:.3f}. Intervals: 95 %, {N_BOOTSTRAP} resamples of records.",
        "",
        table_text([(name, found["overall"]) for name, found in result["scores"].items()]),
        *_paced_lines(result),
        "",
        f"By class, {SCORES[result['field_score']]}",
        table_text(
            [(f"{name} {CLASS_WORDS[name]}", figures) for name, figures in field["classes"].items()],
            ("auroc", "sensitivity_at_95", "sensitivity"),
        ),
        "",
        "By record: beats, abnormal, AUROC, sensitivity, false alarms at the threshold",
    ]
    for row in field["records"]:
        cells = [f"{row[k]:.3f}" if row[k] is not None else "-" for k in ("auroc", "sensitivity", "false_alarms")]
        lines.append(f"  {row['record']:>6} {row['beats']:>6} {row['abnormal']:>6}  {'  '.join(cells)}")
    return "\n".join(lines)


def open_beats(folder: Path) -> tuple[BeatData, bool]:
    """Return prepared beats, or those of a WFDB folder with marks, and whether they are one's own.

    Raises
    ------
    ConfigError
        If the folder is neither.
    """
    if has_beats(folder):
        return load_beats(folder), False
    if has_marks(folder):
        return beats_in_memory(folder), True
    raise ConfigError(f"Expected prepared beats, or WFDB records with .{MARKS} files, in {folder}; found neither.")


def run_beats(models: Sequence[str], folder: Path, out: Path | None = None) -> list[dict[str, Any]]:
    """Measure runs and write metrics.json of each, into its own folder or `out`; return what was measured."""
    data, own = open_beats(folder)
    results = []
    for model in models:
        result = evaluate_run(model, data, own=own)
        place = Path(model) if out is None else out / Path(model).name
        place.mkdir(parents=True, exist_ok=True)
        name = "metrics-own.json" if own else "metrics.json"
        (place / name).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (place / name).with_suffix(".txt").write_text(text_of(result) + "\n", encoding="utf-8")
        results.append(result)
    return results
