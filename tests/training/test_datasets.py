"""Which records, whose, and what they are labelled."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from ecg_core.errors import RecordError
from training.datasets import check_patients, folder_table, mimic_label, mimic_table, ptbxl_table

Make = Callable[..., Path]


def test_ptbxl_counts_are_the_published_ones(shared: Path) -> None:
    table = ptbxl_table(shared / "data" / "ptbxl")
    assert len(table) == 21_799
    n = table.groupby(["split", "label"]).size()
    assert (n["train", "normal"], n["validation", "normal"]) == (7243, 914)
    assert (n["test", "normal"], n["test", "abnormal"]) == (912, 1246)
    assert {c: int(table["superclasses"].str.contains(c).sum()) for c in ("NORM", "MI", "STTC", "CD", "HYP")} == {
        "NORM": 9514,
        "MI": 5469,
        "STTC": 5235,
        "CD": 4898,
        "HYP": 2649,
    }
    assert table["age"].max() <= 95 and table["sex"].value_counts()["male"] > table["sex"].value_counts()["female"]
    check_patients(table)


def test_ptbxl_labels_follow_the_keys_not_the_likelihoods(make_ptbxl: Make) -> None:
    root = make_ptbxl()
    table = ptbxl_table(root)
    # codes of record k are those of k % 4: NORM+IMI, SR alone, NDT+LVH, NORM
    assert table["label"].tolist()[:4] == ["abnormal", "other", "abnormal", "normal"]
    assert table["superclasses"].tolist()[:4] == ["NORM,MI", "", "STTC,HYP", "NORM"]
    assert table["split"].tolist()[7:11] == ["train", "validation", "test", "train"]
    assert (table["age"][0], table["sex"][0], table["sex"][1]) == (90.0, "female", "male")
    assert table["record"][0] == "00001_lr"
    assert ptbxl_table(root, 500)["path"][0].endswith("records500/00000/00001_hr.hea")
    with pytest.raises(RecordError, match="100 and 500"):
        ptbxl_table(root, 250)


@pytest.mark.parametrize(
    ("reports", "label"),
    [
        (["Sinus rhythm", "Normal ECG"], "normal"),
        (["SINUS RHYTHM.", "", "Normal  ECG"], "normal"),
        (["Normal sinus rhythm", "Normal ECG"], "normal"),
        (["Sinus rhythm", "Otherwise normal ECG"], "other"),
        (["Sinus rhythm", "Normal ECG except for rate"], "other"),
        (["Sinus bradycardia", "Normal ECG except for rate"], "other"),
        (["Sinus rhythm", "Normal ECG based on available leads"], "other"),
        (["Sinus rhythm", "Borderline ECG"], "other"),
        (["Sinus rhythm", "Possible right atrial abnormality", "Normal ECG"], "other"),
        (["Normal ECG"], "other"),
        (["Sinus rhythm with PVCs", "Normal ECG"], "other"),
        (["Sinus rhythm", "Normal ECG", "--- Warning: data quality may affect interpretation ---"], "other"),
        (["Sinus rhythm", "Abnormal ECG"], "abnormal"),
        (["Atrial fibrillation", "Abnormal ECG based on available leads"], "abnormal"),
        (["Sinus rhythm", "Normal ECG", "Abnormal ECG"], "abnormal"),
        ([""] * 18, "other"),
    ],
)
def test_mimic_label(reports: list[str], label: str) -> None:
    assert mimic_label(reports) == label


def test_mimic_reads_the_real_tables(shared: Path) -> None:
    table = mimic_table(shared / "data" / "mimic_iv_ecg")
    assert table.loc[0, ["record", "patient", "label"]].tolist() == ["40689238", "10000032", "other"]
    assert table["path"][0].endswith("files/p1000/p10000032/s40689238/40689238.hea")


def test_mimic_split_goes_by_subject_and_never_changes(make_mimic: Make) -> None:
    table = mimic_table(make_mimic())
    check_patients(table)
    assert table["label"].tolist()[:3] == ["normal", "other", "abnormal"]
    folds = dict(zip(table["patient"], table["fold"], strict=True))
    assert folds == {"10000032": 10, "10000033": 4, "10000034": 10, "10000035": 8, "10000036": 6}


def test_mimic_demo_has_no_inner_folder_and_no_labels(make_mimic: Make) -> None:
    table = mimic_table(make_mimic(demo=True))
    assert all(Path(path).is_file() for path in table["path"])
    assert set(table["label"]) == {"other"}


def test_mimic_paths_stay_inside(make_mimic: Make) -> None:
    root = make_mimic()
    listed = pd.read_csv(root / "record_list.csv")
    listed.loc[0, "path"] = "../../elsewhere/1"
    listed.to_csv(root / "record_list.csv", index=False)
    with pytest.raises(RecordError, match="outside"):
        mimic_table(root)


def test_own_folder(make_folder: Make) -> None:
    table = folder_table(make_folder(patient_0="Ü 1", patient_1="Ü 1"))
    assert table["split"].value_counts().to_dict() == {"train": 4, "validation": 4, "test": 4}
    assert (table["patient"][0], table["age"][3]) == ("Ü 1", 53.0)
    assert Path(table["path"][0]).name == "r0.hea"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label_3": "healthy"}, "line 5: expected label to be one of normal, abnormal, other; found 'healthy'"),
        ({"split_0": "dev"}, "line 2: expected split"),
        ({"split_1": "test"}, "in one split; 1 patient is in several, the first is p0"),
        ({"record_2": "ecgs/r1"}, "line 4: the record is listed twice"),
        ({"record_2": "ecgs/none"}, "line 4: there is no record ecgs/none"),
        ({"record_2": "../own/ecgs/../../x"}, "outside"),
        ({"record_2": "/etc/passwd"}, "outside"),
        ({"patient_4": ""}, "line 6: the patient is empty"),
        ({"age_4": "old"}, "line 6: expected an age in years, found 'old'"),
    ],
)
def test_own_folder_is_validated_in_words(make_folder: Make, change: dict[str, str], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        folder_table(make_folder(**change))


def test_own_folder_without_a_column_says_which(make_folder: Make) -> None:
    root = make_folder()
    pd.read_csv(root / "labels.csv").drop(columns="split").to_csv(root / "labels.csv", index=False)
    with pytest.raises(RecordError, match="lacks split"):
        folder_table(root)
    assert set(folder_table(root, need_split=False)["split"]) == {"test"}
    with pytest.raises(RecordError, match="no such file"):
        folder_table(root, root / "other.csv")
