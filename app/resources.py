"""What is kept between runs: models once a process, detections once a session. The only file with `st.cache_*`."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app import beat_leads, beat_panels, beat_replay, beat_words, beat_work, measured, rows, words
from app.background import Background, Progress, Report
from app.beat_replay import Replay
from app.components import packets
from app.prepared import PreparedRecords
from app.sheet import LONG_S, Window
from app.state import BEAT_MODEL, RATES, STORE_VARIABLE, Entry, store
from ecg_core import display
from ecg_core.calibration import FULL_S, Condition, condition_for
from ecg_core.detection import Attention, Detection
from ecg_core.errors import ECGError
from ecg_core.model_info import ModelInfo, read_model_info
from ecg_core.readers import read_record
from ecg_core.records import Record, twelve_leads
from ecg_core.segments import masked_indices, usable_leads
from ecg_core.store import CONSENSUS

if TYPE_CHECKING:
    from ecg_core.ambulatory import BeatDetections, BeatDetector
    from ecg_core.detector import AnomalyDetector
    from ecg_core.worklist import Columns, Worklist

BLOCK_S = 60.0

Scored = dict[str, Detection]
"""What one pass over a record gives: the detection of each model that scored in it."""


@st.cache_resource(show_spinner=False)
def _detectors() -> type[AnomalyDetector]:
    """Import the detector, and the libraries with it, once a process: not before it is needed.

    Streamlit collects garbage after every run. What the libraries made when they were imported, most of all that is
    there, stays for good: it is set aside, or each collection would look through it for a tenth of a second.
    """
    from ecg_core.detector import AnomalyDetector

    gc.freeze()
    return AnomalyDetector


@st.cache_resource(show_spinner=False)
def detector(model: str) -> AnomalyDetector:
    """Return a detector, loaded once a process from the store the operator names in LEADWISE_STORE, or the shipped."""
    detectors = _detectors()
    named = os.environ.get(STORE_VARIABLE)
    return detectors.from_store(model, Path(named) if named else None)


@st.cache_resource(show_spinner=False)
def _model_info(folder: str, changed: int) -> ModelInfo:
    return read_model_info(folder)


def model_infos(models: tuple[str, ...]) -> tuple[list[ModelInfo], list[str]]:
    """Return what the models' folders say of them, without loading them; and one sentence for each that cannot be."""
    infos: list[ModelInfo] = []
    problems: list[str] = []
    for name in models:
        folder = store() / name
        changed = max((path.stat().st_mtime_ns for path in folder.glob("*.*")), default=0)
        try:
            infos.append(_model_info(str(folder), changed))
        except ECGError as error:
            problems.append(str(error))
    return infos, problems


def warm(models: tuple[str, ...]) -> None:
    """Load models while the user is still choosing a record, and score an example: a process's first takes longest.

    What cannot be loaded is said when it is needed.
    """
    for model in models:
        with suppress(ECGError):
            detector(model)
    ready = PreparedRecords()
    for entry in examples()[0][:1]:
        for model in models:
            with suppress(ECGError):
                _score(entry, model, lambda _: None, ready)
    gc.collect()
    gc.freeze()


@st.cache_resource(scope="session", show_spinner=False, on_release=Background.stop)
def _background() -> Background[Scored]:
    return Background()


def _along() -> tuple[str, ...]:
    """Return the models that score a long recording in one pass, the consensus and its members; none without it."""
    with suppress(ECGError):
        return (CONSENSUS, *detector(CONSENSUS).members)
    return ()


def _pass(entry: Entry, model: str) -> tuple[str, str]:
    """Return the name of the job that gives a model's detection: its own, or that of a long recording's consensus."""
    own, along, known = (entry.key, model), (entry.key, CONSENSUS), _background().knows
    if entry.duration > LONG_S and not known(own) and known(along) and model in _along():
        return along
    return own


