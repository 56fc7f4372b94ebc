"""The session's state: the only file that names `st.session_state` keys."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from app.words import TITLES, VALIDATED_RATE
from ecg_core.detection import Detection
from ecg_core.display import MARGIN_S
from ecg_core.paper import Gain, choose_gain
from ecg_core.readers import Upload, read_blocks, read_part
from ecg_core.records import INDEPENDENT_LEADS, LEADS, Record, twelve_leads
from ecg_core.store import default_store, list_checkpoints

if TYPE_CHECKING:
    from app.uploads import Problem

MODEL, LAYOUT, GAIN, SPEED = "model", "layout", "gain", "speed"
LEADS_SHOWN, FILTERS, OVERVIEW = "leads_shown", "filters", "overview"
SHOW_RECONSTRUCTION, SHOW_MARKS, RATE = "show_reconstruction", "show_marks", "false_alarm_rate"
SHOW_FIDUCIALS = "show_fiducials"
UPLOADER, STRETCHES, PAPER, EXPLORE, THRESHOLD = "uploader", "stretches", "paper", "explore", "threshold_slider"
DESTINATION, _PAGE, _ARRIVED = "destination", "page", "arrived"
ROWS = "rows"
_DROPS, _TAKEN, _PROBLEMS, _NOTICES, _READINGS = "drops", "taken", "problems", "notices", "readings"
_ENTRIES, _CURRENT, _STRETCH, _LEAD, _GAIN_CHOSEN, _VIEW = (
    "entries",
    "current",
    "stretch",
    "lead",
    "gain_chosen",
    "view",
)

MODELS = tuple(TITLES)
"""The detectors that ship, the default first; `models` has those of the store in use."""

STORE_VARIABLE = "LEADWISE_STORE"
"""The environment variable by which an operator names another store of checkpoints."""

LAYOUTS = {"3x4": "3 × 4 + II", "6x2": "6 × 2", "12x1": "12 × 1"}
GAINS: dict[str, Gain] = {"5": (5, 5), "10": (10, 10), "10/5": (10, 5), "20": (20, 20)}
_GAIN_NAMES = {"5": "5", "10": "10", "10/5": "10/5", "20": "20 mm/mV"}
gain_label = _GAIN_NAMES.__getitem__
speed_label = {25: "25", 50: "50 mm/s"}.__getitem__
RATES = (0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.15, 0.2)


@dataclass(frozen=True)
class Entry:
    """One record of this session.

    Attributes
    ----------
    key : the source's digest and, where the user described the file, that description: what caches go by.
    record : all of it; of a recording over 1 h (`whole_s`) its beginning.
    synthetic : an example made by the generator.
    files : what was dropped, kept while the session lasts; none of an example.
    said : what the user said of files that do not describe themselves, as `read_record` takes it.
    whole_s : length of a recording over 1 h, s; None where `record` is all of it.
    """

    key: str
    record: Record
    synthetic: bool = False
    files: tuple[Upload, ...] = field(default=(), repr=False)
    said: Mapping[str, Any] = field(default_factory=dict)
    whole_s: float | None = None

    @property
    def duration(self) -> float:
        """Length of the recording in seconds."""
        return self.whole_s or self.record.duration

    @property
    def twelve(self) -> bool:
        """Whether it has the twelve leads that whole ECGs are compared by; one of fewer is looked at beat by beat."""
        return set(INDEPENDENT_LEADS) <= set(self.record.leads)

    def part(self, start_s: float, stop_s: float) -> Record:
        """Return the seconds between two times (5 s or more), from the files where the recording is not held whole."""
        if self.whole_s is None or stop_s <= self.record.duration:
            return self.record.crop(start_s, min(stop_s, self.record.duration))
        return twelve_leads(read_part(self.files, start_s, min(stop_s, self.whole_s), **self.said))

    def around(self, start_s: float, stop_s: float) -> Record:
        """Return a record that holds the seconds between two times, and a margin for filters to settle in."""
        if self.whole_s is None or stop_s + MARGIN_S <= self.record.duration:
            return self.record
        return self.part(max(start_s - MARGIN_S, 0.0), stop_s + MARGIN_S)

    def blocks(self, block_s: float = 60.0) -> Iterator[Record]:
        """Yield the recording block by block, from the files where it is not held whole."""
        if self.whole_s is not None:
            yield from map(twelve_leads, read_blocks(self.files, block_s, **self.said))
            return
        begin, end = 0.0, self.record.duration
        while begin < end - 1e-9:
            yield self.record.crop(begin, min(begin + block_s, end))
            begin += block_s


def store() -> Path:
    """Return the folder of the checkpoints in use: the operator's, or the shipped."""
    named = os.environ.get(STORE_VARIABLE)
    return Path(named) if named else default_store()


