"""A recording beat by beat: verdict, strip, tachogram, shapes, the whole of it. Lays out; computes nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import streamlit as st

from app import beat_exports, beat_panels, beat_replay, beat_words, look, resources, state
from app.components.beats import beat_view, replay_view
from app.components.export import ExportMenu
from app.components.record_bar import no_record, record_bar
from app.operating import place
from app.state import Entry
from ecg_core.errors import ECGError

if TYPE_CHECKING:
    from ecg_core.ambulatory import BeatDetections

AT_ONCE_S = 120.0
"""Up to this length beats are compared before the page is drawn; of longer recordings beside it."""

LOOK_S, TICK_S = 0.5, 0.5


def page() -> None:
    """Show the record on view beat by beat; without one, what to do."""
    entry = state.current()
    if entry is None:
        no_record("beats")
        look.status_bar("no record open")
        return
    export, offered = ExportMenu(), resources.beat_leads_offered(entry)
    leads = offered.get(state.value(state.BEAT_LEADS), offered["best"])
    waiting = entry.duration > AT_ONCE_S and not resources.beats_ready(entry, leads)
    record_bar(entry, lambda: _actions(entry, export, waiting))
    _choice_of_leads(offered)
    try:
        if waiting:
            with st.spinner("Reading the recording…"):
                resources.beats_first(entry, leads)
            _working(entry, leads)
            ident = "|".join((entry.key, *leads))
            beat_view([resources.beat_strips(entry, leads)], beat_words.waiting_data(entry, ident), lambda: None)
            look.status_bar("comparing beats")
            return
        with st.container(key="progress"), st.empty(), st.spinner("Comparing beats…"):
            found = resources.beats(entry, leads)
    except ECGError as error:
        look.text("problem", str(error))
        look.status_bar("beats not compared")
        return
    if not len(found):
        look.text("problem", "No heartbeat was found: is this an ECG? Look at its signal on another page or repeat it.")
    else:
        _beats(entry, leads, found, export)
    look.status_bar(beat_words.provenance(found))


def _actions(entry: Entry, export: ExportMenu, waiting: bool) -> None:
    """Show the page's own buttons of the record bar."""
    name = (entry.key,)
    if state.replayed() == name:
        st.button("End replay", on_click=_end_replay)
    else:
        told = "Its beats are being compared." if waiting else None
        if not beat_replay.playable(entry.duration):
            told = "A replay needs a minute or more: the dominant beat is learnt from its first half."
        st.button("Replay", on_click=state.replay, args=(name,), disabled=told is not None, help=told)
    export.place()


def _end_replay() -> None:
    state.replay(None)
    resources.forget_replay()


def _choice_of_leads(offered: dict[str, tuple[str, ...]]) -> None:
    """Offer the leads to compare, where there is a choice."""
    if len(offered) < 2:
        return
    names = {"best": f"Best lead ({offered['best'][0]})", "all": f"{len(offered['all'])} leads together"}
    with st.container(key="beat_controls", horizontal=True):
        st.segmented_control(
            "Leads that are compared",
            list(offered),
            format_func=names.__getitem__,
            key=state.BEAT_LEADS,
            label_visibility="collapsed",
            required=True,
        )


def _beats(entry: Entry, leads: tuple[str, ...], found: BeatDetections, export: ExportMenu) -> None:
    name, offered = (entry.key, *leads, found.checkpoint), beat_panels.rates(found)
    rate = offered[place(state.value(state.BEAT_RATE), offered)]
    beat = min(state.chosen_beat(name, beat_panels.first_beat(found)), len(found) - 1)
    export.fill(beat_exports.files(entry, found.at(rate)), beat_exports.OF_WHAT)
    if state.replayed() == (entry.key,):
        _replay(entry, leads, rate)
    if noted := beat_words.remarks(found, entry.record.notes):
        look.text("note", noted)
    packets = [resources.beat_strips(entry, leads), *resources.beat_packets(entry, leads, found)]
    packets.append(resources.beat_packet(entry, leads, found, beat))
    data = beat_words.page_data(entry, found, rate, beat, name)
    beat_view(packets, data, lambda: state.take_beats(name, offered))


@st.fragment(run_every=LOOK_S)
def _working(entry: Entry, leads: tuple[str, ...]) -> None:
    """Say what is being done, and show the page anew when it is."""
    far = resources.beats_first(entry, leads)
    if resources.beats_ready(entry, leads):
        st.rerun()
    look.working(*beat_words.working(entry, far), None if far.began is None else far.share)


@st.fragment(run_every=TICK_S)
def _replay(entry: Entry, leads: tuple[str, ...], rate: float) -> None:
    """Play the recording through the stream, and show it as a monitor would."""
    with st.container(key="replay_bar", horizontal=True, vertical_alignment="center"):
        look.text("rail-title", "Replay")
        speed = st.segmented_control(
            "Speed of the replay",
            [0, *beat_replay.SPEEDS],
            format_func=({0: "Pause"} | beat_replay.SPEEDS).__getitem__,
            key=state.REPLAY_SPEED,
            default=1,
            label_visibility="collapsed",
            required=True,
        )
        player = resources.beat_player(entry, leads, rate)
        packet = player.tick(time.monotonic(), float(speed or 0))
        look.text("fact", beat_words.replayed(player, entry.duration))
    replay_view(packet, lambda: _seek(player))


def _seek(player: beat_replay.Replay) -> None:
    if (to_s := state.sought()) is not None:
        player.seek(to_s)
