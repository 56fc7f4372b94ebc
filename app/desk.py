"""The review desk: rows for the grid, and what the reviewer does; plain data, no streamlit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecg_core.detection import Detection
from ecg_core.errors import ECGError
from ecg_core.worklist import Columns, Job, Review, Worklist

WAITING = "waiting"
SECOND_LOOK = "second look"

AllRows = Callable[[str, int], Columns]


@dataclass(frozen=True)
class Outcome:
    """What became of one decision.

    Attributes
    ----------
    n : the act's number in the browser.
    position, record : what was decided on.
    problem : why it is not stored; empty where it is.
    comment : what was typed with it.
    """

    n: int
    position: int
    record: str = ""
    problem: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Answer:
    """What the server says of what the reviewer did: up to which act it is done, and what became of the decisions.

    Attributes
    ----------
    outcomes : of all decisions that the browser has no answer to yet; a page run that is cut short answers nothing.
    """

    client: str = ""
    answered: int = 0
    outcomes: tuple[Outcome, ...] = ()

    def failed(self) -> list[dict[str, Any]]:
        """Return the decisions that are not stored, as the browser takes them."""
        return [
            {"n": one.n, "position": one.position, "record": one.record, "message": one.problem, "comment": one.comment}
            for one in self.outcomes
            if one.problem
        ]


@dataclass
class Rows:
    """The scored records of one job as the session knows them.

    Attributes
    ----------
    columns : as `Worklist.rows` gives them, in the order of scoring.
    last : highest `seq` in them.
    place : from a record's position in the job to its index in the columns.
    """

    columns: Columns = field(default_factory=dict)
    last: int = 0
    place: dict[int, int] = field(default_factory=dict)

    def extend(self, new: Columns) -> None:
        """Take rows that were scored since."""
        start = len(self.place)
        for name, values in new.items():
            self.columns.setdefault(name, []).extend(values)
        self.place |= {position: start + k for k, position in enumerate(new["position"])}
        self.last = max(self.columns["seq"], default=0)

    def decided(self, sha256: str, review: Review) -> list[int]:
        """Take over what reviewers said of a recording; return the positions that hold it."""
        indices = [k for k, digest in enumerate(self.columns["sha256"]) if digest == sha256]
        for k in indices:
            self.columns["decision"][k] = review.decision
            self.columns["reviewers"][k] = ", ".join(one.reviewer for one in review.latest)
            self.columns["comment"][k] = review.latest[0].comment
            self.columns["decided_at"][k] = review.latest[0].at
            self.columns["differ"][k] = review.differ
        return [self.columns["position"][k] for k in indices]

    def row(self, position: int) -> dict[str, Any] | None:
        """Return one record's row."""
        index = self.place.get(position)
        return None if index is None else {name: values[index] for name, values in self.columns.items()}


def frame(rows: Rows, models: Sequence[str], waiting: Mapping[int, str] | None = None) -> pd.DataFrame:
    """Return the grid's rows, those that wait last: short names and one decimal, because ten thousand of them travel.

    Columns: p position, r record, v verdict, c percentile, m0.. percentile by model, b bits of the models above,
    n above of s scored, h heart rate, q quality, d decision, w reviewers, i when decided (ms), e error.
    """
    waiting = waiting or {}
    columns = {name: [*values, *[None] * len(waiting)] for name, values in rows.columns.items()}
    n = len(rows.place)
    columns["position"][n:] = waiting
    columns["record"][n:] = [PurePath(path).stem for path in waiting.values()]
    columns["verdict"][n:] = [WAITING] * len(waiting)
    bits = np.zeros(n + len(waiting), dtype=np.int64)
    for bit, model in enumerate(models):
        bits |= np.array([bool(x) for x in columns[f"anomalous_{model}"]], dtype=np.int64) << bit
    table: dict[str, Any] = {
        "p": columns["position"],
        "r": _text(columns["record"]),
        "v": _text(columns["verdict"]),
        "c": _rounded(columns["percentile"]),
        **{f"m{bit}": _rounded(columns[f"percentile_{model}"]) for bit, model in enumerate(models)},
        "b": bits,
        "n": [x or 0 for x in columns["n_above"]],
        "s": [x or 0 for x in columns["n_scored"]],
        "h": _rounded(columns["heart_rate"], 0),
        "q": _text(columns["quality"]),
        "d": _text(columns["decision"]),
        "w": _text(columns["reviewers"]),
        "i": np.array([_moment(at) for at in columns["decided_at"]], dtype=float),
        "e": _text(columns["error"]),
    }
    return pd.DataFrame(table)


def _rounded(values: Sequence[float | None], digits: int = 1) -> NDArray[np.float64]:
    """Return values to so many decimals; 99.97 stays below 100, which means above all normals."""
    array = np.array([np.nan if x is None else x for x in values], dtype=float)
    rounded = np.round(array, digits)
    return np.where((rounded >= 100) & (array < 100) & (digits == 1), 99.9, rounded)


def _moment(at: datetime | None) -> float:
    """Return when a row was last decided on, ms since 1970; 0 where it was not."""
    return round(at.timestamp() * 1000) if at else 0


def _text(values: Sequence[str | None]) -> pd.Series:
    return pd.Series(values, dtype=object)


