"""The worklist: what may be chosen, what becomes a row, what a newer or foreign file is told."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ecg_core.errors import RecordError, WorklistError
from ecg_core.readers import Upload
from ecg_core.records import LEADS
from ecg_core.worklist import DATA_VARIABLE, ROOT_VARIABLE, Description, Worklist, data_folder, runner, uploads
from ecg_core.worklist import worklist as making
from ecg_core.worklist.reading import digest_of_unread
from ecg_core.worklist.rows import summary
from tests.fakes import write_wfdb
from tests.worklist_scorer import row
from tests.worklists import MODELS, finished, make_store, make_worklist, put, scored_here


@pytest.fixture(autouse=True)
def _no_processes(monkeypatch) -> None:
    monkeypatch.setattr(runner, "score_paths", scored_here)


@pytest.fixture
def worklist(tmp_path) -> Iterator[Worklist]:
    with make_worklist(tmp_path) as made:
        yield made


def rows_by_record(worklist: Worklist, job: str) -> dict[str, dict]:
    table = worklist.rows(job)
    assert len({len(column) for column in table.values()}) == 1
    return {row[0]: dict(zip(table, row[1], strict=True)) for row in zip(table["record"], zip(*table.values()))}  # noqa: B905


# --- folders ----------------------------------------------------------------------------------------------------


def test_browsing_shows_subfolders_and_how_many_records_lie_below(worklist):
    put(worklist.root, "a")
    put(worklist.root / "ward" / "may", "b", "c")
    put(worklist.root / ".hidden", "d")
    (worklist.root / "empty").mkdir()
    top = worklist.browse()
    assert (top.path, top.records, top.more) == ("", 3, False)
    assert [(sub.path, sub.name, sub.records) for sub in top.subfolders] == [("empty", "empty", 0), ("ward", "ward", 2)]
    assert [sub.path for sub in worklist.browse("ward").subfolders] == ["ward/may"]


def test_counting_stops_somewhere(worklist, monkeypatch):
    monkeypatch.setattr("ecg_core.worklist.folders.MOST_COUNTED", 2)
    put(worklist.root, "a", "b", "c")
    assert (worklist.browse().records, worklist.browse().more) == (2, True)


@pytest.mark.parametrize(
    "path", ["..", "../data", "ward/../..", "/etc", "//etc", "ward/", "./ward", "link", "link/deep", "no", "a\0b", ".h"]
)
def test_nothing_outside_the_root_can_be_chosen(worklist, tmp_path, path):
    put(tmp_path / "outside" / "deep", "secret")
    put(worklist.root / "ward", "a")
    put(worklist.root / ".h", "b")
    (worklist.root / "link").symlink_to(tmp_path / "outside")
    for use in (worklist.browse, lambda folder: worklist.create_job_from_folder(folder, MODELS, 0.05)):
        with pytest.raises(WorklistError, match="is no folder below"):
            use(path)
    assert [sub.path for sub in worklist.browse().subfolders] == ["ward"]
    assert worklist.browse().records == 1
    assert worklist.jobs() == []


def test_a_link_that_leads_out_is_no_record_and_one_inside_is(worklist, tmp_path):
    put(tmp_path / "outside", "secret")
    put(worklist.root / "ward", "a")
    put(worklist.root / "other", "b")
    (worklist.root / "ward" / "in.npy").symlink_to("../other/b.npy")
    (worklist.root / "ward" / "out.npy").symlink_to(tmp_path / "outside" / "secret.npy")
    job = finished(worklist, worklist.create_job_from_folder("", ["cae"], 0.05))
    assert set(rows_by_record(worklist, job.id)) == {"a", "b"}
    assert job.total == 3
    ward = worklist.create_job_from_folder("ward", ["cae"], 0.05)
    assert ward.total == 1  # a link may not leave the folder that was chosen


def test_what_became_a_link_out_since_it_was_chosen_is_not_read(worklist, tmp_path):
    put(tmp_path / "outside", "a", "b")
    put(worklist.root / "ward", "a", "b", "c")
    job = worklist.create_job_from_folder("ward", ["cae"], 0.05)
    (worklist.root / "ward" / "b.npy").unlink()
    (worklist.root / "ward" / "b.npy").symlink_to(tmp_path / "outside" / "b.npy")
    assert finished(worklist, job).failed == 1
    rows = rows_by_record(worklist, job.id)
    assert "link out of the folder" in rows["b"]["error"]
    assert rows["b"]["sha256"] is None
    with pytest.raises(WorklistError, match="link out of the folder"):
        worklist.read_record(job.id, rows["b"]["position"])


def test_a_file_that_could_not_be_read_has_the_digest_of_its_bytes(worklist):
    put(worklist.root / "ward", "a", "bad")
    rows = rows_by_record(worklist, finished(worklist, worklist.create_job_from_folder("ward", MODELS, 0.05)).id)
    content = (worklist.root / "ward" / "bad.npy").read_bytes()
    assert (rows["bad"]["verdict"], rows["bad"]["sha256"]) == ("failed", hashlib.sha256(content).hexdigest())
    worklist.decide(worklist.jobs()[0].id, rows["bad"]["sha256"], "Anna", "second look", "ask for it again")
    assert rows_by_record(worklist, worklist.jobs()[0].id)["bad"]["comment"] == "ask for it again"


def test_the_digest_of_an_unread_header_holds_its_signals_and_nothing_outside_the_folder(tmp_path):
    (tmp_path / "ward").mkdir()
    for name in ("pair", "link", "lone"):
        (tmp_path / "ward" / f"{name}.hea").write_bytes(b"header")
    (tmp_path / "ward" / "pair.dat").write_bytes(b"signals")
    (tmp_path / "outside.dat").write_bytes(b"not ours")
    (tmp_path / "ward" / "link.dat").symlink_to(tmp_path / "outside.dat")
    found = {name: digest_of_unread(tmp_path / "ward" / f"{name}.hea") for name in ("pair", "link", "lone", "gone")}
    header = hashlib.sha256(b"header").hexdigest()
    assert found == {
        "pair": hashlib.sha256(b"headersignals").hexdigest(),
        "link": header,
        "lone": header,
        "gone": None,
    }


def test_records_that_are_not_scored_yet_are_listed(worklist):
    put(worklist.root / "ward", "a", "b")
    job = worklist.create_job_from_folder("ward", ["cae"], 0.05)
    other = worklist.create_job_from_folder("", ["cae"], 0.05)
    assert worklist.waiting(job.id) == {0: "ward/a.npy", 1: "ward/b.npy"}
    finished(worklist, job)
    assert worklist.waiting(job.id) == {}
    assert worklist.waiting(other.id) == {}


def test_what_becomes_a_link_out_while_it_is_scored_is_not_shown(worklist, tmp_path, monkeypatch):
    put(tmp_path / "outside", "a")
    put(worklist.root / "ward", "a")

    def swapped(paths, *rest):
        for rows in scored_here(paths, *rest):
            (worklist.root / "ward").rename(tmp_path / "away")
            (worklist.root / "ward").symlink_to(tmp_path / "outside")
            yield rows

    monkeypatch.setattr(runner, "score_paths", swapped)
    job = finished(worklist, worklist.create_job_from_folder("ward", ["cae"], 0.05))
    assert (job.failed, worklist.rows(job.id)["score_cae"]) == (1, [None])


def test_another_root_ends_the_jobs_of_the_old_one_in_a_sentence(worklist, tmp_path):
    put(worklist.root / "ward", "a")
    job = worklist.create_job_from_folder("ward", ["cae"], 0.05)
    (tmp_path / "elsewhere").mkdir()
    with Worklist(worklist.data, root=tmp_path / "elsewhere", store=worklist.store) as moved:
        after = finished(moved, job)
        assert (after.state, after.done) == ("failed", 0)
        assert "the root is now" in (after.message or "")
        with pytest.raises(WorklistError, match="the root is now"):
            moved.read_record(job.id, 0)


def test_names_that_are_no_text_are_scored_and_shown_in_ascii(worklist):
    name = b"caf\xe9.npy".decode(errors="surrogateescape")
    (worklist.root / "ward").mkdir()
    (worklist.root / "ward" / name).write_bytes(b"\x01x")
    job = finished(worklist, worklist.create_job_from_folder("ward", ["cae"], 0.05))
    assert (job.state, job.failed) == ("finished", 0)
    assert worklist.rows(job.id)["path"] == ["ward/caf\\udce9.npy"]


# --- rows -------------------------------------------------------------------------------------------------------


def test_every_record_becomes_a_row_with_what_the_models_said(worklist):
    put(worklist.root / "ward", *(f"r{k}" for k in range(4)), "bad", "dark", "top")
    job = worklist.create_job_from_folder("ward", MODELS, 0.05, creator="Anna")
    assert (job.state, job.total, job.done, job.name, job.folder) == ("waiting", 7, 0, "ward", "ward")
    job = finished(worklist, job)
    assert (job.state, job.done, job.failed, job.not_interpretable) == ("finished", 7, 1, 1)
    assert (job.above, job.below) == (1, 4)
    assert job.started is not None
    assert job.ended is not None
    rows = rows_by_record(worklist, job.id)
    top = rows["top"]
    assert [top[f"score_{model}"] for model in MODELS] == [6.9375, 7.1875, 7.4375]
    assert top["percentile"] == 71.875
    assert (top["verdict"], top["n_above"], top["n_scored"]) == ("above", 3, 3)
    assert (top["stretch_start_s"], top["stretch_model"], top["stretch_leads"]) == (3.0, "vae-bilstm-mha", "V2, I")
    assert top["masked"] == "V1"
    assert top["notes"].startswith("Note of top. Seen by cae. Seen by vae-bilstm.")
    details = worklist.details(job.id, top["position"])
    assert list(details) == list(MODELS)
    assert details["cae"]["lead_scores"] == {"I": 1.0, "V1": None, "V2": 2.0}
    assert details["cae"]["notes"] == ["Note of top.", "Seen by cae."]
    assert worklist.details(job.id, 99) == {}
    assert (rows["dark"]["verdict"], rows["dark"]["percentile"]) == ("not interpretable", None)
    assert rows["bad"]["verdict"] == "failed"
    assert rows["bad"]["error"] == "bad.npy is damaged; get it again."  # once, not once a model
    assert rows["bad"]["error_cae"] == rows["bad"]["error"]


def test_the_consensus_decides_where_it_is_among_the_models() -> None:
    def row(model: str, above: bool, percentile: float, peak: float) -> dict[str, Any]:
        stretch = {"start_s": peak, "stop_s": peak + 1, "peak": peak, "leads": ["V2"]}
        said = {"record": "r", "interpretable": True, "anomalous": above, "percentile": percentile}
        return {**said, "model": model, "stretches": [stretch]}

    members = [row("cae", False, 40.0, 9.0), row("vae-bilstm", False, 60.0, 5.0)]
    found = summary([row("consensus", True, 98.0, 2.0), *members])
    assert (found["verdict"], found["percentile"]) == ("above", 98.0)
    assert (found["n_above"], found["n_scored"]) == (0, 2), "the consensus is made of them: it is not one more"
    assert (found["stretch_model"], found["stretch_start_s"]) == ("consensus", 2.0)
    alone = summary([row("consensus", True, 98.0, 2.0)])
    assert (alone["verdict"], alone["n_above"], alone["n_scored"]) == ("above", 1, 1)
    without = summary(members)
    assert (without["verdict"], without["percentile"], without["stretch_model"]) == ("below", 50.0, "cae")
    failed = summary([{"record": "r", "model": "consensus", "error": "damaged."}, *members])
    assert (failed["verdict"], failed["percentile"]) == ("below", 50.0)


def test_half_of_the_models_put_a_record_above(worklist):
    put(worklist.root, "r0")
    (worklist.root / "r0.npy").write_bytes(bytes([123]) + b"x")  # 3.84, 4.09
    job = finished(worklist, worklist.create_job_from_folder("", MODELS[:2], 0.05))
    table = worklist.rows(job.id)
    assert (table["anomalous_cae"], table["anomalous_vae-bilstm"]) == ([False], [True])
    assert (job.above, table["n_above"]) == (1, [1])


def test_a_page_can_ask_for_the_new_rows_alone(worklist):
    put(worklist.root, "a", "b", "c")
    job = finished(worklist, worklist.create_job_from_folder("", ["cae"], 0.05))
    assert worklist.rows(job.id)["seq"] == [1, 2, 3]
    assert worklist.rows(job.id, since=2)["record"] == ["c"]
    assert worklist.rows(job.id, since=3)["score_cae"] == []


def test_ten_thousand_rows(worklist, monkeypatch):
    names = [f"r{k:05d}" for k in range(10_000)]

    def scored(paths, _folder, options, _workers):
        for k, path in enumerate(paths):
            content = bytes([k * 37 % 256]) + path.name.encode()
            yield [row(path, model, m, content) for m, model in enumerate(options.models)]

    monkeypatch.setattr(making, "find_records", lambda top, **_: [top / f"{name}.npy" for name in names])
    monkeypatch.setattr(runner, "real_inside", lambda root, path: root / path)
    monkeypatch.setattr(runner, "score_paths", scored)
    job = finished(worklist, worklist.create_job_from_folder("", MODELS, 0.05))
    table = worklist.rows(job.id)
    assert (job.done, job.above + job.below) == (10_000, 10_000)
    assert table["record"] == names
    assert table["seq"] == list(range(1, 10_001))
    assert sum(table["anomalous_cae"]) < job.above < sum(table["anomalous_vae-bilstm-mha"])
    worklist.decide(job.id, table["sha256"][5000], "Anna", "second look")
    after = worklist.rows(job.id)
    assert [k for k, word in enumerate(after["decision"]) if word] == [5000]
    worklist.delete(job.id)
    assert worklist.jobs() == []


def test_a_record_is_read_again_only_while_it_is_the_one_that_was_scored(worklist):
    write_wfdb(worklist.root / "ward", "a")
    write_wfdb(worklist.root / "ward", "bb")
    job = finished(worklist, worklist.create_job_from_folder("ward", ["cae"], 0.05))
    assert worklist.read_record(job.id, 0).name == "a"
    part = worklist.read_part(job.id, 0, 2.0, 8.0)
    assert (part.start_s, part.duration, part.leads) == (2.0, 6.0, LEADS)
    write_wfdb(worklist.root / "ward", "a", spread_mv=0.5)
    with pytest.raises(WorklistError, match="has changed since it was scored"):
        worklist.read_record(job.id, 0)
    with pytest.raises(WorklistError, match="has changed since it was scored"):
        worklist.read_part(job.id, 0, 2.0, 8.0)
    (worklist.root / "ward" / "bb.dat").unlink()
    with pytest.raises(RecordError, match="bb"):
        worklist.read_record(job.id, 1)
    with pytest.raises(WorklistError, match="no longer in the job"):
        worklist.read_record(job.id, 2)


def test_csv_files_are_taken_only_when_described(worklist):
    put(worklist.root, "a")
    (worklist.root / "table.csv").write_bytes(b"1,2")
    described = Description(500.0, "mV", LEADS)
    assert worklist.create_job_from_folder("", ["cae"], 0.05).total == 1
    job = worklist.create_job_from_folder("", ["cae"], 0.05, description=described)
    assert (job.total, job.description) == (2, {"fs": 500.0, "unit": "mV", "leads": list(LEADS)})
    assert finished(worklist, job).done == 2


@pytest.mark.parametrize(
    ("folder", "models", "rate", "sentence"),
    [
        ("empty", MODELS, 0.05, "empty has no records"),
        ("ward", ["nonsense"], 0.05, "no readable checkpoint nonsense"),
        ("ward", ["../store/cae"], 0.05, "no readable checkpoint"),
        ("ward", [], 0.05, "at least one model"),
        ("ward", MODELS, 5.0, "false-alarm rate between 0 and 1"),
    ],
)
def test_a_job_that_cannot_be_done_is_not_made(worklist, folder, models, rate, sentence):
    put(worklist.root / "ward", "a")
    (worklist.root / "empty").mkdir()
    with pytest.raises(WorklistError, match=sentence):
        worklist.create_job_from_folder(folder, models, rate)
    assert worklist.jobs() == []


def test_what_is_asked_of_a_deleted_job_is_a_sentence(worklist):
    put(worklist.root, "a")
    job = worklist.create_job_from_folder("", ["cae"], 0.05)
    worklist.delete(job.id)
    for ask in (worklist.job, worklist.rows, worklist.resume, lambda job: worklist.export(job, "csv")):
        with pytest.raises(WorklistError, match="This job is gone"):
            ask(job.id)
    worklist.delete(job.id)  # by two users at once
    worklist.pause(job.id)


# --- uploads ----------------------------------------------------------------------------------------------------


def wfdb_uploads(folder: Path, name: str, prefix: str = "", spread_mv: float = 0.2) -> list[Upload]:
    header = write_wfdb(folder, name, spread_mv=spread_mv)
    return [Upload(f"{prefix}{path.name}", path.read_bytes()) for path in (header, header.with_suffix(".dat"))]


def test_uploads_are_scored_shown_and_removed_with_their_job(worklist, tmp_path):
    files = [
        *wfdb_uploads(tmp_path / "one", "a"),
        *wfdb_uploads(tmp_path / "two", "b", "ward/"),
        *wfdb_uploads(tmp_path / "three", "b", "home\\", spread_mv=0.4),
        Upload("alone.dat", b"half"),
    ]
    job = worklist.create_job_from_uploads(files, ["cae"], 0.05, name="Monday")
    assert (job.kind, job.total, job.name) == ("uploads", 4, "Monday")
    spool = worklist.data / "uploads" / job.id
    assert len([path for path in spool.rglob("*") if path.is_file()]) == 7
    assert spool.parent.stat().st_mode & 0o077 == 0
    job = finished(worklist, job)
    table = worklist.rows(job.id)
    assert table["record"] == ["a", "alone", "b", "b"]
    assert len(set(table["sha256"])) == 4
    assert [worklist.read_record(job.id, k).name for k in (0, 2, 3)] == ["a", "b", "b"]
    with pytest.raises(RecordError, match="half of a WFDB record"):
        worklist.read_record(job.id, 1)
    decision = worklist.decide(job.id, table["sha256"][0], "Anna", "anomalous", "keep")
    worklist.delete(job.id)
    assert not spool.exists()
    assert worklist.jobs() == []
    assert worklist.decisions() == [decision]


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "Nothing was uploaded"),
        (["a.npy", "a.npy"], "Two of the files are called a.npy"),
        ([".."], "cannot be the name of a file"),
        (["a/.."], "cannot be the name of a file"),
        (["~root.npy"], "cannot be the name of a file"),
        (["a\n.npy"], "cannot be the name of a file"),
        (["x" * 300 + ".npy"], "cannot be the name of a file"),
        (["ok.npy", "\ud800.npy"], "cannot be the name of a file"),
    ],
)
def test_uploads_that_cannot_be_kept_leave_nothing_behind(worklist, names, sentence):
    with pytest.raises(WorklistError, match=sentence):
        worklist.create_job_from_uploads([Upload(name, b"x") for name in names], ["cae"], 0.05)
    assert worklist.jobs() == []
    assert list((worklist.data / "uploads").iterdir()) == []


def test_spools_without_a_job_are_removed_when_they_are_old(worklist, monkeypatch):
    put(worklist.root, "a")
    (worklist.data / "uploads" / "0123456789ab").mkdir()
    finished(worklist, worklist.create_job_from_folder("", ["cae"], 0.05))
    assert (worklist.data / "uploads" / "0123456789ab").exists()  # perhaps a job in the making
    monkeypatch.setattr(uploads, "ORPHAN_S", -1.0)
    kept = worklist.create_job_from_uploads([Upload("a.npy", b"\1x")], ["cae"], 0.05)
    finished(worklist, kept)
    assert [path.name for path in (worklist.data / "uploads").iterdir()] == [kept.id]


# --- the data folder --------------------------------------------------------------------------------------------


def test_the_data_folder_and_the_root_are_the_operators(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "mine"))
    monkeypatch.delenv(ROOT_VARIABLE, raising=False)
    with Worklist(store=make_store(tmp_path / "store")) as here:
        assert (here.data, here.root) == (tmp_path / "mine", tmp_path / "mine" / "inbox")
        assert here.root.is_dir()
        assert here.data.stat().st_mode & 0o077 == 0
        assert (here.data / "worklist.sqlite").stat().st_mode & 0o077 == 0
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "records"))
    with Worklist() as here:
        assert here.root == tmp_path / "records"
        with pytest.raises(WorklistError, match="set LEADWISE_ROOT to another"):
            here.browse()
    monkeypatch.delenv(DATA_VARIABLE)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr("sys.platform", "linux")
    assert data_folder() == tmp_path / "xdg" / "leadwise"


def test_several_may_open_a_new_data_folder_at_once(tmp_path):
    def opened(_: int) -> int:
        with Worklist(tmp_path / "data") as one:
            return len(one.jobs())

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(opened, range(8))) == [0] * 8


def test_a_data_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorklistError, match="set LEADWISE_DATA to another"):
        Worklist(tmp_path / "file" / "data")


def test_files_of_a_newer_version_of_another_program_and_damaged_ones_are_refused(tmp_path):
    path = tmp_path / "worklist.sqlite"
    Worklist(tmp_path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(WorklistError, match=r"newer Leadwise \(schema 99; this one reads 1\)"):
        Worklist(tmp_path)
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE other (x)")
    with pytest.raises(WorklistError, match="database of another program"):
        Worklist(tmp_path)
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(WorklistError, match="not a database"):
        Worklist(tmp_path)


def test_what_was_written_is_there_when_it_is_opened_again_and_commits_reach_the_disk(worklist):
    put(worklist.root, "a")
    job = finished(worklist, worklist.create_job_from_folder("", ["cae"], 0.05))
    with Worklist(worklist.data, root=worklist.root, store=worklist.store) as again:
        assert again.job(job.id) == job
        with again.database.reading() as connection:
            for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
                assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value
