"""Every state and every refusal of the Upload page, run without a browser."""

from __future__ import annotations

import io
import threading
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from app import state, uploads
from ecg_core.records import LEADS
from ecg_core.synthetic import EXAMPLES, encode
from tests.app.page_parts import (
    button,
    describe,
    listed,
    page_words,
    pair,
    parts,
    scored,
    signals,
    upload,
    verdict,
    visit,
)


def zipped(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in members:
            out.writestr(name, data)
    return buffer.getvalue()


def clicked(app, **what):
    """Click in the rows, as the browser reports it."""
    with pytest.MonkeyPatch.context() as patch:
        said = SimpleNamespace(**({"open": None, "dismiss": None} | what))
        stand_in = {**app.session_state._state.filtered_state, state.ROWS: said}
        patch.setattr(state.st, "session_state", stand_in)
        state.take_open() if what.get("open") else state.take_dismiss()
    for key in ("current", "problems", state.DESTINATION):
        app.session_state[key] = stand_in[key]
    app.run()
    assert not app.exception
    return app


def names(app) -> list[str]:
    return [row["name"] for row in listed(app)["rows"]]


def problems(app) -> list[tuple[str, str, str]]:
    return [(p["name"], p["headline"], p["rest"]) for p in listed(app)["problems"]] if parts_of(app) else []


def parts_of(app) -> bool:
    return bool(parts(app, "leadwise_records"))


def test_a_dropped_pair_is_a_row_at_once_and_scored_later(app, fake_detector, example_folder, monkeypatch):
    may_score = threading.Event()
    detect = fake_detector.AnomalyDetector.detect_prepared
    monkeypatch.setattr(
        fake_detector.AnomalyDetector,
        "detect_prepared",
        lambda self, records: may_score.wait(60) and detect(self, records),
    )
    upload(app, *pair(example_folder, "low-voltage"))
    (row,) = listed(app)["rows"]
    assert row["place"] == {"side": "waiting", "words": "waiting"}
    assert listed(app)["pending"]
    assert (row["name"], row["leads"], row["fs"], row["length"]) == ("low-voltage", "12", "500 Hz", "10.0 s")
    assert 40 < float(row["rate"]) < 150
    assert [cell["step"] for cell in row["cells"]] == [0] * 12
    assert "1 ready" in page_words(app)
    may_score.set()
    (row,) = scored(app)["rows"]
    assert row["place"]["side"] in {"above", "below"}
    assert 0 <= float(row["place"]["words"]) <= 100
    assert "calibrated on 914 normal ECGs" in page_words(app)


def test_a_dropped_pair_comes_with_its_verdict_where_scoring_takes_no_longer_than_the_page_waits(
    app, example_folder, monkeypatch
):
    monkeypatch.setattr("app.views.upload.WAIT_S", 60.0)
    upload(app, *pair(example_folder, "low-voltage"))
    assert listed(app)["rows"][0]["place"]["side"] in {"above", "below"}
    assert not listed(app)["pending"]


def test_the_row_follows_model_and_threshold(app, example_folder):
    upload(app, *pair(example_folder, "premature-ventricular-beat"))
    sides = set()
    for rate in (0.005, 0.2):
        app.session_state[state.RATE] = rate
        app.run()
        sides.add(scored(app)["rows"][0]["place"]["side"])
    assert sides == {"above", "below"}
    place = scored(app)["rows"][0]["place"]["words"]
    app.session_state[state.MODEL] = "cae"
    app.run()
    assert scored(app)["rows"][0]["place"]["words"] != place


def test_the_first_record_opens_by_key_and_any_by_its_row(app, example_folder):
    upload(app, *pair(example_folder, "low-voltage"), *pair(example_folder, "normal-72"))
    assert names(app) == ["low-voltage", "normal-72"]
    button(app, "Open first").click().run()
    assert "low-voltage" in page_words(app)
    assert "1 of 2 in this session" in page_words(app)
    visit(app, "upload")
    clicked(app, open=listed(app)["rows"][1]["key"])
    assert verdict(app)["record"]
    assert "2 of 2 in this session" in page_words(app)


def test_an_opened_example_is_marked_in_the_list(app, example_folder):
    app.run()
    app.button(key="open_normal-72").click().run()
    visit(app, "upload")
    assert [row["synthetic"] for row in listed(app)["rows"]] == [True]
    assert button(app, "Score as a batch").disabled


@pytest.mark.parametrize(("suffix", "missing"), [(".hea", "low-voltage.dat"), (".dat", "low-voltage.hea")])
def test_a_lone_half_is_named(app, example_folder, suffix, missing):
    data = (example_folder / f"low-voltage{suffix}").read_bytes()
    upload(app, (f"low-voltage{suffix}", data))
    half = "A WFDB record is a pair: drop the other half."
    assert problems(app) == [(f"low-voltage{suffix}", f"Waiting for {missing}.", half)]
    assert "0 ready, 1 file needs attention" in page_words(app)
    assert button(app, "Open first").disabled


@pytest.mark.parametrize("first", [0, 1])
def test_the_other_half_completes_the_pair(app, example_folder, first):
    both = pair(example_folder, "low-voltage")
    upload(app, both[first])
    upload(app, both[1 - first])
    assert names(app) == ["low-voltage"]
    assert problems(app) == []


def test_a_file_that_needs_attention_can_be_put_aside(app, example_folder):
    upload(app, pair(example_folder, "low-voltage")[0], *pair(example_folder, "normal-72"))
    clicked(app, dismiss=listed(app)["problems"][0]["ident"])
    assert problems(app) == []
    assert names(app) == ["normal-72"]


def test_good_files_beside_bad_ones_are_listed(app, example_folder):
    upload(app, *pair(example_folder, "low-voltage"), ("lone.hea", b"lone 12 500 5000\n"))
    assert [p[:2] for p in problems(app)] == [("lone.hea", "Cannot be read.")]
    assert names(app) == ["low-voltage"]
    assert "1 ready, 1 file needs attention" in page_words(app)


def test_a_file_that_is_mended_takes_the_place_of_the_broken_one(app, example_folder):
    upload(app, ("low-voltage.hea", b"broken"))
    assert problems(app)
    upload(app, *pair(example_folder, "low-voltage"))
    assert problems(app) == []
    assert names(app) == ["low-voltage"]


BROKEN = [
    ("empty.npy", b""),
    ("text.npy", b"hello"),
    ("broken.hea", b"\x00\xff\x00garbage"),
    ("words.csv", b"not,a,number\n1,2,x\n"),
    ("export_0417.xml", b"<AnnotatedECG/>"),
]


@pytest.mark.parametrize(("name", "data"), BROKEN, ids=[name for name, _ in BROKEN])
def test_a_broken_file_is_one_sentence_and_no_traceback(app, name, data):
    upload(app, (name, data))
    if name.endswith((".npy", ".csv")):
        describe(app)
    ((shown, headline, rest),) = problems(app)
    assert (shown, headline) == (name, "Cannot be read.")
    assert name in rest
    assert "Traceback" not in rest
    assert "\n" not in rest


REFUSED = [
    ("damaged", b"PK\x03\x04 nothing else", "damaged or no zip archive"),
    ("escaping", zipped(("../../etc/rec.hea", b"x")), "names a file outside itself"),
    ("without records", zipped(("notes.txt", b"x")), "holds no record"),
]


@pytest.mark.parametrize(("data", "said"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_an_archive_that_is_refused_is_one_sentence(app, data, said):
    upload(app, ("records.zip", data))
    ((name, headline, rest),) = problems(app)
    assert (name, headline) == ("records.zip", "Cannot be read.")
    assert said in rest


def test_a_bomb_is_refused(app, monkeypatch):
    monkeypatch.setattr("ecg_core.readers.archive.MAX_ARCHIVE_BYTES", 1000)
    upload(app, ("records.zip", zipped(("rec.dat", bytes(2000)))))
    assert "declares 2,000 bytes" in problems(app)[0][2]


def test_an_archive_of_records_is_listed_and_what_is_left_out_is_said(app, example_folder):
    files = [*pair(example_folder, "low-voltage"), *pair(example_folder, "normal-72")]
    members = [(f"deep/folder/{name}", data) for name, data in files]
    upload(app, ("records.zip", zipped(*members, ("deep/LICENSE", b"x"))))
    assert names(app) == ["low-voltage", "normal-72"]
    assert "left out 1 file that are no records (deep/LICENSE)" in page_words(app)


def renamed(example_folder, source: str, name: str) -> list[tuple[str, bytes]]:
    head, data = pair(example_folder, source)
    return [(f"{name}.hea", head[1].replace(source.encode(), name.encode())), (f"{name}.dat", data[1])]


def test_records_of_one_name_are_kept_apart(app, example_folder):
    one, other = renamed(example_folder, "low-voltage", "rec"), renamed(example_folder, "normal-72", "rec")
    upload(app, *one)
    upload(app, *other)
    assert names(app) == ["rec", "rec (2)"]
    assert len({row["key"] for row in listed(app)["rows"]}) == 2
    assert listed(app)["rows"][0]["strip"] != listed(app)["rows"][1]["strip"]


def test_records_of_one_name_dropped_together_are_kept_apart(app, example_folder):
    one, other = renamed(example_folder, "low-voltage", "rec"), renamed(example_folder, "normal-72", "rec")
    upload(app, one[0], other[0], one[1], other[1])
    assert names(app) == ["rec", "rec (2)"]


def test_records_of_one_name_in_an_archive_are_told_by_their_folder(app, example_folder):
    one, other = renamed(example_folder, "low-voltage", "rec"), renamed(example_folder, "normal-72", "rec")
    members = [(f"a/{n}", d) for n, d in one] + [(f"b/{n}", d) for n, d in other]
    upload(app, ("records.zip", zipped(*members)))
    assert names(app) == ["rec", "b/rec"]


def test_a_waiting_header_takes_no_other_records_data(app, example_folder):
    one, other = renamed(example_folder, "low-voltage", "rec"), renamed(example_folder, "normal-72", "rec")
    upload(app, one[0])
    upload(app, *other)
    assert names(app) == ["rec"]
    assert [p[1] for p in problems(app)] == ["Waiting for rec.dat."]
    upload(app, one[1])
    assert names(app) == ["rec", "rec (2)"]


def test_the_same_record_twice_is_said_to_be_there(app, example_folder):
    upload(app, *pair(example_folder, "low-voltage"))
    upload(app, *pair(example_folder, "low-voltage"))
    assert names(app) == ["low-voltage"]
    assert "1 of the dropped records is in the list already" in page_words(app)


def test_the_list_has_an_end(app, example_folder, monkeypatch):
    monkeypatch.setattr(uploads, "MOST_RECORDS", 1)
    upload(app, *pair(example_folder, "low-voltage"), *pair(example_folder, "normal-72"))
    assert names(app) == ["low-voltage"]
    assert "The list holds 1 records; 1 more were left out" in page_words(app)


def test_arrays_are_asked_for_what_they_do_not_say(app, array_file):
    upload(app, (array_file.name, array_file.read_bytes()))
    assert "They do not say it themselves" in page_words(app)
    assert app.number_input[0].value is None
    assert app.selectbox[0].value is None
    assert [p[1] for p in problems(app)] == ["Not described."]
    describe(app)
    (row,) = listed(app)["rows"]
    assert (row["fs"], row["length"]) == ("500 Hz", "10.0 s")
    assert problems(app) == []
    assert not app.number_input


def test_half_a_description_is_not_enough(app, array_file):
    upload(app, (array_file.name, array_file.read_bytes()))
    describe(app, fs=None)
    assert "Expected sampling rate, unit and leads" in page_words(app)
    assert listed(app)["rows"] == []


def test_a_wrong_description_is_said_and_asked_for_again(app, tmp_path, record):
    path = tmp_path / "turned.npy"
    np.save(path, record.signal.T)
    upload(app, (path.name, path.read_bytes()))
    describe(app)
    ((name, headline, rest),) = problems(app)
    assert (name, headline) == ("turned.npy", "Cannot be read.")
    assert "5000" in rest
    assert app.number_input


def test_the_same_file_described_otherwise_is_another_record(app, array_file):
    for fs in (500.0, 400.0):
        upload(app, (array_file.name, array_file.read_bytes()))
        describe(app, fs=fs)
    assert [row["fs"] for row in listed(app)["rows"]] == ["500 Hz", "400 Hz"]
    assert names(app) == ["bare", "bare (2)"]


def test_quality_is_shown_by_lead(app, tmp_path, record):
    rng = np.random.default_rng(0)
    signal = record.signal.copy()
    signal[2] = 0.0
    signal[6] += rng.normal(0, 0.25, signal.shape[1])
    np.save(tmp_path / "noisy.npy", signal)
    upload(app, ("noisy.npy", (tmp_path / "noisy.npy").read_bytes()))
    describe(app)
    (row,) = listed(app)["rows"]
    steps = {lead: cell["step"] for lead, cell in zip(LEADS, row["cells"], strict=True)}
    assert steps["III"] == 2
    assert steps["V1"] == 1
    assert steps["I"] == 0
    assert "III not usable" in row["notes"]
    assert "V1 noisy" in row["notes"]


def test_not_interpretable_has_no_percentile(app, tmp_path, record):
    signal = np.random.default_rng(0).normal(0, 1.5, record.signal.shape)
    np.save(tmp_path / "noise.npy", signal)
    upload(app, ("noise.npy", (tmp_path / "noise.npy").read_bytes()))
    describe(app)
    (row,) = scored(app)["rows"]
    assert (row["place"]["side"], row["place"]["words"]) == ("technical", "not interpretable")
    assert row["notes"].startswith("12 leads not usable")


def test_a_missing_checkpoint_leaves_the_row_without_a_score(app, example_folder, monkeypatch, tmp_path):
    monkeypatch.setenv("LEADWISE_STORE", str(tmp_path))
    upload(app, *pair(example_folder, "low-voltage"))
    (row,) = scored(app)["rows"]
    assert (row["place"]["side"], row["place"]["words"]) == ("failed", "not scored")
    assert "Expected a checkpoint consensus" in row["place"]["why"]
    assert [cell["step"] for cell in row["cells"]] == [0] * 12


def test_a_recording_over_an_hour_is_scored_in_blocks_and_seen_at_any_second(app, monkeypatch):
    # 700 s stand for more than an hour: longer than the block that is held
    for where in ("app.uploads.MAX_WHOLE_S", "ecg_core.readers.limits.MAX_WHOLE_S"):
        monkeypatch.setattr(where, 650.0)
    files = encode(replace(EXAMPLES[0], name="long", duration_s=700.0, fs=100))
    upload(app, *files.items())
    (row,) = listed(app)["rows"]
    assert row["length"] == "12 min"
    entry = app.session_state["entries"][row["key"]]
    assert entry.whole_s == 700.0
    assert entry.record.duration == 600.0
    assert [block.start_s for block in entry.blocks(300.0)] == [0.0, 300.0, 600.0]
    late = entry.part(680.0, 690.0)
    assert late.start_s == 680.0
    stored = np.frombuffer(files["long.dat"], "<i2").reshape(-1, 12)[68_000:69_000].T / 1000
    assert np.abs(late.signal - stored).max() < 1e-6
    assert "% of segments" in scored(app)["rows"][0]["place"]["words"]
    button(app, "Open first").click().run()
    assert not app.exception
    assert "12 leads, 12 min, 100 Hz" in page_words(app)
    app.session_state["view"] = 680.0
    app.run()
    assert not app.exception
    assert signals(app)["start_s"] == 680.0


def test_remove_all_forgets_everything(app, example_folder):
    upload(app, *pair(example_folder, "low-voltage"), ("lone.hea", b"x"))
    button(app, "Remove all").click().run()
    assert "Open an ECG" in page_words(app)
    assert not parts_of(app)
    visit(app, "analyse")
    assert "No ECG is open" in page_words(app)


def test_uploads_are_handed_to_the_batch(app, example_folder):
    one, other = renamed(example_folder, "low-voltage", "rec"), renamed(example_folder, "normal-72", "rec")
    upload(app, *one, *pair(example_folder, "normal-95"))
    upload(app, *other)
    app.run()
    files = uploads.for_batch(list(app.session_state["entries"].values()))
    assert [name for name, _ in files] == [
        "0001/rec.hea", "0001/rec.dat", "normal-95.hea", "normal-95.dat", "0003/rec.hea", "0003/rec.dat",
    ]  # fmt: skip
    assert dict(files)["0003/rec.dat"] == other[1][1]
    button(app, "Score as a batch").click().run()
    assert app.session_state[state.BATCH_UPLOADS] == files


def test_record_text_is_never_markup(app, example_folder):
    header_text = (example_folder / "low-voltage.hea").read_bytes() + b"# <img src=x onerror=alert(1)> **bold**\n"
    name = "<b>x</b>"
    marked = header_text.replace(b"low-voltage.dat", b"sig.dat").replace(b"low-voltage ", b"x ", 1)
    signal = (example_folder / "low-voltage.dat").read_bytes()
    upload(app, (f"{name}.hea", marked), ("sig.dat", signal))
    for _ in range(2):
        words = page_words(app)
        assert "<img" not in words
        assert "<b>x</b>" not in words
        assert not [element for element in app.markdown if "bold" in element.value]
        visit(app, "analyse")
