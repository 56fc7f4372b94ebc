"""The controls of the Analyse page: model, layout, gain, speed, leads, display filters, switches."""

from __future__ import annotations

import streamlit as st

from app import look, state, words
from ecg_core.display import FILTERS, available
from ecg_core.paper import SPEEDS
from ecg_core.records import LEADS


def controls(fs: float) -> None:
    """Show the row of controls above the paper; `fs` decides which filters are offered."""
    with st.container(key="controls", horizontal=True, vertical_alignment="center"):
        hidden = {"label_visibility": "collapsed", "required": True}
        titles, layouts = state.TITLES, state.LAYOUTS
        st.segmented_control("Model (key M)", state.models(), format_func=titles.__getitem__, key=state.MODEL, **hidden)
        st.segmented_control(
            "Layout",
            list(layouts),
            format_func=layouts.__getitem__,
            key=state.LAYOUT,
            on_change=state.forget_zoom,
            **hidden,
        )
        st.segmented_control(
            "Gain",
            list(state.GAINS),
            format_func=state.gain_label,
            key=state.GAIN,
            on_change=state.gain_is_chosen,
            **hidden,
        )
        speeds = [int(speed) for speed in SPEEDS]
        st.segmented_control("Paper speed", speeds, format_func=state.speed_label, key=state.SPEED, **hidden)
        with st.popover("Leads, filter", key="view_menu", help="Which leads are shown, and filters for display"):
            _leads()
            _filters(fs)
        with st.container(key="switches", horizontal=True):
            drawn = "Expected ECG" if state.value(state.MODEL) in words.EXPECTED else "Reconstruction"
            st.toggle(drawn, key=state.SHOW_RECONSTRUCTION)
            st.toggle("Marks", key=state.SHOW_MARKS)


def _leads() -> None:
    st.pills("Leads shown", LEADS, selection_mode="multi", key=state.LEADS_SHOWN, width="stretch")
    if state.value(state.LAYOUT) == "3x4":
        look.text("hint", "In 3 × 4 the place of a lead that is not shown stays empty; the rhythm strip stays.")
    st.button("All twelve leads", on_click=state.all_leads, type="tertiary")


def _filters(fs: float) -> None:
    offered = available(fs)
    state.fit_filters(offered)
    st.pills(
        "Filters, for display only",
        offered,
        selection_mode="multi",
        format_func=lambda name: FILTERS[name].title,
        key=state.FILTERS,
        width="stretch",
    )
    missing = [f.title for name, f in FILTERS.items() if name not in offered]
    told = f" {fs:g} Hz cannot carry {', '.join(missing)}." if missing else ""
    look.text("hint", f"None by default. Scores never see a filter.{told}")