def models() -> tuple[str, ...]:
    """Return the detectors of the store in use, the default first; those that ship where it has none."""
    there = list_checkpoints(store())
    known = [name for name in MODELS if name in there]
    return (*known, *(name for name in there if name not in known)) or MODELS


def prepare() -> None:
    """Give every key its first value; keep what widgets hold when their page is not shown."""
    first: dict[str, Any] = {
        MODEL: models()[0],
        LAYOUT: "3x4",
        GAIN: "10",
        SPEED: 25,
        LEADS_SHOWN: list(LEADS),
        FILTERS: [],
        SHOW_RECONSTRUCTION: True,
        SHOW_MARKS: True,
        SHOW_FIDUCIALS: False,
        RATE: VALIDATED_RATE,
        _ENTRIES: {},
        _CURRENT: None,
        DESTINATION: None,
        _PAGE: None,
        _ARRIVED: False,
        BATCH_UPLOADS: [],
        _DROPS: 0,
        _TAKEN: frozenset(),
        _PROBLEMS: (),
        _NOTICES: (),
        _READINGS: {},
        _STRETCH: None,
        _LEAD: None,
        _VIEW: None,
        EXPLORE: False,
        _GAIN_CHOSEN: False,
        BEAT_LEADS: "best",
        BEAT_RATE: VALIDATED_RATE,
        _BEATS_CHOSEN: {},
        _REPLAYED: None,
    }
    for key, value in first.items():
        st.session_state.setdefault(key, value)
    if st.session_state[MODEL] not in models():
        st.session_state[MODEL] = models()[0]
    switches = (SHOW_RECONSTRUCTION, SHOW_MARKS, SHOW_FIDUCIALS, EXPLORE)
    for key in (MODEL, LAYOUT, GAIN, SPEED, LEADS_SHOWN, FILTERS, RATE, BEAT_LEADS, *switches):
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
    st.session_state[_VIEW] = None
    forget_zoom()
    entry = st.session_state[_ENTRIES][key]
    if entry.twelve and not st.session_state[_GAIN_CHOSEN]:
        record = entry.record
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
    """Return the page that was asked for; it stays asked for until it runs, whatever event comes in between."""
    return st.session_state[DESTINATION]


def arrive(page: str) -> None:
    """Say that the page that was asked for is reached; `page` is its address."""
    st.session_state[DESTINATION] = None
    st.session_state[_ARRIVED] = page != st.session_state[_PAGE]
    st.session_state[_PAGE] = page


def has_arrived() -> bool:
    """Return whether this run is the first on its page since another page was shown."""
    return bool(st.session_state[_ARRIVED])


def open_entries(new: list[Entry], page: str | None = None) -> None:
    """Take records into the session and go to the page that shows the first of them; for callbacks."""
    add(new)
    leave_for(page or home_of(new[0]))


def home_of(entry: Entry) -> str:
    """Return the page that a record opens on."""
    return "analyse" if entry.twelve else "beats"


def uploader_key() -> str:
    """Return the drop zone's key; it is another after each drop, so that the zone is empty again."""
    return f"{UPLOADER}_{st.session_state[_DROPS]}"


def problems() -> tuple[Problem, ...]:
    """Return the files that need attention."""
    return tuple(st.session_state[_PROBLEMS])


def notices() -> tuple[str, ...]:
    """Return what there was to say of the last drop."""
    return tuple(st.session_state[_NOTICES])


def dropped(new: Sequence[Entry], waiting: Sequence[Problem], said: Sequence[str]) -> None:
    """Take over what came of a drop; the record on view stays on view."""
    for entry in new:
        st.session_state[_ENTRIES][entry.key] = entry
    if new and st.session_state[_CURRENT] is None:
        show(new[0].key)
    st.session_state[_PROBLEMS], st.session_state[_NOTICES] = tuple(waiting), tuple(said)
    st.session_state[_DROPS] += 1


def files_in(key: str) -> list[Upload]:
    """Return what was dropped into the drop zone of that key; each file once, however often the browser sends it.

    The server's own copy is given up: what the session removes is gone.
    """
    dropped = [file for file in st.session_state.get(key) or [] if isinstance(file, UploadedFile)]
    new = [file for file in dropped if file.file_id not in st.session_state[_TAKEN]]
    st.session_state[_TAKEN] |= {file.file_id for file in new}
    taken = [Upload(file.name, file.getvalue()) for file in new]
    context = get_script_run_ctx()
    if context and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        for file in new:
            context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
    return taken


