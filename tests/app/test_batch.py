"""The batch page in every state, run without a browser; jobs are scored in this process, by a scorer of the tests."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from app import preview, resources, state
from app.components.worklist import columns
from app.desk import Desk, frame
from app.views import batch_start
from ecg_core.synthetic import EXAMPLES, write_record
from ecg_core.worklist import Job, Worklist, runner
from tests.app.page_parts import button, header, page_words, parts, visit
from tests.worklists import MODELS, finished, make_store, scored_here

N = len(EXAMPLES)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a data folder, a store and a root of the tests, named as an operator would."""
    (tmp_path / "root" / "ward").mkdir(parents=True)
    for name, path in (("DATA", "data"), ("ROOT", "root"), ("STORE", "store")):
        monkeypatch.setenv(f"LEADWISE_{name}", str(tmp_path / path))
    make_store(tmp_path / "store")
    monkeypatch.setattr(runner, "score_paths", scored_here)
    monkeypatch.setattr(Worklist, "ensure_runner", lambda self: None)
    return tmp_path


@pytest.fixture
def worklist(place: Path) -> Iterator[Worklist]:
    """Return the worklist that the app opens."""
    with Worklist(store=place / "store") as opened:
        yield opened


@pytest.fixture
def make(place: Path, worklist: Worklist) -> Callable[..., Job]:
    """Return what makes a job of the examples and a damaged file, scored unless told otherwise."""

    def made(scored: bool = True, models: tuple[str, ...] = MODELS) -> Job:
        for spec in EXAMPLES:
            write_record(spec, place / "root" / "ward")
        (place / "root" / "ward" / "z").mkdir(exist_ok=True)
        (place / "root" / "ward" / "z" / "bad.npy").write_bytes(b"\0")  # the last of the job
        job = worklist.create_job_from_folder("ward", models, 0.05, creator="A. Meyer")
        return finished(worklist, job) if scored else job

    return made


def on(app: AppTest, job: Job) -> AppTest:
    """Open a job's page."""
    app.run()
    app.session_state[state.BATCH_JOB] = job.id
    return visit(app, "batch")


def shown(app: AppTest) -> dict[str, Any]:
    """Return what the record beside the grid was sent."""
    (packet,) = parts(app, "leadwise_review")
    return header(packet)


def act(
    app: AppTest, worklist: Worklist, job: Job, *acts: dict[str, Any], reviewer: str = "A. Meyer"
) -> dict[str, Any]:
    """Do what the browser sends, and return what it is answered."""
    desk: Desk = app.session_state["desks"][job.id]
    before = desk.answered.get("tab", 0)
    numbered = [{"n": before + k + 1, **one} for k, one in enumerate(acts)]
    desk.take(worklist, job.id, reviewer, "tab", numbered)
    app.session_state["reviewer_name"] = reviewer
    app.run()
    assert not app.exception
    return shown(app)


def decision(position: int, reading: str = "anomalous", comment: str = "", following: int = 1) -> dict[str, Any]:
    return {"kind": "decide", "position": position, "reading": reading, "comment": comment, "next": following}


def row_of(worklist: Worklist, job: Job, position: int) -> dict[str, Any]:
    desk = Desk()
    desk.refresh(worklist, job.id)
    row = desk.rows.row(position)
    assert row is not None
    return row


# --- how to start -----------------------------------------------------------------------------------------------


def test_an_empty_worklist_offers_examples(app, worklist, place):
    visit(app, "batch")
    words = page_words(app)
    assert "None yet: start with the examples" in words
    assert f"data in {place / 'data'}" in words
    assert "It does not diagnose" in words
    button(app, "Score and review").click().run()
    assert not app.exception
    (job,) = worklist.jobs()
    assert (job.total, job.models, job.false_alarm_rate) == (batch_start.N_EXAMPLES, MODELS, 0.05)
    assert app.query_params["job"] == [job.id] or app.query_params["job"] == job.id
    assert "waiting for its turn" in page_words(app)
    assert shown(app)["position"] is None


def test_a_folder_below_the_root_is_browsed_and_scored(app, worklist, place, make):
    make(scored=False)
    worklist.delete(worklist.jobs()[0].id)
    visit(app, "batch")
    app.segmented_control(key=state.BATCH_SOURCE).set_value("folder").run()
    words = page_words(app)
    assert str(place / "root") in words
    assert f"{N + 1} records" in words
    app.selectbox(key="below ").set_value("ward").run()
    assert not app.exception
    assert button(app, "Up")
    button(app, "Score and review").click().run()
    (job,) = worklist.jobs()
    assert (job.folder, job.total) == ("ward", N + 1)


