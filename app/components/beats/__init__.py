"""Beat by beat: verdict, strip, tachogram, shapes, whole recording, scores and table in one view; and the replay."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from app.components import script, style
from app.state import BEATS, REPLAY

_SCRIPTS = ("page", "verdict", "strip", "tachogram", "shapes", "whole", "scores", "table", "beats")
_beats = st.components.v2.component(
    "leadwise_beats", css=style("beats/beats.css"), js=script("settling.js", *(f"beats/{name}.js" for name in _SCRIPTS))
)
_carrier = st.components.v2.component("leadwise_beat_carrier", js=script("carrier.js"))
_replay = st.components.v2.component(
    "leadwise_replay", css=style("beats/replay.css"), js=script("beats/position.js", "beats/replay.js")
)


def beat_view(packets: Sequence[bytes], view: dict[str, Any], on_act: Callable[[], None]) -> None:
    """Show a recording beat by beat.

    Parameters
    ----------
    packets : of `app.beat_panels`: the strips of the whole recording, which alone are there while beats are compared;
        words, scores and shapes, sent when the recording changes; the beat on view.
    view : from `app.beat_words`, `page_data` or `waiting_data`.
    on_act : called when a beat or a threshold was chosen; both are the component's `act`.
    """
    with st.container(key="carriers"):
        for k, packet in enumerate(packets):
            _carrier(key=f"beats_{k}", data=packet, height=1)
    _beats(key=BEATS, data=view, on_act_change=on_act)


def replay_view(packet: bytes, on_seek: Callable[[], None]) -> None:
    """Show the seconds that were played last, from `app.beat_replay.Replay.tick`, and where in the recording they are.

    Parameters
    ----------
    on_seek : called when another place was chosen; it is the component's `seek`, s from the start.
    """
    _replay(key=REPLAY, data=packet, on_seek_change=on_seek)
