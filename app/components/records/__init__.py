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


def record_rows(data: dict[str, Any], on_open: Callable[[], None], on_dismiss: Callable[[], None]) -> None:
    """Show rows and problems.

    Parameters
    ----------
    data : `rows` and `problems`, and under `pending` whether rows wait for their score: once drawn, they ask again.
    on_open, on_dismiss : called when a row's `open` or a problem's `dismiss` holds what was clicked.
    """
    _records(key=ROWS, data=data, on_open_change=on_open, on_dismiss_change=on_dismiss, on_poll_change=_again)


def _again() -> None:
    """Let the page run: what is ready by then is shown."""
