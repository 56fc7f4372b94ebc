"""What reviewers decided: appended, never changed; a later decision of a reviewer supersedes the earlier one."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, cast

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select

from ecg_core.errors import WorklistError
from ecg_core.plain import plain
from ecg_core.worklist.tables import DECISIONS, decisions, jobs, records, results

Reading = Literal["anomalous", "not anomalous", "second look"]
DIFFER = "reviewers differ"
MOST_REVIEWER, MOST_COMMENT = 80, 4000


@dataclass(frozen=True)
class ModelVerdict:
    """What a model said of the record when the reviewer decided; None where it gave no score."""

    model: str
    checkpoint: str
    threshold: float | None
    score: float | None
    percentile: float | None
    anomalous: bool | None


@dataclass(frozen=True)
class Decision:
    """A reviewer's own reading of one record.

    Attributes
    ----------
    id : rises with every decision.
    at : UTC.
    sha256 : the record's; the same recording in another job is the same record.
    job, job_name, record, path : where it was decided; the job may be deleted since.
    """

    id: int
    at: datetime
    reviewer: str
    sha256: str
    decision: Reading
    comment: str
    job: str
    job_name: str
    record: str
    path: str
    false_alarm_rate: float
    verdicts: tuple[ModelVerdict, ...]


@dataclass(frozen=True)
class Review:
    """The latest decision of each reviewer on one record, newest first."""

    sha256: str
    latest: tuple[Decision, ...]

    @property
    def differ(self) -> bool:
        """Whether reviewers read the record differently."""
        return len({decision.decision for decision in self.latest}) > 1

    @property
    def decision(self) -> str:
        """What the reviewers agree on, or that they differ."""
        return DIFFER if self.differ else self.latest[0].decision


def reviewer_name(name: str) -> str:
    """Return a reviewer's name as it is stored.

    Raises
    ------
    WorklistError
        If it is empty or too long.
    """
    tidy = plain(" ".join(unicodedata.normalize("NFC", name).split()))
    if not tidy or len(tidy) > MOST_REVIEWER:
        raise WorklistError(
            f"Expected a reviewer's name of 1 to {MOST_REVIEWER} characters; found {len(tidy)}; enter your name."
        )
    return tidy


def append(connection: Connection, job: str, sha256: str, reviewer: str, decision: str, comment: str) -> Decision:
    """Add one decision; it is on the disk when the transaction ends.

    Raises
    ------
    WorklistError
        If the job has no such record, or name, decision or comment are not what they may be.
    """
    if decision not in DECISIONS:
        raise WorklistError(f"Expected one of {', '.join(DECISIONS)}; found {plain(str(decision))[:40]!r}.")
    if len(comment) > MOST_COMMENT:
        raise WorklistError(f"A comment has at most {MOST_COMMENT:,} characters; found {len(comment):,}; shorten it.")
    found = (
        connection.execute(
            select(records.c.id, records.c.name, records.c.path, jobs.c.name.label("job_name"))
            .add_columns(jobs.c.models, jobs.c.false_alarm_rate)
            .join(jobs, jobs.c.id == records.c.job)
            .where(records.c.job == job, records.c.sha256 == sha256)
            .order_by(records.c.position)
        )
        .mappings()
        .first()
    )
    if found is None:
        raise WorklistError("This record is no longer in the job, or it was never read; choose another one.")
    name = reviewer_name(reviewer)
    values = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "reviewer": name,
        "reviewer_key": name.casefold(),
        "sha256": sha256,
        "decision": decision,
        "comment": "".join(c if c in "\n\t" else plain(c) for c in comment.strip()),
        "job": job,
        "job_name": found["job_name"],
        "record": found["name"],
        "path": plain(found["path"]),
        "false_alarm_rate": found["false_alarm_rate"],
        "verdicts": json.dumps(_verdicts(connection, found["id"], json.loads(found["models"]))),
    }
    added = connection.execute(decisions.insert().values(values))
    assert added.inserted_primary_key is not None
    return _decision({"id": added.inserted_primary_key[0], **values})


def _verdicts(connection: Connection, record: int, checkpoints: dict[str, str]) -> list[dict[str, Any]]:
    columns = (results.c.threshold, results.c.score, results.c.percentile, results.c.anomalous)
    said = {
        row["model"]: row
        for row in connection.execute(select(results.c.model, *columns).where(results.c.record == record)).mappings()
    }
    return [
        {
            "model": model,
            "checkpoint": checkpoint,
            "threshold": said[model]["threshold"],
            "score": said[model]["score"],
            "percentile": said[model]["percentile"],
            "anomalous": None if said[model]["anomalous"] is None else bool(said[model]["anomalous"]),
        }
        for model, checkpoint in checkpoints.items()
        if model in said
    ]


def of_job(job: str) -> ColumnElement[bool]:
    """Return the condition that a decision is on a record of a job, wherever it was made."""
    held = select(records.c.id).where(records.c.job == job, records.c.sha256 == decisions.c.sha256)
    return held.correlate(decisions).exists()


def on(job: str | None, sha256: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions that decisions are on a job's records, or on one record, as far as given."""
    where = [of_job(job)] if job is not None else []
    return [*where, decisions.c.sha256 == sha256] if sha256 is not None else where


def reviewed(connection: Connection, job: str) -> dict[str, int]:
    """Return how many records of a job have a decision, by verdict."""
    count = (
        select(records.c.verdict, func.count())
        .where(records.c.job == job, records.c.sha256.in_(select(decisions.c.sha256)))
        .group_by(records.c.verdict)
    )
    return {row[0]: row[1] for row in connection.execute(count)}


def listed(
    connection: Connection, where: Iterable[ColumnElement[bool]] = (), limit: int | None = None
) -> list[Decision]:
    """Return decisions, newest first, superseded ones too."""
    query = select(decisions).where(*where).order_by(decisions.c.id.desc()).limit(limit)
    return [_decision(row) for row in connection.execute(query).mappings()]


def reviews(connection: Connection, where: Iterable[ColumnElement[bool]] = ()) -> dict[str, Review]:
    """Return each reviewer's latest decision by the record's sha256."""
    latest = select(func.max(decisions.c.id)).where(*where).group_by(decisions.c.sha256, decisions.c.reviewer_key)
    by_record: dict[str, list[Decision]] = {}
    for decision in listed(connection, [decisions.c.id.in_(latest)]):
        by_record.setdefault(decision.sha256, []).append(decision)
    return {sha256: Review(sha256, tuple(latest)) for sha256, latest in by_record.items()}


def _decision(row: RowMapping | dict[str, Any]) -> Decision:
    return Decision(
        id=row["id"],
        at=datetime.fromisoformat(row["at"]),
        reviewer=row["reviewer"],
        sha256=row["sha256"],
        decision=cast(Reading, row["decision"]),
        comment=row["comment"],
        job=row["job"],
        job_name=row["job_name"],
        record=row["record"],
        path=row["path"],
        false_alarm_rate=row["false_alarm_rate"],
        verdicts=tuple(ModelVerdict(**verdict) for verdict in json.loads(row["verdicts"])),
    )