def test_an_empty_folder_says_what_to_do(app, worklist):
    visit(app, "batch")
    app.segmented_control(key=state.BATCH_SOURCE).set_value("folder").run()
    assert "No .hea records below" in page_words(app)
    assert button(app, "Score and review").disabled


def test_a_folder_that_is_gone_can_be_left(app, worklist):
    visit(app, "batch")
    app.session_state[state.BATCH_FOLDER] = "ward/none"
    app.segmented_control(key=state.BATCH_SOURCE).set_value("folder").run()
    assert "is no folder below" in page_words(app)
    button(app, "Back to the top folder").click().run()
    assert "Top folder" in page_words(app)


def test_what_the_upload_page_hands_over_becomes_a_job(app, worklist, example_folder):
    files = [(p.name, p.read_bytes()) for p in sorted(example_folder.glob("normal-*"))]
    app.run()
    app.session_state[state.BATCH_UPLOADS] = files
    app.session_state[state.BATCH_SOURCE] = "uploads"
    visit(app, "batch")
    assert "6 files from the Upload page" in page_words(app)
    assert not app.warning
    button(app, "Score and review").click().run()
    (job,) = worklist.jobs()
    assert (job.kind, job.total) == ("uploads", 3)
    assert not app.session_state[state.BATCH_UPLOADS]


def test_an_archive_becomes_its_records_and_a_broken_one_is_refused(app, worklist, example_folder):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(example_folder.glob("normal-*")):
            archive.write(path, f"deep/{path.name}")
    for data, said in ((b"PK nothing", "damaged or no zip archive"), (buffer.getvalue(), "")):
        app.run()
        app.session_state[state.BATCH_UPLOADS] = [("records.zip", data)]
        app.session_state[state.BATCH_SOURCE] = "uploads"
        visit(app, "batch")
        button(app, "Score and review").click().run()
        assert said in page_words(app)
    (job,) = worklist.jobs()
    assert job.total == 3


def test_files_that_do_not_say_how_they_were_recorded_are_asked_about(app, worklist, array_file):
    app.run()
    app.session_state[state.BATCH_UPLOADS] = [("bare.npy", array_file.read_bytes())]
    app.session_state[state.BATCH_SOURCE] = "uploads"
    visit(app, "batch")
    assert "give rate, unit and leads" in page_words(app)
    assert button(app, "Score and review").disabled
    app.number_input[0].set_value(500.0)
    app.selectbox[0].set_value("mV")
    app.selectbox[1].set_value("I, II, III, aVR, aVL, aVF, V1 to V6").run()
    button(app, "Score and review").click().run()
    (job,) = worklist.jobs()
    assert job.description["fs"] == 500.0


def test_models_must_be_chosen(app, worklist):
    visit(app, "batch")
    app.pills(key=state.BATCH_MODELS).set_value([]).run()
    assert "Expected at least one model" in page_words(app)
    assert button(app, "Score and review").disabled


def test_a_checkpoint_that_is_missing_is_said_before_anything_is_made(app, worklist, place):
    visit(app, "batch")
    (place / "store" / "cae" / "config.json").unlink()
    button(app, "Score and review").click().run()
    assert "no readable checkpoint cae" in page_words(app)
    assert not worklist.jobs()


def test_earlier_batches_are_listed_opened_and_deleted(app, worklist, make):
    job = make()
    visit(app, "batch")
    assert f"{N + 1} of {N + 1}" in page_words(app)
    assert "A. Meyer" in page_words(app)
    app.button(key=f"open_{job.id}").click().run()
    assert f"<b>{N + 1}</b> of {N + 1} scored" in page_words(app)
    button(app, "All batches").click().run()
    app.button(key=f"sure_{job.id}").click().run()
    assert not app.exception
    assert not worklist.jobs()


def test_a_job_that_is_gone_is_said_and_the_start_is_shown(app, worklist):
    app.run()
    app.session_state[state.BATCH_JOB] = "0123456789ab"
    visit(app, "batch")
    assert "This job is gone" in page_words(app)
    assert button(app, "Score and review")


def test_a_data_folder_that_cannot_be_used_is_one_sentence(app, place, monkeypatch):
    (place / "file").write_text("")
    monkeypatch.setenv("LEADWISE_DATA", str(place / "file" / "data"))
    visit(app, "batch")
    assert "cannot be used" in page_words(app)
    assert "LEADWISE_DATA" in page_words(app)


