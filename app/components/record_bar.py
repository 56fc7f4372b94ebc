"""The bar of every page that shows a record: which it is, its place in the session, and how to go to another."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app import look, resources, state, words
from app.state import Entry


def record_bar(entry: Entry, actions: Callable[[], None] | None = None) -> None:
    """Show name, patient, recording and place; Previous, Next and Open, each with its key.

    Parameters
    ----------
    entry : the record on view.
    actions : draws the page's own buttons between Next and Open.
    """
    at, of = state.place()
    with st.container(key="record_bar", horizontal=True, vertical_alignment="center"):
        look.head(
            entry.record.name,
            words.patient(entry.record),
            words.recording(entry.record, entry.duration),
            f"{at} of {of} in this session",
            tag="synthetic" if entry.synthetic else "",
        )
        if state.from_worklist(entry.key):
            st.button("Back to the worklist", on_click=state.leave_for, args=("batch",), shortcut="B")
        many = of > 1
        st.button("Previous", on_click=state.step, args=(-1,), shortcut="Left", disabled=not many)
        st.button("Next", on_click=state.step, args=(1,), shortcut="Right", disabled=not many)
        if actions is not None:
            actions()
        st.button("Open", type="primary", on_click=state.leave_for, args=("upload",), shortcut="O")


def no_record(page: str) -> None:
    """Say that no record is open, and offer what to do: choose one, or see the first example on `page`."""
    with st.container(key="no_record"):
        look.text("large", "No ECG is open")
        look.text("lead", "Choose a record on the Upload page, or start with an example.")
        with st.container(key="no_record_actions", horizontal=True):
            st.button("Go to Upload", type="primary", on_click=state.leave_for, args=("upload",), shortcut="O")
            entries, _ = resources.examples(page == "beats")
            if entries:
                title, _ = words.example(entries[0].record.name)
                st.button(f"Open an example: {title}", on_click=state.open_entries, args=([entries[0]], page))


def fewer_leads(entry: Entry, what: str) -> None:
    """Say why a page is not for a record of fewer than twelve leads, and offer the page that is.

    Parameters
    ----------
    what : what the page does, as a sentence begins: "Analyse compares".
    """
    record_bar(entry)
    has = ", ".join(entry.record.leads)
    n = len(entry.record.leads)
    with st.container(key="fewer_leads"):
        look.text("large", f"This recording has {n} lead{'s' * (n > 1)}: {has}")
        look.text(
            "lead",
            f"{what} twelve leads with those of normal ECGs: at least I, II and V1 to V6 are needed. "
            "Fewer leads are compared beat by beat with the patient's own dominant beat.",
        )
        st.button("Open on Beats", type="primary", on_click=state.leave_for, args=("beats",), shortcut="Enter")
