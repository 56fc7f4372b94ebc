"""From a file to its report, as the command line makes it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from ecg_core.detection import Detection
from ecg_core.errors import RecordError
from ecg_core.paper import PAPER_S
from ecg_core.readers import probe, read_part, read_record
from ecg_core.readers.limits import MAX_WHOLE_S
from ecg_core.report import Reading, View, report_pdf, report_png
from ecg_core.score_file import FileScorer, ScoreOptions

SUFFIXES = (".pdf", ".png")


def report_on(path: Path, options: ScoreOptions, view: View, at: datetime, suffix: str) -> bytes:
    """Score a file and return its report, by the first model asked for; the others stand beside its verdict.

    Parameters
    ----------
    suffix : ".pdf" or ".png".

    Raises
    ------
    RecordError
        If the file cannot be scored.
    CheckpointError, ConfigError
        As `FileScorer`.
    """
    scorer = FileScorer(options)
    readings = []
    for name, outcome in scorer.score(path):
        if isinstance(outcome, str):
            raise RecordError(outcome)
        readings.append(_reading(scorer.detectors[name], outcome))
    described = options.description(path)
    duration_s = probe(path, **described).duration_s
    found = readings[0].detection.explanation
    if duration_s > MAX_WHOLE_S:
        begin = found.start_s if found else 0.0
        record = read_part(path, begin, min(begin + PAPER_S, duration_s), **described)
    else:
        record = read_record(path, **described)
    pdf = report_pdf(record, readings[0], at, view, others=readings[1:], duration_s=duration_s)
    return report_png(pdf) if suffix == ".png" else pdf


def _reading(detector: Any, detection: Detection) -> Reading:
    """Return a detection at the threshold in use: a long recording's belongs to its segments."""
    rate = detection.false_alarm_rate
    threshold = detector.threshold(rate) if detection.segments else detection.threshold
    return Reading(getattr(detector, "title", detection.model), detection, threshold, rate)