def test_a_name_is_shown_as_it_is_written(worklist, make):
    job = SimpleNamespace(name="**ward** [x](y) <b>")
    assert batch_start.job_title(job) == r"\*\*ward\*\* \[x\]\(y\) \<b\>"


# --- a job ------------------------------------------------------------------------------------------------------


def test_a_running_job_is_paused_resumed_and_cancelled(app, worklist, make):
    job = make(scored=False)
    on(app, job)
    button(app, "Pause").click().run()
    assert worklist.job(job.id).state == "paused"
    assert "paused" in page_words(app)
    button(app, "Resume").click().run()
    assert worklist.job(job.id).state == "waiting"
    button(app, "Cancel this batch").click().run()
    assert worklist.job(job.id).state == "cancelled"
    assert not app.exception


def test_a_job_whose_checkpoint_changed_says_why_it_does_not_go_on(app, worklist, make, place):
    job = make(scored=False)
    worklist.pause(job.id)
    make_store(place / "store", "ffffffffffff")
    on(app, job)
    button(app, "Resume").click().run()
    assert "Changed since this job began" in page_words(app)
    assert worklist.job(job.id).state == "paused"


def test_progress_is_split_as_it_is_stored(app, worklist, make):
    job = make()
    on(app, job)
    words = page_words(app)
    assert f"<b>{job.above}</b> above threshold" in words
    assert f"<b>{job.below}</b> below" in words
    assert "<b>1</b> failed" in words
    assert f"<b>0</b> of {job.above} above threshold reviewed" in words


def test_a_record_is_shown_with_its_strongest_stretch(app, worklist, make):
    job = make()
    on(app, job)
    said = act(app, worklist, job, {"kind": "show", "position": 1})
    row = row_of(worklist, job, 1)
    assert (said["position"], said["name"], said["side"]) == (1, row["record"], row["verdict"])
    assert [strip["lead"] for strip in said["strips"][:7]] == ["I", "II", "III", "aVR", "aVL", "aVF", "V1"]
    assert said["stretches"][0]["leads"] == ["V2", "I"]
    assert said["start_s"] <= said["stretches"][0]["start_s"] <= said["start_s"] + said["window_s"]
    names = {array["name"] for array in said["arrays"]}
    assert names == {"signal", "overview"}
    (packet,) = parts(app, "leadwise_review")
    assert len(packet) < 60_000


def test_a_file_that_failed_shows_its_sentence_and_takes_a_note_for_a_second_look(app, worklist, make, place):
    job = make()
    on(app, job)
    bad = next(p for p in range(N + 1) if row_of(worklist, job, p)["verdict"] == "failed")
    said = act(app, worklist, job, {"kind": "show", "position": bad})
    assert said["side"] == "failed"
    assert "is damaged; get it again." in said["rarity"]
    said = act(app, worklist, job, decision(bad))
    assert said["failed"][0]["message"] == "bad could not be read: note it for a second look, with a comment."
    assert not worklist.decisions()
    act(app, worklist, job, decision(bad, "second look", "ask for the file again", following=bad))
    (stored,) = worklist.decisions()
    assert (stored.record, stored.comment) == ("bad", "ask for the file again")
    assert stored.sha256 == hashlib.sha256((place / "root" / "ward" / "z" / "bad.npy").read_bytes()).hexdigest()
    assert row_of(worklist, job, bad)["decision"] == "second look"
    said = act(app, worklist, job, {"kind": "show", "position": bad})
    assert (said["mine"], said["comment"], said["message"]) == ("second look", "ask for the file again", "")


def test_what_waits_is_listed_last_and_takes_no_decision_yet(app, worklist, make):
    job = make(scored=False)
    on(app, job)
    desk: Desk = app.session_state["desks"][job.id]
    assert list(desk.waiting) == list(range(N + 1))
    table = frame(desk.rows, MODELS, desk.waiting)
    assert set(table["v"]) == {"waiting"}
    assert table["r"].tolist()[-1] == "bad"
    assert table[["c", "m0", "h"]].isna().all(axis=None)
    said = act(app, worklist, job, {"kind": "show", "position": 1})
    assert (said["side"], said["verdict"], said["name"]) == ("waiting", "Waiting to be scored", table["r"][1])
    said = act(app, worklist, job, decision(1))
    assert "is not scored yet" in said["failed"][0]["message"]
    assert not worklist.decisions()
    finished(worklist, job)
    app.run()
    assert not desk.waiting
    assert "waiting" not in set(frame(desk.rows, MODELS, desk.waiting)["v"])
    assert shown(app)["verdict"] != "Waiting to be scored"


