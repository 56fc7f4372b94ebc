"""Jobs: what is to be scored with what, how far it is, and who may write its results."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from sqlalchemy import Connection, RowMapping, case, func, select, update

from ecg_core.errors import WorklistError
from ecg_core.plain import plain
from ecg_core.store import default_store
from ecg_core.worklist.tables import jobs, records

State = Literal["waiting", "running", "paused", "cancelled", "finished", "failed"]
Kind = Literal["folder", "uploads"]
STALE_S = 60.0
"""A running job whose heartbeat is older has lost its runner, or the runner hangs: longer than a busy database."""

MOST_NAME = 120
NO_JOB = "This job is gone: it was deleted; choose another one."


@dataclass(frozen=True)
class Job:
    """A job as it stands.

    Attributes
    ----------
    kind : "folder" or "uploads"; folder : relative to the root, "" for the root itself and for uploads.
    checkpoints : model name to the first 12 hex digits of its weights' sha256; store : where they lie, None for the
        packaged ones.
    false_alarm_rate : that the thresholds are for.
    description : fs, unit and leads of files that do not say them; empty where none were given.
    creator : who started it, as he or she called himself or herself.
    state : waiting (for the runner), running, paused, cancelled, finished or failed; `message` says why it failed.
    total, done : records; done = above + below + not_interpretable + failed.
    above : records that at least half of the models with a score call anomalous.
    records_per_s : over the last ten seconds; None while not running.
    """

    id: str
    name: str
    kind: Kind
    folder: str
    checkpoints: dict[str, str]
    store: Path | None
    false_alarm_rate: float
    description: dict[str, Any]
    creator: str
    state: State
    message: str | None
    created: datetime
    started: datetime | None
    ended: datetime | None
    heartbeat: datetime | None
    records_per_s: float | None
    total: int
    done: int
    above: int
    below: int
    not_interpretable: int
    failed: int

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models, in the order they were asked for."""
        return tuple(self.checkpoints)

    @property
    def active(self) -> bool:
        """Whether its numbers still change by themselves."""
        return self.state in {"waiting", "running"}

    @property
    def stalled(self) -> bool:
        """Whether it should run and nothing was heard of its runner for a minute."""
        return self.state == "running" and _seconds_since(self.heartbeat) > STALE_S

    @property
    def eta_s(self) -> float | None:
        """Seconds until it is finished at the present rate; None where there is none yet."""
        return (self.total - self.done) / self.records_per_s if self.records_per_s else None


def _seconds_since(moment: datetime | None) -> float:
    return (datetime.now(UTC) - moment).total_seconds() if moment else float("inf")


def checkpoint_hash(model: str, store: Path | None) -> str:
    """Return the first 12 hex digits of a checkpoint's weights' sha256, without loading it.

    Raises
    ------
    WorklistError
        If there is no such checkpoint.
    """
    folder = store or default_store()
    try:
        if Path(model).name != model:
            raise ValueError(model)
        config = json.loads((folder / model / "config.json").read_text(encoding="utf-8"))
        return str(config["weights_sha256"])[:12]
    except (OSError, ValueError, KeyError, TypeError):
        raise WorklistError(f"There is no readable checkpoint {plain(model)} in {folder}; choose another.") from None


@dataclass(frozen=True)
class Plan:
    """What a job is to score, and with what.

    Attributes
    ----------
    name : for people; creator : who asks.
    models : names in `store`, which is the packaged one where None.
    description : fs, unit and leads of files that do not say them, or empty.
    """

    name: str
    models: Sequence[str]
    store: Path | None
    false_alarm_rate: float
    description: Mapping[str, Any]
    creator: str

    def checkpoints(self) -> dict[str, str]:
        """Return each model's checkpoint hash.

        Raises
        ------
        WorklistError
            If there is no model, or one has no checkpoint, or the false-alarm rate is none.
        """
        if not self.models or not 0 < self.false_alarm_rate < 1:
            raise WorklistError("Expected at least one model and a false-alarm rate between 0 and 1; choose both.")
        return {model: checkpoint_hash(model, self.store) for model in self.models}


def create(connection: Connection, job: str, plan: Plan, kind: Kind, root: Path, folder: str, paths: list[str]) -> Job:
    """Add a job that waits, with its records in order."""
    connection.execute(
        jobs.insert().values(
            id=job,
            name=plain(plan.name).strip()[:MOST_NAME] or "Batch",
            kind=kind,
            root=str(root),
            folder=folder,
            models=json.dumps(plan.checkpoints()),
            store=str(plan.store) if plan.store else None,
            false_alarm_rate=plan.false_alarm_rate,
            description=json.dumps(dict(plan.description)),
            creator=plain(plan.creator)[:MOST_NAME],
            state="waiting",
            created=time.time(),
        )
    )
    connection.execute(records.insert(), [{"job": job, "position": k, "path": path} for k, path in enumerate(paths)])
    return one(connection, job)


