"""A few seconds of a record's lead II on paper, for cards."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app import look, resources, state, words
from app.components import script, style
from app.rows import strip_lead
from app.state import Entry

FIRST_EXAMPLES = (
    "premature-ventricular-beat",
    "normal-72",
    "left-bundle-branch-block",
    "atrial-fibrillation",
    "two-leads-8-min",
)
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
    """Show the most telling seconds of lead II, or of the lead that stands for it."""
    values = _telling(entry.record.lead(strip_lead(entry.record)), entry.record.fs)
    step = max(1, round(entry.record.fs / 250))
    data = {
        "lead": strip_lead(entry.record),
        "signal": [round(float(v), 3) for v in values[::step]],
        "fs": entry.record.fs / step,
    }
    _card(key=key, data=data, height=76)


def example_grid(*, first_only: bool) -> None:
    """Show the examples as cards that open; the first five alone where they are not the page's main thing."""
    entries, problems = resources.examples()
    beats, beats_problems = resources.examples(beats=True)
    entries, problems = [*entries, *beats], [*problems, *beats_problems]
    order = {name: k for k, name in enumerate(FIRST_EXAMPLES)}
    entries = sorted(entries, key=lambda entry: order.get(entry.record.name, len(order)))
    with st.container(key="examples_head", horizontal=True, vertical_alignment="center"):
        look.text("rail-title", "Examples" if first_only else "Or start with an example")
        look.text("aside", "synthetic, made by ecg_core.synthetic; no patient's recording")
    for sentence in problems:
        look.text("problem", sentence)
    with st.container(key="example_grid", horizontal=True):
        for entry in entries[: len(FIRST_EXAMPLES)] if first_only else entries:
            title, line = words.example(entry.record.name)
            with st.container(key=f"example_{entry.record.name}", border=True):
                example_card(f"card_{entry.record.name}", entry)
                st.button(
                    title,
                    key=f"open_{entry.record.name}",
                    on_click=state.open_entries,
                    args=([entry],),
                    width="stretch",
                )
                look.text("card-line", line)
