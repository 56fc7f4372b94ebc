"""What is shown of a long recording while it is scored: which model is at work, how far it is, and how long still."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app import look, resources, state, words
from app.state import Entry

LOOK_S = 1.0
"""How often it is looked how far the scoring is, s."""


@st.fragment(run_every=LOOK_S)
def scoring(entry: Entry, waiting: Sequence[str], *, band: bool) -> None:
    """Say how far the scoring is, and show the page anew when the first of the models is done.

    Parameters
    ----------
    waiting : models that have not scored the recording, in the order in which they are wanted.
    band : show it where the verdict will be, else as a line on top of the page.
    """
    model = waiting[0]
    far = resources.score_first(entry, model)
    if resources.is_ready(entry, model):
        st.rerun()
    told = words.progress(entry.duration, state.TITLES[model], far.share, far.left_s(), far.began is not None)
    with st.container(key="scoring" if band else "scoring_line"):
        if band:
            look.scoring(told, words.scored_with(*_beside(entry, waiting)), far.share)
        else:
            look.text("progress", told)


def _beside(entry: Entry, waiting: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the titles of the models that score in the pass of the first, and of those that come after."""
    together = resources.in_one_pass(entry, waiting[0], waiting[1:])
    after = [name for name in waiting[1:] if name not in together]
    return [state.TITLES[name] for name in together], [state.TITLES[name] for name in after]
