"""Analyse one record: verdict, ECG, details, in this order. Lays out; computes nothing."""

from __future__ import annotations

import streamlit as st

from app import look, resources, sheet, state, summary, words
from app.components import packets, rail
from app.components.paper import paper
from app.components.record_bar import no_record, record_bar
from app.components.verdict import verdict_band
from app.state import Entry
from ecg_core.detection import Detection


def page() -> None:
    """Show the record on view; without one, what to do."""
    entry = state.current()
    if entry is None:
        no_record("analyse")
        look.status_bar("no record open")
        return
    # scored before anything of it is shown: the last record stays on view whole, never under the next one's name
    with st.container(key="progress"), st.spinner("Scoring with three models…"):
        found, failed = resources.detections(entry, state.MODELS)
    with st.container(key="analysis"):
        _analysis(entry, found, failed)


def _analysis(entry: Entry, found: dict[str, Detection], failed: dict[str, str]) -> None:
    model, rate = state.value(state.MODEL), state.value(state.RATE)
    thresholds = {name: resources.threshold(entry, name, d, rate) for name, d in found.items()}
    detection = found.get(model)
    record_bar(entry)
    with st.container(key="hidden_keys"):
        st.button("Next model", on_click=state.next_model, shortcut="M")
    for name, sentence in failed.items():
        look.text("problem", f"{state.TITLES[name]}: {sentence}")
    if detection is not None:
        normals = resources.normal_scores(entry, model, detection)
        verdict_band(summary.verdict_data(entry, model, found, thresholds, rate, normals))
    for note in detection.notes if detection else entry.record.notes:
        look.text("note", note)
    _controls()
    above = bool(detection and words.is_above(detection, thresholds[model], rate))
    with st.container(key="sheet"):
        with st.container(key="main"):
            _sheet(entry, model, detection, above)
            _explore(entry, detection)
        with st.container(key="rail"):
            _rail(entry, model, detection, above, rate)
    look.status_bar(words.provenance(state.TITLES[model], detection))


def _controls() -> None:
    with st.container(key="controls", horizontal=True, vertical_alignment="center"):
        hidden = {"label_visibility": "collapsed", "required": True}
        titles, layouts = state.TITLES, state.LAYOUTS
        st.segmented_control(
            "Model (key M)",
            state.MODELS,
            format_func=titles.__getitem__,
            key=state.MODEL,
            on_change=state.forget_stretch,
            **hidden,
        )
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
        with st.container(key="switches", horizontal=True):
            st.toggle("Reconstruction", key=state.SHOW_RECONSTRUCTION)
            st.toggle("Marks", key=state.SHOW_MARKS)


def _sheet(entry: Entry, model: str, detection: Detection | None, above: bool) -> None:
    explained = detection is not None and detection.explanation is not None
    gain = state.GAINS[state.value(state.GAIN)]
    layout = state.value(state.LAYOUT)
    view = sheet.view_data(
        entry,
        sheet.geometry(entry, detection, layout, gain, state.stretch(), state.lead()),
        model if explained else None,
        detection,
        above=above,
        reconstruction=state.value(state.SHOW_RECONSTRUCTION),
        marks=state.value(state.SHOW_MARKS),
        chosen=state.stretch(),
        gain_by_itself=not state.gain_was_chosen(),
    )
    packet = None
    if detection is not None and explained:
        packet = resources.model_packet(entry.key, model, detection.checkpoint, entry.record, detection)
    start_s = sheet.start_of_view(entry, detection)
    paper(resources.signals_packet(entry.key, start_s, entry.record), packet, view, state.take_lead)


def _explore(entry: Entry, detection: Detection | None) -> None:
    if not st.toggle("Zoom and pan all leads together", key=state.EXPLORE):
        return
    from app import charts  # plotly comes with it: not before it is asked for

    shown = packets.on_view(entry.record, sheet.start_of_view(entry, detection))
    explanation = detection.explanation if detection else None
    figure = charts.signals(
        shown.signal,
        shown.fs,
        shown.leads,
        reconstruction=explanation.reconstruction if explanation else None,
        start_s=shown.start_s,
        scheme=look.scheme(),
    )
    st.plotly_chart(figure, key="explore_chart", theme=None, config={"displaylogo": False})


def _rail(entry: Entry, model: str, detection: Detection | None, above: bool, rate: float) -> None:
    if detection is None or not detection.interpretable:
        return
    rail.stretch_list(summary.stretches_data(entry, detection, above, state.stretch()), state.take_stretch)
    _threshold(model, rate)
    rail.lead_bars(summary.lead_bars_data(detection))


def _threshold(model: str, rate: float) -> None:
    moved = abs(rate - words.VALIDATED_RATE) > 1e-9
    validated = words.percent(words.VALIDATED_RATE)
    with st.container(key="threshold"):
        with st.container(key="threshold_head", horizontal=True, vertical_alignment="center"):
            look.text("rail-title", "Alarm threshold")
            if moved:
                look.text("moved", f"moved from {validated}")
                st.button(f"Reset to {validated}", on_click=state.reset_rate, type="tertiary")
            else:
                look.text("aside", f"validated at {validated}")
        st.select_slider("False-alarm rate", state.RATES, format_func=words.percent, key=state.RATE)
        point = words.expected_at(resources.operating_points(model), rate)
        rail.rows("expected", summary.expected_rows(point, rate))
