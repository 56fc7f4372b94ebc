"""What is measured of the record on view, below its ECG: the table, and the median beat of each lead."""

from __future__ import annotations

import streamlit as st

from app import look, resources
from app.components.measured import measured_panel
from app.sheet import Window
from app.state import Entry
from ecg_core.detection import Detection


def section(entry: Entry, detection: Detection | None, seen: Window) -> None:
    """Show the measurements of the seconds on view, whichever model is chosen; nothing where none measures."""
    packet = resources.measured_packet(entry, detection, seen) if detection else None
    if packet is None:
        return
    with st.container(key="measured_section"):
        look.text("section", "Measurements")
        measured_panel(packet)