def _job(entry: Entry, model: str) -> tuple[tuple[str, str], Callable[[Report], Scored]]:
    """Return the name of the job that gives a model's detection, and the job."""
    name, ready = _pass(entry, model), _prepared()
    return name, lambda report: _score(entry, name[1], report, ready)


def ask_for(entry: Entry, model: str) -> None:
    """Have a record scored while the page is used."""
    if (entry.key, model) not in _scored():
        _background().ask(*_job(entry, model))


def is_ready(entry: Entry, model: str) -> bool:
    """Return whether what was asked for is there, or has failed: `detection` then returns at once."""
    return (entry.key, model) in _scored() or _background().done(_pass(entry, model))


def wait_for(entry: Entry, model: str, seconds: float) -> None:
    """Wait for what was asked for, so long at most: `is_ready` says whether it is there."""
    if seconds > 0 and not is_ready(entry, model):
        _background().wait(_pass(entry, model), seconds)


def in_one_pass(entry: Entry, model: str, models: Sequence[str]) -> list[str]:
    """Return those of `models` whose detections come with a model's."""
    return [name for name in models if _pass(entry, name) == _pass(entry, model)]


def warm_soon(models: tuple[str, ...]) -> None:
    """Load models while the page is used, after what was asked for."""
    _warming().ask(models, lambda _: warm(models))


@st.cache_resource(show_spinner=False, on_release=Background.stop)
def _warming() -> Background[None]:
    return Background()


def forget_records() -> None:
    """Give up what was asked for, and forget all that this session computed of its records."""
    _background().forget()
    _prepared().forget()
    for kept in (
        _scored,
        _failures,
        _overview,
        _detection,
        _around,
        _window,
        _shown,
        _attention,
        _measured_packet,
        signals_packet,
        model_packet,
        _beat_record,
        _beats_scored,
        _beats,
        _beat_packets,
        _beat_strips,
        _beat_packet,
        _beat_leads,
        _player,
    ):
        kept.clear()
    _beat_work().forget()


@st.cache_resource(scope="session", max_entries=500, show_spinner=False)
def _overview(key: str, _entry: Entry) -> rows.Overview:
    return rows.overview(_entry)


def overview(entry: Entry) -> rows.Overview:
    """Return what is known of a record without a model."""
    return _overview(entry.key, entry)


@st.cache_resource(scope="session", max_entries=100, show_spinner=False)
def _detection(key: str, model: str, checkpoint: str, _make: Callable[[], Detection]) -> Detection:
    return _make()


@st.cache_resource(scope="session", show_spinner=False)
def _prepared() -> PreparedRecords:
    return PreparedRecords()


def _score(entry: Entry, model: str, report: Report, ready: PreparedRecords) -> Scored:
    if entry.duration <= LONG_S:
        return {model: detector(model).detect_prepared([ready.of(entry.key, entry.record)])[0]}
    names = (model, *detector(model).members)
    detectors = [detector(name) for name in names]
    found = detectors[0].detect_together(detectors, _reported(entry, report))
    return dict(zip(names, found, strict=True))


def _reported(entry: Entry, report: Report) -> Iterator[Record]:
    """Yield a recording minute by minute, and report before each, and at the end, which share of it was taken."""
    for block in entry.blocks(BLOCK_S):
        report((block.start_s - entry.record.start_s) / entry.duration)
        yield block
    report(1.0)


def detection(entry: Entry, model: str) -> Detection:
    """Return a model's detection, cached by the record's and the checkpoint's digest.

    Raises
    ------
    ECGError
        If the checkpoint cannot be loaded or the record cannot be scored.
    """
    checkpoint, name = detector(model).checkpoint, (entry.key, model)
    if name in _failures():
        raise _failures()[name]
    found = _detection(*name, checkpoint, lambda: _taken(entry, model))
    _scored().add(name)
    return found


