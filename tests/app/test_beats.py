"""The Beats page in each of its states, what it draws and exports, and which records open where."""

from __future__ import annotations

import csv
import io
import time
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app import beat_exports, beat_leads, beat_panels, beat_replay, beat_words, beat_work, state, uploads
from app.background import GivenUpError, Progress
from app.beat_panels import FINE_RATES
from app.state import Entry
from ecg_core.readers import Upload
from ecg_core.records import LEADS, Record
from ecg_core.synthetic import EXAMPLES, make_record
from ecg_core.synthetic_ambulatory import EXAMPLE, encode, synthesize
from tests.app import fake_beats
from tests.app.page_parts import button, changed, header, listed, page_words, parts, upload, visit


@pytest.fixture(scope="module")
def two_leads() -> Record:
    """Return a minute and a half with a pair, a run and a pause, in two leads."""
    events = ((10.0, "ventricular"), (20.0, "supraventricular"), (32.0, "run"), (50.0, "pause"), (70.0, "ventricular"))
    signal, _ = synthesize(replace(EXAMPLE, events=events, duration_s=90.0))
    return Record("holter", signal, ("MLII", "V1"), 250.0, "a" * 64)


@pytest.fixture(scope="module")
def found(two_leads: Record):
    return fake_beats.BeatDetector("beat-cae").detect(two_leads)


