"""The ECG paper with score trace and maps: signals, model and view come by separate mounts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.components import script, style
from app.state import PAPER

_SCRIPTS = ("paper/below.js", "paper/caliper.js", "paper/paper.js")
_paper = st.components.v2.component("leadwise_paper", css=style("paper/paper.css"), js=script(*_SCRIPTS))
_carrier = st.components.v2.component("leadwise_carrier", js=script("carrier.js"))


def paper(
    signals: bytes,
    model: bytes | None,
    view: dict[str, Any],
    on_lead: Callable[[], None],
    lead: bytes | None = None,
) -> None:
    """Show a record on paper.

    Parameters
    ----------
    signals : from `packets.signals_packet`; sent when the record changes.
    model : from `packets.model_packet`; sent when record or model changes. None where nothing can be shown of one.
    on_lead : called when a lead's name was clicked; the name is the component's `lead`.
    lead : from `packets.lead_packet`, where one lead is shown alone.
    view : geometry (`Paper.to_dict()`), what is switched on, and words; a few kB, sent at each step.
    """
    with st.container(key="carriers"):
        _carrier(key="paper_view", data={"part": "view", **view}, height=1)
        if model is not None:
            _carrier(key="paper_model", data=model, height=1)
        if lead is not None:
            _carrier(key="paper_lead", data=lead, height=1)
    _paper(key=PAPER, data=signals, on_lead_change=on_lead)