def test_rows_that_are_scored_come_before_those_that_wait(worklist, make):
    job = make()
    desk = Desk()
    desk.refresh(worklist, job.id)
    table = frame(desk.rows, MODELS, {90: "ward/late.hea", 91: "ward/later.hea"})
    assert table["p"].tolist()[-2:] == [90, 91]
    assert table["r"].tolist()[-2:] == ["late", "later"]
    assert (table["v"] == "waiting").sum() == 2
    assert len(table) == N + 3


def test_a_file_that_changed_since_is_said(app, worklist, make, place):
    job = make()
    on(app, job)
    name = row_of(worklist, job, 1)["record"]
    data = place / "root" / "ward" / f"{name}.dat"
    data.write_bytes(bytes(reversed(data.read_bytes())))
    said = act(app, worklist, job, {"kind": "show", "position": 1})
    assert said["message"]
    assert "strips" not in said


def test_a_decision_is_stored_and_the_next_record_shown(app, worklist, make):
    job = make()
    on(app, job)
    said = act(app, worklist, job, decision(1, "second look", "repeat in a week", following=2))
    assert said["position"] == 2
    (stored,) = worklist.decisions()
    at = round(stored.at.timestamp() * 1000)
    assert said["rows"] == [{"p": 1, "d": "second look", "w": "A. Meyer", "i": at}]
    assert (stored.reviewer, stored.decision, stored.comment) == ("A. Meyer", "second look", "repeat in a week")
    assert stored.sha256 == row_of(worklist, job, 1)["sha256"]
    assert said["last"][0]["comment"] == "repeat in a week"
    assert act(app, worklist, job, {"kind": "show", "position": 1})["mine"] == "second look"


def test_what_the_browser_sends_again_is_done_once(app, worklist, make):
    job = make()
    on(app, job)
    desk: Desk = app.session_state["desks"][job.id]
    sent = [{"n": 1, **decision(1)}, {"n": 2, **decision(2, "not anomalous", following=3)}]
    desk.take(worklist, job.id, "A. Meyer", "tab", sent[:1])
    desk.take(worklist, job.id, "A. Meyer", "tab", sent)
    desk.take(worklist, job.id, "A. Meyer", "tab", sent)
    assert [d.decision for d in worklist.decisions()] == ["not anomalous", "anomalous"]
    assert desk.answer.answered == 2
    assert desk.position == 3


def test_no_decision_without_a_name(app, worklist, make):
    job = make()
    on(app, job)
    said = act(app, worklist, job, decision(1, comment="typed", following=2), reviewer="")
    (failed,) = said["failed"]
    assert "enter your name" in failed["message"]
    assert (failed["position"], failed["comment"]) == (1, "typed")
    assert (said["position"], said["rows"][0]["d"]) == (2, None)  # keys pressed since belong to the next record
    assert not worklist.decisions()


def test_an_answer_that_never_came_is_given_again(app, worklist, make):
    job = make()
    on(app, job)
    desk: Desk = app.session_state["desks"][job.id]
    desk.take(worklist, job.id, "", "tab", [{"n": 1, **decision(1, comment="typed")}])
    desk.take(worklist, job.id, "", "tab", [{"n": 2, **decision(2, following=3), "reviewer": "A. Meyer"}])
    assert [(one["n"], one["position"]) for one in desk.answer.failed()] == [(1, 1)]
    assert [(row["p"], row["d"]) for row in desk.patches()] == [(1, None), (2, "anomalous")]
    desk.take(worklist, job.id, "", "tab", [{"n": 3, "kind": "show", "position": 5}], seen=2)
    assert (desk.answer.failed(), desk.patches(), desk.answer.answered) == ([], [], 3)


def test_a_decision_stands_under_the_name_that_the_browser_showed(app, worklist, make):
    job = make()
    on(app, job)
    act(app, worklist, job, decision(1) | {"reviewer": "B. Rossi"}, reviewer="A. Meyer")
    act(app, worklist, job, decision(2) | {"reviewer": "A. Meyer"}, reviewer="")
    assert [d.reviewer for d in worklist.decisions()] == ["A. Meyer", "B. Rossi"]


def test_a_run_that_is_cut_short_before_the_grid_leaves_the_page_behind(app, worklist, make, monkeypatch):
    job = make()
    on(app, job)
    desk: Desk = app.session_state["desks"][job.id]
    assert not desk.behind(worklist, job)

    def cut_short(*_):
        raise RuntimeError("cut short")

    monkeypatch.setattr("app.components.worklist.grid", cut_short)
    app.run()
    assert len(app.exception) == 1
    assert desk.behind(worklist, job)


