"""Start a batch: a folder of this server, dropped files or examples; and the batches there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import streamlit as st

from app import look, state, words
from app.components import worklist as ui
from app.state import TITLES
from ecg_core.errors import ECGError
from ecg_core.readers import Upload, is_archive, needs_description, unpack
from ecg_core.store import CONSENSUS
from ecg_core.worklist import Description, Folder, Job, Worklist

SOURCES = {"examples": "Examples", "folder": "Folder on this server", "uploads": "Uploads"}
N_EXAMPLES = 40
UNITS = ("mV", "uV", "V")


def start(worklist: Worklist, problem: str) -> None:
    """Show how to start a batch, and the batches there are."""
    with st.container(key="batch_start"):
        with st.container(key="batch_start_head", horizontal=True, vertical_alignment="center"):
            look.text("large", "Review a batch of ECGs")
            ui.reviewer(state.REVIEWER, state.reviewer(), state.take_reviewer)
        look.text("lead", "Every record is scored by the models you choose; you read them one after the other, by key.")
        for sentence in (problem, state.held(state.BATCH_PROBLEM)):
            if sentence:
                look.text("problem", sentence)
        with st.container(key="batch_columns"):
            with st.container(key="batch_new"):
                _new(worklist)
            with st.container(key="batch_list"):
                st.fragment(run_every=3.0)(_listed)(worklist, state.held(state.BATCH_PROBLEM))
    look.status_bar(f"data in {worklist.data}")


def leave() -> None:
    """Go back to the list of batches; for callbacks."""
    state.hold(state.BATCH_JOB, None)
    state.hold(state.BATCH_PROBLEM, None)
    st.query_params.pop("job", None)


def _new(worklist: Worklist) -> None:
    handed = state.held(state.BATCH_UPLOADS) or []
    if state.held(state.BATCH_SOURCE) is None:
        state.hold(state.BATCH_SOURCE, "uploads" if handed else "examples")
    source = st.segmented_control(
        "Records from", list(SOURCES), format_func=SOURCES.__getitem__, required=True, key=state.BATCH_SOURCE
    )
    make = {"folder": _folder, "uploads": _uploads}.get(source or "examples", _examples)(worklist)
    offered = state.models()
    networks = [name for name in offered if name not in words.EXPECTED]
    first = [CONSENSUS, *networks] if CONSENSUS in offered else list(offered)
    chosen = st.pills(
        "Models", offered, selection_mode="multi", default=first, format_func=TITLES.__getitem__,
        key=state.BATCH_MODELS,
    )  # fmt: skip
    rate = st.select_slider("False-alarm rate", state.RATES, words.VALIDATED_RATE, format_func=words.percent)
    look.text("aside", "Share of normal ECGs that may be called anomalous; it stands for the whole batch.")
    models = tuple(model for model in offered if model in chosen)
    if not models:
        look.text("problem", "Expected at least one model; choose one.")
    ready = make is not None and bool(models)
    st.button(
        "Score and review", type="primary", disabled=not ready, on_click=_begin, args=(worklist, make, models, rate)
    )


Make = Callable[[tuple[str, ...], float], Job]


def _begin(worklist: Worklist, make: Make, models: tuple[str, ...], rate: float) -> None:
    """Make the job and show it; what is wrong is said on this page."""
    state.hold(state.BATCH_PROBLEM, None)
    try:
        job = make(models, rate)
        worklist.ensure_runner()
    except ECGError as error:
        state.hold(state.BATCH_PROBLEM, str(error))
        return
    state.hold(state.BATCH_UPLOADS, None)
    state.hold(state.BATCH_JOB, job.id)
    st.query_params["job"] = job.id


def _examples(worklist: Worklist) -> Make:
    look.text("aside", f"{N_EXAMPLES} synthetic records, made by ecg_core.synthetic; no patient's recording.")

    def make(models: tuple[str, ...], rate: float) -> Job:
        return worklist.create_job_from_uploads(
            example_files(N_EXAMPLES), models, rate, name="Synthetic examples", creator=state.reviewer()
        )

    return make


def example_files(n: int) -> list[Upload]:
    """Return `n` synthetic records as WFDB pairs: the shipped kinds, each in several bodies and at several rates."""
    from ecg_core.synthetic import EXAMPLES, encode

    files = []
    for k in range(n):
        round_, spec = k // len(EXAMPLES), EXAMPLES[k % len(EXAMPLES)]
        moved = spec.heart_rate * (1 + 0.04 * ((round_ % 5) - 2))
        made = replace(spec, name=f"{spec.name}-{round_ + 1:02d}", seed=spec.seed + 100 * round_, heart_rate=moved)
        files += [Upload(name, data) for name, data in encode(made).items()]
    return files


def _folder(worklist: Worklist) -> Make | None:
    look.text("aside", f"Folders below {worklist.root}, as the operator set it; nothing outside it is reached.")
    here = state.held(state.BATCH_FOLDER, "")
    try:
        folder = worklist.browse(here)
    except ECGError as error:
        look.text("problem", str(error))
        st.button("Back to the top folder", on_click=state.hold, args=(state.BATCH_FOLDER, ""))
        return None
    _browse(folder, here)
    described = st.toggle("Describe .npy, .npz and .csv files too", key="batch_describe")
    description = _describe() if described else None
    if not folder.records and not described:
        look.text("problem", f"No .hea records below {folder.name}; choose a subfolder, or copy records there.")
        return None
    if described and description is None:
        return None

    def make(models: tuple[str, ...], rate: float) -> Job:
        return worklist.create_job_from_folder(here, models, rate, description=description, creator=state.reviewer())

    return make


def _browse(folder: Folder, here: str) -> None:
    with st.container(key="batch_path", horizontal=True, vertical_alignment="center"):
        if here:
            st.button("Up", on_click=state.hold, args=(state.BATCH_FOLDER, here.rpartition("/")[0]))
        look.text("rail-title", here or "Top folder")
        look.text("aside", counted(folder))
    below = {sub.path: f"{sub.name}, {counted(sub)}" for sub in folder.subfolders}
    if below:
        chosen = st.selectbox(
            "Go to a subfolder", list(below), index=None, format_func=below.__getitem__, placeholder="or take this one",
            key=f"below {here}",
        )  # fmt: skip
        if chosen is not None:
            state.hold(state.BATCH_FOLDER, chosen)
            st.rerun()


def counted(folder: Folder) -> str:
    """Return how many records lie below a folder."""
    return f"{'more than ' if folder.more else ''}{folder.records:,} record{'s' if folder.records != 1 else ''}"


def _uploads(worklist: Worklist) -> Make | None:
    handed = [Upload(name, data) for name, data in state.held(state.BATCH_UPLOADS) or []]
    if handed:
        look.text("rail-title", f"{len(handed)} files from the Upload page")
    dropped = st.file_uploader(
        "Drop ECG files here", accept_multiple_files=True, key=state.BATCH_FILES,
        help="WFDB records as pairs (.hea with .dat or .mat), or .npy, .npz and .csv, which need a few words more.",
    )  # fmt: skip
    look.text("aside", f"Kept in {worklist.data} until the batch is deleted; users of this server share it.")
    names = {file.name for file in dropped}
    files = [Upload(f.name, f.getvalue()) for f in dropped] + [f for f in handed if f.name not in names]
    if not files:
        return None
    asked = any(needs_description(file.name) for file in files)
    description = _describe() if asked else None
    if asked and description is None:
        return None

    def make(models: tuple[str, ...], rate: float) -> Job:
        name = f"Uploads, {len(files)} files"
        return worklist.create_job_from_uploads(
            _opened(files), models, rate, name=name, description=description, creator=state.reviewer()
        )

    return make


def _opened(files: list[Upload]) -> list[Upload]:
    """Return the files with those of archives in their place."""
    parts = [unpack(file.data, file.name).uploads if is_archive(file.name) else (file,) for file in files]
    return [upload for part in parts for upload in part]


def _describe() -> Description | None:
    """Ask for what arrays and tables do not say; None until all of it is given."""
    from app.uploads import LEAD_ORDERS

    columns = st.columns([1, 1, 2])
    fs = columns[0].number_input("Sampling rate (Hz)", 1.0, 100000.0, None, placeholder="for example 500")
    unit = columns[1].selectbox("Unit of the values", UNITS, index=None, placeholder="choose")
    order = columns[2].selectbox("Leads, in the files' order", list(LEAD_ORDERS), index=None, placeholder="choose")
    if fs and unit and order:
        return Description(float(fs), unit, LEAD_ORDERS[order])
    look.text("aside", "These files do not say how they were recorded: give rate, unit and leads.")
    return None


def _listed(worklist: Worklist, told: str | None) -> None:
    """Show the batches there are, newest first; what a click changes beyond the list is drawn by the whole page."""
    if state.held(state.BATCH_JOB) or state.held(state.BATCH_PROBLEM) != told:
        st.rerun(scope="app")
    look.text("rail-title", "Batches on this server")
    try:
        jobs = worklist.jobs()
        if any(job.active for job in jobs):
            worklist.ensure_runner()
    except ECGError as error:
        look.text("problem", str(error))
        return
    if not jobs:
        look.text("aside", "None yet: start with the examples, they take seconds.")
    for job in jobs:
        with st.container(key=f"job_{job.id}", horizontal=True, vertical_alignment="center"):
            st.button(job_title(job), key=f"open_{job.id}", on_click=_open, args=(job.id,))
            look.text("aside", job_words(job))
            with st.popover("Delete", key=f"delete_{job.id}"):
                kept = "Its results and uploads are removed; decisions stay."
                look.text(
                    "aside", kept if job.kind == "uploads" else "Its results are removed; files and decisions stay."
                )
                st.button("Delete this batch", key=f"sure_{job.id}", on_click=_delete, args=(worklist, job.id))


def job_title(job: Job) -> str:
    """Return a job's name so that a button shows it as it is: buttons read markdown."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+-.!|~$:" else c for c in job.name)


def job_words(job: Job) -> str:
    """Return how far a job is, of whom and when."""
    state_words = "" if job.state == "finished" else f", {job.state}"
    who = f" · {job.creator}" if job.creator else ""
    return f"{job.done:,} of {job.total:,}{state_words} · {job.above:,} above{who} · {job.created:%Y-%m-%d %H:%M} UTC"


def _open(job: str) -> None:
    state.hold(state.BATCH_PROBLEM, None)
    state.hold(state.BATCH_JOB, job)
    st.query_params["job"] = job


def _delete(worklist: Worklist, job: str) -> None:
    state.hold(state.BATCH_PROBLEM, None)
    try:
        worklist.delete(job)
    except ECGError as error:
        state.hold(state.BATCH_PROBLEM, str(error))
