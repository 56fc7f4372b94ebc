"""The worklist and its decisions as CSV and Parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from ecg_core.errors import WorklistError
from ecg_core.plain import neutralised
from ecg_core.worklist.decisions import Decision, Review
from ecg_core.worklist.jobs import Job
from ecg_core.worklist.rows import Columns

Form = Literal["csv", "parquet"]

_TEXT, _NUMBER, _WHOLE, _YES, _TIME = pa.string(), pa.float64(), pa.int64(), pa.bool_(), pa.timestamp("ms", tz="UTC")
_LEFT_OUT = ("seq", "my_decision")
_FIRST = ("record", "path", "sha256", "verdict", "percentile", "n_above", "n_scored", "heart_rate", "quality", "masked")
_DECIDED = ("decision", "reviewers", "decided_at", "comment", "differ", "decisions")
_TYPES = {
    "position": _WHOLE,
    "n_above": _WHOLE,
    "n_scored": _WHOLE,
    "percentile": _NUMBER,
    "heart_rate": _NUMBER,
    "stretch_start_s": _NUMBER,
    "stretch_stop_s": _NUMBER,
    "false_alarm_rate": _NUMBER,
    "decided_at": _TIME,
    "differ": _YES,
    "id": _WHOLE,
    "at": _TIME,
    "superseded": _YES,
}
_OF_MODEL = {"score": _NUMBER, "percentile": _NUMBER, "threshold": _NUMBER, "anomalous": _YES}


def worklist_table(job: Job, rows: Columns, reviews: Mapping[str, Review]) -> pa.Table:
    """Return the rows of a job (`Worklist.rows`) as a table for others to read.

    Beside the rows: the false-alarm rate and each model's checkpoint that the thresholds are of, and `decisions`, the
    latest of every reviewer.
    """
    n = len(rows["record"])
    table = {name: column for name, column in rows.items() if name not in _LEFT_OUT}
    table["false_alarm_rate"] = [job.false_alarm_rate] * n
    table |= {f"checkpoint_{model}": [checkpoint] * n for model, checkpoint in job.checkpoints.items()}
    table["decisions"] = [_in_words(reviews.get(sha256)) for sha256 in rows["sha256"]]
    middle = [name for name in table if name not in {*_FIRST, *_DECIDED}]
    about = {"job": job.name, "created": job.created.isoformat(), "models": json.dumps(job.checkpoints)}
    return _table({name: table[name] for name in (*_FIRST, *middle, *_DECIDED)}, job.models, about)


def _in_words(review: Review | None) -> str | None:
    if review is None:
        return None
    return "; ".join(
        f"{d.reviewer}: {d.decision}, {_utc(d.at)}" + (f", {d.comment}" if d.comment else "") for d in review.latest
    )


def decisions_table(decisions: Sequence[Decision]) -> pa.Table:
    """Return every decision, oldest first; `superseded` where the reviewer decided again later."""
    latest: set[int] = set()
    seen: set[tuple[str, str]] = set()
    for decision in sorted(decisions, key=lambda d: -d.id):
        key = (decision.sha256, decision.reviewer.casefold())
        if key not in seen:
            latest.add(decision.id)
        seen.add(key)
    oldest_first = sorted(decisions, key=lambda d: d.id)
    names = ("id", "at", "reviewer", "sha256", "decision", "comment", "job", "job_name", "record", "path")
    table: Columns = {name: [getattr(d, name) for d in oldest_first] for name in (*names, "false_alarm_rate")}
    table["superseded"] = [d.id not in latest for d in oldest_first]
    table["models"] = [json.dumps([vars(verdict) for verdict in d.verdicts]) for d in oldest_first]
    return _table(table, (), {})


def _table(columns: Columns, models: Sequence[str], about: Mapping[str, str]) -> pa.Table:
    types = _TYPES | {f"{name}_{model}": kind for name, kind in _OF_MODEL.items() for model in models}
    schema = pa.schema([(name, types.get(name, _TEXT)) for name in columns], metadata=about)
    return pa.table(columns, schema=schema)


def written(table: pa.Table, form: str) -> bytes:
    """Return a table as the bytes of a file.

    In CSV, numbers are as exact as they are stored, times are UTC in ISO 8601, and text that a spreadsheet would
    compute is neutralised.

    Raises
    ------
    WorklistError
        If the form is neither "csv" nor "parquet".
    """
    if form == "parquet":
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        return sink.getvalue()
    if form != "csv":
        raise WorklistError(f"Expected csv or parquet; found {form!r}.")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    writer.writerow([neutralised(name) for name in table.column_names])
    writer.writerows([_cell(value) for value in row] for row in zip(*table.to_pydict().values(), strict=True))
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return neutralised(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return _utc(value) if isinstance(value, datetime) else value


def _utc(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
