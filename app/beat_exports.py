"""What can be taken away of a recording's beats: a table, and annotations that other software opens."""

from __future__ import annotations

import csv
import io

import numpy as np

from app.exports import File
from app.state import Entry
from ecg_core.ambulatory import BeatDetections, annotation_bytes
from ecg_core.export import file_name
from ecg_core.plain import neutralised

ANNOTATOR = "lw"
"""Suffix of the annotation file: what `rdann` and other readers of WFDB call the annotator."""


OF_WHAT = "Of all beats, at the threshold on view."


def files(entry: Entry, found: BeatDetections) -> list[File]:
    """Return the files that can be made of a recording's beats at the threshold in use."""
    name = entry.record.name
    return [
        File("export_beats", "Beats (CSV)", file_name(name, "beats.csv"), "text/csv", lambda: beats_csv(found)),
        File(
            "export_annotations",
            f"Annotations (WFDB .{ANNOTATOR})",
            f"{annotation_stem(name)}.{ANNOTATOR}",
            "application/octet-stream",
            lambda: annotation_bytes(found),
        ),
    ]


def annotation_stem(name: str) -> str:
    """Return the record's name as its files have it: readers look for annotations by the record's own name."""
    return file_name(name, "").rstrip("-")


def beats_csv(found: BeatDetections) -> bytes:
    """Return a row for each beat: when, in which lead, RR, score and its parts, percentile, verdict, shape.

    The last column, of a detector that has one, says what an anomalous beat resembles: a hint. Numbers as they were
    computed, to 5 digits; what is not known is empty.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    parts = list(found.parts)
    head = [
        "time_s",
        "lead",
        "rr_s",
        "score",
        "percentile",
        "anomalous",
        "shape",
        *(f"evidence_{name}" for name in parts),
        *["resembles"] * bool(found.kinds),
    ]
    writer.writerow([neutralised(cell) for cell in head])
    for k in range(len(found)):
        values = [found.rr_s[k], found.score[k], found.percentile[k]]
        rr, score, percentile = ("" if not np.isfinite(value) else f"{value:.5g}" for value in values)
        verdict = "true" if found.anomalous[k] else "false"
        evidence = [f"{found.parts[name][k]:.5g}" for name in parts]
        time = f"{found.times_s[k]:.4f}"
        hint = [neutralised(found.hint(k) or "")] * bool(found.kinds)
        row = [time, neutralised(found.lead[k]), rr, score, percentile, verdict, int(found.cluster[k])]
        writer.writerow([*row, *evidence, *hint])
    return out.getvalue().encode()
