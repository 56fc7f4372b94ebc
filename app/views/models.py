"""The model cards, with their figures, and how to train and calibrate anew."""

from __future__ import annotations

import streamlit as st

from app import look, models, resources, state
from app.components.table import facts
from ecg_core.model_info import ModelInfo


def page() -> None:
    """Show one model: what identifies it, commands, and its card."""
    infos, problems = resources.model_infos(state.models())
    beats, damaged = models.beat_cards(state.store())
    look.text("large", "Models")
    for sentence in [*problems, *damaged]:
        look.text("problem", sentence)
    if not infos and not beats:
        look.text("lead", f"There is no model in {state.store()}: copy checkpoints there, or train them.")
        look.status_bar("no model")
        return
    info = _choose([*infos, *beats])
    if isinstance(info, models.BeatModelCard):
        _beats(info)
        return
    with st.container(key="models_page"):
        with st.container(key="model_facts"):
            _facts(info)
        with st.container(key="card"):
            if problem := models.card_problem(info):
                look.text("problem", problem)
            if info.card:
                st.markdown(models.card(info))  # never as HTML: the store may be the operator's
            else:
                look.text("lead", models.NO_CARD)
    normals = f"calibrated on {info.calibration['n_normals']} normal ECGs"
    look.status_bar(" · ".join([info.title, info.checkpoint, normals]))


def _beats(info: models.BeatModelCard) -> None:
    """Show the card of a detector of single beats."""
    with st.container(key="models_page"):
        with st.container(key="model_facts"):
            look.text("subtitle", "At a glance")
            facts(info.facts())
        with st.container(key="card"):
            if info.card:
                st.markdown(models.card(info))  # never as HTML: the store may be the operator's
            else:
                look.text("lead", models.NO_CARD)
    look.status_bar(" · ".join([info.title, info.checkpoint[:12]]))


def _choose(infos: list[ModelInfo | models.BeatModelCard]) -> ModelInfo | models.BeatModelCard:
    by_name = {info.name: info for info in infos}
    # detectors of beats differ in their network alone, and go by one title
    titles = {info.name: info.name if isinstance(info, models.BeatModelCard) else info.title for info in infos}
    state.offer_card(tuple(by_name))
    hidden = {"label_visibility": "collapsed", "required": True}
    chosen = st.segmented_control(
        "Model", list(by_name), format_func=titles.__getitem__, key=state.MODEL_CARD, **hidden
    )
    return by_name[chosen]


def _facts(info: ModelInfo) -> None:
    look.text("subtitle", "At a glance")
    facts(models.facts(info))
    look.text("subtitle", "Train it anew")
    look.text("figure-note", "In a checkout of the code, with PTB-XL at hand.")
    st.code(models.retrain(info), language=None, wrap_lines=True)
    look.text("figure-note", "All of them at once: make reproduce DATA=PTB_XL")
    look.text("subtitle", "Fit it to your own normal ECGs")
    look.text("figure-note", "Keeps the model; refits percentiles and threshold. A few hundred normals are enough.")
    st.code(models.recalibrate(info), language=None, wrap_lines=True)
