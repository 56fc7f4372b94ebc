"""A few seconds of a record's lead II on paper, for cards."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.components import script, style
from app.state import Entry

CARD_S = 4.0
_card = st.components.v2.component(
    "leadwise_card", css=style("examples/card.css"), js=script("clip.js", "examples/card.js")
)


def _telling(values: NDArray[np.float32], fs: float) -> NDArray[np.float32]:
    """Return the seconds around what stands out most of a lead, so that a card shows what its title says."""
    wide, n = round(0.6 * fs), round(CARD_S * fs)
    area = np.convolve(np.abs(values - np.median(values)), np.ones(wide), mode="same")
    begin = min(max(int(np.argmax(area)) - n // 3, 0), max(len(values) - n, 0))
    return values[begin : begin + n]


def example_card(key: str, entry: Entry) -> None:
    """Show the most telling seconds of lead II."""
    values = _telling(entry.record.lead("II"), entry.record.fs)
    step = max(1, round(entry.record.fs / 250))
    data = {"signal": [round(float(v), 3) for v in values[::step]], "fs": entry.record.fs / step}
    _card(key=key, data=data, height=76)