@pytest.fixture
def beats_app(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Return the app with the tests' detector of beats."""
    monkeypatch.setattr("ecg_core.ambulatory.BeatDetector", fake_beats.BeatDetector, raising=False)
    monkeypatch.setattr("ecg_core.ambulatory.BeatStream", fake_beats.BeatStream, raising=False)
    return app


def shown(app: AppTest, record: Record, page: str = "beats", synthetic: bool = True) -> AppTest:
    app.run()
    entry = Entry(record.sha256, record, synthetic=synthetic)
    app.session_state["entries"] = {entry.key: entry}
    app.session_state["current"] = entry.key
    return visit(app, page)


def view(app: AppTest) -> dict[str, Any]:
    """Return what the panels show, with the words at the rate in use as the browser puts them together."""
    (data,) = parts(app, "leadwise_beats")
    return data | said_at(app, data["rate"])


def said_at(app: AppTest, rate: int) -> dict[str, Any]:
    told = packets(app)["beat_words"]
    return changed({"rates": told["rates"], **told["base"]}, rate)


def packets(app: AppTest) -> dict[str, dict[str, Any]]:
    found = [header(packet) for packet in parts(app, "leadwise_beat_carrier")]
    return {packet["part"]: packet for packet in found}


def act(app: AppTest, **what: Any) -> AppTest:
    """Choose a beat or a threshold, as the browser reports it."""
    name = tuple(view(app)["id"].split("|"))
    rates = tuple(packets(app)["beat_scores"]["rates"])
    with pytest.MonkeyPatch.context() as patch:
        stand_in = {**app.session_state._state.filtered_state, state.BEATS: SimpleNamespace(act=what)}
        patch.setattr(state.st, "session_state", stand_in)
        state.take_beats(name, rates)
    for key in ("beats_chosen", state.BEAT_RATE):
        app.session_state[key] = stand_in[key]
    app.run()
    assert not app.exception
    return app


def test_the_page_says_how_unusual_where_and_how_sure(beats_app: AppTest, two_leads: Record) -> None:
    data = view(shown(beats_app, two_leads))
    verdict = data["verdict"]
    assert verdict["figure"].endswith(" %")
    assert verdict["side"] == "above"
    assert "run" in verdict["lines"][0]
    assert "pause" in verdict["lines"][1]
    assert {row[0] for row in verdict["facts"]} == {"Rate", "Dominant shape", "Dominant beat", "Threshold"}
    assert data["warnings"] == []
    assert set(packets(beats_app)) == {"beat_words", "beat_scores", "beat_shapes", "beat_strips", "beat_strip"}
    strips = packets(beats_app).pop("beat_strips")
    assert strips["id"] == data["recording"]
    assert {packet["id"] for packet in packets(beats_app).values()} - {strips["id"]} == {data["id"]}
    words = page_words(beats_app)
    assert "holter" in words
    assert "2 leads (MLII, V1)" in words
    assert "It does not diagnose, and it does not rule out disease." in words


def test_an_unusual_dominant_beat_is_said_before_all_else(beats_app: AppTest, two_leads: Record) -> None:
    data = view(shown(beats_app, replace(two_leads, name="unusual")))
    assert data["warnings"] == ["The dominant beat is itself unlike normal beats: read its shape first."]
    assert data["verdict"]["spoken"].startswith("The dominant beat is itself")
    assert ["Dominant beat", "percentile 99 of normal ones", True] in data["verdict"]["facts"]


def test_the_strongest_beat_comes_first_and_the_chosen_one_stays(beats_app: AppTest, two_leads: Record, found) -> None:
    shown(beats_app, two_leads)
    assert view(beats_app)["chosen"] == int(found.score.argmax()) == packets(beats_app)["beat_strip"]["beat"]
    act(beats_app, beat=3, rate=FINE_RATES.index(0.05))
    assert view(beats_app)["chosen"] == 3 == packets(beats_app)["beat_strip"]["beat"]
    visit(beats_app, "models")
    visit(beats_app, "beats")
    assert view(beats_app)["chosen"] == 3


def test_a_moved_threshold_says_what_the_browser_said_before(beats_app: AppTest, two_leads: Record) -> None:
    shown(beats_app, two_leads)
    before, at = view(beats_app), FINE_RATES.index(0.123)
    told = said_at(beats_app, at)
    act(beats_app, beat=before["chosen"], rate=at)
    after = view(beats_app)
    assert after["verdict"] == told["verdict"]
    assert after["threshold"] == told["threshold"]
    assert after["verdict"] != before["verdict"]
    assert after["threshold"]["now"] == "12.3 %"
    assert beats_app.session_state[state.BEAT_RATE] == 0.123
    assert beats_app.session_state[state.RATE] == 0.05, "the alarm of whole ECGs is another"


def test_nothing_is_scored_again_when_a_beat_is_chosen(beats_app: AppTest, two_leads: Record, monkeypatch) -> None:
    calls: list[str] = []
    detect = fake_beats.BeatDetector.detect
    monkeypatch.setattr(fake_beats.BeatDetector, "detect", lambda *a: calls.append("detect") or detect(*a))
    monkeypatch.setattr(fake_beats.BeatDetector, "reconstruct", lambda *a: (np.zeros(500), 1.0, 250.0))
    shown(beats_app, two_leads)
    act(beats_app, beat=5, rate=7)
    act(beats_app, beat=6, rate=3)
    assert calls == ["detect"]


def test_words_from_the_browser_that_make_no_sense_change_nothing(beats_app: AppTest, two_leads: Record) -> None:
    shown(beats_app, two_leads)
    before = view(beats_app)
    act(beats_app, beat=-4, rate=999)
    act(beats_app, beat="x", rate=None)
    assert view(beats_app) == before
    act(beats_app, beat=10**9, rate=None)
    assert view(beats_app)["chosen"] == view(beats_app)["n"] - 1


def test_without_a_record_the_two_lead_example_is_one_click_away(beats_app: AppTest) -> None:
    visit(beats_app, "beats")
    assert "No ECG is open" in page_words(beats_app)
    button(beats_app, "Open an example: Two leads, 8 minutes").click().run()
    for _ in range(200):
        (data,) = parts(beats_app, "leadwise_beats")
        if "waiting" not in data:
            break
        assert set(packets(beats_app)) == {"beat_strips"}, "the recording can be read meanwhile"
        assert packets(beats_app)["beat_strips"]["id"] == data["recording"]
        beats_app.run()
    assert not beats_app.exception
    assert view(beats_app)["n"] > 400
    assert not button(beats_app, "Replay").disabled


def test_a_long_recording_says_what_is_done_and_how_long_it_takes() -> None:
    record = Record("day", np.zeros((2, 3600), dtype=np.float32), ("MLII", "V1"), 1.0, "a" * 64)
    for seconds, told in ((7200.0, ["learnt", "held against"]), (3000.0, ["held against", "held against"])):
        whole = replace(record, signal=np.zeros((2, int(seconds)), dtype=np.float32))
        shares: list[float] = []
        again = beat_work.pieces(whole, shares.append)
        for _ in range(2 if seconds > 3600 else 1):
            np.testing.assert_array_equal(np.concatenate([part.signal for part in again()], axis=1), whole.signal)
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0.0, pytest.approx(1.0, abs=0.03))
        entry = Entry("x", whole)
        for share, expected in zip((0.2, 0.7), told, strict=True):
            headline, rest = beat_words.working(entry, Progress(share, time.monotonic() - 30.0))
            assert headline == f"Comparing the beats of {'2.0 h' if seconds > 3600 else '50 min'}"
            assert expected in rest
            assert rest.endswith(" left.")
    assert "About 13 s left" in beat_words.working(entry, Progress(0.7, time.monotonic() - 30.0))[1]
    assert beat_words.working(entry, Progress(0.0, time.monotonic()))[1] == "The detector is being loaded."
    assert "asked for before" in beat_words.working(entry, Progress())[1]


