"""The review desk: grid, split, reviewer's name, and the record on view with the reviewer's reading of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from st_aggrid import AgGrid

from app import grid_rows, palette
from app.components import script, style
from app.components.worklist import columns
from app.desk import Rows, frame

_CSS = style("worklist/worklist.css")
_DESK = "worklist/desk.js"
_split = st.components.v2.component("leadwise_split", css=_CSS, js=script(_DESK, "worklist/split.js"))
_rows = st.components.v2.component("leadwise_rows", js=script(_DESK, "worklist/rows.js"))
_reviewer = st.components.v2.component("leadwise_reviewer", css=_CSS, js=script(_DESK, "worklist/reviewer.js"))
_review = st.components.v2.component(
    "leadwise_review", css=_CSS, js=script(_DESK, "paper/caliper.js", "worklist/preview.js", "worklist/review.js")
)

GRID_PX = 420
"""The frame's height before the style sheet stretches it to the window."""


def grid(job: str, models: tuple[str, ...], scheme: palette.Scheme) -> None:
    """Show the worklist's grid, which waits for its `rows`: its frame loads while they are read.

    Selection, keys and filters are the desk's, so that nothing comes back from the grid itself. It is given no frame
    of data, because it would read that anew, cell by cell, whenever anything of it changes.
    """
    AgGrid(
        None,
        gridOptions=columns.options(job, models),
        height=GRID_PX,
        theme=columns.theme(scheme),
        custom_css=columns.css(scheme),
        update_on=[],
        allow_unsafe_jscode=True,
        server_sync_strategy="client_wins",
        key=f"worklist_{job}_{scheme}",
    )


def rows(job: str, known: Rows, models: tuple[str, ...], waiting: Mapping[int, str] | None = None) -> None:
    """Send the grid its rows."""
    with st.container(key="carriers"):
        _rows(key="worklist_rows", data=grid_rows.packet(job, frame(known, models, waiting)), height=1)


def split(job: str) -> None:
    """Show which verdicts, decisions and names the grid is split by, with their counts."""
    _split(key="worklist_split", data={"job": job})


def reviewer(key: str, name: str, on_name: Callable[[], None]) -> None:
    """Show the reviewer's name as this browser keeps it, or ask for it; `name` is what the session has of it."""
    _reviewer(key=key, data={"name": name}, on_name_change=on_name, height=30)


def review(key: str, packet: bytes, on_acts: Callable[[], None]) -> Any:
    """Show the record on view, from `app.desk.packet`; what the reviewer does comes as `acts`."""
    return _review(key=key, data=packet, on_acts_change=on_acts)
