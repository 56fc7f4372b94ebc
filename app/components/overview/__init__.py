"""The overview: the score over a whole recording, with the seconds on view, picked by click and by key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.components import script, style
from app.state import OVERVIEW

_overview = st.components.v2.component(
    "leadwise_overview", css=style("overview/overview.css"), js=script("overview/overview.js")
)


def overview(data: dict[str, Any], on_pick: Callable[[], None]) -> None:
    """Show the strip from `app.timeline.overview_data`; a pick sets the component's `start`, s."""
    _overview(key=OVERVIEW, data=data, on_start_change=on_pick)
