"""Which records there are, whose they are, and what they are labelled: PTB-XL, MIMIC-IV-ECG, a folder of one's own.

Every source becomes one table with the columns of `COLUMNS`; no samples are read here.
"""

from __future__ import annotations

import ast
import hashlib
from pathlib import Path

import pandas as pd

from ecg_core.errors import RecordError

COLUMNS = ("record", "patient", "source", "path", "split", "fold", "label", "superclasses", "age", "sex")
SPLITS = ("train", "validation", "test")
LABELS = ("normal", "abnormal", "other")
SUPERCLASSES = ("NORM", "MI", "STTC", "CD", "HYP")
OVER_89 = 90.0
"""PTB-XL writes 300 for everyone over 89; the age stands as 90."""

N_REPORTS = 18
MIMIC_RHYTHMS = frozenset({"sinus rhythm", "normal sinus rhythm"})
MIMIC_NORMAL = frozenset({"normal ecg"})


def split_of_fold(fold: int) -> str:
    """Return the split of a fold: 1-8 train, 9 validation, 10 test."""
    return "train" if fold <= 8 else "validation" if fold == 9 else "test"


def _read_table(path: Path, what: str, needed: tuple[str, ...]) -> pd.DataFrame:
    """Read a CSV as text, empty cells as "", or say what is missing."""
    if not path.is_file():
        raise RecordError(f"Expected {what} at {path}; there is no such file.")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise RecordError(f"{path} cannot be read as a CSV table: {error}.") from error
    lacking = [column for column in needed if column not in table.columns]
    if lacking:
        raise RecordError(
            f"{path} has the columns {', '.join(map(str, table.columns))} and lacks {', '.join(lacking)}; add them."
        )
    return table


def _inside(root: Path, relative: str, table: Path) -> Path:
    """Return `root / relative`, or refuse a path that leaves the folder."""
    path = root / relative
    if Path(relative).is_absolute() or not path.resolve().is_relative_to(root.resolve()):
        raise RecordError(f"{table} names {relative}, which lies outside {root}; name records below the folder.")
    return path


def check_patients(table: pd.DataFrame) -> None:
    """Refuse a table in which one patient stands in two splits.

    Raises
    ------
    RecordError
        With the number of such patients and the first of them.
    """
    splits = table.groupby(["source", "patient"], sort=True)["split"].nunique()
    crossing = [str(patient) for (_, patient), n in splits.items() if n > 1]
    if crossing:
        raise RecordError(
            f"A patient's records must all be in one split; {len(crossing)} "
            f"patient{'s are' if len(crossing) > 1 else ' is'} in several, the first is {crossing[0]}."
        )


# PTB-XL ---------------------------------------------------------------------------------------------------------------


def _superclass_of(root: Path) -> dict[str, str]:
    """Return the superclass of each diagnostic statement."""
    statements = _read_table(root / "scp_statements.csv", "PTB-XL's statements", ("diagnostic", "diagnostic_class"))
    diagnostic = statements[pd.to_numeric(statements["diagnostic"], errors="coerce") == 1]
    return dict(zip(diagnostic.iloc[:, 0], diagnostic["diagnostic_class"], strict=True))


def label_of(superclasses: set[str]) -> str:
    """Return normal (NORM alone), abnormal (any other superclass) or other (none at all)."""
    if not superclasses:
        return "other"
    return "normal" if superclasses == {"NORM"} else "abnormal"