def test_work_that_nobody_waits_for_is_given_up(two_leads: Record) -> None:
    def report(share: float) -> None:
        raise GivenUpError

    with pytest.raises(GivenUpError):
        fake_beats.BeatDetector("x").detect_blocks(beat_work.pieces(two_leads, report))


def test_a_detector_that_is_not_there_is_one_sentence(app: AppTest, two_leads: Record, monkeypatch) -> None:
    from ecg_core.errors import CheckpointError

    class Missing:
        @classmethod
        def from_store(cls, name: str, store: object = None) -> None:
            raise CheckpointError(f"Expected a checkpoint {name}; found none; train or copy one there.")

    monkeypatch.setattr("ecg_core.ambulatory.BeatDetector", Missing, raising=False)
    shown(app, two_leads)
    assert "Expected a checkpoint beat-cae; found none" in page_words(app)
    assert not parts(app, "leadwise_beats")


def test_a_12_lead_record_is_compared_in_its_best_lead_or_in_all(beats_app: AppTest) -> None:
    record = make_record(next(spec for spec in EXAMPLES if spec.kind == "pvc"))
    shown(beats_app, record)
    assert packets(beats_app)["beat_scores"]["leads"] == ["II"]
    beats_app.segmented_control(key=state.BEAT_LEADS).set_value("all").run()
    assert not beats_app.exception
    assert sorted(packets(beats_app)["beat_scores"]["leads"]) == sorted(["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"])
    assert len(packets(beats_app)["beat_strip"]["leads"]) == 3
    assert "beats are few to know the patient" in page_words(beats_app)
    assert button(beats_app, "Replay").disabled


def test_a_lead_that_cannot_be_read_is_not_the_best(two_leads: Record) -> None:
    record = make_record(EXAMPLES[0])
    assert beat_leads.best_lead(record) == "II"
    flat = record.signal.copy()
    flat[LEADS.index("II")] = 0.0
    assert beat_leads.best_lead(replace(record, signal=flat)) == "V5"
    assert beat_leads.offered(two_leads, 1e6) == {"best": ("MLII", "V1")}


@pytest.mark.parametrize(
    ("hours", "together"),
    [
        (1, ("II", "I", "V1", "V2", "V3", "V4", "V5", "V6")),
        (24, ("II", "V5", "V1")),
        (40, None),
    ],
)
def test_of_long_recordings_as_many_leads_as_can_be_held_are_compared(hours: int, together) -> None:
    offered = beat_leads.offered(make_record(EXAMPLES[0]), 3600.0 * hours)
    assert offered["best"] == ("II",)
    assert offered.get("all") == together


def test_no_name_of_a_file_is_markup(beats_app: AppTest, two_leads: Record) -> None:
    bad = "<img src=x onerror=alert(1)>"
    shown(beats_app, replace(two_leads, name=bad, leads=("<b>", "V1")))
    assert bad not in page_words(beats_app)
    assert "&lt;img" in page_words(beats_app)
    assert packets(beats_app)["beat_scores"]["leads"] == ["<b>", "V1"], "the browser sets it as text"


def test_a_replay_is_shown_until_it_is_ended(beats_app: AppTest, two_leads: Record) -> None:
    shown(beats_app, two_leads)
    assert not parts(beats_app, "leadwise_replay")
    button(beats_app, "Replay").click().run()
    assert not beats_app.exception
    (packet,) = parts(beats_app, "leadwise_replay")
    shown_s = header(packet)["start_s"] + header(packet)["n"] / header(packet)["fs"]
    assert shown_s == pytest.approx(45.0), "the first half is learnt from"
    assert "0:45 of 1:30" in page_words(beats_app)
    button(beats_app, "End replay").click().run()
    assert not parts(beats_app, "leadwise_replay")
    assert view(beats_app)["n"] > 60


