"""The measurements on the Analyse page: table, median beats, and what the verdict names first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import measured, state
from ecg_core.measurements import NAMED, REGISTRY, Measurements
from ecg_core.measurements.norms import rows
from ecg_core.records import LEADS, Record
from tests.app import fake_norms
from tests.app.page_parts import carried, header, opened, parts, verdict, view


def panel(app: AppTest) -> dict[str, Any]:
    (packet,) = parts(app, "leadwise_measured")
    return header(packet)


@pytest.fixture(scope="module")
def found(record_of_module: Record) -> Any:
    return fake_norms.measured(record_of_module)


@pytest.fixture(scope="module")
def record_of_module() -> Record:
    from ecg_core.synthetic import EXAMPLES, make_record

    return make_record(next(spec for spec in EXAMPLES if spec.kind == "pvc"))


def test_the_table_has_every_named_measurement_with_range_group_and_source(app):
    opened(app)
    shown = panel(app)["rows"]
    assert [row["name"] for row in shown] == [REGISTRY[name].title for name in NAMED]
    rate = shown[0]
    assert rate["value"].endswith(" /min")
    assert rate["range"].endswith(" /min")
    assert rate["group"] == "all normal ECGs, 1,200"
    assert REGISTRY["heart_rate"].definition in rate["tip"]
    assert "doi" in rate["tip"]
    qrs = shown[[row["name"] for row in shown].index("QRS duration")]
    assert qrs["group"] == "men, 600", "QRS differs between men and women among these normals"
    axis = shown[[row["name"] for row in shown].index("QRS axis")]
    assert "°" in axis["range"]
    assert "°°" not in axis["range"]


def test_the_median_beat_lies_on_the_level_of_the_band_with_its_points(app):
    opened(app)
    data = panel(app)
    assert {array["name"]: array["length"] for array in data["arrays"]} == {
        "beat": 12 * data["n"],
        "low": 12 * data["n"],
        "high": 12 * data["n"],
    }
    assert data["start_ms"] == -350.0
    assert data["points"]["qrs_onset"] < 0 < data["points"]["qrs_offset"] < data["points"]["t_end"]
    assert data["unread"] == []
    assert list(data["amplitudes"]["leads"]) == list(LEADS)


def test_the_limits_of_waves_are_drawn_on_the_paper_on_request(app):
    opened(app)
    assert view(app)["limits"] == []
    app.toggle(key=state.SHOW_FIDUCIALS).set_value(True).run()
    limits = view(app)["limits"]
    assert {wave for _, wave in limits} == {"P", "QRS", "T"}
    times = [t for t, wave in limits if wave == "QRS"]
    assert len(times) >= 2 * 8
    assert all(0.0 <= t <= 10.0 for t in times)
    width = np.diff(np.sort(times))[::2]
    assert 0.06 < np.median(width) < 0.16, "each QRS is as wide as the median beat's"
    app.segmented_control(key=state.MODEL).set_value("cae").run()
    assert view(app)["limits"] == limits, "they are the record's, whichever model is chosen"


def test_beats_that_come_early_are_marked_on_the_trace(app):
    opened(app)
    made = carried(app, "model")
    assert len(made["early_s"]) == 1
    assert made["missing_s"] == []
    assert view(app)["differs_from"] == "the expected ECG"
    assert view(app)["key_of_lines"] == "expected ECG, ± 1 SD of normal ECGs"
    app.segmented_control(key=state.MODEL).set_value("cae").run()
    assert carried(app, "model")["early_s"] == []
    assert view(app)["differs_from"] == "the reconstruction"


def test_they_stay_when_a_model_is_chosen_that_does_not_measure(app):
    opened(app)
    before = parts(app, "leadwise_measured")
    app.segmented_control(key=state.MODEL).set_value("cae").run()
    assert parts(app, "leadwise_measured") == before


def test_a_store_of_autoencoders_has_no_measurements_and_no_gap(app, monkeypatch, tmp_path):
    (tmp_path / "own" / "cae").mkdir(parents=True)
    (tmp_path / "own" / "cae" / "config.json").write_text("{}")
    monkeypatch.setenv(state.STORE_VARIABLE, str(tmp_path / "own"))
    opened(app)
    assert not parts(app, "leadwise_measured")
    assert verdict(app)["reasons"] is None


def test_the_verdict_names_rate_intervals_and_axis_first(app):
    opened(app)
    first = verdict(app)["reasons"]["summary"]
    assert [name for name, *_ in first] == ["Rate", "PR", "QRS", "QT", "QTcF", "QRS axis"]
    assert all(value for _, value, _, _ in first)


def test_a_withheld_measurement_says_why_and_has_no_place_on_the_bar(found):
    gone = Measurements({}, {"pr_ms": "no P wave was found before each beat"})
    (row,) = rows(gone, found.norms, ("pr_ms",))
    told = measured.row_data(row)
    assert (told["value"], told["at"], told["percentile"]) == ("", None, "")
    assert told["why"] == "no P wave was found before each beat"
    assert told["range"].endswith(" ms")


@pytest.mark.parametrize(("value", "at"), [(1e6, 1 - measured.EDGE), (-1e6, measured.EDGE)])
def test_far_values_stop_at_the_ends_of_the_bar(found, value, at):
    (row,) = rows(Measurements({"qrs_ms": value}), found.norms, ("qrs_ms",))
    assert measured.place(row) == pytest.approx(at)
    (middle,) = rows(Measurements({"qrs_ms": (row.normal.low + row.normal.high) / 2}), found.norms, ("qrs_ms",))
    assert measured.place(middle) == pytest.approx(0.5)


def test_a_lead_that_cannot_be_read_has_no_median_beat(found, fake_detector, record_of_module):
    detection = fake_detector.AnomalyDetector("consensus").detect(record_of_module)
    x = found.measurements.beat.x.copy()
    x[LEADS.index("V3")] = 0.0
    broken = replace(found.measurements, beat=replace(found.measurements.beat, x=x))
    packet = measured.packet("k", replace(detection, measurements=broken))
    assert header(packet)["unread"] == ["V3"]
    no_beat = replace(found.measurements, beat=None)
    assert header(measured.packet("k", replace(detection, measurements=no_beat)))["arrays"] == []
    assert np.isfinite(header(packet)["points"]["t_end"])
