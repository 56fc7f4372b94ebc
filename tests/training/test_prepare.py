"""The prepared folder: the same bytes whoever makes it, and however often it is interrupted."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ecg_core.errors import ECGError, RecordError
from ecg_core.preprocessing import preprocess
from ecg_core.readers import read_record
from ecg_core.records import eight_from_twelve, twelve_leads
from tests.training.miniature import ecg, write_csv, write_wfdb
from training import prepare as module
from training.prepare import PrepareConfig, main, prepare, prepare_in_memory, refresh_quality
from training.signals import SignalOptions, fill_gaps, load_prepared

Make = Callable[..., Path]
FILES = ("signals.npy", "records.parquet", "skipped.csv", "meta.json")


def contents(folder: Path) -> list[bytes]:
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)  # nothing unfinished stays behind
    return [(folder / name).read_bytes() for name in FILES]


def test_signals_are_the_record_through_the_one_path(make_ptbxl: Make, tmp_path: Path) -> None:
    meta = prepare(PrepareConfig(str(tmp_path / "out"), ptbxl=str(make_ptbxl()), fs=500), quiet=True)
    data = load_prepared(tmp_path / "out")
    assert (meta["n"], data.signals.shape, data.signals.dtype) == (12, (12, 8, 1000), np.float32)
    record = twelve_leads(read_record(data.records["path"][4]))
    np.testing.assert_array_equal(data.signals[4], eight_from_twelve(preprocess(record.signal, 500.0)))
    assert data.meta["sources"]["ptbxl"]["fs"] == 500
    assert data.rows("test").tolist() == [9]
    assert data.rows("train", "normal").tolist() == [3, 7, 11]  # records 4, 8 and 12: folds 4, 8 and 2
    assert data.records["sex"].isin(["female", "male"]).all() and data.records["duration_s"].eq(10.0).all()


def test_both_rates_give_nearly_the_same_signal(make_ptbxl: Make, tmp_path: Path) -> None:
    root = str(make_ptbxl(4))
    for fs in (100, 500):
        prepare(PrepareConfig(str(tmp_path / str(fs)), ptbxl=root, fs=fs), quiet=True)
    low, high = (load_prepared(tmp_path / fs).signals for fs in ("100", "500"))
    assert min(np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(low, high, strict=True)) > 0.99


def test_mimic_leads_are_read_by_name(make_mimic: Make, tmp_path: Path) -> None:
    prepare(PrepareConfig(str(tmp_path / "out"), mimic=str(make_mimic())), quiet=True)
    data = load_prepared(tmp_path / "out")
    record = twelve_leads(read_record(data.records["path"][0]))
    np.testing.assert_allclose(record.lead("aVL"), record.lead("I") - record.lead("II") / 2, atol=0.01)
    np.testing.assert_allclose(record.lead("aVF"), record.lead("II") - record.lead("I") / 2, atol=0.01)
    assert data.records["source"].eq("mimic").all() and data.records["age"].isna().all()


def test_two_sources_in_one_folder(make_mimic: Make, make_ptbxl: Make, tmp_path: Path) -> None:
    config = PrepareConfig(str(tmp_path / "out"), ptbxl=str(make_ptbxl()), mimic=str(make_mimic()), limit=5)
    assert prepare(config, quiet=True)["n"] == 10
    assert load_prepared(tmp_path / "out").records["source"].tolist() == ["ptbxl"] * 5 + ["mimic"] * 5


def test_missing_samples_are_listed_or_with_clean_nans_filled(make_mimic: Make, tmp_path: Path) -> None:
    root = make_mimic(gaps={1: [("V2", 1000, 1040)], 2: [("V3", 1000, 1200)], 3: [("V4", 0, 5000)]})
    meta = prepare(PrepareConfig(str(tmp_path / "plain"), mimic=str(root)), quiet=True)
    skipped = pd.read_csv(tmp_path / "plain" / "skipped.csv")
    assert (meta["n"], meta["skipped"], skipped["record"].tolist()) == (7, 2, [40000002, 40000003])
    assert skipped["reason"].str.contains("misses").all()
    meta = prepare(PrepareConfig(str(tmp_path / "clean"), mimic=str(root), clean_nans=True), quiet=True)
    data = load_prepared(tmp_path / "clean")
    assert (meta["n"], meta["skipped"]) == (9, 0)
    assert np.isfinite(data.signals).all()
    bad = data.bad_leads(np.arange(4))
    assert "V2" not in bad[1] and "V3" in bad[2] and "V4" in bad[3]  # 80 ms is bridged, 400 ms is not an ECG


def test_fill_gaps_interpolates_and_names_long_gaps() -> None:
    x = np.array([[0, 1, np.nan, 3, 4], [np.nan] * 5, [5, np.nan, np.nan, np.nan, 1]], dtype=np.float32)
    assert fill_gaps(x, fs=20.0).tolist() == [False, True, True]  # 100 ms are two samples
    np.testing.assert_allclose(x, [[0, 1, 2, 3, 4], [0] * 5, [5, 4, 3, 2, 1]])


def test_unreadable_records_are_listed_with_the_reason(make_folder: Make, tmp_path: Path) -> None:
    root = make_folder()
    (root / "ecgs" / "r3.dat").write_bytes(b"\0" * 100)
    (root / "ecgs" / "r5.hea").write_text("nonsense\n")
    assert main(["--folder", str(root), "--out", str(tmp_path / "out")]) == 0
    skipped = pd.read_csv(tmp_path / "out" / "skipped.csv")
    assert skipped["record"].tolist() == ["ecgs/r3", "ecgs/r5"]
    assert skipped["reason"].str.len().min() > 10
    data = load_prepared(tmp_path / "out")
    assert "ecgs/r3" not in set(data.records["record"]) and len(data.records) == len(data.signals) == 10


def test_short_records_are_skipped_and_long_ones_give_their_first_ten_seconds(
    make_folder: Make, tmp_path: Path
) -> None:
    root = make_folder()
    write_wfdb(root / "ecgs" / "r0", ecg(0, 250.0, 6.0), 250, 500.0)
    long = ecg(1, 250.0, 30.0)
    write_wfdb(root / "ecgs" / "r1", long, 250, 500.0)
    prepare(PrepareConfig(str(tmp_path / "out"), folder=str(root)), quiet=True)
    assert "lasts 6.0 s; expected at least 10 s" in (tmp_path / "out" / "skipped.csv").read_text()
    data = load_prepared(tmp_path / "out")
    assert data.records["duration_s"][0] == 30.0
    expected = eight_from_twelve(preprocess(read_record(root / "ecgs" / "r1.hea").signal[:, :2500], 250.0))
    np.testing.assert_array_equal(data.signals[0], expected)


def test_own_arrays_need_their_description(make_folder: Make, tmp_path: Path) -> None:
    root = tmp_path / "arrays"
    root.mkdir()
    for k in range(3):
        np.save(root / f"a{k}.npy", ecg(k, 250.0) * 1000)
    rows = [{"record": f"a{k}.npy", "patient": k, "label": "normal", "split": "train"} for k in range(3)]
    write_csv(root / "labels.csv", rows)
    with pytest.raises(RecordError, match="None of the 3 records could be read"):
        prepare(PrepareConfig(str(tmp_path / "no"), folder=str(root)), quiet=True)
    leads = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
    described = PrepareConfig(
        str(tmp_path / "out"), folder=str(root), folder_fs=250, folder_unit="uV", folder_leads=leads
    )
    assert prepare(described, quiet=True)["n"] == 3
    assert 0.5 < np.ptp(load_prepared(tmp_path / "out").signals[0], axis=-1).max() < 4.0  # mV


def test_several_processes_and_small_chunks_write_the_same_bytes(
    make_ptbxl: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHUNK", 5)
    root = str(make_ptbxl())
    prepare(PrepareConfig(str(tmp_path / "one"), ptbxl=root), quiet=True)
    prepare(PrepareConfig(str(tmp_path / "two"), ptbxl=root, workers=2), quiet=True)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.parametrize("damage", ["none", "torn journal", "signals ahead of the journal", "signals behind"])
def test_interrupted_work_is_taken_up_to_the_same_bytes(
    make_ptbxl: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(module, "CHUNK", 5)
    root, out = str(make_ptbxl()), tmp_path / "out"
    prepare(PrepareConfig(str(tmp_path / "whole"), ptbxl=root), quiet=True)
    real, calls = module._read_chunk, []

    def stops_in_the_third(job: tuple) -> list:
        calls.append(len(job[0]))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(job)

    monkeypatch.setattr(module, "_read_chunk", stops_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        prepare(PrepareConfig(str(out), ptbxl=root), quiet=True)
    with pytest.raises(RecordError, match="not a prepared folder"):
        load_prepared(out)
    if damage == "torn journal":
        journal = out / "journal.jsonl.part"
        journal.write_bytes(journal.read_bytes()[:-20])
    elif damage == "signals ahead of the journal":
        with (out / "signals.npy.part").open("ab") as file:
            file.write(b"\1" * 50_000)
    elif damage == "signals behind":
        os.truncate(out / "signals.npy.part", 128 + 32_000)
    calls.clear()
    calls += [0, 0, 0]  # never stops again
    prepare(PrepareConfig(str(out), ptbxl=root), quiet=True)
    assert contents(out) == contents(tmp_path / "whole")
    assert sum(calls) == {"none": 2, "torn journal": 7, "signals ahead of the journal": 2, "signals behind": 12}[damage]


def test_kill_9_then_again_gives_the_same_bytes(
    make_ptbxl: Make, tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = make_ptbxl(), tmp_path / "out"
    code = (
        "import time; from training import prepare as p; p.CHUNK = 3; read = p._read_chunk\n"
        "def slow(job): time.sleep(0.2); return read(job)\n"
        f"p._read_chunk = slow; p.prepare(p.PrepareConfig({str(out)!r}, ptbxl={str(data)!r}), quiet=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=root)
    journal = out / "journal.jsonl.part"
    while not (journal.is_file() and journal.read_bytes().count(b"\n") >= 2):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "meta.json").exists()
    monkeypatch.setattr(module, "CHUNK", 3)
    prepare(PrepareConfig(str(out), ptbxl=str(data)), quiet=True)
    prepare(PrepareConfig(str(tmp_path / "whole"), ptbxl=str(data)), quiet=True)
    assert contents(out) == contents(tmp_path / "whole")


def test_finished_work_is_not_done_again_but_other_work_is(
    make_ptbxl: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = str(make_ptbxl()), tmp_path / "out"
    prepare(PrepareConfig(str(out), ptbxl=root), quiet=True)
    before = contents(out)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_read_chunk", lambda job: pytest.fail("read again"))
        prepare(PrepareConfig(str(out), ptbxl=root), quiet=True)
    assert contents(out) == before
    assert prepare(PrepareConfig(str(out), ptbxl=root, limit=3), quiet=True)["n"] == 3
    assert len(load_prepared(out).signals) == 3


def test_in_memory_gives_the_same_as_the_folder(make_folder: Make, tmp_path: Path) -> None:
    root = make_folder()
    (root / "ecgs" / "r3.dat").unlink()
    config = PrepareConfig(str(tmp_path / "out"), folder=str(root))
    prepare(config, quiet=True)
    data, skipped = prepare_in_memory(config, quiet=True)
    np.testing.assert_array_equal(data.signals, load_prepared(tmp_path / "out").signals)
    assert [name for name, _ in skipped] == ["ecgs/r3"]
    assert data.bad_leads(data.rows()) == load_prepared(tmp_path / "out").bad_leads(data.rows())


def test_refresh_renews_quality_and_leaves_the_signals(make_ptbxl: Make, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(PrepareConfig(str(out), ptbxl=str(make_ptbxl())), quiet=True)
    right, signals = pd.read_parquet(out / "records.parquet"), (out / "signals.npy").read_bytes()
    wrong = right.assign(bad_leads="V1,V2", interpretable=False)
    wrong.to_parquet(out / "records.parquet", index=False)
    refresh_quality(out, SignalOptions(), quiet=True)
    pd.testing.assert_frame_equal(pd.read_parquet(out / "records.parquet"), right)
    assert (out / "signals.npy").read_bytes() == signals


def test_bad_leads_reach_the_table(make_folder: Make, tmp_path: Path) -> None:
    root = make_folder()
    signal_12 = ecg(0, 250.0)
    signal_12[8] = 0.0
    write_wfdb(root / "ecgs" / "r0", signal_12, 250, 500.0)
    prepare(PrepareConfig(str(tmp_path / "out"), folder=str(root)), quiet=True)
    data = load_prepared(tmp_path / "out")
    assert data.bad_leads(np.array([0, 1])) == [("V3",), ()]


def test_command_line(
    make_ptbxl: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = make_ptbxl(), tmp_path / "out"
    config = tmp_path / "prepare.toml"
    config.write_text(f'out = "{out}"\nptbxl = "{root}"\nlimit = 4\n')
    assert main(["--config", str(config), "--limit", "6"]) == 0  # the command line wins
    assert "6 records, 0 skipped" in capsys.readouterr().out
    assert main(["--refresh-quality", "--out", str(out)]) == 0
    assert main(["--out", str(out)]) == 2
    assert "give --ptbxl, --mimic, --folder, --mitbih" in capsys.readouterr().err
    config.write_text('out = "x"\nptbxll = "y"\n')
    assert main(["--config", str(config)]) == 2
    assert "unknown key ptbxll" in capsys.readouterr().err
    assert main(["--ptbxl", str(tmp_path), "--out", str(out)]) == 1
    assert "no such file" in capsys.readouterr().err


def test_an_empty_folder_is_no_prepared_folder(tmp_path: Path) -> None:
    with pytest.raises(ECGError, match=r"run python -m training\.prepare"):
        load_prepared(tmp_path)