def new_id() -> str:
    """Return an id that no other job has."""
    return secrets.token_hex(6)


def listed(connection: Connection, job: str | None = None) -> list[Job]:
    """Return all jobs, or one, newest first."""
    count = func.count(records.c.id)
    verdicts = [
        func.coalesce(func.sum(case((records.c.verdict == word, 1), else_=0)), 0).label(label)
        for word, label in (
            ("above", "n_above"),
            ("below", "n_below"),
            ("not interpretable", "n_not_interpretable"),
            ("failed", "n_failed"),
        )
    ]
    query = (
        select(jobs, count.label("total"), *verdicts)
        .join(records, records.c.job == jobs.c.id, isouter=True)
        .group_by(jobs.c.id)
        .order_by(jobs.c.created.desc(), jobs.c.id)
    )
    if job is not None:
        query = query.where(jobs.c.id == job)
    return [_job(row) for row in connection.execute(query).mappings()]


def one(connection: Connection, job: str) -> Job:
    """Return a job.

    Raises
    ------
    WorklistError
        If there is none.
    """
    found = listed(connection, job)
    if not found:
        raise WorklistError(NO_JOB)
    return found[0]


def _job(row: RowMapping) -> Job:
    counts = {key: int(row[f"n_{key}"]) for key in ("above", "below", "not_interpretable", "failed")}
    return Job(
        id=row["id"],
        name=row["name"],
        kind=row["kind"],
        folder=plain(row["folder"]),
        checkpoints=json.loads(row["models"]),
        store=Path(row["store"]) if row["store"] else None,
        false_alarm_rate=row["false_alarm_rate"],
        description=json.loads(row["description"]),
        creator=row["creator"],
        state=cast(State, row["state"]),
        message=row["message"],
        created=datetime.fromtimestamp(row["created"], UTC),
        started=_moment(row["started"]),
        ended=_moment(row["ended"]),
        heartbeat=_moment(row["heartbeat"]),
        records_per_s=row["records_per_s"] if row["state"] == "running" else None,
        total=row["total"],
        done=sum(counts.values()),
        **counts,
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def move(
    connection: Connection, job: str, to: State, *, allowed: tuple[State, ...], message: str | None = None
) -> bool:
    """Put a job into another state if it is in one of those allowed; return whether it was.

    A runner that works on it may write nothing from then on.
    """
    values: dict[str, Any] = {"state": to, "message": message, "run": None, "records_per_s": None}
    if to in {"cancelled", "finished", "failed"}:
        values["ended"] = time.time()
    if to == "waiting":
        values |= {"ended": None, "fruitless_starts": 0}
    return (
        connection.execute(update(jobs).where(jobs.c.id == job, jobs.c.state.in_(allowed)).values(values)).rowcount > 0
    )


def checkpoints_now(job: Job) -> dict[str, str]:
    """Return the hashes of a job's models as they are in its store.

    Raises
    ------
    WorklistError
        If one is missing.
    """
    return {model: checkpoint_hash(model, job.store) for model in job.models}


def changed_checkpoints(checkpoints: Mapping[str, str], now: Mapping[str, str]) -> str | None:
    """Return the sentence that says which checkpoints are not those the job began with; None where all are."""
    changed = [f"{model} ({old}, now {now[model]})" for model, old in checkpoints.items() if now.get(model, old) != old]
    if not changed:
        return None
    return (
        f"Changed since this job began: {', '.join(changed)}; its results are not mixed with others': "
        "start a new job, or put the old checkpoint back and resume."
    )


def is_id(job: str) -> bool:
    """Return whether a text can be the id of a job."""
    return len(job) == 12 and set(job) <= set("0123456789abcdef")


def delete(connection: Connection, job: str) -> None:
    """Remove a job with its records and results."""
    connection.execute(jobs.delete().where(jobs.c.id == job))


def any_active(connection: Connection) -> bool:
    """Return whether a job waits or should be running."""
    active = select(jobs.c.id).where(jobs.c.state.in_(("waiting", "running"))).limit(1)
    return connection.execute(active).first() is not None


def place(connection: Connection, job: str, position: int) -> tuple[str, str, str | None]:
    """Return the root, the path and the sha256 of a record of a job.

    Raises
    ------
    WorklistError
        If the job has no such record.
    """
    found = connection.execute(
        select(jobs.c.root, records.c.path, records.c.sha256)
        .join(records, records.c.job == jobs.c.id)
        .where(jobs.c.id == job, records.c.position == position)
    ).first()
    if found is None:
        raise WorklistError("This record is no longer in the job; choose another one.")
    return found.root, found.path, found.sha256
