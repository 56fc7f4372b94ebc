"""A few seconds of a record's lead II on paper, for cards."""

from __future__ import annotations

import streamlit as st

from app.components import script, style
from app.state import Entry

CARD_S = 4.0
_card = st.components.v2.component(
    "leadwise_card", css=style("examples/card.css"), js=script("clip.js", "examples/card.js")
)


def example_card(key: str, entry: Entry) -> None:
    """Show the first seconds of lead II."""
    values = entry.record.lead("II")[: round(CARD_S * entry.record.fs)]
    step = max(1, round(entry.record.fs / 250))
    data = {"signal": [round(float(v), 3) for v in values[::step]], "fs": entry.record.fs / step}
    _card(key=key, data=data, height=76)
