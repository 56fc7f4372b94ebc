"""The database of the worklist: its tables, and the one way to open it.

SQLite in WAL mode: readers never wait for a writer, and a commit that returned is on the disk (synchronous=FULL).
Decisions are append-only: triggers abort every change and removal.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    create_engine,
    event,
)
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from ecg_core.errors import WorklistError
from ecg_core.worklist.locks import locked

SCHEMA = 1
APPLICATION = 0x4C454144
"""Marks the file as ours (PRAGMA application_id)."""

BUSY_S = 20.0
"""How long a connection waits for another one that writes."""
STATES = ("waiting", "running", "paused", "cancelled", "finished", "failed")
VERDICTS = ("above", "below", "not interpretable", "failed")
DECISIONS = ("anomalous", "not anomalous", "second look")


class PathName(TypeDecorator[str]):
    """A path as the file system has it: names need not be UTF-8."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> bytes | None:
        """Return the name's bytes."""
        return None if value is None else os.fsencode(value)

    def process_result_value(self, value: bytes | None, dialect: Any) -> str | None:
        """Return the name as Python's file functions take it."""
        return None if value is None else os.fsdecode(value)


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})")


metadata = MetaData()

jobs = Table(
    "jobs",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", String, _one_of("kind", ("folder", "uploads")), nullable=False),
    Column("root", PathName, nullable=False),  # what the records' paths are relative to
    Column("folder", PathName, nullable=False),  # below root
    Column("models", Text, nullable=False),  # JSON: names, each with the checkpoint's hash
    Column("store", PathName),
    Column("false_alarm_rate", Float, nullable=False),
    Column("description", Text, nullable=False),  # JSON: fs, unit and leads of files that do not say them
    Column("creator", Text, nullable=False),
    Column("state", String, _one_of("state", STATES), nullable=False),
    Column("message", Text),
    Column("created", Float, nullable=False),  # seconds since 1970, UTC, as all times but decisions'
    Column("started", Float),
    Column("ended", Float),
    Column("heartbeat", Float),
    Column("records_per_s", Float),
    Column("run", String),  # which runner may write results
    Column("fruitless_starts", Integer, nullable=False, default=0),
)

records = Table(
    "records",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", String, ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("path", PathName, nullable=False),
    Column("seq", Integer),  # in the order of completion; null while it waits
    Column("name", Text),
    Column("sha256", String),
    Column("verdict", String, _one_of("verdict", VERDICTS)),
    Column("consensus", Float, key="percentile"),  # the file's name for it is older than the detector of that name
    Column("n_above", Integer),
    Column("n_scored", Integer),
    Column("heart_rate", Float),
    Column("masked", Text),
    Column("quality", Text),
    Column("notes", Text),
    Column("stretch_start_s", Float),
    Column("stretch_stop_s", Float),
    Column("stretch_leads", Text),
    Column("stretch_model", String),
    Column("error", Text),
    Index("records_in_order", "job", "position", unique=True),
    Index("records_as_done", "job", "seq", unique=True),
    Index("records_by_verdict", "job", "verdict"),
    Index("records_by_sha256", "sha256"),
)

results = Table(
    "results",
    metadata,
    Column("record", Integer, ForeignKey("records.id", ondelete="CASCADE"), primary_key=True),
    Column("model", String, primary_key=True),
    Column("score", Float),
    Column("percentile", Float),
    Column("threshold", Float),
    Column("anomalous", Integer),
    Column("interpretable", Integer),
    Column("error", Text),
    Column("row", Text, nullable=False),  # JSON: what else the model said, the score of each lead among it
    sqlite_with_rowid=False,
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String, nullable=False),  # UTC, ISO 8601
    Column("reviewer", Text, CheckConstraint("length(trim(reviewer)) > 0"), nullable=False),
    Column("reviewer_key", Text, nullable=False),  # the name without regard to case
    Column("sha256", String, CheckConstraint("length(sha256) = 64"), nullable=False),
    Column("decision", String, _one_of("decision", DECISIONS), nullable=False),
    Column("comment", Text, nullable=False),
    Column("job", String, nullable=False),  # no foreign key: decisions outlive their job
    Column("job_name", Text, nullable=False),
    Column("record", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("false_alarm_rate", Float, nullable=False),
    Column("verdicts", Text, nullable=False),  # JSON: per model the checkpoint, threshold, score, percentile, verdict
    Index("decisions_by_sha256", "sha256", "reviewer_key"),
    sqlite_autoincrement=True,
)

# INSERT OR REPLACE would remove the old row without a word to the other two
_GUARDS = tuple(
    f"CREATE TRIGGER {name} BEFORE {what} ON decisions {when} "
    "BEGIN SELECT RAISE(ABORT, 'decisions are append-only'); END"
    for name, what, when in (
        ("decisions_stay_as_they_are", "UPDATE", ""),
        ("decisions_stay", "DELETE", ""),
        ("decisions_are_not_replaced", "INSERT", "WHEN EXISTS (SELECT 1 FROM decisions WHERE id = NEW.id)"),
    )
)


class Database:
    """The worklist's database file, made where it is missing.

    Parameters
    ----------
    path : the file; its folder exists.

    Raises
    ------
    WorklistError
        If the file is newer than this version, damaged or something else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = _engine(path)
        with locked(path.with_suffix(".lock")):
            try:
                self._prepare()
            except WorklistError:
                self.close()
                raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one state of the database throughout."""
        with _explained(self.path), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Give a connection whose changes are on the disk when the block ends, or not at all."""
        with _explained(self.path), self._engine.connect() as connection:
            connection = connection.execution_options(write=True)
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def _prepare(self) -> None:
        if not self.path.exists():
            self.path.touch(mode=0o600)
        with self.writing() as connection:
            name = self.path.name

            def pragma(word: str) -> int:
                return int(connection.exec_driver_sql(f"PRAGMA {word}").scalar_one())

            version = pragma("user_version")
            if pragma("application_id") == APPLICATION:
                if version > SCHEMA:
                    raise WorklistError(
                        f"{name} was written by a newer Leadwise (schema {version}; this one reads {SCHEMA}); "
                        "update Leadwise."
                    )
                return
            if version or connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one():
                raise WorklistError(
                    f"{name} is a database of another program; move it away or choose another data folder."
                )
            metadata.create_all(connection)
            for guard in _GUARDS:
                connection.exec_driver_sql(guard)
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")
            connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA}")


def _engine(path: Path) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": BUSY_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None  # sqlite3 would begin, and commit, by its own rules
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn a failure of the database into one sentence."""
    try:
        yield
    except DBAPIError as error:
        raise WorklistError(f"{path.name} could not be used: {error.orig}; see to the disk and try again.") from error