def ptbxl_table(root: str | Path, fs: int = 100) -> pd.DataFrame:
    """List PTB-XL's records in PhysioNet's layout (Wagner et al. 2020, DOI 10.1038/s41597-020-0495-6).

    A statement counts when its key is there: likelihoods are 0 where unknown. Folds are the official ones.

    Parameters
    ----------
    root : the folder with `ptbxl_database.csv`, `scp_statements.csv` and `records100` or `records500`.
    fs : 100 or 500 Hz.
    """
    root = Path(root)
    if fs not in (100, 500):
        raise RecordError(f"PTB-XL is published at 100 and 500 Hz; found {fs} Hz, choose one of the two.")
    file_column = "filename_lr" if fs == 100 else "filename_hr"
    path = root / "ptbxl_database.csv"
    needed = ("ecg_id", "patient_id", "age", "sex", "scp_codes", "strat_fold", file_column)
    raw = _read_table(path, "PTB-XL's table", needed)
    superclass_of = _superclass_of(root)
    keys = {codes: ast.literal_eval(codes) for codes in raw["scp_codes"].unique()}
    found = [{superclass_of[c] for c in keys[codes] if c in superclass_of} for codes in raw["scp_codes"]]
    folds = raw["strat_fold"].astype(int)
    age = pd.to_numeric(raw["age"], errors="coerce")
    return pd.DataFrame(
        {
            "record": raw[file_column].map(lambda name: Path(name).name),
            "patient": raw["patient_id"].map(lambda p: str(int(float(p)))),
            "source": "ptbxl",
            "path": [str(_inside(root, f"{name}.hea", path)) for name in raw[file_column]],
            "split": folds.map(split_of_fold),
            "fold": folds.astype("Int64"),
            "label": [label_of(classes) for classes in found],
            "superclasses": [",".join(c for c in SUPERCLASSES if c in classes) for classes in found],
            "age": age.where(age < 120, OVER_89).where(age.notna()).astype(float),
            "sex": raw["sex"].map({"0": "male", "0.0": "male", "1": "female", "1.0": "female"}),
        }
    )


# MIMIC-IV-ECG ---------------------------------------------------------------------------------------------------------


def mimic_label(reports: list[str]) -> str:
    """Return normal, abnormal or other from the lines of the cart's report.

    normal: one line is "Normal ECG", one is "Sinus rhythm" or "Normal sinus rhythm", and no line says anything
    else: every further statement is a finding or a doubt. "Normal ECG except for rate", "Otherwise normal ECG",
    "Normal ECG based on available leads" and data-quality warnings are thereby not normal.
    abnormal: a line begins with "Abnormal ECG". All others ("Borderline ECG", no verdict) are other: neither is
    certain enough to fit or to measure with.
    """
    lines = {" ".join(line.lower().split()).strip(" .-") for line in reports} - {""}
    if any(line.startswith("abnormal ecg") for line in lines):
        return "abnormal"
    if lines & MIMIC_NORMAL and lines & MIMIC_RHYTHMS and lines <= MIMIC_NORMAL | MIMIC_RHYTHMS:
        return "normal"
    return "other"


def fold_of_patient(patient: str) -> int:
    """Return a fold from 1 to 10 that depends on nothing but the patient's id (the same on every machine)."""
    return int.from_bytes(hashlib.sha256(f"leadwise:{patient}".encode()).digest()[:8], "big") % 10 + 1


def mimic_table(root: str | Path) -> pd.DataFrame:
    """List MIMIC-IV-ECG's records (Gow et al. 2023, DOI 10.13026/4nqg-sb35), normals by `mimic_label`.

    The paths of `record_list.csv` are taken as they stand, so the demo's layout, without the `pNNNN` folders, is
    read as well. Without `machine_measurements.csv` every label is other. The database has no age or sex.
    """
    root = Path(root)
    path = root / "record_list.csv"
    raw = _read_table(path, "MIMIC-IV-ECG's record list", ("subject_id", "study_id", "path"))
    labels: dict[str, str] = {}
    reports = root / "machine_measurements.csv"
    if reports.is_file():
        columns = tuple(f"report_{i}" for i in range(N_REPORTS))
        table = _read_table(reports, "the carts' reports", ("study_id", *columns))
        lines = table[list(columns)].to_numpy(str)
        labels = {study: mimic_label(list(row)) for study, row in zip(table["study_id"], lines, strict=True)}
    folds = raw["subject_id"].map(fold_of_patient)
    return pd.DataFrame(
        {
            "record": raw["study_id"],
            "patient": raw["subject_id"],
            "source": "mimic",
            "path": [str(_inside(root, f"{name}.hea", path)) for name in raw["path"]],
            "split": folds.map(split_of_fold),
            "fold": folds.astype("Int64"),
            "label": [labels.get(study, "other") for study in raw["study_id"]],
            "superclasses": "",
            "age": float("nan"),
            "sex": None,
        }
    )


