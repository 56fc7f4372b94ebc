from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from app.components import packets
from app.state import Entry
from app.summary import curve, lead_bars_data, tail, verdict_data
from ecg_core.detection import Attention
from ecg_core.preprocessing import preprocess
from ecg_core.records import LEADS


def unpack(packet: bytes) -> dict:
    """Read a packet as shared.js does."""
    length = int.from_bytes(packet[:4], "little")
    header = json.loads(packet[4 : 4 + length])
    body = packet[4 + length + (-length % 4) :]
    kinds = {"f4": np.dtype("<f4"), "u1": np.dtype("u1")}
    return header | {
        a["name"]: np.frombuffer(body, kinds[a["type"]], a["length"], a["at"]) for a in header.pop("arrays")
    }


@pytest.fixture
def detection(fake_detector, record):
    return fake_detector.AnomalyDetector("cae").detect(record)


def test_signals_arrive_as_recorded(record):
    got = unpack(packets.signals_packet("k", record))
    assert (got["record"], got["fs"], got["n"], got["leads"]) == ("k", 500.0, 5000, list(LEADS))
    assert np.array_equal(got["signal"].reshape(12, -1), record.signal)


def test_arrays_are_aligned_to_four_bytes():
    packed = packets.pack({"a": 1}, {"x": np.arange(5, dtype=np.uint8), "y": np.arange(3, dtype=np.float32)})
    got = unpack(packed)
    assert got["x"].tolist() == [0, 1, 2, 3, 4]
    assert got["y"].tolist() == [0.0, 1.0, 2.0]
    length = int.from_bytes(packed[:4], "little")
    assert (4 + length + (-length % 4)) % 4 == 0


def test_another_signal_is_another_packet(record):
    one = unpack(packets.signals_packet("k", record))["packet"]
    other = unpack(packets.signals_packet("k", replace(record, signal=record.signal * 2)))["packet"]
    assert one != other


def test_the_reconstruction_lies_on_the_recorded_baseline(record, detection):
    """A perfect reconstruction under offset and wander falls onto the recording, to what the 40 Hz cut takes."""
    t = np.arange(record.n_samples) / record.fs
    wandering = replace(record, signal=(record.signal + 1.5 + 0.4 * np.sin(2 * np.pi * 0.1 * t)).astype(np.float32))
    seen = preprocess(wandering.signal, wandering.fs)
    perfect = replace(detection.explanation, reconstruction=seen)
    laid = packets.on_recorded_baseline(perfect, wandering)
    gap = laid - wandering.signal[:, ::5]
    assert np.abs(np.median(gap[:, 50:-50], axis=1)).max() < 0.02
    assert np.abs(np.median(seen[:, 50:-50] - wandering.signal[:, ::5][:, 50:-50], axis=1)).min() > 0.8


def test_error_cells_step_by_doubling_and_leave_lost_leads_out(detection):
    error = np.ones((12, 1000), dtype=np.float32)
    error[1], error[2], error[3] = 3.0, 100.0, np.nan
    cells = packets.error_cells(replace(detection.explanation, error=error))
    assert cells.shape == (12, 250)
    assert [int(cells[k, 0]) for k in range(4)] == [0, 1, 6, 255]


def test_attention_is_lead_weight_times_time_weight():
    lead = np.full((8, 4), 1 / 8, dtype=np.float32)
    lead[:, 1] = [1, 0, 0, 0, 0, 0, 0, 0]
    cells = packets.attention_cells(Attention(LEADS[:8], lead, np.array([0.2, 0.6, 0.1, 0.1], np.float32), 0.4))
    assert cells[0, 1] == 6
    assert cells[1, 1] == 0
    assert cells.max() == 6


def test_ten_seconds_of_a_long_record_are_on_view(record):
    long = replace(record, signal=np.tile(record.signal, (1, 4)))
    shown = packets.on_view(long, 20.0)
    assert shown.start_s == 20.0
    assert shown.duration == pytest.approx(10.0)


def test_the_tail_scale_has_equal_steps_for_equal_factors():
    assert tail(50.0) == pytest.approx(0.0)
    assert tail(99.9) == pytest.approx(1.0)
    assert tail(99.0) - tail(90.0) == pytest.approx(tail(99.9) - tail(99.0))
    assert tail(10.0) == 0.0
    assert tail(100.0) == 1.0


def test_the_curve_places_alarm_and_record():
    normals = np.sort(np.random.default_rng(0).gamma(4, 0.5, 900)).astype(np.float32)
    drawn = curve(normals, 4.0, 5.0, 0.05)
    assert 0 < drawn["alarm"] < drawn["here"]
    assert drawn["above"]
    assert max(drawn["heights"]) == 1.0
    assert curve(normals[:10], 4.0, 5.0, 0.05) is None


def test_where_no_stretch_is_marked_the_raised_leads_are_named(detection, record):
    scores = dict.fromkeys(LEADS, 1.0) | {"V1": 9.0, "V2": 9.0, "V3": 6.0, "V4": 6.0}
    quiet = replace(detection, explanation=replace(detection.explanation, stretches=(), lead_scores=scores))
    data = verdict_data(Entry("k", record), "cae", {"cae": quiet}, {0.05: {"cae": 1.0}}, 0.05, np.empty(0, np.float32))
    assert data["where"]["place"] == "Anteroseptal"
    assert data["where"]["clip"] is None


def test_masked_leads_say_why(detection):
    scores = dict.fromkeys(LEADS, 1.0) | {"V6": None}
    masked = replace(
        detection,
        masked_leads=("V6",),
        quality={"V6": ("flat",)},
        explanation=replace(detection.explanation, lead_scores=scores),
    )
    assert lead_bars_data(masked)["items"][-1] == {"lead": "V6", "out": "left out: flat"}
