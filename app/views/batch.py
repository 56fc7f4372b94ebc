"""A folder or many files as a worklist: start a job, watch it, read its records one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app import look, preview, resources, state, words
from app.components import worklist as ui
from app.desk import Desk
from app.progress import progress_html
from app.state import TITLES, Entry
from app.views import batch_export, batch_start
from ecg_core.detection import Detection
from ecg_core.errors import ECGError
from ecg_core.records import Record
from ecg_core.store import CONSENSUS
from ecg_core.worklist import Job, Worklist

RUNNING_S, RESTING_S = 1.0, 5.0
LONGEST_EXPLAINED_S = 60.0
"""The preview shows no reconstruction of longer recordings: Analyse does."""

ROWS_PER_S = 1000
"""New rows are shown at most every second, and less often where there are many."""


def page() -> None:
    """Show the job that the address names, or what the session looked at last; without one, how to start."""
    try:
        worklist = resources.worklist()
    except ECGError as error:
        look.text("problem", str(error))
        look.status_bar("no worklist")
        return
    wanted = st.query_params.get("job") or state.held(state.BATCH_JOB)
    job, problem = None, ""
    if wanted:
        try:
            job = worklist.job(wanted)
        except ECGError as error:
            problem = str(error)
    state.hold(state.BATCH_JOB, job.id if job else None)
    if job is None:
        st.query_params.pop("job", None)
        batch_start.start(worklist, problem)
        return
    if st.query_params.get("job") != job.id:
        st.query_params["job"] = job.id
    _job(worklist, job)


def _job(worklist: Worklist, job: Job) -> None:
    desk: Desk = state.desk(job.id, Desk)
    desk.drawn = -1  # a run that is cut short before the grid's rows leaves the page behind
    with st.container(key="batch"):
        head = st.container()
        with st.container(key="desk"):
            with st.container(key="desk_grid"):
                ui.split(job.id)
                ui.grid(job.id, job.models, look.scheme())
                desk.refresh(worklist, job.id, resources.worklist_rows)
                waiting = {} if job.state == "cancelled" else desk.waiting
                ui.rows(job.id, desk.rows, job.models, waiting)
                desk.state, desk.drawn = job.state, len(desk.rows.place)
            with head:
                every = max(RUNNING_S, job.total / ROWS_PER_S) if job.active else RESTING_S
                st.fragment(run_every=every)(_head)(worklist, job.id, desk)
            with st.container(key="desk_record"):
                _reviewer()
                _record(worklist, job, desk)
    hashes = ", ".join(f"{TITLES[model]} {digest[:7]}" for model, digest in job.checkpoints.items())
    look.status_bar(hashes)


def _head(worklist: Worklist, job_id: str, desk: Desk) -> None:
    """Show how far the job is; where the page shows less than there is, or is left, draw it anew."""
    if state.held(state.BATCH_JOB) != job_id:
        st.rerun(scope="app")
    try:
        job = worklist.job(job_id)
        if job.active:
            worklist.ensure_runner()
        if desk.behind(worklist, job):
            st.rerun(scope="app")
        reviewed = worklist.reviewed(job_id)
    except ECGError as error:
        look.text("problem", str(error))
        st.button("All batches", on_click=batch_start.leave, key="leave_gone")
        return
    with st.container(key="batch_head", horizontal=True, vertical_alignment="center"):
        look.head(
            job.name,
            f"{job.total:,} record{'s' if job.total != 1 else ''}",
            _models_words(job),
            f"alarm at {words.percent(job.false_alarm_rate)} false alarms",
        )
        _actions(worklist, job)
    st.html(progress_html(job, reviewed.get("above", 0), job.above))
    if job.message:
        look.text("problem", job.message)


def _models_words(job: Job) -> str:
    if len(job.models) == 1:
        return TITLES[job.models[0]]
    others = sum(model != CONSENSUS for model in job.models)
    if CONSENSUS in job.models:
        return f"Consensus, beside it {others} model{'s' if others > 1 else ''}"
    return f"median of {others} models"


def _actions(worklist: Worklist, job: Job) -> None:
    if job.active:
        st.button("Pause", on_click=_do, args=(worklist.pause, job.id), key="pause")
    elif job.state in ("paused", "failed"):
        st.button("Resume", on_click=_resume, args=(worklist, job.id), type="primary", key="resume")
    if job.active or job.state == "paused":
        with st.popover("Cancel batch", key="cancel"):
            look.text("aside", "Scoring ends for good; what is scored stays.")
            st.button("Cancel this batch", on_click=_do, args=(worklist.cancel, job.id), key="cancel_sure")
    batch_export.menu(worklist, job)
    st.button("All batches", on_click=batch_start.leave, key="leave")
    if problem := state.held(state.BATCH_PROBLEM):
        look.text("problem", problem)


def _do(act: object, job: str) -> None:
    """Change a job; what cannot be done is said beside the buttons."""
    state.hold(state.BATCH_PROBLEM, None)
    try:
        act(job)  # type: ignore[operator]
    except ECGError as error:
        state.hold(state.BATCH_PROBLEM, str(error))


def _resume(worklist: Worklist, job: str) -> None:
    _do(worklist.resume, job)
    worklist.ensure_runner()


@st.fragment
def _reviewer() -> None:
    ui.reviewer(state.REVIEWER, state.reviewer(), state.take_reviewer)
    state.take_reviewer()  # a server that was started anew gets it without a change


@st.fragment
def _record(worklist: Worklist, job: Job, desk: Desk) -> None:
    """Show the record on view and take what the reviewer does; nothing else of the page runs again."""
    row = desk.row(desk.position)
    record, detection, problem = None, None, ""
    review, last = None, []
    try:
        last = worklist.decisions(job=job.id, limit=preview.LAST_DECISIONS)
        if row is not None and row["sha256"]:
            review = worklist.reviews(sha256=row["sha256"]).get(row["sha256"])
            if row["verdict"] != "failed":
                record = resources.worklist_record(job.id, row["position"])
                detection = _detection(job, desk, row, record)
    except ECGError as error:
        problem = str(error)
    if record is not None and desk.opened is not None:
        desk.opened = None
        state.open_from_worklist(Entry(_key(job, record), record))
        st.rerun(scope="app")
    data = preview.packet(
        job,
        row,
        record,
        detection,
        problem=problem,
        explainable=record is not None and desk.settled != _key(job, record),
        answer=desk.answer,
        patches=desk.patches(),
        review=review,
        last=last,
        reviewer=state.reviewer(),
    )

    def take() -> None:
        # a run that was cut short leaves nothing here: the browser sends again what was not answered
        held = state.held(state.REVIEW)
        sent = held.acts if held else None
        if sent and sent["job"] == job.id:
            who, client = state.reviewer(), str(sent["client"])
            desk.take(worklist, job.id, who, client, sent["acts"], int(sent.get("seen", 0)))

    ui.review(state.REVIEW, data, take)


def _detection(job: Job, desk: Desk, row: Mapping[str, Any], record: Record) -> Detection | None:
    """Return what the model of the strongest stretch made of the record, where it was asked for and is ready."""
    model = preview.shown_model(job, row)
    if desk.explain != row["position"] or record.duration > LONGEST_EXPLAINED_S:
        return None
    if desk.made is not None and desk.made.sha256 == record.sha256:
        return desk.made
    entry = Entry(_key(job, record), record)
    if desk.asked != entry.key:
        desk.asked = entry.key
        resources.ask_for(entry, model)
    if not resources.is_ready(entry, model):
        return None
    desk.settled = entry.key
    if resources.detector(model).checkpoint == job.checkpoints.get(model):
        desk.made = resources.detection(entry, model)
    return desk.made


def _key(job: Job, record: Record) -> str:
    return f"{record.sha256}-{job.id}" if job.description else record.sha256
