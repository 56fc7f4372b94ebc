"""The Analyse page's states, run without a browser."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from app import state
from app.state import Entry
from app.views import analyse
from ecg_core.errors import RecordError
from ecg_core.records import LEADS
from tests.app.page_parts import (
    begun,
    button,
    carried,
    opened,
    page_words,
    parts,
    send,
    settled,
    signals,
    verdict,
    view,
    visit,
)


def at_100_hz(record):
    return replace(record, signal=np.ascontiguousarray(record.signal[:, ::5]), fs=100.0)


def long_record(record, minutes: float):
    times = round(minutes * 6)
    return replace(record, signal=np.tile(record.signal, (1, times)), sha256="f" * 64)


def overview(app):
    found = parts(app, "leadwise_overview")
    return found[0] if found else None


def filters_offered(app):
    pills = next(p for p in app.get("button_group") if p.key == state.FILTERS)
    return [option.content for option in pills.proto.options]


def test_no_filter_and_all_leads_by_default(app):
    opened(app)
    assert view(app)["print"] == "25 mm/s, 10 mm/mV, 500 Hz, no filter"
    assert overview(app) is None
    assert {s["lead"] for s in view(app)["paper"]["strips"]} == set(LEADS)


def test_the_verdict_goes_ahead_of_the_rest_when_the_page_opens_and_only_then(app, monkeypatch):
    pauses = []
    monkeypatch.setattr(analyse, "time", SimpleNamespace(sleep=pauses.append))
    opened(app)
    assert pauses == [analyse.ALONE_S]
    app.run()  # a click on the page, or the next record: nothing waits
    assert pauses == [analyse.ALONE_S]
    visit(app, "models")
    visit(app, "analyse")
    assert pauses == [analyse.ALONE_S] * 2


def test_a_filter_changes_what_is_shown_and_is_named_and_no_score(app):
    opened(app)
    before, said, shown = parts(app, "leadwise_paper")[0], verdict(app), signals(app)["id"]
    app.session_state[state.FILTERS] = ["notch-50", "0.05-150"]
    app.run()
    assert not app.exception
    assert "display filter 0.05–150 Hz + 50 Hz notch" in view(app)["print"]
    assert parts(app, "leadwise_paper")[0] != before
    assert signals(app)["id"] != shown
    assert carried(app, "model")["id"] == view(app)["made"]
    assert verdict(app) == said


def test_a_rate_offers_only_filters_it_can_carry_and_drops_the_others(app, record):
    entries = Entry("fast", record), Entry("slow", at_100_hz(record))
    send(app, *entries)
    assert filters_offered(app) == ["0.05–150 Hz", "40 Hz low-pass", "50 Hz notch", "60 Hz notch"]
    app.session_state[state.FILTERS] = ["0.05-150", "low-40"]
    app.run()
    next(b for b in app.button if b.label == "Next").click().run()
    assert not app.exception
    assert filters_offered(app) == ["40 Hz low-pass"]
    assert view(app)["print"].endswith("100 Hz, display filter 40 Hz low-pass")
    assert "100 Hz cannot carry 0.05–150 Hz, 50 Hz notch, 60 Hz notch." in page_words(app)


def test_a_choice_of_leads_keeps_report_order(app):
    opened(app)
    app.segmented_control(key=state.LAYOUT).set_value("12x1").run()
    app.session_state[state.LEADS_SHOWN] = ["V5", "II", "aVL"]
    app.run()
    assert [s["lead"] for s in view(app)["paper"]["strips"]] == ["II", "aVL", "V5"]
    app.session_state[state.LEADS_SHOWN] = []
    app.run()
    assert not app.exception
    assert len(view(app)["paper"]["strips"]) == 12
    next(b for b in app.button if b.label == "All twelve leads").click().run()
    assert app.session_state[state.LEADS_SHOWN] == list(LEADS)


def test_leads_can_be_left_away_in_the_printed_layout_too_and_that_is_said(app):
    opened(app)
    assert "not shown" not in view(app)["print"]
    app.session_state[state.LEADS_SHOWN] = ["V5", "II", "III"]
    app.run()
    assert [(s["lead"], s["rhythm"]) for s in view(app)["paper"]["strips"]] == [
        ("II", False),
        ("III", False),
        ("V5", False),
        ("II", True),
    ]
    assert view(app)["print"].endswith("; not shown: V1–V4, V6, I, aVR, aVL, aVF")
    assert "stays empty" in page_words(app)


def test_fifty_mm_a_second_shows_half_and_an_overview_to_choose_the_half(app):
    opened(app)
    app.segmented_control(key=state.SPEED).set_value(50).run()
    assert not app.exception
    assert view(app)["print"].startswith("50 mm/s")
    assert (view(app)["paper"]["start_s"], view(app)["paper"]["stop_s"]) == (0.0, 5.0)
    assert view(app)["axis"] == {"start_s": 0.0, "stop_s": 5.0, "speed": 50.0}
    strip = overview(app)
    assert strip["window"] == [0.0, 5.0]
    assert not strip["segments"]
    app.session_state["view"] = 4.2
    app.run()
    assert overview(app)["window"] == [4.2, 9.2]
    assert view(app)["axis"]["start_s"] == pytest.approx(4.2)
    assert signals(app)["n"] == 5000, "all ten seconds are sent: maps and clips need them"


def test_a_lead_alone_brings_its_own_trace(app):
    opened(app)
    assert carried(app, "lead") is None
    app.session_state["lead"] = "V3"
    app.run()
    assert view(app)["layout"] == "lead"
    assert view(app)["alone"] == "V3"
    assert view(app)["back"] == "Back to all leads"
    assert carried(app, "lead")["lead"] == "V3"
    assert carried(app, "lead")["id"] == view(app)["made"]
    app.segmented_control(key=state.MODEL).set_value("cae").run()
    assert view(app)["alone"] == "V3", "a flip of the model keeps what is on view"
    assert carried(app, "lead")["id"] == view(app)["made"]


def test_a_flip_of_the_model_keeps_the_close_up(app):
    opened(app)
    app.session_state["stretch"] = 5.5
    app.run()
    assert view(app)["layout"] == "closeup"
    spans = {(s["start_s"], s["stop_s"]) for s in view(app)["paper"]["strips"]}
    for name in ("cae", "vae-bilstm"):
        app.segmented_control(key=state.MODEL).set_value(name).run()
        assert {(s["start_s"], s["stop_s"]) for s in view(app)["paper"]["strips"]} == spans
        assert view(app)["axis"]["stop_s"] == 10.0, "score trace and maps keep the whole ten seconds"


@pytest.mark.parametrize(
    ("model", "band"),
    [("cae", "± RMS error of normal ECGs"), ("vae-bilstm", "± 1 SD by the model"), ("vae-bilstm-mha", "± 1 SD")],
)
def test_the_band_is_named_for_what_it_is(app, model, band):
    opened(app)
    app.segmented_control(key=state.MODEL).set_value(model).run()
    assert band in view(app)["key_of_lines"]


def test_a_masked_record_is_placed_among_normals_masked_alike(app, record):
    signal = record.signal.copy()
    signal[LEADS.index("V6")] = 0.0
    send(app, Entry("masked", replace(record, signal=signal)))
    assert "V6" in view(app)["faults"]
    masked = verdict(app)["curve"]
    assert masked is not None
    send(app, Entry("whole", record))
    assert verdict(app)["curve"] is not None


def test_a_short_record_has_its_own_curve(app, record):
    send(app, Entry("short", record.crop(0.0, 7.0)))
    assert verdict(app)["curve"] is not None
    assert view(app)["paper"]["stop_s"] == pytest.approx(7.0)


def test_a_noisy_lead_is_kept_in_its_row(app, record):
    signal = record.signal.copy()
    signal[LEADS.index("V2")] = np.random.default_rng(0).normal(0, 4.0, signal.shape[1])
    send(app, Entry("noisy", replace(record, signal=signal)))
    cut = {s["lead"] for s in view(app)["paper"]["strips"] if s["clip_mm"]}
    assert cut == {"V2"}


def test_a_long_recording_has_an_overview_and_ten_seconds_on_view(app, record):
    send(app, Entry("long", long_record(record, 3)))
    strip = overview(app)
    assert strip["segments"]
    assert strip["total"] == pytest.approx(180.0)
    assert len(strip["times"]) == len(strip["values"]) == 35
    assert "segments above the alarm threshold" in strip["summary"]
    assert signals(app)["n"] == 5000
    assert [m["words"] for m in verdict(app)["sure"]["models"] if m["words"] == "scoring…"] == []
    assert verdict(app)["figure_suffix"] == " %"
    assert any("strongest 10 s" in line for line in verdict(app)["where"]["lines"])


@pytest.fixture
def held(fake_detector, monkeypatch):
    """Hold every pass over a recording at its second block until told; keep which models each is for."""
    may_go, began = threading.Event(), []
    detect_together = fake_detector.AnomalyDetector.detect_together

    def slowly(detectors, blocks, *args, **kwargs):
        began.append([detector.name for detector in detectors])
        waited = (block if k == 0 or may_go.wait(30) else None for k, block in enumerate(blocks))
        return detect_together(detectors, waited, *args, **kwargs)

    monkeypatch.setattr(fake_detector.AnomalyDetector, "detect_together", staticmethod(slowly))
    yield may_go, began
    may_go.set()


def wait_until(app, words: str) -> None:
    for _ in range(200):
        if words in page_words(app):
            return
        time.sleep(0.05)
        app.run()
    raise AssertionError(f"{words!r} is not said: {page_words(app)}")


def test_a_long_recording_is_read_while_it_is_scored_and_no_click_starts_it_again(app, record, held):
    may_go, began = held
    begun(app, Entry("long", long_record(record, 3)), Entry("short", record))
    first, *others = (state.TITLES[name] for name in state.models())
    wait_until(app, f"Scoring with {first}: minute 2 of 3")
    assert f"with {', '.join(others)}" in page_words(app)
    assert 'role="progressbar"' in page_words(app)
    assert not parts(app, "leadwise_verdict")
    assert not parts(app, "leadwise_rail")
    assert signals(app)["n"] == 5000
    assert view(app)["model"] is None
    # another layout, another model, another record, and back: each finds the work where it was
    app.segmented_control(key=state.LAYOUT).set_value("12x1").run()
    app.segmented_control(key=state.MODEL).set_value("cae").run()
    wait_until(app, "Scoring with CAE: minute 2 of 3")
    button(app, "Next").click().run()
    assert verdict(app)["record"] == "short"
    button(app, "Previous").click().run()
    wait_until(app, "Scoring with CAE: minute 2 of 3")
    may_go.set()
    settled(app)
    assert began == [list(state.models())]  # one pass for the consensus and its members
    assert verdict(app)["figure_suffix"] == " %"
    assert [m["title"] for m in verdict(app)["sure"]["models"] if m["chosen"]] == ["CAE"]


def test_compare_waits_for_a_long_recording_in_words(app, record, held):
    may_go, began = held
    begun(app, Entry("long", long_record(record, 3)))
    visit(app, "compare")
    wait_until(app, f"Scoring with {state.TITLES[state.models()[0]]}: minute 2 of 3")
    assert not parts(app, "leadwise_compare")
    may_go.set()
    settled(app)
    assert parts(app, "leadwise_compare")
    assert began == [list(state.models())]


def test_a_model_chosen_before_is_scored_alone_first_and_the_others_in_one_pass(app, record, held):
    may_go, began = held
    begun(app, Entry("short", record), Entry("long", long_record(record, 3)))
    app.segmented_control(key=state.MODEL).set_value("cae").run()
    button(app, "Next").click().run()
    wait_until(app, "Scoring with CAE: minute 2 of 3")
    assert began == [["cae"]]
    may_go.set()
    settled(app)
    assert began == [["cae"], list(state.models())]
    assert [m["words"] for m in verdict(app)["sure"]["models"] if m["words"] == "scoring…"] == []


def test_what_cannot_be_scored_is_said_once_and_not_tried_at_each_click(app, record, fake_detector, monkeypatch):
    tried = []

    def fails(detectors, blocks, *_):
        tried.append([detector.name for detector in detectors])
        raise RecordError("Expected blocks; found none.")

    monkeypatch.setattr(fake_detector.AnomalyDetector, "detect_together", staticmethod(fails))
    send(app, Entry("long", long_record(record, 3)))
    app.segmented_control(key=state.LAYOUT).set_value("12x1").run()
    for name in state.models():
        assert f"{state.TITLES[name]}: Expected blocks; found none." in page_words(app)
    assert tried == [list(state.models())]
    assert parts(app, "leadwise_paper")


def test_the_ten_seconds_picked_are_scored_and_shown(app, record):
    send(app, Entry("long", long_record(record, 3)))
    first = signals(app)
    app.session_state["view"] = 63.0
    app.run()
    assert not app.exception
    assert overview(app)["window"] == [63.0, 73.0]
    assert signals(app)["start_s"] == 63.0
    assert signals(app)["id"] != first["id"]
    made = carried(app, "model")
    assert made["start_s"] == 63.0
    assert made["id"] == view(app)["made"]
    assert all(63.0 <= s["start_s"] <= 73.0 for s in made["stretches"])
    assert "1:03–1:13 on the paper" in overview(app)["view_words"]


def test_seconds_that_cannot_be_read_keep_the_recordings_threshold_at_hand(app, record):
    long = long_record(record, 3)
    long.signal[:, 37_500:42_500] = np.random.default_rng(0).normal(0, 1.5, (12, 5_000))
    long.signal[:3, 37_500:42_500] = 0.0
    send(app, Entry("long", long))
    app.session_state["view"] = 75.0
    app.run()
    assert view(app)["model"] is None
    assert not any(cell["out"] for cell in verdict(app)["where"]["cells"])
    assert "not interpretable" in overview(app)["view_words"]
    assert len(parts(app, "leadwise_threshold")) == 1
    assert not parts(app, "leadwise_rail")


def test_flipping_the_model_of_a_long_recording_keeps_the_seconds(app, record):
    send(app, Entry("long", long_record(record, 2)))
    app.session_state["view"] = 31.0
    app.run()
    app.segmented_control(key=state.MODEL).set_value("cae").run()
    assert signals(app)["start_s"] == 31.0
    app.segmented_control(key=state.SPEED).set_value(50).run()
    assert overview(app)["window"] == [31.0, 36.0]


@pytest.mark.parametrize(("wanted", "start"), [(-5.0, 0.0), (500.0, 110.0)])
def test_the_seconds_stay_inside_the_recording(app, record, wanted, start):
    send(app, Entry("long", long_record(record, 2)))
    app.session_state["view"] = wanted
    app.run()
    assert not app.exception
    assert signals(app)["start_s"] == pytest.approx(start)


def test_another_record_starts_at_its_own_strongest(app, record):
    one = Entry("long", long_record(record, 2))
    send(app, one, Entry("other", record))
    app.session_state["view"] = 50.0
    app.run()
    for _ in range(2):
        next(b for b in app.button if b.label == "Next").click().run()
    assert not app.exception
    assert signals(app)["start_s"] == 0.0