def take_open() -> None:
    """Go to the record whose row was clicked."""
    if (key := st.session_state[ROWS].open) in st.session_state[_ENTRIES]:
        open_entry(key)


def take_dismiss() -> None:
    """Put the file aside whose row says so."""
    ident = st.session_state[ROWS].dismiss
    st.session_state[_PROBLEMS] = tuple(p for p in st.session_state[_PROBLEMS] if p.ident != ident)


def remove_all() -> None:
    """Forget every record and file of the session."""
    st.session_state[_ENTRIES], st.session_state[_READINGS] = {}, {}
    st.session_state[_CURRENT] = None
    st.session_state[_PROBLEMS] = st.session_state[_NOTICES] = ()
    st.session_state[BATCH_UPLOADS] = []
    st.session_state[_DROPS] += 1
    forget_zoom()


def open_entry(key: str | None = None) -> None:
    """Go to the page that shows a record; the first of the session's unless told otherwise."""
    key = key or next(iter(st.session_state[_ENTRIES]), None)
    if key in st.session_state[_ENTRIES]:
        show(key)
        leave_for(home_of(st.session_state[_ENTRIES][key]))


def hand_to_batch(files: list[tuple[str, bytes]]) -> None:
    """Leave files, as (name, bytes), for a new job of the batch, and go there."""
    st.session_state[BATCH_UPLOADS], st.session_state[BATCH_SOURCE] = files, "uploads"
    st.session_state[BATCH_JOB] = None
    leave_for("batch")


def reading(key: str, model: str) -> Detection | str | None:
    """Return what is kept of a record's score for its row: without maps; a sentence where there is none."""
    return st.session_state[_READINGS].get((key, model))


def keep_reading(key: str, model: str, found: Detection | str) -> None:
    """Keep what a record's row shows of its score."""
    st.session_state[_READINGS][key, model] = found


def next_model() -> None:
    """Choose the next model, round the end."""
    names = models()
    st.session_state[MODEL] = names[(names.index(st.session_state[MODEL]) + 1) % len(names)]


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
    """Zoom to the instant of the stretch that was clicked in the rail; a negative one goes back to the whole sheet."""
    clicked = st.session_state[STRETCHES].choose
    if clicked is not None:
        st.session_state[_STRETCH] = None if clicked < 0 else float(clicked)


def take_view() -> None:
    """Take over what was picked in the overview: where the sheet is to begin."""
    picked = st.session_state[OVERVIEW].start
    if picked is not None:
        st.session_state[_VIEW] = float(picked)
        st.session_state[_STRETCH] = None


def keep_view(start_s: float) -> None:
    """Hold the seconds on view from now on, whatever another model finds strongest."""
    st.session_state[_VIEW] = start_s


def view_start() -> float | None:
    """Return where the sheet is to begin, s from the recording's start; None: where the page puts it by itself."""
    return st.session_state[_VIEW]


def fit_filters(offered: tuple[str, ...]) -> None:
    """Drop display filters that the record's sampling rate cannot carry."""
    st.session_state[FILTERS] = [name for name in st.session_state[FILTERS] if name in offered]


def all_leads() -> None:
    """Show all twelve leads again."""
    st.session_state[LEADS_SHOWN] = list(LEADS)


def leads_shown() -> tuple[str, ...]:
    """Return the leads that are shown, in report order; all where none is chosen."""
    chosen = st.session_state[LEADS_SHOWN]
    return tuple(lead for lead in LEADS if lead in chosen) or LEADS


def take_lead() -> None:
    """Show the lead that was clicked on the paper alone, or all leads again; no lead: back to the whole sheet."""
    clicked = st.session_state[PAPER].lead
    if clicked == "":
        forget_zoom()
    if clicked in LEADS:
        alone = st.session_state[_LEAD] is None
        forget_zoom()
        st.session_state[_LEAD] = clicked if alone else None


def lead() -> str | None:
    """Return the lead shown alone."""
    return st.session_state[_LEAD]


def stretch() -> float | None:
    """Return the instant shown close up, s from the recording's start."""
    return st.session_state[_STRETCH]


def take_rate() -> None:
    """Take over the false-alarm rate that the slider was moved to; the browser shows it already."""
    moved = st.session_state[THRESHOLD].rate
    if moved is not None and 0 <= int(moved) < len(RATES):
        st.session_state[RATE] = RATES[int(moved)]


# --- batch review -----------------------------------------------------------------------------------------------

