"""Every state of the page, run without a browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import state
from ecg_core.records import LEADS

NAMES = ["normal-55", "normal-72", "normal-95", "premature-ventricular-beat", "atrial-fibrillation"]
PVC = NAMES.index("premature-ventricular-beat")


def parts(app: AppTest, component: str) -> list[Any]:
    """Return what each mount of a component was sent: plain data or bytes."""
    found = []
    for element in app.get("bidi_component"):
        if element.proto.component_name == component:
            kind = element.proto.WhichOneof("data")
            found.append(json.loads(element.proto.json) if kind == "json" else element.proto.bytes)
    return found


def header(packet: bytes) -> dict[str, Any]:
    length = int.from_bytes(packet[:4], "little")
    return json.loads(packet[4 : 4 + length])


def verdict(app: AppTest) -> dict[str, Any]:
    (data,) = parts(app, "leadwise_verdict")
    return data


def view(app: AppTest) -> dict[str, Any]:
    return next(p for p in parts(app, "leadwise_carrier") if isinstance(p, dict))


def model_packet(app: AppTest) -> dict[str, Any]:
    return header(next(p for p in parts(app, "leadwise_carrier") if isinstance(p, bytes)))


def page_words(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html") if "<style>" not in element.proto.body)


def opened(app: AppTest, index: int = PVC) -> AppTest:
    app.run()
    app.button(key=f"open_{index}").click().run()
    assert not app.exception
    return app


def visit(app: AppTest, page: str) -> AppTest:
    app.run()
    app.session_state[state.DESTINATION] = page
    return app.run()


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    app.run()
    app.file_uploader(key=state.UPLOADER).set_value([(n, data, "application/octet-stream") for n, data in files]).run()
    assert not app.exception
    return app


def pair(folder: Path, name: str) -> list[tuple[str, bytes]]:
    return [(f"{name}{suffix}", (folder / f"{name}{suffix}").read_bytes()) for suffix in (".hea", ".dat")]


def test_empty_state_says_what_to_do(app):
    app.run()
    assert not app.exception
    words = page_words(app)
    assert "Open an ECG" in words
    assert "It does not diagnose, and it does not rule out disease." in words
    assert len(parts(app, "leadwise_card")) == 8
    assert not parts(app, "leadwise_verdict")


def test_an_example_is_analysed_and_marked_synthetic(app):
    opened(app)
    assert "synthetic" in page_words(app)
    said = verdict(app)
    assert said["side"] in {"above", "below"}
    assert [cell["lead"] for cell in said["where"]["cells"]] == list(LEADS)
    assert [m["title"] for m in said["sure"]["models"]] == ["CAE", "VAE-BiLSTM", "VAE-BiLSTM-MHA"]
    (signals,) = parts(app, "leadwise_paper")
    assert header(signals)["fs"] == 500.0
    assert header(signals)["n"] == 5000
    assert model_packet(app)["model"] == "vae-bilstm-mha"
    assert "attention_leads" in model_packet(app)
    assert "VAE-BiLSTM-MHA · " in page_words(app)
    assert "calibrated on 914 normal ECGs" in page_words(app)


def test_flipping_the_model_keeps_the_view_and_sends_no_signal_again(app):
    opened(app)
    app.segmented_control(key=state.LAYOUT).set_value("12x1").run()
    before = parts(app, "leadwise_paper")[0]
    app.segmented_control(key=state.MODEL).set_value("cae").run()
    assert not app.exception
    assert parts(app, "leadwise_paper")[0] == before
    assert view(app)["layout"] == "12x1"
    assert model_packet(app)["model"] == "cae"
    assert "attention_leads" not in model_packet(app)
    assert [m["title"] for m in verdict(app)["sure"]["models"] if m["chosen"]] == ["CAE"]


def test_the_model_key_goes_round(app):
    opened(app)
    seen = []
    for _ in range(3):
        next(b for b in app.button if b.label == "Next model").click().run()
        seen.append(app.session_state[state.MODEL])
    assert seen == ["cae", "vae-bilstm", "vae-bilstm-mha"]


@pytest.fixture
def counted(fake_detector, monkeypatch) -> Iterator[list[str]]:
    """Return the list of models that scored, in order."""
    calls: list[str] = []
    detect = fake_detector.AnomalyDetector.detect

    def counting(self, record, *args, **kwargs):
        calls.append(self.name)
        return detect(self, record, *args, **kwargs)

    monkeypatch.setattr(fake_detector.AnomalyDetector, "detect", counting)
    return calls


def test_the_threshold_changes_the_verdict_without_scoring_again(counted, app):
    opened(app)
    sides, marks = set(), set()
    for rate in (0.005, 0.05, 0.2):
        app.select_slider(key=state.RATE).set_value(rate).run()
        sides.add(verdict(app)["side"])
        marks.add(view(app)["filled"])
        assert verdict(app)["sure"]["alarm"] == pytest.approx((-np.log10(rate) - np.log10(2)) / (3 - np.log10(2)))
    assert sides == {"above", "below"}
    assert marks == {True, False}
    assert counted == ["cae", "vae-bilstm", "vae-bilstm-mha"]


def test_a_moved_threshold_is_said_and_can_be_put_back(app):
    opened(app)
    assert "validated at 5 %" in page_words(app)
    app.select_slider(key=state.RATE).set_value(0.1).run()
    assert "moved from 5 %" in page_words(app)
    expected = next(p for p in parts(app, "leadwise_rail") if p["kind"] == "rows")
    assert expected["items"][0]["value"] == "10 %"
    assert expected["items"][1]["name"] == "Abnormal ECGs found, expected"
    next(b for b in app.button if b.label == "Reset to 5 %").click().run()
    assert app.session_state[state.RATE] == 0.05
    assert "validated at 5 %" in page_words(app)


def test_switches_take_reconstruction_and_marks_away(app):
    opened(app)
    assert view(app)["reconstruction"]
    app.toggle(key=state.SHOW_RECONSTRUCTION).set_value(False).run()
    app.toggle(key=state.SHOW_MARKS).set_value(False).run()
    assert not view(app)["reconstruction"]
    assert not view(app)["marks"]


def test_gain_goes_to_the_paper_and_says_so(app):
    opened(app)
    app.segmented_control(key=state.GAIN).set_value("10/5").run()
    assert view(app)["paper"]["gain"] == [10, 5]
    assert "limb 10, chest 5 mm/mV" in view(app)["print"]


def test_previous_and_next_go_through_the_session(app, example_folder):
    opened(app, 0)
    next(b for b in app.button if b.label == "Open").click().run()
    app.button(key="open_1").click().run()
    assert "2 of 2 in this session" in page_words(app)
    next(b for b in app.button if b.label == "Next").click().run()
    assert "1 of 2 in this session" in page_words(app)
    assert "normal-55" in page_words(app)


def test_the_record_is_kept_while_another_page_is_open(app):
    opened(app, 0)
    next(b for b in app.button if b.label == "Open").click().run()
    assert "Open an ECG" in page_words(app)
    visit(app, "analyse")
    assert "normal-55" in page_words(app)


def test_analyse_without_a_record_says_what_to_do(app):
    visit(app, "analyse")
    assert not app.exception
    assert "No ECG is open" in page_words(app)
    assert "It does not diagnose, and it does not rule out disease." in page_words(app)
    next(b for b in app.button if b.label == "Go to Upload").click().run()
    assert "Open an ECG" in page_words(app)


def test_analyse_without_a_record_opens_an_example(app):
    visit(app, "analyse")
    next(b for b in app.button if b.label.startswith("Open an example")).click().run()
    assert not app.exception
    assert verdict(app)["record"]


def test_a_dropped_pair_is_shown(app, example_folder):
    upload(app, *pair(example_folder, "low-voltage"))
    assert verdict(app)["record"]
    assert "low-voltage" in page_words(app)
    assert '<div class="lw-tag">' not in page_words(app)


@pytest.mark.parametrize(("suffix", "missing"), [(".hea", "low-voltage.dat"), (".dat", "low-voltage.hea")])
def test_a_lone_half_is_named(app, example_folder, suffix, missing):
    data = (example_folder / f"low-voltage{suffix}").read_bytes()
    upload(app, (f"low-voltage{suffix}", data))
    words = page_words(app)
    assert missing in words
    assert not parts(app, "leadwise_verdict")


def test_the_other_half_completes_the_pair(app, example_folder):
    both = pair(example_folder, "low-voltage")
    upload(app, both[0])
    upload(app, *both)
    assert parts(app, "leadwise_verdict")


def test_good_files_beside_bad_ones_can_be_opened(app, example_folder):
    upload(app, *pair(example_folder, "low-voltage"), ("lone.hea", b"lone 12 500 5000\n"))
    assert "lone.hea" in page_words(app)
    next(b for b in app.button if b.label == "Open 1 record").click().run()
    assert parts(app, "leadwise_verdict")


BROKEN = [
    ("empty.npy", b""),
    ("text.npy", b"hello"),
    ("broken.hea", b"\x00\xff\x00garbage"),
    ("words.csv", b"not,a,number\n1,2,x\n"),
]


@pytest.mark.parametrize(("name", "data"), BROKEN, ids=[name for name, _ in BROKEN])
def test_a_broken_file_is_one_sentence_and_no_traceback(app, name, data):
    upload(app, (name, data))
    if not name.endswith(".hea"):
        describe(app)
    assert not app.exception
    assert 'class="lw-problem"' in page_words(app)
    assert name in page_words(app)
    assert "Traceback" not in page_words(app)


def describe(app: AppTest, fs: float | None = 500.0, unit: str | None = "mV", order: str | None = None) -> AppTest:
    if fs is not None:
        app.number_input[0].set_value(fs)
    if unit is not None:
        app.selectbox[0].set_value(unit)
    app.selectbox[1].set_value(order or "I, II, III, aVR, aVL, aVF, V1 to V6")
    next(b for b in app.button if b.label == "Read with these").click()
    return app.run()


def test_arrays_are_asked_for_what_they_do_not_say(app, array_file):
    upload(app, (array_file.name, array_file.read_bytes()))
    assert "These files do not say how they were recorded" in page_words(app)
    assert app.number_input[0].value is None
    assert app.selectbox[0].value is None
    assert not parts(app, "leadwise_verdict")
    describe(app)
    assert not app.exception
    assert "12 leads, 10 s, 500 Hz" in page_words(app)
    assert parts(app, "leadwise_verdict")


def test_half_a_description_is_not_enough(app, array_file):
    upload(app, (array_file.name, array_file.read_bytes()))
    describe(app, fs=None)
    assert "Expected sampling rate, unit and leads" in page_words(app)
    assert not parts(app, "leadwise_verdict")


def test_a_transposed_array_is_refused_with_its_shape(app, tmp_path, record):
    path = tmp_path / "turned.npy"
    np.save(path, record.signal.T)
    upload(app, (path.name, path.read_bytes()))
    describe(app)
    assert "5000" in page_words(app)
    assert 'class="lw-problem"' in page_words(app)
    assert not parts(app, "leadwise_verdict")


def test_the_same_file_described_otherwise_is_another_record(app, array_file):
    upload(app, (array_file.name, array_file.read_bytes()))
    describe(app)
    first = verdict(app)["record"]
    next(b for b in app.button if b.label == "Open").click().run()
    upload(app, (array_file.name, array_file.read_bytes()))
    describe(app, fs=400.0)
    assert verdict(app)["record"] != first
    assert "400 Hz" in page_words(app)


def noisy(record) -> np.ndarray:
    rng = np.random.default_rng(0)
    signal = record.signal.copy()
    signal[4:] = rng.normal(0, 1.5, signal[4:].shape)
    signal[:3] = 0.0
    return signal


def test_not_interpretable_shows_the_signal_and_no_score(app, tmp_path, record):
    path = tmp_path / "noisy.npy"
    np.save(path, noisy(record))
    upload(app, (path.name, path.read_bytes()))
    describe(app)
    said = verdict(app)
    assert said["side"] == "technical"
    assert said["figure"] == ""
    assert said["parts"] == []
    assert parts(app, "leadwise_paper")
    assert view(app)["model"] is None
    assert not view(app)["marks"]
    assert not [e for e in app.select_slider if e.key == state.RATE]
    assert not parts(app, "leadwise_rail")


def test_a_missing_checkpoint_is_one_sentence_and_the_ecg_is_shown(app, monkeypatch, tmp_path):
    (tmp_path / "cae").mkdir()
    monkeypatch.setenv("LEADWISE_STORE", str(tmp_path))
    opened(app)
    words = page_words(app)
    assert "Expected a checkpoint vae-bilstm-mha" in words
    assert not parts(app, "leadwise_verdict")
    assert parts(app, "leadwise_paper")
    app.segmented_control(key=state.MODEL).set_value("cae").run()
    assert [m["title"] for m in verdict(app)["sure"]["models"]] == ["CAE"]


def test_record_text_is_never_markup(app, example_folder):
    header_text = (example_folder / "low-voltage.hea").read_bytes() + b"# <img src=x onerror=alert(1)> **bold**\n"
    name = "<b>x</b>"
    renamed = header_text.replace(b"low-voltage.dat", b"sig.dat").replace(b"low-voltage ", b"x ", 1)
    signal = (example_folder / "low-voltage.dat").read_bytes()
    upload(app, (f"{name}.hea", renamed), ("sig.dat", signal))
    words = page_words(app)
    assert "<img" not in words
    assert "<b>x</b>" not in words
    for element in app.markdown:
        assert "bold" not in element.value


def test_warnings_come_first(app, fake_detector, monkeypatch):
    monkeypatch.setattr(
        fake_detector,
        "assess_quality",
        lambda *_: type(
            "Q",
            (),
            {
                "faults": {},
                "bad_leads": (),
                "usable_leads": LEADS,
                "interpretable": True,
                "reversal": "Suspected left/right arm electrode reversal",
            },
        )(),
    )
    opened(app)
    assert verdict(app)["warnings"] == ["Suspected left/right arm electrode reversal"]
    assert list(verdict(app)).index("warnings") < list(verdict(app)).index("figure")