def test_a_recording_over_an_hour_is_gathered_from_its_files(two_leads: Record, monkeypatch) -> None:
    blocks = [two_leads.crop(at, at + 30.0) for at in (0.0, 30.0, 60.0)]
    monkeypatch.setattr(beat_leads, "read_blocks", lambda files, **said: iter(blocks))
    entry = Entry("x", blocks[0], whole_s=90.0)
    whole = beat_leads.of_all(entry, ("V1",))
    assert whole.leads == ("V1",)
    np.testing.assert_array_equal(whole.signal[0], two_leads.lead("V1"))
    assert beat_leads.of_all(Entry("x", two_leads), two_leads.leads) is two_leads


# --- where records of fewer leads open -----------------------------------------------------------------------------


def test_upload_takes_a_record_of_two_leads_and_opens_it_on_beats(beats_app: AppTest) -> None:
    files = encode(replace(EXAMPLE, name="holter", duration_s=30.0))
    upload(beats_app, *files.items())
    (row,) = listed(beats_app)["rows"]
    assert (row["name"], row["leads"], row["named"]) == ("holter", "2", "MLII, V1")
    assert row["place"]["words"] == "beat by beat"
    assert not listed(beats_app)["pending"]
    assert button(beats_app, "Score as a batch").disabled
    button(beats_app, "Open first").click().run()
    assert not beats_app.exception
    assert view(beats_app)["n"] > 20


@pytest.mark.parametrize(("page", "what"), [("analyse", "Analyse compares"), ("compare", "The models compare")])
def test_pages_for_twelve_leads_say_why_they_are_not_for_two(beats_app: AppTest, two_leads, page, what) -> None:
    shown(beats_app, two_leads, page)
    words = page_words(beats_app)
    assert "This recording has 2 leads: MLII, V1" in words
    assert f"{what} twelve leads with those of normal ECGs" in words
    button(beats_app, "Open on Beats").click().run()
    assert not beats_app.exception
    assert view(beats_app)["n"] > 60


def test_only_records_of_twelve_leads_go_to_a_batch(two_leads: Record) -> None:
    files = tuple(Upload(name, data) for name, data in encode(replace(EXAMPLE, duration_s=20.0)).items())
    intake = uploads.take(files, ())
    assert [entry.twelve for entry in intake.entries] == [False]
    assert uploads.for_batch(intake.entries) == []


# --- packets -------------------------------------------------------------------------------------------------------


def arrays(packet: bytes) -> dict[str, np.ndarray]:
    head = header(packet)
    length = int.from_bytes(packet[:4], "little")
    start = 4 + length + (-length % 4)
    return {
        a["name"]: np.frombuffer(packet, "<f4" if a["type"] == "f4" else "u1", a["length"], start + a["at"])
        for a in head["arrays"]
    }


def test_a_beat_is_flagged_at_the_rates_at_which_the_detector_flags_it(found) -> None:
    packet = beat_panels.scores_packet("x", found)
    offered = header(packet)["rates"]
    flagged = arrays(packet)["flagged"]
    for at, rate in enumerate(offered):
        np.testing.assert_array_equal(flagged >= len(offered) - at, found.at(rate).anomalous)
    assert offered[header(packet)["validated"]] == 0.05
    times = arrays(packet)["times"].tobytes()
    np.testing.assert_allclose(np.frombuffer(times, "<i4") / 1000, found.times_s, atol=0.00051)


def test_only_rates_that_the_normal_beats_can_show_are_offered(found) -> None:
    assert beat_panels.rates(found) == FINE_RATES
    assert (FINE_RATES[0], FINE_RATES[-1]) == (0.005, 0.2)
    narrow = replace(found, rates=np.array([0.02, 0.1]), levels=np.array([9.0, 4.0]))
    assert beat_panels.rates(narrow) == tuple(rate for rate in FINE_RATES if 0.02 <= rate <= 0.1)


def test_a_step_of_the_threshold_is_finer_than_anyone_can_tell(found) -> None:
    assert len(FINE_RATES) <= 255, "how many of them a beat lies above is sent as a byte"
    assert {0.005, 0.01, 0.05, 0.2} <= set(FINE_RATES)
    assert max(b / a for a, b in pairwise(FINE_RATES)) <= 1.1


