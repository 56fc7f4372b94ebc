"""Drop files, see what is in them, choose one."""

from __future__ import annotations

import streamlit as st

from app import look, pages, resources, state, uploads, words
from app.components.examples import example_card


def page() -> None:
    """Show the drop zone and the examples; what is read joins the session and is opened."""
    with st.container(key="opening"):
        _choose()
    look.status_bar("no record open")
    resources.warm(state.MODELS)


def _choose() -> None:
    look.text("large", "Open an ECG")
    look.text("lead", "Files stay on this server, in your session, until you close it.")
    dropped = st.file_uploader(
        "Drop ECG files here",
        type=uploads.EXTENSIONS,
        accept_multiple_files=True,
        max_upload_size=200,
        key=state.UPLOADER,
        help="WFDB records as pairs (.hea with .dat or .mat), or .npy, .npz and .csv, which need a few words more.",
    )
    if dropped:
        _take({file.name: file.getvalue() for file in dropped})
    _examples()


def _take(files: dict[str, bytes]) -> None:
    candidates = uploads.sort_out(files)
    described = [c for c in candidates if c.needs_description]
    description = _describe(described) if described else None
    ready = candidates if description else [c for c in candidates if not c.needs_description]
    with st.spinner("Reading files…"):
        entries, problems = uploads.read(ready, description)
    for problem in problems:
        look.text("problem", problem.words)
    waiting = bool(problems) or (bool(described) and description is None)
    if entries and not waiting:
        state.add(entries)
        pages.go("analyse")
    if entries:
        count = f"{len(entries)} record{'s' if len(entries) > 1 else ''}"
        st.button(f"Open {count}", type="primary", on_click=state.open_entries, args=(entries,))


def _describe(candidates: list[uploads.Candidate]) -> uploads.Description | None:
    """Ask for what an array or a table does not say; None until all of it is given."""
    look.text("rail-title", "These files do not say how they were recorded")
    look.text("fact", ", ".join(c.name for c in candidates))
    with st.form("description", border=True):
        columns = st.columns([1, 1, 2])
        fs = columns[0].number_input("Sampling rate (Hz)", 1.0, 100000.0, None, placeholder="for example 500")
        unit = columns[1].selectbox("Unit of the values", uploads.UNITS, index=None, placeholder="choose")
        orders = [*uploads.LEAD_ORDERS, "other"]
        order = columns[2].selectbox("Leads, in the file's order", orders, index=None, placeholder="choose")
        typed = st.text_input("Other lead names, with commas between", placeholder="II, V1, V2, V3, V4, V5, V6, I")
        sent = st.form_submit_button("Read with these", type="primary")
    leads = tuple(name.strip() for name in typed.split(",") if name.strip())
    leads = uploads.LEAD_ORDERS.get(order or "", leads)
    if fs and unit and leads:
        return uploads.Description(float(fs), unit, leads)
    if sent:
        look.text("problem", "Expected sampling rate, unit and leads; fill in all three.")
    return None


def _examples() -> None:
    with st.container(key="examples_head", horizontal=True, vertical_alignment="center"):
        look.text("rail-title", "Or start with an example")
        look.text("aside", "synthetic, made by ecg_core.synthetic; no patient's recording")
    entries, problems = resources.examples()
    for sentence in problems:
        look.text("problem", sentence)
    with st.container(key="example_grid", horizontal=True):
        for index, entry in enumerate(entries):
            title, line = words.example(entry.record.name)
            with st.container(key=f"example_{index}", border=True):
                example_card(f"card_{index}", entry)
                st.button(title, key=f"open_{index}", on_click=state.open_entries, args=([entry],), width="stretch")
                look.text("card-line", line)
