"""What is kept between runs: models once a process, detections once a session. The only file with `st.cache_*`."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.components import packets
from app.state import Entry
from ecg_core.calibration import FULL_S, Condition, condition_for
from ecg_core.detection import Attention, Detection
from ecg_core.errors import ECGError
from ecg_core.readers import read_record
from ecg_core.records import Record, twelve_leads
from ecg_core.segments import masked_indices, usable_leads

if TYPE_CHECKING:
    from ecg_core.detector import AnomalyDetector

STORE_VARIABLE = "LEADWISE_STORE"


@st.cache_resource(show_spinner=False)
def detector(model: str) -> AnomalyDetector:
    """Return a detector, loaded once a process from the store the operator names in LEADWISE_STORE, or the shipped."""
    from ecg_core.detector import AnomalyDetector  # torch comes with it: not before it is needed

    store = os.environ.get(STORE_VARIABLE)
    return AnomalyDetector.from_store(model, Path(store) if store else None)


def warm(models: tuple[str, ...]) -> None:
    """Load models while the user is still choosing a record; what cannot be loaded is said when it is needed."""
    for model in models:
        with suppress(ECGError):
            detector(model)


@st.cache_resource(scope="session", max_entries=100, show_spinner=False)
def _detection(key: str, model: str, checkpoint: str, _record: Record) -> Detection:
    return detector(model).detect(_record)


def detection(entry: Entry, model: str) -> Detection:
    """Return a model's detection, cached by the record's and the checkpoint's digest.

    Raises
    ------
    ECGError
        If the checkpoint cannot be loaded or the record cannot be scored.
    """
    return _detection(entry.key, model, detector(model).checkpoint, entry.record)


def detections(entry: Entry, models: tuple[str, ...]) -> tuple[dict[str, Detection], dict[str, str]]:
    """Return the detections of all models that gave one, and one sentence for each that did not."""
    found: dict[str, Detection] = {}
    failed: dict[str, str] = {}
    for model in models:
        try:
            found[model] = detection(entry, model)
        except ECGError as error:
            failed[model] = str(error)
    return found, failed


@st.cache_resource(scope="session", max_entries=100, show_spinner=False)
def _attention(key: str, checkpoint: str, start_s: float, _record: Record) -> Attention:
    return detector("vae-bilstm-mha").attention(_record, start_s)


@st.cache_resource(scope="session", max_entries=32, show_spinner=False)
def signals_packet(key: str, start_s: float, _record: Record) -> bytes:
    """Return the recorded signal on view as the browser takes it."""
    return packets.signals_packet(key, packets.on_view(_record, start_s))


@st.cache_resource(scope="session", max_entries=32, show_spinner=False)
def model_packet(key: str, model: str, checkpoint: str, _record: Record, _detection: Detection) -> bytes:
    """Return what a model made of the record on view as the browser takes it."""
    start_s = _detection.explanation.start_s if _detection.explanation else 0.0
    attention = None
    if model == "vae-bilstm-mha" and _detection.explanation:
        attention = _attention(key, checkpoint, start_s, _record)
    return packets.model_packet(key, packets.on_view(_record, start_s), _detection, attention)


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


def normal_scores(entry: Entry, model: str, found: Detection) -> NDArray[np.float32]:
    """Return the scores of the normals this record is compared with, ascending; empty where they are not at hand."""
    if not found.interpretable or found.segments or _condition(found, entry) != Condition():
        return np.empty(0, dtype=np.float32)
    return detector(model).calibration_scores()


def operating_points(model: str) -> list[dict[str, Any]]:
    """Return what was measured on held-out records at each false-alarm rate."""
    return list(detector(model).operating_points)


@st.cache_resource(show_spinner=False)
def examples() -> tuple[list[Entry], list[str]]:
    """Return the shipped examples, and one sentence for each that cannot be read; all sessions share them."""
    from ecg_core.synthetic import example_paths

    entries: list[Entry] = []
    problems: list[str] = []
    for path in example_paths():
        try:
            record = twelve_leads(read_record(path))
        except ECGError as error:
            problems.append(str(error))
        else:
            entries.append(Entry(record.sha256, record, synthetic=True))
    return entries, problems
