"""The session's records as rows, files that need attention first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.components import script, style
from app.state import ROWS

_records = st.components.v2.component(
    "leadwise_records", css=style("records/records.css"), js=script("records/records.js")
)
_pulse = st.components.v2.component("leadwise_pulse", js=script("records/pulse.js"))


def record_rows(data: dict[str, Any], on_open: Callable[[], None], on_dismiss: Callable[[], None]) -> None:
    """Show `rows` and `problems`; a click sets the component's `open` to a row's key, or `dismiss` to a problem's."""
    _records(key=ROWS, data=data, on_open_change=on_open, on_dismiss_change=on_dismiss)


def pulse(turn: int) -> None:
    """Have the page run again soon, once for each `turn`.

    It is a component of its own: of two events of one component that meet, Streamlit keeps the later, and a click
    would be lost.
    """
    with st.container(key="carriers"):
        _pulse(key="pulse", data={"turn": turn}, on_beat_change=_again)


def _again() -> None:
    """Let the page run: what is ready by then is shown."""
