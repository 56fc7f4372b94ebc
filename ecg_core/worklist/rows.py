"""The rows of the worklist: one per record, as columns for a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from sqlalchemy import Connection, select

from ecg_core.plain import plain
from ecg_core.store import CONSENSUS
from ecg_core.worklist.decisions import Review
from ecg_core.worklist.tables import records, results

Columns = dict[str, list[Any]]
PER_MODEL = ("score", "percentile", "threshold", "anomalous", "error")
DECIDED = ("decision", "reviewers", "decided_at", "comment", "differ", "my_decision")
DETAILS = ("lead_scores", "parts", "n_normals", "anomalous_share", "expected_share", "stretches", "notes", "seconds")
_RECORD = ("position", "seq", "name", "path", "sha256", "verdict", "percentile", "n_above", "n_scored", "heart_rate")
_REST = ("quality", "masked", "notes", "stretch_start_s", "stretch_stop_s", "stretch_leads", "stretch_model", "error")


def columns(connection: Connection, job: str, models: Iterable[str], since: int = 0) -> Columns:
    """Return the scored records of a job as columns, in the order they were scored; see `Worklist.rows`."""
    wanted = [records.c[name] for name in (*_RECORD, *_REST)]
    found = connection.execute(
        select(records.c.id, *wanted).where(records.c.job == job, records.c.seq > since).order_by(records.c.seq)
    ).all()
    values = list(zip(*found, strict=True)) or [()] * (1 + len(wanted))
    ids, *rest = values
    table: Columns = dict(zip((*_RECORD, *_REST), map(list, rest), strict=True))
    table["record"] = table.pop("name")
    table["path"] = [plain(path) for path in table["path"]]
    place = {record: k for k, record in enumerate(ids)}
    for model in models:
        table |= _of_model(connection, job, model, since, place)
    return table


def waiting(connection: Connection, job: str) -> dict[int, str]:
    """Return the paths of a job's records that have no result yet, by position."""
    held = select(records.c.position, records.c.path).where(records.c.job == job, records.c.seq.is_(None))
    return {row.position: plain(row.path) for row in connection.execute(held.order_by(records.c.position))}


def _of_model(connection: Connection, job: str, model: str, since: int, place: Mapping[int, int]) -> Columns:
    """Return the columns of one model, None where it said nothing of a record."""
    part: Columns = {f"{name}_{model}": [None] * len(place) for name in PER_MODEL}
    said = (
        select(results.c.record, *(results.c[name] for name in PER_MODEL))
        .join(records, records.c.id == results.c.record)
        .where(records.c.job == job, records.c.seq > since, results.c.model == model)
    )
    lists = list(part.values())
    for record, *values in connection.execute(said):
        k = place[record]
        for column, value in zip(lists, values, strict=True):
            column[k] = value
    part[f"anomalous_{model}"] = [None if x is None else bool(x) for x in part[f"anomalous_{model}"]]
    return part


def decided(sha256s: Iterable[str | None], reviews: Mapping[str, Review], reviewer: str | None = None) -> Columns:
    """Return the decisions on records as columns, None where there is none."""
    key = reviewer.casefold() if reviewer else None
    table: Columns = {name: [] for name in DECIDED}
    for sha256 in sha256s:
        review = reviews.get(sha256) if sha256 else None
        newest = review.latest[0] if review else None
        mine = [d.decision for d in review.latest if d.reviewer.casefold() == key] if review and key else []
        table["decision"].append(review.decision if review else None)
        table["reviewers"].append(", ".join(d.reviewer for d in review.latest) if review else None)
        table["decided_at"].append(newest.at if newest else None)
        table["comment"].append(newest.comment if newest else None)
        table["differ"].append(review.differ if review else False)
        table["my_decision"].append(mine[0] if mine else None)
    return table


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the records table says of a record, from its rows, one per model (`ecg_core.score_file`).

    Where the consensus is among them, verdict, percentile and stretch are its own.
    """
    good = [row for row in rows if not row.get("error")]
    scored = [row for row in good if row.get("interpretable") and row.get("anomalous") is not None]
    deciding = [row for row in scored if row["model"] == CONSENSUS] or scored
    counted = [row for row in scored if row["model"] != CONSENSUS] or scored
    percentiles = [row["percentile"] for row in deciding if row.get("percentile") is not None]
    first = good[0] if good else {}
    model, stretch = _strongest(deciding)
    return {
        "name": plain(rows[0]["record"]),
        "sha256": (first or rows[0]).get("sha256"),
        "verdict": _verdict(bool(good), len(deciding), _n_above(deciding)),
        "percentile": median(percentiles) if percentiles else None,
        "n_above": _n_above(counted),
        "n_scored": len(counted),
        "heart_rate": first.get("heart_rate"),
        "masked": ", ".join(_masked(first)) or None,
        "quality": "; ".join(f"{lead} {', '.join(words)}" for lead, words in first.get("quality", {}).items()) or None,
        "notes": _together(note for row in good for note in row.get("notes", ())),
        "stretch_start_s": stretch.get("start_s"),
        "stretch_stop_s": stretch.get("stop_s"),
        "stretch_leads": ", ".join(stretch.get("leads", ())) or None,
        "stretch_model": model,
        "error": _together(row["error"] for row in rows if row.get("error")),
    }


def _together(sentences: Iterable[str]) -> str | None:
    """Return sentences in one line, each once; None for none."""
    return plain(" ".join(dict.fromkeys(sentences))) or None


def _n_above(scored: list[dict[str, Any]]) -> int:
    return sum(bool(row["anomalous"]) for row in scored)


def _verdict(read: bool, n_scored: int, n_above: int) -> str:
    """Return the record's verdict: above where at least half of the models that decide say so."""
    if not n_scored:
        return "not interpretable" if read else "failed"
    return "above" if 2 * n_above >= n_scored else "below"


def _masked(row: Mapping[str, Any]) -> list[str]:
    if "masked_leads" in row:
        return list(row["masked_leads"])
    return [lead for lead, score in row.get("lead_scores", {}).items() if score is None]


def _strongest(rows: list[dict[str, Any]]) -> tuple[str | None, dict[str, Any]]:
    """Return the model with the highest peak over its mark level, and that stretch."""
    found = [(stretch, row["model"]) for row in rows for stretch in row.get("stretches", ())[:1]]
    if not found:
        return None, {}
    stretch, model = max(found, key=lambda pair: pair[0]["peak"])
    return model, stretch


def model_values(record: int, row: dict[str, Any]) -> dict[str, Any]:
    """Return what the results table says of a record and model."""
    details = {name: row[name] for name in DETAILS if name in row}
    return {
        "record": record,
        "model": row["model"],
        **{name: row.get(name) for name in PER_MODEL},
        "interpretable": row.get("interpretable"),
        "row": json.dumps(details, allow_nan=False),
    }


def details(connection: Connection, job: str, position: int) -> dict[str, dict[str, Any]]:
    """Return what else each model said of a record, by model; see `Worklist.details`."""
    said = (
        select(results.c.model, results.c.row)
        .join(records, records.c.id == results.c.record)
        .where(records.c.job == job, records.c.position == position)
    )
    return {model: json.loads(text) for model, text in connection.execute(said)}