def _taken(entry: Entry, model: str) -> Detection:
    """Return a model's detection, from the job that was asked for it if there is one; keep what else that gave."""
    name, job = _job(entry, model)
    try:
        found = _background().take(name, lambda: job(lambda _: None))
    except ECGError as error:
        if entry.duration > LONG_S:
            together = _along() if name[1] == CONSENSUS else ()
            _failures().update({(entry.key, each): error for each in (model, *together)})
        raise
    for other, its in found.items():
        if other != model:
            _detection(entry.key, other, detector(other).checkpoint, lambda made=its: made)
            _scored().add((entry.key, other))
    return found[model]


def score_first(entry: Entry, model: str) -> Progress:
    """Have a long recording scored before all that waits, and return how far that is; what is at work is joined.

    It is a thread's work: whatever is clicked meanwhile, it goes on. `is_ready` says when `detection` returns at once.
    """
    return _background().first(*_job(entry, model))


@st.cache_resource(scope="session", show_spinner=False)
def _scored() -> set[tuple[str, str]]:
    return set()


@st.cache_resource(scope="session", show_spinner=False)
def _failures() -> dict[tuple[str, str], ECGError]:
    """Return why long recordings could not be scored: it is not tried again at each click."""
    return {}


def waiting(entry: Entry, models: tuple[str, ...]) -> tuple[str, ...]:
    """Return the models that a long recording is shown without at first: those that have not scored it."""
    if entry.duration <= LONG_S:
        return ()
    return tuple(name for name in models if not is_ready(entry, name))


def detections(entry: Entry, models: tuple[str, ...]) -> tuple[dict[str, Detection], dict[str, str]]:
    """Return the detections of all models that gave one, and one sentence for each that did not."""
    found: dict[str, Detection] = {}
    failed: dict[str, str] = {}
    for model in models:
        try:
            found[model] = detection(entry, model)
        except ECGError as error:
            failed[model] = str(error)
            _scored().add((entry.key, model))
    return found, failed


@st.cache_resource(scope="session", max_entries=200, show_spinner=False)
def _window(key: str, model: str, checkpoint: str, start_s: float, _shown: Record) -> Detection:
    return detector(model).detect_prepared([_prepared().of(key, _shown)])[0]


@st.cache_resource(scope="session", max_entries=8, show_spinner=False)
def _around(key: str, start_s: float, stop_s: float, _entry: Entry) -> Record:
    return _entry.around(start_s, stop_s)


def around(entry: Entry, seen: Window) -> Record:
    """Return a record that holds the seconds on view; of a recording over 1 h they are read from its files once."""
    return _around(entry.key, round(seen.start_s, 3), round(seen.stop_s, 3), entry)


def on_view(entry: Entry, whole: Detection, seen: Window) -> Detection:
    """Return the detection of the seconds on view: of a long recording the 10 s are scored when they are asked for."""
    if not whole.segments:
        return whole
    shown = display.on_view(around(entry, seen), seen.start_s, seen.stop_s)
    return _window(entry.key, whole.model, whole.checkpoint, round(seen.start_s, 3), shown)


def measuring(entry: Entry, found: Mapping[str, Detection], model: str, seen: Window) -> Detection | None:
    """Return a detection of the seconds on view that has measurements: the chosen model's, else the first that has."""
    ordered = sorted(found, key=lambda name: name != model)
    return next((on_view(entry, found[name], seen) for name in ordered if found[name].measurements), None)


@st.cache_resource(scope="session", max_entries=32, show_spinner=False)
def _measured_packet(key: str, checkpoint: str, start_s: float, _detection: Detection) -> bytes | None:
    return measured.packet(key, _detection)


def measured_packet(entry: Entry, detection: Detection, seen: Window) -> bytes | None:
    """Return measurements and median beats as the browser takes them; None where nothing was measured."""
    return _measured_packet(entry.key, detection.checkpoint, round(seen.start_s, 3), detection)