# a folder of one's own ------------------------------------------------------------------------------------------------


def _check_values(table: pd.DataFrame, column: str, allowed: tuple[str, ...], path: Path) -> None:
    """Refuse values outside `allowed`, naming the first line that has one."""
    wrong = table.index[~table[column].isin(allowed)]
    if len(wrong):
        raise RecordError(
            f"{path}, line {wrong[0] + 2}: expected {column} to be one of {', '.join(allowed)}; "
            f"found {table.loc[wrong[0], column]!r}."
        )


def _record_path(folder: Path, name: str, table: Path, line: int) -> Path:
    """Return the file a line of the user's CSV means: with its extension, or a WFDB record's stem."""
    path = _inside(folder, name, table)
    for candidate in (path, path.parent / f"{path.name}.hea"):
        if candidate.is_file():
            return candidate
    raise RecordError(f"{table}, line {line}: there is no record {name} below {folder}.")


def folder_table(folder: str | Path, labels: str | Path | None = None, *, need_split: bool = True) -> pd.DataFrame:
    """List the records of a folder of the user's own from its CSV.

    Parameters
    ----------
    folder : where the records are.
    labels : the CSV, `labels.csv` in the folder unless given: columns record (file below the folder, or a WFDB
        record's stem), patient, label (normal, abnormal, other), split (train, validation, test); optional are
        age, sex (female, male) and superclasses (separated by ";" or ",").
    need_split : False takes a missing split for test (for `evaluate`).

    Raises
    ------
    RecordError
        For a missing column or file, an impossible value, a record listed twice, a patient in two splits.
    """
    folder = Path(folder)
    path = Path(labels) if labels is not None else folder / "labels.csv"
    needed = ("record", "patient", "label", "split") if need_split else ("record", "label")
    raw = _read_table(path, "a table of the folder's records", needed)
    if raw.empty:
        raise RecordError(f"{path} lists no records; add one line per record.")
    for column, value in (("split", "test"), ("patient", ""), ("superclasses", ""), ("age", ""), ("sex", "")):
        if column not in raw.columns:
            raw[column] = raw["record"] if column == "patient" else value
    _check_values(raw, "label", LABELS, path)
    _check_values(raw, "split", SPLITS, path)
    _check_values(raw, "sex", ("female", "male", ""), path)
    if (raw["patient"] == "").any():
        raise RecordError(f"{path}, line {raw.index[raw['patient'] == ''][0] + 2}: the patient is empty.")
    twice = raw["record"].duplicated()
    if twice.any():
        raise RecordError(f"{path}, line {raw.index[twice][0] + 2}: the record is listed twice.")
    age = pd.to_numeric(raw["age"], errors="coerce")
    bad_age = raw.index[(raw["age"] != "") & ~age.between(0, 130)]
    if len(bad_age):
        raise RecordError(f"{path}, line {bad_age[0] + 2}: expected an age in years, found {raw['age'][bad_age[0]]!r}.")
    paths = [_record_path(folder, name, path, i + 2) for i, name in enumerate(raw["record"])]
    table = pd.DataFrame(
        {
            "record": raw["record"],
            "patient": raw["patient"],
            "source": "folder",
            "path": [str(p) for p in paths],
            "split": raw["split"],
            "fold": pd.array([pd.NA] * len(raw), dtype="Int64"),
            "label": raw["label"],
            "superclasses": raw["superclasses"].str.replace(";", ",").str.replace(" ", ""),
            "age": age.astype(float),
            "sex": raw["sex"].where(raw["sex"] != "", None),
        }
    )
    check_patients(table)
    return table
