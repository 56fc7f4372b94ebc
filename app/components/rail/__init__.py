"""The rail beside the paper: stretches, error by lead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.components import script, style
from app.state import STRETCHES

_rail = st.components.v2.component("leadwise_rail", css=style("rail/rail.css"), js=script("clip.js", "rail/rail.js"))


def stretch_list(data: dict[str, Any], on_choose: Callable[[], None]) -> None:
    """Show the most anomalous stretches; a click sets the component's `choose` to an index, or to -1: back."""
    _rail(key=STRETCHES, data={"kind": "stretches", **data}, on_choose_change=on_choose)


def lead_bars(data: dict[str, Any]) -> None:
    """Show the error by lead."""
    _rail(key="lead_bars", data={"kind": "bars", **data})