@st.cache_resource(scope="session", max_entries=32, show_spinner=False)
def _shown(key: str, start_s: float, stop_s: float, filters: tuple[str, ...], _entry: Entry) -> Record:
    return display.on_view(_around(key, start_s, stop_s, _entry), start_s, stop_s, filters)


def shown(entry: Entry, seen: Window, filters: tuple[str, ...]) -> Record:
    """Return the seconds on view as they are displayed; what is scored is never this."""
    return _shown(entry.key, round(seen.start_s, 3), round(seen.stop_s, 3), filters, entry)


@st.cache_resource(scope="session", max_entries=100, show_spinner=False)
def _attention(key: str, checkpoint: str, start_s: float, _record: Record) -> Attention:
    return detector("vae-bilstm-mha").attention(_record, start_s)


@st.cache_resource(scope="session", max_entries=32, show_spinner=False)
def signals_packet(key: str, ident: str, _shown: Record) -> bytes:
    """Return the signal on view as the browser takes it; `ident` names its seconds and display filters."""
    return packets.signals_packet(key, _shown, ident)


@st.cache_resource(scope="session", max_entries=32, show_spinner=False)
def model_packet(
    key: str, ident: str, model: str, checkpoint: str, _record: Record, _shown: Record, _detection: Detection
) -> bytes:
    """Return what a model made of the seconds on view as the browser takes it; `_record` is the recording."""
    attention = None
    if model == "vae-bilstm-mha" and _detection.explanation:
        begin_s = _detection.explanation.start_s - _record.start_s
        attention = _attention(key, checkpoint, round(begin_s, 3), _record)
    return packets.model_packet(key, _shown, _detection, attention, ident)


def lead_packet(ident: str, detection: Detection, lead: str) -> bytes | None:
    """Return the score trace of one lead alone as the browser takes it; None where nothing is drawn of a model."""
    from ecg_core.explanation import lead_trace

    if detection.explanation is None:
        return None
    return packets.lead_packet(f"{ident}|{detection.model}", lead, lead_trace(detection.explanation, lead))


def _condition(found: Detection, entry: Entry) -> Condition:
    """Return what the record is compared alike in: its length and masked leads."""
    masked = masked_indices(usable_leads(found.masked_leads))
    return condition_for(FULL_S if found.segments else min(entry.record.duration, FULL_S), masked)


def threshold(entry: Entry, model: str, found: Detection, rate: float) -> float | None:
    """Return the score above which this record alarms at a false-alarm rate; None where there is no score."""
    if not found.interpretable:
        return None
    if found.segments:
        return detector(model).threshold(rate)
    if rate == found.false_alarm_rate:
        return found.threshold
    return detector(model).threshold(rate, _condition(found, entry))


def thresholds(entry: Entry, found: Mapping[str, Detection], rate: float) -> dict[str, float | None]:
    """Return each model's threshold for a record at a false-alarm rate."""
    return {name: threshold(entry, name, detection, rate) for name, detection in found.items()}


def sides(entry: Entry, found: Detection | None) -> dict[float, bool | None]:
    """Return whether a detection is above the threshold at each rate of the slider; None where it has no score."""
    if found is None:
        return dict.fromkeys(RATES)
    return {rate: words.is_above(found, threshold(entry, found.model, found, rate), rate) for rate in RATES}


def normal_scores(entry: Entry, model: str, found: Detection) -> NDArray[np.float32]:
    """Return the scores of the normals this record is compared with, ascending; empty where there is no score."""
    if not found.interpretable or found.segments:
        return np.empty(0, dtype=np.float32)
    return detector(model).calibration_scores(_condition(found, entry))


def weights(model: str) -> dict[str, float]:
    """Return by how much each part's evidence counts in a model's score."""
    return detector(model).weights


def operating_points(model: str) -> list[dict[str, Any]]:
    """Return what was measured on held-out records at each false-alarm rate."""
    return list(detector(model).operating_points)


