"""Three models side by side on one time axis: agreement, then a band for each."""

from __future__ import annotations

import streamlit as st

from app.components import script, style

_compare = st.components.v2.component(
    "leadwise_compare", css=style("compare/compare.css"), js=script("compare/compare.js")
)


def bands(packet: bytes) -> None:
    """Show the packet of `app.comparison.comparison`."""
    _compare(key="compare_bands", data=packet)