def test_the_strips_keep_the_peaks_and_the_level_is_taken_off(two_leads: Record) -> None:
    fs, n = 250.0, 250 * 30
    x = np.full(n, 3.0, dtype=np.float32)
    x[125::250] += 1.0
    low, high, reach = beat_panels.envelope(x, fs)
    assert len(low) == len(high) == 30 * beat_panels.COLUMNS_HZ
    tall = (high.astype(float) - 128) / 127 * reach
    assert tall.max() == pytest.approx(1.0, abs=0.02)
    assert np.median(tall) == pytest.approx(0.0, abs=0.02)
    assert (tall > 0.5).sum() == 30
    packet = beat_panels.strips_packet("x", two_leads)
    assert {array["name"] for array in header(packet)["arrays"]} == {"low_0", "high_0", "low_1", "high_1"}


def test_a_shape_is_the_median_of_its_beats(two_leads: Record, found) -> None:
    packet = beat_panels.shapes_packet("x", two_leads, found)
    head, values = header(packet), arrays(packet)
    n = len(head["shapes"])
    assert [shape["n"] for shape in head["shapes"]] == [int((found.cluster == k).sum()) for k in range(n)]
    median = values["median"].reshape(n, 2, head["w"])
    at = round(beat_panels.BEFORE_S * beat_panels.SHAPE_HZ)
    assert abs(int(median[0, 0].argmax()) - at) <= 3, "the R peak stands where the window says"
    wide = (np.abs(median[:, 0]) > 0.3).mean(axis=1)
    assert wide[1] > 2 * wide[0], "ventricular beats are wide"


def test_a_beat_packet_holds_its_seconds_and_the_network_s(two_leads: Record, found) -> None:
    k = int(found.score.argmax())
    made = beat_panels.reconstructed(fake_beats.BeatDetector("x"), two_leads, found, k)
    packet = beat_panels.beat_packet("x", two_leads, found, k, made)
    head, values = header(packet), arrays(packet)
    assert head["start_s"] <= found.times_s[k] <= head["start_s"] + head["n"] / head["fs"]
    lo = round(head["start_s"] * two_leads.fs)
    np.testing.assert_array_equal(values["signal"].reshape(2, -1), two_leads.signal[:, lo : lo + head["n"]])
    assert sum(value for _, value in head["parts"]) == pytest.approx(found.score[k], abs=0.02)
    assert head["made"]["start_s"] < found.times_s[k] < head["made"]["start_s"] + len(values["made_values"]) / 250


# --- words, files, replay ------------------------------------------------------------------------------------------


def test_no_beat_is_called_normal_of_a_patient(two_leads: Record, found) -> None:
    entry = Entry("x", two_leads)
    for rate, told in beat_words.said(entry, found).items():
        spoken = told["verdict"]["spoken"].lower()
        assert "normal" not in spoken, rate
        assert "risk" not in spoken


def test_nothing_above_the_threshold_is_said_as_such(two_leads: Record, found) -> None:
    calm = replace(found, score=np.zeros(len(found)), pauses=(), runs=())
    told = beat_words.said(Entry("x", two_leads), calm)[0.05]["verdict"]
    assert told["side"] == "below"
    assert told["headline"] == "No beat above the alarm threshold"
    assert told["lines"][:2] == ["No run of three or more anomalous beats.", "No pause."]


def test_the_table_is_what_the_detector_said(found) -> None:
    rows = list(csv.DictReader(io.StringIO(beat_exports.beats_csv(found).decode())))
    assert len(rows) == len(found)
    assert rows[0]["rr_s"] == ""
    k = int(found.score.argmax())
    assert float(rows[k]["time_s"]) == pytest.approx(found.times_s[k], abs=1e-4)
    assert float(rows[k]["shape"]) == found.cluster[k]
    assert rows[k]["anomalous"] == "true"
    assert float(rows[k]["evidence_shape"]) + float(rows[k]["evidence_timing"]) == pytest.approx(
        found.score[k], rel=1e-4
    )


def test_what_beats_resemble_is_a_hint_with_how_often_it_is_right(two_leads: Record, found) -> None:
    told = beat_words.page_data(Entry("x", two_leads), found, 0.05, 0, "x")["kinds"]
    assert [item[:2] for item in told["items"]] == [
        ["ventricular ectopic", "V ectopic"],
        ["supraventricular ectopic", "SV ectopic"],
    ]
    assert told["items"][0][2] == "sensitivity 94 % (87-98), PPV 85 % (76-94)"
    assert told["items"][1][2] == "sensitivity not known, PPV 85 % (76-94)"
    assert told["hint"] == "A hint, not a diagnosis."
    assert "MIT-BIH DS2" in told["about"] and "a hint, not a diagnosis" in told["about"]
    assert beat_words.page_data(Entry("x", two_leads), replace(found, kinds={}), 0.05, 0, "x")["kinds"] is None


