"""The session's state: the only file that names `st.session_state` keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from app.words import VALIDATED_RATE
from ecg_core.paper import Gain, choose_gain
from ecg_core.records import LEADS, Record

MODEL, LAYOUT, GAIN = "model", "layout", "gain"
SHOW_RECONSTRUCTION, SHOW_MARKS, RATE = "show_reconstruction", "show_marks", "false_alarm_rate"
UPLOADER, STRETCHES, PAPER, EXPLORE = "uploader", "stretches", "paper", "explore"
DESTINATION = "destination"
_ENTRIES, _CURRENT, _STRETCH, _LEAD, _GAIN_CHOSEN = (
    "entries",
    "current",
    "stretch",
    "lead",
    "gain_chosen",
)

MODELS = ("cae", "vae-bilstm", "vae-bilstm-mha")
TITLES = {"cae": "CAE", "vae-bilstm": "VAE-BiLSTM", "vae-bilstm-mha": "VAE-BiLSTM-MHA"}
DEFAULT_MODEL = "vae-bilstm-mha"
LAYOUTS = {"3x4": "3 × 4 + II", "6x2": "6 × 2", "12x1": "12 × 1"}
GAINS: dict[str, Gain] = {"5": (5, 5), "10": (10, 10), "10/5": (10, 5), "20": (20, 20)}
_GAIN_NAMES = {"5": "5", "10": "10", "10/5": "10/5", "20": "20 mm/mV"}
gain_label = _GAIN_NAMES.__getitem__
RATES = (0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.15, 0.2)


@dataclass(frozen=True)
class Entry:
    """One record of this session.

    Attributes
    ----------
    key : the source's digest and, where the user described the file, that description: what caches go by.
    synthetic : an example made by the generator.
    """

    key: str
    record: Record
    synthetic: bool = False


def prepare() -> None:
    """Give every key its first value; keep what widgets hold when their page is not shown."""
    first: dict[str, Any] = {
        MODEL: DEFAULT_MODEL,
        LAYOUT: "3x4",
        GAIN: "10",
        SHOW_RECONSTRUCTION: True,
        SHOW_MARKS: True,
        RATE: VALIDATED_RATE,
        _ENTRIES: {},
        _CURRENT: None,
        DESTINATION: None,
        _STRETCH: None,
        _LEAD: None,
        EXPLORE: False,
        _GAIN_CHOSEN: False,
    }
    for key, value in first.items():
        st.session_state.setdefault(key, value)
    for key in (MODEL, LAYOUT, GAIN, SHOW_RECONSTRUCTION, SHOW_MARKS, RATE, EXPLORE):
        st.session_state[key] = st.session_state[key]


def value(key: str) -> Any:
    """Return what a control holds."""
    return st.session_state[key]


def entries() -> list[Entry]:
    """Return the session's records in the order they came."""
    return list(st.session_state[_ENTRIES].values())


def current() -> Entry | None:
    """Return the record on view; None before one was opened."""
    return st.session_state[_ENTRIES].get(st.session_state[_CURRENT])


def place() -> tuple[int, int]:
    """Return the current record's place among the session's, from 1, and how many there are."""
    keys = list(st.session_state[_ENTRIES])
    return keys.index(st.session_state[_CURRENT]) + 1, len(keys)


def add(new: list[Entry]) -> None:
    """Take records into the session and show the first of them."""
    for entry in new:
        st.session_state[_ENTRIES][entry.key] = entry
    if new:
        show(new[0].key)


def show(key: str) -> None:
    """Show one record; zoom starts anew, layout, model and threshold stay."""
    st.session_state[_CURRENT] = key
    forget_zoom()
    if not st.session_state[_GAIN_CHOSEN]:
        record = st.session_state[_ENTRIES][key].record
        head = record.crop(0.0, min(record.duration, 10.0))
        chosen = choose_gain(head.signal, head.fs)
        st.session_state[GAIN] = next(name for name, gain in GAINS.items() if gain == chosen)


def step(by: int) -> None:
    """Show the next (1) or previous (-1) record, round the end."""
    keys = list(st.session_state[_ENTRIES])
    show(keys[(keys.index(st.session_state[_CURRENT]) + by) % len(keys)])


def leave_for(page: str) -> None:
    """Ask for another page from within a callback; the router goes there before anything is drawn."""
    st.session_state[DESTINATION] = page


def destination() -> str | None:
    """Return the page that was asked for, once."""
    wish, st.session_state[DESTINATION] = st.session_state[DESTINATION], None
    return wish


def open_entries(new: list[Entry], page: str = "analyse") -> None:
    """Take records into the session and go to the page that shows the first of them; for callbacks."""
    add(new)
    leave_for(page)


def next_model() -> None:
    """Choose the next model, round the end."""
    st.session_state[MODEL] = MODELS[(MODELS.index(st.session_state[MODEL]) + 1) % len(MODELS)]
    forget_stretch()


def forget_stretch() -> None:
    """Leave the close-up of a stretch: another model marks other stretches."""
    st.session_state[_STRETCH] = None


def forget_zoom() -> None:
    """Go back to the whole sheet."""
    st.session_state[_STRETCH] = None
    st.session_state[_LEAD] = None


def gain_is_chosen() -> None:
    """Keep the user's gain from now on, whatever would clash."""
    st.session_state[_GAIN_CHOSEN] = True


def gain_was_chosen() -> bool:
    """Return whether the gain is the user's choice."""
    return bool(st.session_state[_GAIN_CHOSEN])


def take_stretch() -> None:
    """Take over the stretch that was clicked in the rail; -1 goes back to the whole sheet."""
    clicked = st.session_state[STRETCHES].choose
    if clicked is not None:
        st.session_state[_STRETCH] = None if clicked < 0 else int(clicked)


def take_lead() -> None:
    """Show the lead that was clicked on the paper alone, or all leads again."""
    clicked = st.session_state[PAPER].lead
    if clicked in LEADS:
        alone = st.session_state[_LEAD] is None
        forget_zoom()
        st.session_state[_LEAD] = clicked if alone else None


def lead() -> str | None:
    """Return the lead shown alone."""
    return st.session_state[_LEAD]


def stretch() -> int | None:
    """Return the index of the stretch shown close up."""
    return st.session_state[_STRETCH]


def reset_rate() -> None:
    """Put the alarm threshold back to the validated rate."""
    st.session_state[RATE] = VALIDATED_RATE
