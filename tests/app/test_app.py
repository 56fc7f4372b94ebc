"""Pages, model and threshold, run without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import resources, state
from app.state import Entry
from ecg_core.errors import CheckpointError
from ecg_core.findings import NOTHING_OUTSIDE, PATTERN
from ecg_core.records import LEADS
from ecg_core.synthetic import EXAMPLES
from ecg_core.wording import TITLES
from tests.app.page_parts import (
    PVC,
    button,
    changed,
    describe,
    header,
    move_threshold,
    page_words,
    parts,
    send,
    threshold,
    upload,
    verdict,
    view,
    visit,
)


def model_packet(app: AppTest) -> dict[str, Any]:
    return header(next(p for p in parts(app, "leadwise_carrier") if isinstance(p, bytes)))


def opened(app: AppTest, name: str = PVC) -> AppTest:
    app.run()
    app.button(key=f"open_{name}").click().run()
    assert not app.exception
    return app


def test_empty_state_says_what_to_do(app):
    app.run()
    assert not app.exception
    words = page_words(app)
    assert "Open an ECG" in words
    assert "It does not diagnose, and it does not rule out disease." in words
    assert len(parts(app, "leadwise_card")) == len(EXAMPLES) + 1  # one of two leads
    assert not parts(app, "leadwise_verdict")


def test_an_example_is_analysed_and_marked_synthetic(app):
    opened(app)
    assert "synthetic" in page_words(app)
    said = verdict(app)
    assert said["side"] in {"above", "below"}
    assert [cell["lead"] for cell in said["where"]["cells"]] == list(LEADS)
    assert [m["title"] for m in said["sure"]["models"]] == list(TITLES.values())
    (signals,) = parts(app, "leadwise_paper")
    assert header(signals)["fs"] == 500.0
    assert header(signals)["n"] == 5000
    assert model_packet(app)["model"] == "consensus"
    assert "attention_leads" not in model_packet(app)
    assert "Consensus · " in page_words(app)
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
    for _ in range(6):
        next(b for b in app.button if b.label == "Next model").click().run()
        seen.append(app.session_state[state.MODEL])
        assert ("attention_leads" in model_packet(app)) == (seen[-1] == "vae-bilstm-mha")
    assert seen == [*state.MODELS[1:], *state.MODELS[:2]]


def test_without_a_consensus_in_the_store_the_first_it_has_is_chosen(app, monkeypatch, tmp_path):
    for name in ("mine", "vae-bilstm", "cae"):
        (tmp_path / "own" / name).mkdir(parents=True)
        (tmp_path / "own" / name / "config.json").write_text("{}")
    monkeypatch.setenv(state.STORE_VARIABLE, str(tmp_path / "own"))
    opened(app)
    assert state.models() == ("cae", "vae-bilstm", "mine")
    assert model_packet(app)["model"] == "cae"
    assert [m["title"] for m in verdict(app)["sure"]["models"]] == ["CAE", "VAE-BiLSTM", "mine"]


def test_a_record_is_prepared_once_for_all_models(app, monkeypatch):
    from ecg_core import segments

    seen = []
    prepare = segments.prepare_record
    monkeypatch.setattr(segments, "prepare_record", lambda record: seen.append(record.name) or prepare(record))
    opened(app)
    assert seen == ["premature-ventricular-beat"]


@pytest.fixture
def counted(fake_detector, monkeypatch) -> Iterator[list[str]]:
    """Return the list of models that scored, in order."""
    calls: list[str] = []
    detect = fake_detector.AnomalyDetector.detect_prepared

    def counting(self, records, *args, **kwargs):
        calls.append(self.name)
        return detect(self, records, *args, **kwargs)

    monkeypatch.setattr(fake_detector.AnomalyDetector, "detect_prepared", counting)
    return calls


def test_an_example_is_scored_by_each_model_while_they_load(counted, app):
    resources.warm(("consensus", "missing", "cae"))
    assert counted == ["consensus", "cae"]


def test_the_threshold_changes_the_verdict_without_scoring_again(counted, app):
    opened(app)
    sides, marks = set(), set()
    for rate in (0.005, 0.05, 0.2):
        move_threshold(app, rate)
        sides.add(verdict(app)["side"])
        marks.add(view(app)["filled"])
        assert verdict(app)["sure"]["alarm"] == pytest.approx((-np.log10(rate) - np.log10(2)) / (3 - np.log10(2)))
    assert sides == {"above", "below"}
    assert marks == {True, False}
    assert counted == list(state.MODELS)


def test_the_verdict_says_why_in_measurements_and_where_in_every_beat(app):
    opened(app)
    said = verdict(app)
    assert said["parts"] == [], "the members of the consensus stand under How sure"
    assert said["reasons"]["shown"] == 3
    text, rarity = said["reasons"]["lines"][0]
    assert text.startswith("Early beat: the shortest RR is")
    assert rarity.startswith("lower than in 9")
    assert said["where"]["lines"][0] == "Every beat is most unusual in V2, V3: anterior leads."
    assert any(line.startswith("A beat comes early, at ") for line in said["where"]["lines"])
    assert "V1: " in said["where"]["described"]
    assert "times as unusual as in normal ECGs" in said["where"]["described"]


def test_what_a_record_resembles_is_said_beside_the_verdict_as_a_hint(app):
    opened(app, "left-bundle-branch-block")
    said = verdict(app)["resembles"]
    assert said["items"] == [
        ["conduction disturbance", "of ECGs told so, 71 % were; finds 68 % of them"],
        ["myocardial infarction", "of ECGs told so, 70 % were; finds 73 % of them"],
    ]
    assert said["hint"] == "A hint, not a diagnosis."
    assert "Probability: conduction disturbance 93 %, myocardial infarction 41 %." in said["meaning"]
    assert "no part in the score or the verdict" in said["meaning"]
    assert "conduction" not in verdict(app)["headline"] + verdict(app)["spoken"]
    app.session_state[state.MODEL] = "measurements"
    app.run()
    assert verdict(app)["resembles"] is None
    app.session_state[state.MODEL] = "cae"
    app.run()
    assert verdict(app)["resembles"] == said


@pytest.mark.parametrize("name", ["premature-ventricular-beat", "poor-signal"])
def test_nothing_is_said_to_be_resembled_where_no_probe_reaches_its_point(app, name):
    opened(app, name)
    assert verdict(app)["resembles"] is None
    assert "esembles" not in page_words(app)


def test_a_model_that_does_not_measure_gives_no_reasons_but_its_parts(app):
    opened(app)
    app.segmented_control(key=state.MODEL).set_value("cae").run()
    assert verdict(app)["reasons"] is None
    assert [name for name, _, _ in verdict(app)["parts"]] == ["reconstruction", "latent", "signs"]
    of_network = verdict(app)["parts"][-1][-1]
    app.segmented_control(key=state.MODEL).set_value("measurements").run()
    assert [name for name, _, _ in verdict(app)["parts"]] == ["density", "signs"]
    assert verdict(app)["parts"][-1][-1] != of_network, "signs are read off the latent by one, measured by the other"
    assert verdict(app)["reasons"]["lines"]


def test_a_record_with_nothing_outside_its_ranges_says_so(app):
    opened(app, "normal-72")
    assert verdict(app)["reasons"]["lines"] == []
    assert verdict(app)["reasons"]["none"] in (NOTHING_OUTSIDE, PATTERN)


def test_a_moved_threshold_is_said_and_can_be_put_back(app):
    opened(app)
    slider = threshold(app)
    assert (slider["at"], slider["validated"]) == (state.RATES.index(0.05), state.RATES.index(0.05))
    move_threshold(app, 0.1)
    slider = threshold(app)
    assert slider["at"] == state.RATES.index(0.1)
    assert slider["validated"] == state.RATES.index(0.05)
    assert (slider["moved"], slider["reset"]) == ("moved from 5 %", "Reset to 5 %")
    rows = slider["rows"][slider["at"]]
    assert rows[0]["value"] == "10 %"
    assert rows[1]["name"] == "Abnormal ECGs found, expected"


def test_the_browser_has_every_rate_at_hand_as_the_server_would_send_it(app, record):
    long = replace(record, signal=np.tile(record.signal, (1, 12)), sha256="f" * 64)
    send(app, Entry("long", long), Entry("short", record))
    for _ in range(2):
        ahead = {name: at_every_rate(app, name) for name in PANELS}
        seen = set()
        for k, rate in enumerate(state.RATES):
            move_threshold(app, rate)
            for name, panel in PANELS.items():
                sent = panel(app)
                plain = None if sent is None else {key: v for key, v in sent.items() if key not in ("rate", "rates")}
                assert ahead[name] is None if plain is None else ahead[name][k] == plain, (name, rate)
            seen.add(view(app)["filled"])
        assert seen == {True, False}
        button(app, "Next").click().run()


PANELS = {
    "verdict": verdict,
    "paper": view,
    "stretches": lambda app: next(p for p in parts(app, "leadwise_rail") if p["kind"] == "stretches"),
    "overview": lambda app: next(iter(parts(app, "leadwise_overview")), None),
}


def at_every_rate(app: AppTest, name: str) -> list[dict[str, Any]] | None:
    data = PANELS[name](app)
    return None if data is None else [changed(data, k) for k in range(len(state.RATES))]


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
    opened(app, "normal-55")
    button(app, "Open").click().run()
    app.button(key="open_normal-72").click().run()
    assert "2 of 2 in this session" in page_words(app)
    next(b for b in app.button if b.label == "Next").click().run()
    assert "1 of 2 in this session" in page_words(app)
    assert "normal-55" in page_words(app)


def test_the_record_is_kept_while_another_page_is_open(app):
    opened(app, "normal-55")
    button(app, "Open").click().run()
    assert "1 ready" in page_words(app)
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
    button(app, "Open first").click().run()
    said = verdict(app)
    assert said["side"] == "technical"
    assert said["figure"] == ""
    assert said["parts"] == []
    assert parts(app, "leadwise_paper")
    assert view(app)["model"] is None
    assert not view(app)["marks"]
    assert not parts(app, "leadwise_threshold")
    assert not parts(app, "leadwise_rail")


def test_a_damaged_checkpoint_is_one_sentence_and_the_ecg_is_shown(app, fake_detector, monkeypatch):
    load = fake_detector.AnomalyDetector.from_store

    def loaded(name, store=None):
        if name != "cae":
            raise CheckpointError(f"{name}/model.safetensors is damaged; get it again.")
        return load(name, store)

    monkeypatch.setattr(fake_detector.AnomalyDetector, "from_store", loaded)
    opened(app)
    words = page_words(app)
    assert "Consensus: consensus/model.safetensors is damaged" in words
    assert not parts(app, "leadwise_verdict")
    assert parts(app, "leadwise_paper")
    app.segmented_control(key=state.MODEL).set_value("cae").run()
    assert [m["title"] for m in verdict(app)["sure"]["models"]] == ["CAE"]


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
