"""Analyse one record: verdict, ECG, details, in this order. Lays out; computes nothing."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import streamlit as st

from app import exports, look, measured, operating, resources, sheet, state, summary, timeline, words
from app.components import rail
from app.components.controls import controls
from app.components.export import ExportMenu
from app.components.overview import overview
from app.components.paper import paper
from app.components.record_bar import fewer_leads, no_record, record_bar
from app.components.scoring import scoring
from app.components.threshold import threshold_slider
from app.components.verdict import verdict_band
from app.state import Entry
from app.views import measured_part
from ecg_core.detection import Detection

ALONE_S = 0.15
"""How long the verdict has the browser to itself when the page is opened: what is sent with it is drawn with it."""


def page() -> None:
    """Show the record on view; without one, what to do."""
    entry = state.current()
    if entry is None:
        no_record("analyse")
        look.status_bar("no record open")
        return
    if not entry.twelve:
        fewer_leads(entry, "Analyse compares")
        look.status_bar(words.FEWER_LEADS)
        return
    waiting = resources.waiting(entry, models := state.models())
    now = tuple(name for name in models if name not in waiting)
    # scored before anything of it is shown: the last record stays on view whole, never under the next one's name
    with st.container(key="progress"), st.empty(), st.spinner(words.scoring(models)):
        found, failed = resources.detections(entry, now)
    with st.container(key="analysis"):
        _analysis(entry, found, failed, waiting)


def _analysis(entry: Entry, found: dict[str, Detection], failed: dict[str, str], waiting: Sequence[str]) -> None:
    model, rate = state.value(state.MODEL), state.value(state.RATE)
    detection = found.get(model)
    export = ExportMenu()
    record_bar(entry, export.place)
    with st.container(key="hidden_keys"):
        st.button("Next model", on_click=state.next_model, shortcut="M")
    limits = {each: resources.thresholds(entry, found, each) for each in state.RATES}
    # what varies in number stands in a place of its own: the paper below keeps its place, and with it its picture
    with st.container(key="verdict_place"):
        for name, sentence in failed.items():
            look.text("problem", f"{state.TITLES[name]}: {sentence}")
        if waiting:
            scoring(entry, sorted(waiting, key=lambda name: name != model), band=model in waiting)
        if detection is not None:
            normals = resources.normal_scores(entry, model, detection)
            verdict_band(summary.verdict_data(entry, model, found, limits, rate, normals, waiting))
        if noted := words.notes(detection.notes if detection else entry.record.notes):
            look.text("note", noted)
    if detection is not None and state.has_arrived():
        time.sleep(ALONE_S)
    controls(entry.record.fs)
    seen = _seen(entry, detection)
    view = resources.on_view(entry, detection, seen) if detection else None
    above, measuring = resources.sides(entry, view), resources.measuring(entry, found, model, seen)
    if view:
        read = exports.readings(found, limits[rate], rate)
        export.fill(exports.files(entry, model, read, exports.view(entry.record.fs, seen, above[rate]), seen, view))
    with st.container(key="sheet"):
        with st.container(key="main"):
            with st.container(key="overview_place"):
                if detection and view:
                    _overview(entry, detection, view, seen, {each: limits[each][model] for each in limits}, above)
            _sheet(entry, view, seen, above, measuring)
            _explore(entry, view, seen)
        with st.container(key="rail"):
            if detection and view:
                _rail(entry, model, detection, view, above)
            if measuring:
                st.toggle("Limits of P, QRS and T on the paper", key=state.SHOW_FIDUCIALS)
        measured_part.section(entry, measuring, seen)
    title = state.TITLES[model]
    look.status_bar(f"{title}: scoring" if model in waiting else words.provenance(title, detection))


def _overview(
    entry: Entry,
    whole: Detection,
    view: Detection,
    seen: sheet.Window,
    limits: Mapping[float, float | None],
    above: Mapping[float, bool | None],
) -> None:
    span = entry.record.start_s, entry.duration
    strip = operating.at_each_rate(
        lambda rate: timeline.overview_data(entry.key, whole, seen, *span, limits[rate], view, above[rate]) or {},
        state.value(state.RATE),
    )
    if "record" in strip:
        overview(strip, state.take_view)


def _seen(entry: Entry, detection: Detection | None) -> sheet.Window:
    explanation = detection.explanation if detection else None
    strongest_s = explanation.start_s if explanation else entry.record.start_s
    speed = float(state.value(state.SPEED))
    seen = sheet.window(entry.record.start_s, entry.duration, speed, state.view_start(), strongest_s)
    if detection and detection.segments:
        state.keep_view(seen.sheet_s)
    return seen


def _sheet(
    entry: Entry,
    view: Detection | None,
    seen: sheet.Window,
    above: Mapping[float, bool | None],
    measuring: Detection | None,
) -> None:
    choice = sheet.Choice(
        layout=state.value(state.LAYOUT),
        gain=state.GAINS[state.value(state.GAIN)],
        speed=float(state.value(state.SPEED)),
        leads=state.leads_shown(),
        filters=tuple(state.value(state.FILTERS)),
        stretch_s=state.stretch(),
        lead=state.lead(),
        reconstruction=state.value(state.SHOW_RECONSTRUCTION),
        marks=state.value(state.SHOW_MARKS),
        gain_by_itself=not state.gain_was_chosen(),
        fiducials=state.value(state.SHOW_FIDUCIALS),
    )
    shown = resources.shown(entry, seen, choice.filters)
    laid_out = sheet.geometry(shown, seen, choice, [lead for lead, why in view.quality.items() if why] if view else ())
    at = entry.record, entry.key, laid_out, seen, choice, view
    limits = measured.limits(measuring) if choice.fiducials else ()
    sides = {side: sheet.view_data(*at, above=side, limits=limits) for side in (True, False)}
    data = operating.at_each_rate(lambda rate: sides[bool(above[rate])], state.value(state.RATE))
    model, lead = None, None
    if view is not None and view.explanation is not None:
        ident = data["signals"]
        model = resources.model_packet(
            entry.key, ident, view.model, view.checkpoint, resources.around(entry, seen), shown, view
        )
        lead = resources.lead_packet(ident, view, data["alone"]) if data["alone"] else None
    paper(resources.signals_packet(entry.key, data["signals"], shown), model, data, state.take_lead, lead)


def _explore(entry: Entry, view: Detection | None, seen: sheet.Window) -> None:
    if not st.toggle("Zoom and pan all leads together", key=state.EXPLORE):
        return
    from app import charts  # plotly comes with it: not before it is asked for

    shown = resources.shown(entry, seen, tuple(state.value(state.FILTERS)))
    figure = charts.explore(shown, view, state.leads_shown(), look.scheme())
    st.plotly_chart(figure, key="explore_chart", theme=None, config={"displaylogo": False, "scrollZoom": True})


def _rail(entry: Entry, model: str, whole: Detection, view: Detection, above: Mapping[float, bool | None]) -> None:
    rate = state.value(state.RATE)
    if view.interpretable:
        stretches = operating.at_each_rate(
            lambda each: summary.stretches_data(entry, view, bool(above[each]), state.stretch()), rate
        )
        rail.stretch_list(stretches, state.take_stretch)
    if whole.interpretable:
        threshold_slider(summary.threshold_data(resources.operating_points(model), rate), state.take_rate)
    if view.interpretable:
        rail.lead_bars(summary.lead_bars_data(view))