@st.cache_resource(show_spinner=False)
def examples(beats: bool = False) -> tuple[list[Entry], list[str]]:
    """Return the shipped examples, and one sentence for each that cannot be read; all sessions share them.

    Parameters
    ----------
    beats : those of fewer leads, for the Beats page, instead of those of twelve.
    """
    from ecg_core import synthetic, synthetic_ambulatory

    entries: list[Entry] = []
    problems: list[str] = []
    for path in [synthetic_ambulatory.example_path()] if beats else synthetic.example_paths():
        try:
            record = read_record(path) if beats else twelve_leads(read_record(path))
        except ECGError as error:
            problems.append(str(error))
        else:
            entries.append(Entry(record.sha256, record, synthetic=True))
    return entries, problems


# --- beats ------------------------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False)
def beat_detector() -> BeatDetector:
    """Return the detector of beats, loaded once a process.

    Raises
    ------
    ECGError
        If the store in use has none, or it cannot be loaded.
    """
    from ecg_core.ambulatory import BeatDetector

    return BeatDetector.from_store(BEAT_MODEL, store())


@st.cache_resource(scope="session", show_spinner=False, on_release=Background.stop)
def _beat_work() -> Background[BeatDetections]:
    return Background()


@st.cache_resource(scope="session", max_entries=4, show_spinner=False)
def _beat_record(key: str, leads: tuple[str, ...], _entry: Entry) -> Record:
    return beat_leads.of_all(_entry, leads)


def beat_record(entry: Entry, leads: tuple[str, ...]) -> Record:
    """Return all of a recording in the leads that its beats are compared in."""
    return _beat_record(entry.key, leads, entry)


def beats_first(entry: Entry, leads: tuple[str, ...]) -> Progress:
    """Have a recording's beats scored beside the page, before all that waits."""
    record = beat_record(entry, leads)

    def compare(report: Report) -> BeatDetections:
        return beat_detector().detect_blocks(beat_work.pieces(record, report))

    return _beat_work().first((entry.key, leads), compare)


def beats_ready(entry: Entry, leads: tuple[str, ...]) -> bool:
    """Return whether a recording's beats are scored, or cannot be: `beats` then returns at once."""
    return (entry.key, leads) in _beats_scored() or _beat_work().done((entry.key, leads))


@st.cache_resource(scope="session", show_spinner=False)
def _beats_scored() -> dict[tuple[str, tuple[str, ...]], ECGError | None]:
    """Return which recordings were scored, and why not where they cannot be: it is not tried again at each click."""
    return {}


@st.cache_resource(scope="session", max_entries=12, show_spinner=False)
def _beats(key: str, leads: tuple[str, ...], checkpoint: str, _make: Callable[[], BeatDetections]) -> BeatDetections:
    return _make()


def beats(entry: Entry, leads: tuple[str, ...]) -> BeatDetections:
    """Return what the detector says of each beat, cached by the record's and the checkpoint's digest.

    Raises
    ------
    ECGError
        If the checkpoint cannot be loaded or the record cannot be scored.
    """
    name, scored, take = (entry.key, leads), _beats_scored(), _beat_work().take
    if (failed := scored.get(name)) is not None:
        raise failed
    found, record = beat_detector(), beat_record(entry, leads)
    try:
        made = _beats(*name, found.checkpoint, lambda: take(name, lambda: found.detect(record)))
    except ECGError as error:
        scored[name] = error
        raise
    scored[name] = None
    return made


@st.cache_resource(scope="session", max_entries=6, show_spinner=False)
def _beat_packets(key: str, leads: tuple[str, ...], checkpoint: str, _entry: Entry, _found: BeatDetections) -> Any:
    ident, record = "|".join((key, *leads, checkpoint)), beat_record(_entry, leads)
    return [
        beat_panels.words_packet(ident, beat_words.said(_entry, _found), words.VALIDATED_RATE),
        beat_panels.scores_packet(ident, _found),
        beat_panels.shapes_packet(ident, record, _found),
    ]


