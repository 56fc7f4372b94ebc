"""Drop files or choose an example; each record of the session is a row that opens."""

from __future__ import annotations

import time

import streamlit as st

from app import look, resources, rows, state, uploads, words
from app.components.examples import example_grid
from app.components.records import pulse, record_rows
from app.state import Entry
from ecg_core.detection import Detection

WAIT_S = 0.15
"""How long one run of the page waits for scores: a record that is dropped alone comes with its verdict."""

LOOK_S = 0.25
"""How long it then looks at records that have none yet, before those that are ready are shown."""

READY_BEFORE = 12
"""Records that all models score before they are opened."""


def page() -> None:
    """Show the drop zone, what needs attention, the session's records and the examples."""
    entries, problems = state.entries(), state.problems()
    full = bool(entries or problems)
    # what comes and goes stands in places of its own: the rest keeps its place, and is not drawn again from nothing
    with st.container(key="upload"):
        with st.container(key="upload_head"):
            _head(entries, problems)
        _drop_zone()
        with st.container(key="upload_said"):
            for sentence in state.notices():
                look.text("note", sentence)
            _describe([problem for problem in problems if problem.kind == "undescribed"])
        with st.container(key="upload_rows"):
            if full:
                _rows(entries, problems)
        example_grid(first_only=full)
    _status(entries)
    resources.warm_soon(state.models())


def _head(entries: list[Entry], problems: tuple[uploads.Problem, ...]) -> None:
    if not entries and not problems:
        look.text("large", "Open an ECG")
        look.text("lead", "Files stay on this server, in your session, until you close it or remove them.")
        return
    with st.container(key="records_head", horizontal=True, vertical_alignment="center"):
        look.head("Records", _count(len(entries), len(problems)))
        st.button("Remove all", on_click=_remove_all, type="tertiary")
        uploaded = any(entry.files and entry.twelve for entry in entries)
        st.button("Score as a batch", on_click=_to_batch, disabled=not uploaded)
        st.button("Open first", on_click=state.open_entry, type="primary", shortcut="Enter", disabled=not entries)


def _count(ready: int, attention: int) -> str:
    if not attention:
        return f"{ready} ready"
    return f"{ready} ready, {attention} file{'s' * (attention > 1)} need{'s' * (attention == 1)} attention"


def _drop_zone() -> None:
    key = state.uploader_key()
    st.file_uploader(
        "Drop ECG files here",
        accept_multiple_files=True,
        max_upload_size=500,
        key=key,
        on_change=_take_drop,
        args=(key,),
    )


def _take_drop(key: str) -> None:
    if files := state.files_in(key):
        _take(files, None)


def _take(files: list[uploads.Upload], description: uploads.Description | None) -> None:
    found = uploads.take(files, state.problems(), description)
    present = state.entries()
    new = uploads.distinct(found.entries, present)
    room = max(uploads.MOST_RECORDS - len(present), 0)
    said = list(found.notices)
    if known := len(found.entries) - len(new):
        said.append(f"{known} of the dropped records {'is' if known == 1 else 'are'} in the list already.")
    if len(new) > room:
        said.append(
            f"The list holds {uploads.MOST_RECORDS} records; {len(new) - room} more were left out: "
            "drop them on the Batch review page."
        )
    state.dropped(new[:room], found.problems, said)


def _describe(undescribed: list[uploads.Problem]) -> None:
    """Ask for what arrays and tables do not say of themselves."""
    if not undescribed:
        return
    with st.form("description", border=True):
        look.text("rail-title", "How were these files recorded? They do not say it themselves")
        look.text("aside", ", ".join(problem.name for problem in undescribed))
        columns = st.columns([1, 1, 2])
        fs = columns[0].number_input("Sampling rate (Hz)", 1.0, 100000.0, None, placeholder="for example 500")
        unit = columns[1].selectbox("Unit of the values", uploads.UNITS, index=None, placeholder="choose")
        orders = [*uploads.LEAD_ORDERS, "other"]
        order = columns[2].selectbox("Leads, in the file's order", orders, index=None, placeholder="choose")
        typed = st.text_input("Other lead names, with commas between", placeholder="II, V1, V2, V3, V4, V5, V6, I")
        sent = st.form_submit_button("Read with these", type="primary")
    if not sent:
        return
    leads = tuple(name.strip() for name in typed.split(",") if name.strip())
    leads = uploads.LEAD_ORDERS.get(order or "", leads)
    if fs and unit and leads:
        _take([], uploads.Description(float(fs), unit, leads))
        st.rerun()
    look.text("problem", "Expected sampling rate, unit and leads; fill in all three.")


def _rows(entries: list[Entry], problems: tuple[uploads.Problem, ...]) -> None:
    model, rate = state.value(state.MODEL), state.value(state.RATE)
    until = time.monotonic() + WAIT_S
    readings = [_reading(entry, model, until) for entry in entries]
    until = time.monotonic() + LOOK_S
    shown, pending = [], False
    for entry, reading in zip(entries, readings, strict=True):
        ready = isinstance(reading, Detection)
        seen = resources.overview(entry) if not ready and entry.twelve and time.monotonic() < until else None
        threshold = resources.threshold(entry, model, reading, rate) if ready else None
        shown.append(rows.row(entry, seen, reading, threshold, rate))
        pending |= reading is None
    # by the time a record is opened, the other models have seen it too
    for entry in [entry for entry in entries if entry.twelve][:READY_BEFORE]:
        for name in state.models():
            resources.ask_for(entry, name)
    listed = [{"ident": p.ident, "name": p.name, "headline": p.headline, "rest": p.rest} for p in problems]
    record_rows({"rows": shown, "problems": listed}, state.take_open, state.take_dismiss)
    if pending:
        pulse(time.monotonic_ns())


def _reading(entry: Entry, model: str, until: float) -> Detection | str | None:
    """Return what a record's row shows of its score; have it scored where that was not done, and wait for that."""
    if not entry.twelve:
        return rows.FEWER_LEADS
    if (kept := state.reading(entry.key, model)) is not None:
        return kept
    resources.ask_for(entry, model)
    resources.wait_for(entry, model, until - time.monotonic())
    if not resources.is_ready(entry, model):
        return None
    found, failed = resources.detections(entry, (model,))
    state.keep_reading(entry.key, model, rows.without_maps(found[model]) if found else failed[model])
    return state.reading(entry.key, model)


def _remove_all() -> None:
    resources.forget_records()
    state.remove_all()


def _to_batch() -> None:
    state.hand_to_batch(uploads.for_batch(state.entries()))


def _status(entries: list[Entry]) -> None:
    model = state.value(state.MODEL)
    read = [reading for entry in entries if isinstance(reading := state.reading(entry.key, model), Detection)]
    look.status_bar(words.provenance(state.TITLES[model], read[0]) if read else state.TITLES[model])
