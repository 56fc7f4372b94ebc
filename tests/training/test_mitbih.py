"""Marked recordings: classes, leads, splits, and what is prepared of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ecg_core.errors import ConfigError, RecordError
from tests.training.marked import write_marked, write_marks, write_mitbih
from training.beat_data import (
    alone_in_window,
    beats_in_memory,
    load_beats,
    normals,
    paced_test,
    prepare_beats,
    protocol_of,
    whole_record,
    windows_of,
)
from training.mitbih import (
    CLASS_OF,
    DS1,
    DS1_VALIDATION,
    DS2,
    PACED,
    annotated_stems,
    lead_of,
    match,
    part_of,
    patient_of,
    quiet_wfdb,
    read_annotated,
)
from training.prepare import main as prepare_main

RECORDS = ("100", "101", "106", "112", "114", "102")


@pytest.fixture(scope="module")
def mitbih(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_mitbih(tmp_path_factory.mktemp("mitbih"), RECORDS)


@pytest.fixture(scope="module")
def prepared(mitbih: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("prepared")
    prepare_beats({"mitbih": mitbih}, out, quiet=True)
    return out


def test_the_split_is_de_chazals():
    assert len(DS1) == len(DS2) == 22
    assert not {*DS1} & {*DS2} and not {*DS1, *DS2} & {*PACED}
    assert len({*DS1, *DS2, *PACED}) == 48
    assert {*DS1_VALIDATION} < {*DS1}


def test_a_detection_belongs_to_the_nearest_beat_and_to_one_alone():
    found = match(np.array([1.0, 1.1, 5.0, 7.0]), np.array([1.09, 5.2, 6.9, 7.05]))
    assert found.tolist() == [-1, 0, -1, 3]
    assert match(np.array([1.0, 1.2]), np.array([1.05, 1.3])).tolist() == [0, 1]
    assert match(np.array([1.0]), np.zeros(0)).tolist() == [-1]


def test_every_mark_has_one_class():
    assert [CLASS_OF[s] for s in "NLRejAaJSVEF/fQ"] == list("NNNNNSSSSVVFQQQ")
    assert not {"+", "~", "|", "!", "x", "[", "]", '"'} & set(CLASS_OF)


def test_a_lead_is_taken_by_name_wherever_it_stands(mitbih: Path):
    for name in ("101", "114"):
        record = read_annotated(mitbih / name).record
        assert lead_of(record) == "MLII"
        assert record.lead("MLII").max() > 0.5
    assert read_annotated(mitbih / "114").record.leads == ("V5", "MLII")


def test_rhythm_marks_are_no_beats(mitbih: Path):
    marked = read_annotated(mitbih / "100")
    with quiet_wfdb() as wfdb:
        symbols = wfdb.rdann(str(mitbih / "100"), "atr").symbol
    assert symbols[0] == "+"
    assert symbols[1:] == marked.symbols.tolist()
    assert set(marked.classes) == {"N", "V"}
    lead = marked.record.lead("MLII")
    assert np.abs(lead[marked.samples]).min() > 0.5  # marks stand on R peaks


def test_201_and_202_are_one_patient_and_incart_says_whose_a_record_is(tmp_path: Path):
    write_marked(tmp_path, "202", 0)
    write_marked(tmp_path, "I03", 1)
    header = tmp_path / "I03.hea"
    header.write_text(header.read_text() + "# <age>: 70 <sex>: M\n# patient 2\n# PVCs\n")
    assert patient_of(tmp_path / "202") == "201"
    assert patient_of(tmp_path / "I03") == "patient 2"
    assert part_of("incart", "I03") == "external"


def test_unknown_names_and_empty_folders_are_said(tmp_path: Path):
    with pytest.raises(RecordError, match="has no record 999"):
        part_of("mitbih", "999")
    with pytest.raises(RecordError, match=r"Expected WFDB records with marks .*found none"):
        annotated_stems(tmp_path)


def test_marks_of_another_recording_are_refused(tmp_path: Path):
    write_marked(tmp_path, "100", 0)
    write_marks(tmp_path, "100", np.array([30_000]), ["N"])
    with pytest.raises(RecordError, match="do not belong together"):
        read_annotated(tmp_path / "100")
    (tmp_path / "100.atr").write_bytes(b"\xff" * 3)
    with pytest.raises(RecordError, match=r"100\.atr"):
        read_annotated(tmp_path / "100")


def test_alone_means_no_abnormal_beat_within_the_window():
    at = np.array([1000, 1300, 1700, 2100])
    classes = np.array(["N", "N", "N", "V"])
    assert alone_in_window(at, classes).tolist() == [True, True, True, False]
    assert alone_in_window(np.array([1000, 1359]), np.array(["N", "V"])).tolist() == [False, False]
    assert alone_in_window(np.array([1000, 1360]), np.array(["N", "V"]))[0]


def test_prepared_beats_are_the_marked_ones(mitbih: Path, prepared: Path):
    data = load_beats(prepared)
    marked = {name: read_annotated(mitbih / name) for name in RECORDS}
    assert len(data.table) == sum(len(m.samples) for m in marked.values())
    rows = np.flatnonzero(data.table["record"] == "114")
    windows = windows_of(data, rows)
    assert windows.shape == (len(rows), 720)
    assert np.allclose(windows.mean(-1), 0, atol=1e-4) and np.allclose(windows.std(-1), 1, atol=1e-3)
    middle = windows[:, 330:390]
    upright = data.table["aami"].to_numpy()[rows] == "N"
    assert (np.abs(middle[upright].argmax(-1) - 30) <= 2).all()
    assert (np.abs(middle[~upright].argmin(-1) - 30) <= 2).all()
    beats = windows_of(data, rows, 187)
    assert beats.shape == (len(rows), 187) and beats.min() >= 0 and beats.max() <= 1


def test_a_prepared_folder_is_taken_up_where_it_was_left(mitbih: Path, prepared: Path, tmp_path: Path, monkeypatch):
    def killed(source: str, stem: Path):
        if stem.name == "112":
            raise KeyboardInterrupt
        return real(source, stem)

    from training import beat_data

    real = beat_data._one
    monkeypatch.setattr(beat_data, "_one", killed)
    with pytest.raises(KeyboardInterrupt):
        prepare_beats({"mitbih": mitbih}, tmp_path, quiet=True)
    with pytest.raises(ConfigError, match="Expected prepared beats"):
        load_beats(tmp_path)
    seen = []
    monkeypatch.setattr(beat_data, "_one", lambda source, stem: seen.append(stem.name) or real(source, stem))
    prepare_beats({"mitbih": mitbih}, tmp_path, quiet=True)
    assert seen == ["112", "114"]
    names = {path.name for path in (prepared / "beats").iterdir()}
    assert names == {path.name for path in (tmp_path / "beats").iterdir()}
    for name in names:
        assert (tmp_path / "beats" / name).read_bytes() == (prepared / "beats" / name).read_bytes()


def test_prepared_again_nothing_is_read_and_another_folder_is(mitbih: Path, tmp_path: Path, capsys):
    assert prepare_main(["--mitbih", str(mitbih), "--out", str(tmp_path)]) == 0
    assert "6 records" in capsys.readouterr().out
    meta = (tmp_path / "beats" / "meta.json").stat().st_mtime_ns
    assert prepare_main(["--mitbih", str(mitbih), "--out", str(tmp_path)]) == 0
    assert (tmp_path / "beats" / "meta.json").stat().st_mtime_ns == meta
    other = write_mitbih(tmp_path / "other", ("100",))
    assert prepare_main(["--mitbih", str(other), "--out", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "beats" / "meta.json").read_text())["sources"] == {"mitbih": {"records": 1}}
    assert prepare_main(["--mitbih", str(tmp_path / "none"), "--out", str(tmp_path)]) == 1


def test_the_random_protocol_splits_beats_and_the_honest_one_patients(prepared: Path):
    data = load_beats(prepared)
    table = data.table
    random = protocol_of(data, "random")
    parts = (random.train, random.validation, random.test)
    unpaced = int((table["part"] != "paced").sum())
    assert sum(map(len, parts)) == len(set(np.concatenate(parts))) == unpaced
    assert [round(len(p) / unpaced, 2) for p in parts] == [0.7, 0.15, 0.15]
    assert set(table["record"].iloc[random.train]) == set(table["record"].iloc[random.test])
    honest = protocol_of(data, "interpatient")
    assert set(table["record"].iloc[honest.train]) == {"101", "106", "114"}
    assert set(table["record"].iloc[honest.validation]) == {"112"}
    assert set(table["record"].iloc[honest.test]) == {"100"}
    with pytest.raises(ConfigError, match="Expected a protocol among random, interpatient"):
        protocol_of(data, "loose")


def test_a_share_of_the_paced_beats_is_tested_and_none_trained_on(prepared: Path):
    data = load_beats(prepared)
    paced = paced_test(data)
    every = int((data.table["part"] == "paced").sum())
    assert len(set(paced)) == len(paced) == round(0.15 * every) > 0
    assert set(data.table["part"].iloc[paced]) == {"paced"}
    assert len(paced_test(replace(data, table=data.table[data.table["part"] != "paced"]))) == 0


def test_windows_of_a_whole_record_keep_the_sizes_of_its_beats(prepared: Path):
    data = load_beats(prepared)
    rows = np.flatnonzero(data.table["record"] == "100")
    own, whole = windows_of(data, rows), windows_of(data, rows, scale="record")
    assert np.allclose(own.std(-1), 1, atol=1e-3) and whole.std(-1).std() > 0.02
    x = np.asarray(data.signals["mitbih-100"])
    larger = replace(data, signals={"mitbih-100": 3 * x + 1})
    assert np.allclose(whole, windows_of(larger, rows, scale="record"), atol=1e-2)


def test_a_whole_record_is_without_drift_and_z_scored(prepared: Path):
    x = np.asarray(load_beats(prepared).signals["mitbih-100"])
    y = whole_record(x)
    assert abs(y.mean()) < 1e-4 and y.std() == pytest.approx(1, abs=1e-3)
    drift = np.sin(2 * np.pi * 0.1 * np.arange(len(x)) / 360)
    moved = whole_record((x + drift).astype(np.float32))
    assert np.abs(moved - y)[3600:-3600].max() < 0.05 * y.max()
    assert np.abs(whole_record(np.full(3600, 0.7, np.float32))).max() < 1e-3


def test_training_sees_normal_beats_without_abnormal_neighbours(prepared: Path):
    data = load_beats(prepared)
    rows = protocol_of(data, "interpatient").train
    kept, every = normals(data, rows), normals(data, rows, alone=False)
    assert set(data.table["aami"].iloc[kept]) == {"N"}
    assert 0 < len(kept) < len(every) < len(rows)
    assert data.table["alone"].iloc[kept].all()


def test_a_folder_at_another_rate_is_read_without_preparing(tmp_path: Path):
    write_marked(tmp_path, "x1", 3, ("ECG1", "ECG2"), fs=250.0)
    data = beats_in_memory(tmp_path)
    windows = windows_of(data, np.arange(len(data.table)))
    upright = data.table["aami"].to_numpy() == "N"
    assert (np.abs(windows[upright][:, 330:390].argmax(-1) - 30) <= 1).all()
    assert data.table["lead"].unique().tolist() == ["ECG1"]