@st.cache_resource(scope="session", max_entries=6, show_spinner=False)
def _beat_strips(key: str, leads: tuple[str, ...], _record: Record) -> bytes:
    return beat_panels.strips_packet("|".join((key, *leads)), _record)


def beat_strips(entry: Entry, leads: tuple[str, ...]) -> bytes:
    """Return the strips of the whole recording as the browser takes them: they are there before its beats are."""
    return _beat_strips(entry.key, leads, beat_record(entry, leads))


def beat_packets(entry: Entry, leads: tuple[str, ...], found: BeatDetections) -> list[bytes]:
    """Return words at each rate, scores and shapes as the browser takes them."""
    made: list[bytes] = _beat_packets(entry.key, leads, found.checkpoint, entry, found)
    return made


@st.cache_resource(scope="session", max_entries=64, show_spinner=False)
def _beat_packet(
    key: str, leads: tuple[str, ...], checkpoint: str, beat: int, _record: Record, _found: BeatDetections
) -> bytes:
    ident = "|".join((key, *leads, checkpoint))
    made = beat_panels.reconstructed(beat_detector(), _record, _found, beat)
    return beat_panels.beat_packet(ident, _record, _found, beat, made)


def beat_packet(entry: Entry, leads: tuple[str, ...], found: BeatDetections, beat: int) -> bytes:
    """Return the seconds around a beat, with what the network makes of it, as the browser takes them."""
    return _beat_packet(entry.key, leads, found.checkpoint, beat, beat_record(entry, leads), found)


@st.cache_resource(scope="session", max_entries=1, show_spinner=False)
def _player(key: str, leads: tuple[str, ...], _record: Record, _rate: float) -> Replay:
    from ecg_core.ambulatory import BeatStream

    learnt_s = beat_replay.learnt_s(_record.duration)
    stream = BeatStream(beat_detector(), _record.leads, _record.fs, template_s=learnt_s, false_alarm_rate=_rate)
    return Replay(_record, stream, (key, *leads), rate=_rate)


def beat_player(entry: Entry, leads: tuple[str, ...], rate: float) -> Replay:
    """Return the replay of a recording, one at a time; it keeps the false-alarm rate that it was begun with."""
    return _player(entry.key, leads, beat_record(entry, leads), rate)


def forget_replay() -> None:
    """Give up the replay."""
    _player.clear()


@st.cache_resource(scope="session", max_entries=50, show_spinner=False)
def _beat_leads(key: str, _entry: Entry) -> dict[str, tuple[str, ...]]:
    return beat_leads.offered(_entry.record, _entry.duration)


def beat_leads_offered(entry: Entry) -> dict[str, tuple[str, ...]]:
    """Return the choices of leads that a recording's beats can be compared in, by name."""
    return _beat_leads(entry.key, entry)


@st.cache_resource(show_spinner=False)
def worklist() -> Worklist:
    """Return the worklist of this server, opened once a process; jobs left over from before go on.

    Raises
    ------
    WorklistError
        If its data folder cannot be used.
    """
    from ecg_core.worklist import Worklist  # SQLAlchemy comes with it

    named = os.environ.get(STORE_VARIABLE)
    opened = Worklist(store=Path(named) if named else None)
    opened.ensure_runner()
    return opened


@st.cache_resource(max_entries=2, show_spinner=False)
def worklist_rows(job: str, newest: int) -> Columns:
    """Return a job's rows as they were when they were first asked for at its newest decision; not to be changed.

    Ten thousand are read once for all who open the job; what was scored since, each reads by itself.
    """
    return worklist().rows(job)


@st.cache_resource(scope="session", max_entries=8, show_spinner=False)
def worklist_record(job: str, position: int) -> Record:
    """Return a record of a job, read from its file once while it is looked at.

    Raises
    ------
    ECGError
        If it cannot be read, or is no longer what was scored.
    """
    return worklist().read_record(job, position)
