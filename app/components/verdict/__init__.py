"""The verdict band: how unusual, where, how sure."""

from __future__ import annotations

from typing import Any

import streamlit as st

from app.components import script, style

_verdict = st.components.v2.component(
    "leadwise_verdict", css=style("verdict/verdict.css"), js=script("clip.js", "verdict/verdict.js")
)


def verdict_band(data: dict[str, Any]) -> None:
    """Show the verdict from `app.summary.verdict_data`."""
    _verdict(key="verdict", data=data)