def test_rows_say_when_they_were_decided_on(app, worklist, make):
    job = make()
    on(app, job)
    act(app, worklist, job, decision(1))
    desk: Desk = app.session_state["desks"][job.id]
    shown, read = frame(desk.rows, MODELS), Desk()
    read.refresh(worklist, job.id)
    at = round(worklist.decisions()[0].at.timestamp() * 1000)
    for table in (shown, frame(read.rows, MODELS)):
        assert table.loc[table["p"] == 1, "i"].item() == at
        assert set(table.loc[table["p"] != 1, "i"]) == {0}


def test_a_later_decision_supersedes_and_other_reviewers_differ(app, worklist, make):
    job = make()
    on(app, job)
    act(app, worklist, job, decision(1, "anomalous"))
    assert act(app, worklist, job, decision(1, "not anomalous"))["rows"][0]["d"] == "not anomalous"
    said = act(app, worklist, job, decision(1, "anomalous"), reviewer="B. Rossi")
    assert said["rows"][0]["d"] == "reviewers differ"
    assert len(worklist.decisions()) == 3


def test_somebody_elses_decision_makes_the_page_fall_behind(worklist, make):
    job = make()
    desk = Desk()
    desk.refresh(worklist, job.id)
    desk.state, desk.drawn = job.state, len(desk.rows.place)
    row = desk.rows.row(1)
    assert not desk.behind(worklist, job)
    desk.take(worklist, job.id, "A. Meyer", "tab", [{"n": 1, **decision(1)}])
    assert not desk.behind(worklist, job)
    worklist.decide(job.id, row["sha256"], "B. Rossi", "not anomalous")
    assert desk.behind(worklist, job)
    desk.refresh(worklist, job.id)
    assert desk.rows.row(1)["decision"] == "reviewers differ"


def test_a_record_opens_in_analyse_and_leads_back(app, worklist, make):
    job = make()
    on(app, job)
    desk: Desk = app.session_state["desks"][job.id]
    desk.take(worklist, job.id, "", "tab", [{"n": 1, "kind": "open", "position": 1}])
    app.run()
    app.run()
    assert not app.exception
    assert parts(app, "leadwise_paper")
    button(app, "Back to the worklist").click().run()
    app.run()
    assert shown(app)["position"] == 1


def test_the_worklist_is_offered_as_files(app, worklist, make):
    job = make()
    on(app, job)
    labels = [element.proto.label for element in app.get("download_button")]
    assert labels == ["Worklist as CSV", "Worklist as Parquet", "Decisions as CSV"]


@pytest.mark.parametrize(("models", "told"), [(("cae",), ">CAE<"), (MODELS, ">median of 3 models<")])
def test_consensus_means_the_detector_of_that_name_alone(app, worklist, make, models, told):
    on(app, make(models=models))
    assert told in page_words(app)
    assert "onsensus" not in page_words(app)


def test_the_preview_says_what_is_measured_where_the_consensus_shows_it(fake_detector, record):
    found = fake_detector.AnomalyDetector("consensus").detect(record)
    (_, told), (strong, words) = preview.why(found)
    assert (told, strong) == (" Measured: ", True)
    assert words.startswith(found.reasons[0].text)
    assert preview.why(fake_detector.AnomalyDetector("cae").detect(record)) == []
    assert preview.why(None) == []


def test_the_grid_shows_the_consensus_or_the_median():
    assert [c["headerName"] for c in columns._definitions(("cae",))][:2] == ["Record", "CAE"]
    assert [c["headerName"] for c in columns._definitions(MODELS)][:5] == ["Record", "Median", "CAE", "BiLSTM", "MHA"]
    named = [c["headerName"] for c in columns._definitions(("consensus", "cae"))]
    assert named[:4] == ["Record", "Consensus", "CAE", "Agree"]


def test_a_store_with_a_consensus_offers_it_first_and_its_members_beside_it(app, worklist, place):
    make_store(place / "store")
    (place / "store" / "consensus").mkdir()
    (place / "store" / "consensus" / "config.json").write_text((place / "store/cae/config.json").read_text())
    visit(app, "batch")
    assert app.pills(key=state.BATCH_MODELS).value == ["consensus", *MODELS]
    button(app, "Score and review").click().run()
    assert worklist.jobs()[0].models == ("consensus", *MODELS)


@pytest.fixture(autouse=True)
def _fresh_worklist() -> Iterator[None]:
    resources.worklist.clear()
    yield
    resources.worklist.clear()
