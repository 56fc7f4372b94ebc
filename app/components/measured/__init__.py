"""The measurements beside their normal ranges, and the median beat of each lead over the normals' band."""

from __future__ import annotations

import streamlit as st

from app.components import script, style

_measured = st.components.v2.component(
    "leadwise_measured", css=style("measured/measured.css"), js=script("measured/beats.js", "measured/measured.js")
)


def measured_panel(packet: bytes) -> None:
    """Show table and median beats from `app.measured.packet`."""
    _measured(key="measured", data=packet)
