"""Three models side by side: agreement and a band each for the record on view, then what held-out records show."""

from __future__ import annotations

import streamlit as st

from app import comparison, held_out, look, resources, sheet, state, words
from app.components.compare import bands
from app.components.record_bar import fewer_leads, no_record, record_bar
from app.components.scoring import scoring
from app.components.table import facts, table
from app.state import Entry
from ecg_core.detection import Detection
from ecg_core.model_info import ModelInfo
from ecg_core.records import LEADS
from ecg_core.store import CONSENSUS

SPEED = 25.0


def page() -> None:
    """Show the record on view as each model sees it, if one is open, and the held-out figures."""
    opened, models = state.current(), state.models()
    entry = opened if opened and opened.twelve else None
    found: dict[str, Detection] = {}
    failed: dict[str, str] = {}
    waiting = resources.waiting(entry, models) if entry else ()
    if entry is not None:
        with st.container(key="progress"), st.empty(), st.spinner(words.scoring(models)):
            found, failed = resources.detections(entry, tuple(m for m in models if m not in waiting))
    with st.container(key="compare"):
        if opened is None:
            no_record("compare")
        elif entry is None:
            fewer_leads(opened, "The models compare")
        else:
            record_bar(entry)
            for name, sentence in failed.items():
                look.text("problem", f"{state.TITLES[name]}: {sentence}")
            if waiting:
                scoring(entry, waiting, band=True)
            else:
                _record(entry, found)
    _held_out(entry, found)
    told = "no record open" if opened is None else words.FEWER_LEADS
    look.status_bar(told if entry is None else held_out.provenance(list(found.values())))


def _record(entry: Entry, found: dict[str, Detection]) -> None:
    if not found:
        return
    rate, model = state.value(state.RATE), state.value(state.MODEL)
    main = found.get(model) or next(iter(found.values()))
    for warning in dict.fromkeys(w for d in found.values() for w in d.warnings):
        look.text("problem", warning)
    start_s = entry.record.start_s
    strongest_s = main.explanation.start_s if main.explanation else start_s
    seen = sheet.window(start_s, entry.duration, SPEED, state.view_start(), strongest_s)
    shown = resources.shown(entry, seen, ())
    thresholds = resources.thresholds(entry, found, rate)
    sides = [words.is_above(d, thresholds[name], rate) for name, d in found.items()]
    here = {name: resources.on_view(entry, d, seen) for name, d in found.items()}
    normals = {name: resources.normal_scores(entry, name, d) for name, d in found.items()}
    weights = {name: resources.weights(name) for name in found if name == CONSENSUS and len(found) > 1}
    models = [
        comparison.model_data(name, d, here[name], thresholds[name], rate, normals[name], weights.get(name))
        for name, d in found.items()
    ]
    filled = any(sides) if any(detection.explanation for detection in here.values()) else None
    lead = _lead(entry, comparison.strongest_lead(here, model), filled, rate)
    bands(comparison.comparison(entry.key, shown, lead, here, models, sides))


def _lead(entry: Entry, strongest: str, above: bool | None, rate: float) -> str:
    with st.container(key="compare_head", horizontal=True, vertical_alignment="center"):
        look.key_of_lines(filled=above, rest=f"alarm at {words.percent(rate)} false alarms")
        state.offer_lead(entry.key, strongest)
        hidden = {"label_visibility": "collapsed", "required": True}
        return str(st.segmented_control("Lead", LEADS, key=state.COMPARE_LEAD, **hidden))


def _held_out(entry: Entry | None, found: dict[str, Detection]) -> None:
    infos, problems = resources.model_infos(state.models())
    with st.container(key="held_out"):
        look.text("section", "On held-out records")
        for sentence in problems + [info.curves_problem for info in infos if info.curves_problem]:
            look.text("problem", sentence)
        known = held_out.measured(infos)
        if not known:
            look.text("lead", "These models were not measured: run python -m training.evaluate --write.")
            return
        look.text("figure-note", held_out.subject(known) + ". Nothing was fitted or chosen on them.")
        with st.container(key="held_out_pair"):
            _figures(known)
            _classes(known)
        _curves(entry, found, [info for info in known if info.curves])
        _rules(known)


def _figures(known: list[ModelInfo]) -> None:
    with st.container():
        rate = words.percent(held_out.rate_of(known[0]))
        caption = f"Alarm threshold at {rate} false alarms"
        table(caption, held_out.COLUMNS, held_out.overall_rows(known))
        look.text("figure-note", held_out.FIGURES_MEAN)
        columns = ("Class", *(info.title for info in known))
        table("Sensitivity at the alarm threshold by class of diagnosis, %", columns, held_out.class_rows(known))


def _classes(known: list[ModelInfo]) -> None:
    from app import curve_charts  # plotly comes with it: not before it is drawn

    with st.container():
        look.text("subtitle", "Sensitivity by class of diagnosis")
        figure = curve_charts.by_class(held_out.class_points(known), look.scheme())
        st.plotly_chart(figure, key="by_class", theme=None, config=look.PLOTLY)
        look.text("figure-note", held_out.CLASSES_MEAN)


def _curves(entry: Entry | None, found: dict[str, Detection], drawn: list[ModelInfo]) -> None:
    from app import curve_charts

    if not drawn:
        look.text("figure-note", "No curves beside these checkpoints: run python -m training.evaluate --write.")
        return
    curves, scheme = {info.title: info.curves for info in drawn if info.curves}, look.scheme()
    rate = state.value(state.RATE)
    with st.container(key="held_out_curves"):
        with st.container():
            look.text("subtitle", "Abnormal ECGs found, normal ECGs flagged (ROC)")
            figure = curve_charts.roc(curves, scheme, rate)
            st.plotly_chart(figure, key="roc", theme=None, config=look.PLOTLY)
            look.text("figure-note", held_out.ROC_MEANS)
        with st.container():
            look.text("subtitle", "How many of the flagged are abnormal (precision-recall)")
            st.plotly_chart(curve_charts.pr(curves, scheme), key="pr", theme=None, config=look.PLOTLY)
            look.text("figure-note", held_out.PR_MEANS)
    look.text("subtitle", "How normal and abnormal ECGs score")
    ticks = {info.title: held_out.percentile_ticks(info) for info in drawn}
    alarms = {info.title: held_out.alarm_score(info, rate) for info in drawn}
    here = {}
    for info in drawn:
        detection = found.get(info.name)
        if entry is not None and detection is not None and detection.score is not None:
            limit = resources.threshold(entry, info.name, detection, rate)
            here[info.title] = (detection.score, bool(words.is_above(detection, limit, rate)))
    figure = curve_charts.distribution(curves, ticks, alarms, here, scheme)
    st.plotly_chart(figure, key="distribution", theme=None, config=look.PLOTLY)
    look.text("figure-note", held_out.distribution_means(entry is not None, bool(here)))


def _rules(known: list[ModelInfo]) -> None:
    look.text("subtitle", "Ways to set the threshold")
    columns = ("Rule", *("score", "sensitivity", "false alarms") * len(known))
    groups = [("", 1), *((info.title, 3) for info in known)]
    caption = "Each fitted on fold 9: the score it sets; sensitivity and false alarms on held-out records, %"
    table(caption, columns, held_out.rule_rows(known), groups)
    facts(held_out.rule_facts(known))