@dataclass
class Desk:
    """What one session knows of one job.

    Attributes
    ----------
    rows : scored records as of the last look.
    waiting : paths of the others, by position.
    position : of the record on view; None before one was chosen.
    answered : the highest act done, by the browser page that numbers them.
    explain : position of the record whose reconstruction the browser asks for.
    asked, settled : keys of the record that is being scored for it, and of the last that was, with or without success.
    made : the last reconstruction.
    opened : position of a record to open in Analyse.
    newest : id of the newest decision that the grid shows.
    state : of the job as the page was drawn.
    drawn : how many records the grid shows.
    """

    rows: Rows = field(default_factory=Rows)
    waiting: dict[int, str] = field(default_factory=dict)
    position: int | None = None
    answered: dict[str, int] = field(default_factory=dict)
    answer: Answer = field(default_factory=Answer)
    explain: int | None = None
    asked: str = ""
    settled: str = ""
    made: Detection | None = None
    opened: int | None = None
    newest: int = 0
    state: str = ""
    drawn: int = -1

    def refresh(self, worklist: Worklist, job: str, all_rows: AllRows | None = None) -> None:
        """Read what was scored since, and anew where somebody else decided.

        Parameters
        ----------
        all_rows : gives the rows of a job from its start, at the newest decision; read from the worklist if None.
        """
        newest, waiting = _newest(worklist, job), worklist.waiting(job)
        if newest != self.newest:
            self.rows, self.newest = Rows(), newest
        if all_rows and not self.rows.last:
            self.rows.extend(all_rows(job, newest))
        self.rows.extend(worklist.rows(job, self.rows.last))
        self.waiting = {position: path for position, path in waiting.items() if position not in self.rows.place}

    def row(self, position: int | None) -> dict[str, Any] | None:
        """Return the row of a record of the job, with nothing but its name where it waits."""
        if position is None or position not in self.waiting:
            return None if position is None else self.rows.row(position)
        path = self.waiting[position]
        known = {"position": position, "path": path, "record": PurePath(path).stem, "verdict": WAITING}
        return dict.fromkeys(self.rows.columns) | known

    def behind(self, worklist: Worklist, job: Job) -> bool:
        """Return whether the page shows less than there is."""
        return job.done != self.drawn or job.state != self.state or _newest(worklist, job.id) != self.newest

    def take(
        self,
        worklist: Worklist,
        job: str,
        reviewer: str,
        client: str,
        acts: Sequence[Mapping[str, Any]],
        seen: int = 0,
    ) -> None:
        """Do what the reviewer did and was not done yet, in order.

        Parameters
        ----------
        reviewer : who decides where the act does not say it.
        seen : up to which act the browser has the answer.
        """
        same = self.answer.client == client
        outcomes = [one for one in self.answer.outcomes if same and one.n > seen]
        for act in acts:
            number, position = int(act["n"]), int(act["position"])
            if number <= self.answered.get(client, 0):
                continue
            if act["kind"] == "decide":
                outcomes.append(self._decide(worklist, job, str(act.get("reviewer") or reviewer), act))
                self.position = int(act["next"])
            elif act["kind"] == "show":
                self.position = position
            elif act["kind"] == "explain":
                self.explain = position
            elif act["kind"] == "open":
                self.opened = self.position = position
            self.answered = {client: number}
        self.answer = Answer(client, self.answered.get(client, 0), tuple(outcomes))

    def _decide(self, worklist: Worklist, job: str, reviewer: str, act: Mapping[str, Any]) -> Outcome:
        number, position, comment = int(act["n"]), int(act["position"]), str(act["comment"])
        row = self.row(position)
        name = row["record"] if row else "This record"
        if refusal := _refusal(row, str(act["reading"])):
            return Outcome(number, position, name, f"{name} {refusal}", comment)
        assert row is not None
        try:
            made = worklist.decide(job, row["sha256"], reviewer, str(act["reading"]), comment)
            review = worklist.reviews(sha256=row["sha256"])[row["sha256"]]
        except ECGError as error:
            return Outcome(number, position, name, f"{name} is not decided: {error}", comment)
        if _newest(worklist, job) == made.id and self.newest >= _before(worklist, job):
            self.newest = made.id
        self.rows.decided(row["sha256"], review)
        return Outcome(number, position, name)

    def patches(self) -> list[dict[str, Any]]:
        """Return what the grid's rows say of the decisions that the browser has no answer to yet."""
        decided = dict.fromkeys(one.position for one in self.answer.outcomes)
        return [
            {"p": row["position"], "d": row["decision"], "w": row["reviewers"], "i": _moment(row["decided_at"])}
            for row in map(self.rows.row, decided)
            if row
        ]


def _refusal(row: Mapping[str, Any] | None, reading: str) -> str:
    """Return why a record takes no such reading, as the end of a sentence; empty where it takes it."""
    if row is None or row["verdict"] == WAITING:
        return "is not scored yet; it can be read once it is."
    if row["sha256"] is None:
        return "could not be opened, so there is nothing to decide; choose another one."
    if row["verdict"] == "failed" and reading != SECOND_LOOK:
        return "could not be read: note it for a second look, with a comment."
    return ""


def _newest(worklist: Worklist, job: str) -> int:
    return next((decision.id for decision in worklist.decisions(job=job, limit=1)), 0)


def _before(worklist: Worklist, job: str) -> int:
    return next((decision.id for decision in worklist.decisions(job=job, limit=2)[1:]), 0)
