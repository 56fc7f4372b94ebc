"""The alarm threshold: a slider in false-alarm rate, with what is to be expected of it; the browser answers at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.components import script, style
from app.state import THRESHOLD

_threshold = st.components.v2.component(
    "leadwise_threshold", css=style("threshold/threshold.css"), js=script("settling.js", "threshold/threshold.js")
)


def threshold_slider(data: dict[str, Any], on_move: Callable[[], None]) -> None:
    """Show the slider from `app.summary.threshold_data`; a move sets the component's `rate`, its place among RATES."""
    with st.container(key="threshold"):
        _threshold(key=THRESHOLD, data=data, on_rate_change=on_move)