BATCH_UPLOADS, BATCH_JOB = "batch_uploads", "batch_job"
BATCH_PROBLEM = "batch_problem"
BATCH_SOURCE, BATCH_FOLDER, BATCH_FILES, BATCH_MODELS = "batch_source", "batch_folder", "batch_files", "batch_models"
REVIEW, REVIEWER = "review", "reviewer"
_REVIEWER_NAME, _DESKS, _FROM_WORKLIST = "reviewer_name", "desks", "from_worklist"


def held(key: str, default: Any = None) -> Any:
    """Return what the session holds under a key of this file."""
    return st.session_state.get(key, default)


def hold(key: str, value: Any) -> None:
    """Put a value under a key of this file."""
    st.session_state[key] = value


def desk(job: str, make: Callable[[], Any]) -> Any:
    """Return what the session knows of a job, made at the first look at it."""
    desks = st.session_state.setdefault(_DESKS, {})
    if job not in desks:
        desks.clear()  # one job at a time: rows of ten thousand records stay in memory for each
        desks[job] = make()
    return desks[job]


def reviewer() -> str:
    """Return the reviewer's name as this browser gave it; empty before."""
    return str(st.session_state.get(_REVIEWER_NAME, ""))


def take_reviewer() -> None:
    """Take over the name that this browser keeps."""
    sent = st.session_state.get(REVIEWER)
    if name := str((sent and sent.name) or "").strip():
        st.session_state[_REVIEWER_NAME] = name


def open_from_worklist(entry: Entry) -> None:
    """Take a record of the worklist into the session and ask for the page that shows it."""
    st.session_state.setdefault(_FROM_WORKLIST, set()).add(entry.key)
    open_entries([entry])


def from_worklist(key: str) -> bool:
    """Return whether a record was opened from the worklist that is still at hand."""
    return st.session_state.get(BATCH_JOB) is not None and key in st.session_state.get(_FROM_WORKLIST, ())


# --- compare models ---------------------------------------------------------------------------------------------

COMPARE_LEAD, MODEL_CARD = "compare_lead", "model_card"
_COMPARED = "compared"


def offer_lead(key: str, strongest: str) -> str:
    """Return the lead to compare: the one chosen for this record, else `strongest`, which the control then holds."""
    record, chosen = st.session_state.get(_COMPARED, (None, None))
    if record != key:
        chosen = strongest
    if record != key or COMPARE_LEAD not in st.session_state:
        st.session_state[COMPARE_LEAD] = chosen
    st.session_state[_COMPARED] = (key, st.session_state[COMPARE_LEAD])
    return str(st.session_state[COMPARE_LEAD])


def offer_card(names: tuple[str, ...]) -> None:
    """Let the choice of a model card begin with the model in use, or the first that there is."""
    if st.session_state.get(MODEL_CARD) not in names:
        model = st.session_state[MODEL]
        st.session_state[MODEL_CARD] = model if model in names else names[0]


# --- beats ------------------------------------------------------------------------------------------------------

BEAT_MODEL = "beat-cae"
"""The detector of beats; the others of its kind are for comparison."""

BEATS, BEAT_LEADS, BEAT_RATE = "beats", "beat_leads", "beat_false_alarm_rate"
REPLAY, REPLAY_SPEED = "beat_replay", "replay_speed"
_BEATS_CHOSEN, _REPLAYED = "beats_chosen", "replayed"


def take_beats(name: tuple[str, ...], rates: Sequence[float]) -> None:
    """Take over the beat and the threshold that the page's panels show already.

    Parameters
    ----------
    name : what the choice of a beat belongs to: record, leads, checkpoint.
    rates : the false-alarm rates that the panels offer.
    """
    act = st.session_state[BEATS].act
    if not isinstance(act, Mapping):
        return
    beat, at = act.get("beat"), act.get("rate")
    if isinstance(beat, int | float) and beat >= 0:
        st.session_state[_BEATS_CHOSEN][name] = int(beat)
    if isinstance(at, int | float) and 0 <= int(at) < len(rates):
        st.session_state[BEAT_RATE] = rates[int(at)]


def chosen_beat(name: tuple[str, ...], otherwise: int) -> int:
    """Return the index of the beat on view; `otherwise` until one is chosen."""
    return int(st.session_state[_BEATS_CHOSEN].get(name, otherwise))


def sought() -> float | None:
    """Return where in the recording the replay was sent, s from its start; None where nowhere."""
    to = st.session_state[REPLAY].seek
    return float(to) if isinstance(to, int | float) and math.isfinite(to) else None


def replayed() -> tuple[str, ...] | None:
    """Return what is being replayed: record and leads; None while nothing is."""
    return st.session_state[_REPLAYED]


def replay(name: tuple[str, ...] | None) -> None:
    """Begin to replay a recording, or end it."""
    st.session_state[_REPLAYED] = name