def test_the_browser_is_told_what_each_beat_resembles(found) -> None:
    told = arrays(beat_panels.scores_packet("x", found))["resembles"].tolist()
    names = [None, *found.kinds]
    assert tuple(names[k] for k in told) == found.resembles
    assert {0, 1} <= set(told)
    silent = beat_panels.scores_packet("x", replace(found, resembles=(), kinds={}))
    assert arrays(silent)["resembles"].tolist() == [0] * len(found)


def test_the_table_says_what_anomalous_beats_resemble_and_of_others_nothing(found) -> None:
    rows = list(csv.DictReader(io.StringIO(beat_exports.beats_csv(found).decode())))
    assert [row["resembles"] for row in rows] == [found.hint(k) or "" for k in range(len(found))]
    assert "ventricular ectopic" in {row["resembles"] for row in rows}
    assert {row["resembles"] for row in rows if row["anomalous"] == "false"} == {""}
    assert list(rows[0])[-1] == "resembles"
    plain = beat_exports.beats_csv(replace(found, kinds={}, resembles=())).decode()
    assert "resembles" not in plain


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # wfdb calls what pandas gives up
@pytest.mark.parametrize("fs", [128.0, 250.0, 360.0, 1000.0])
@pytest.mark.parametrize("leads", [("II",), ("MLII", "V1"), ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")])
def test_other_software_reads_the_beats_of_a_day_from_the_files(found, fs: float, leads, tmp_path) -> None:
    import wfdb

    # minutes and hours without a beat: steps of more than 1023 samples, and of more than 65,536
    gaps = np.zeros(len(found))
    gaps[[10, 30, 50]] = (6.0, 600.0, 22 * 3600.0)
    day = replace(
        found, record="day 1", fs=fs, leads=leads, times_s=found.times_s + np.cumsum(gaps), lead=leads[-1:] * len(found)
    )
    files = beat_exports.files(Entry("x", Record("day 1", np.zeros((1, 100), np.float32), ("II",), fs, "a" * 64)), day)
    for file in files:
        (tmp_path / file.name).write_bytes(file.make())
    table, annotations = (tmp_path / file.name for file in files)
    read = wfdb.rdann(str(annotations.with_suffix("")), annotations.suffix[1:])
    beats = np.isin(read.symbol, ["N", "?"])
    assert read.fs == fs
    np.testing.assert_array_equal(read.sample[beats], np.round(day.times_s * fs).astype(int))
    np.testing.assert_array_equal(np.array(read.symbol)[beats] == "?", day.anomalous)
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    np.testing.assert_allclose([float(row["time_s"]) for row in rows], day.times_s, atol=1e-4)
    assert {row["lead"] for row in rows} == {leads[-1]}
    k = int(day.score.argmax())
    assert np.array(read.aux_note)[beats][k].rstrip("\0").endswith(f"shape {day.cluster[k]}, {leads[-1]}")


def test_a_cell_that_a_spreadsheet_would_run_is_neutralised(found) -> None:
    bad = replace(found, lead=("=1+1",) * len(found))
    assert ",=1+1" not in beat_exports.beats_csv(bad).decode()


def test_a_replay_gives_the_stream_every_sample_once_and_in_order(two_leads: Record, monkeypatch) -> None:
    monkeypatch.setattr(beat_replay, "LEARN_S", 30.0)
    pushed: list[np.ndarray] = []

    class Stream:
        def push(self, samples: np.ndarray) -> list[Any]:
            pushed.append(samples)
            return []

        def finish(self) -> list[Any]:
            pushed.append(np.zeros((2, 0), np.float32))
            return []

    player = beat_replay.Replay(two_leads, Stream(), ("x",))
    now = 100.0
    for k in range(400):
        player.tick(now, (1.0, 4.0, 0.0)[k % 3])
        if k in (20, 40, 60):
            player.seek({20: 70.0, 40: 35.0, 60: 50.0}[k])
        now += 0.5
    assert player.done
    np.testing.assert_array_equal(np.concatenate(pushed, axis=1), two_leads.signal)
    assert [part.shape[1] for part in pushed].count(0) == 1, "it is ended once"


def player_of(record: Record, clock: Any = lambda: 0.0) -> beat_replay.Replay:
    stream = fake_beats.BeatStream(fake_beats.BeatDetector("x"), record.leads, 250.0)
    return beat_replay.Replay(record, stream, ("x",), clock=clock)


def test_a_jump_forward_takes_all_that_lies_between_through_the_stream(two_leads: Record, monkeypatch) -> None:
    monkeypatch.setattr(beat_replay, "LEARN_S", 30.0)
    played, jumped = player_of(two_leads), player_of(two_leads)
    for tick in range(61):
        played.tick(tick / 2, 1.0)
    jumped.tick(0.0, 1.0)
    jumped.seek(played.at_s)
    packet = jumped.tick(0.5, 1.0)
    assert jumped.at_s == played.at_s == 60.0
    assert (jumped.count, jumped.anomalous) == (played.count, played.anomalous)
    assert jumped.anomalous > 3
    head = header(packet)
    assert head["jump"]
    assert (head["start_s"], head["n"]) == (52.0, 2000), "the sweep is not empty"
    assert head["bins"] == header(played.tick(30.0, 1.0))["bins"]


def test_a_long_way_is_gone_piece_by_piece_and_said(two_leads: Record, monkeypatch) -> None:
    monkeypatch.setattr(beat_replay, "LEARN_S", 30.0)
    monkeypatch.setattr(beat_replay, "PIECE_S", 10.0)
    seconds = iter(range(10_000))
    player = player_of(two_leads, clock=lambda: float(next(seconds)))  # each piece takes longer than a tick may
    player.tick(0.0, 1.0)
    player.seek(75.0)
    head = header(player.tick(0.5, 1.0))
    assert (player.at_s, player.fed_s, player.goal_s) == (30.0, 40.0, 75.0)
    assert (head["n"], head["goal_s"]) == (0, 75.0), "nothing is shown that has not been through the stream"
    told = beat_words.replayed(player, 90.0)
    assert told == "Going to 1:15: every beat on the way is scored, 0:40 by now"
    for tick in range(2, 6):
        player.tick(tick / 2, 1.0)
    assert (player.at_s, player.goal_s) == (75.0, None)
    assert "1:15 of 1:30" in beat_words.replayed(player, 90.0)


def test_a_jump_back_shows_beats_as_they_were_scored(two_leads: Record, monkeypatch) -> None:
    monkeypatch.setattr(beat_replay, "LEARN_S", 30.0)
    player = player_of(two_leads)
    first = [header(player.tick(tick / 2, 1.0))["beats"] for tick in range(80)]
    pushed: list[Any] = []
    monkeypatch.setattr(player.stream, "push", lambda samples: pushed.append(samples) or [])
    player.seek(-5.0)
    player.tick(40.0, 1.0)
    assert (player.at_s, player.count) == (30.0, 0)
    again = [header(player.tick(40.0 + tick / 2, 1.0))["beats"] for tick in range(1, 80)]
    assert not pushed
    assert [beat for beats in again for beat in beats] == [beat for beats in first for beat in beats]
    known = [(tick, beat["time"]) for tick, beats in enumerate(again, 1) for beat in beats]
    assert all(0.0 <= 30.0 + tick / 2 - time <= beat_replay.SCORED_S + 0.5 for tick, time in known)


def test_a_place_that_makes_no_sense_is_none(beats_app: AppTest, two_leads: Record, monkeypatch) -> None:
    for what, is_told in ((12.5, 12.5), (3, 3.0), ("x", None), (None, None), (float("nan"), None)):
        stand_in = {state.REPLAY: SimpleNamespace(seek=what)}
        monkeypatch.setattr(state.st, "session_state", stand_in)
        assert state.sought() == is_told


def test_a_replay_keeps_time_and_does_not_jump_when_the_page_was_away(two_leads: Record, monkeypatch) -> None:
    monkeypatch.setattr(beat_replay, "LEARN_S", 30.0)
    stream = fake_beats.BeatStream(fake_beats.BeatDetector("x"), two_leads.leads, 250.0)
    player = beat_replay.Replay(two_leads, stream, ("x",))
    player.tick(0.0, 1.0)
    player.tick(2.0, 1.0)
    assert player.at_s == pytest.approx(32.0)
    player.tick(500.0, 1.0)
    assert player.at_s == pytest.approx(32.0 + beat_replay.LATE_S)
    packet = player.tick(502.0, 4.0)
    assert header(packet)["n"] == 2000
    assert player.count > 5
