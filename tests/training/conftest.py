"""Miniatures of the data sets' layouts, written by the tests with fresh checksums."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.training.miniature import MIMIC_ORDER, ecg, write_csv, write_wfdb

REPORTS = (
    ("Sinus rhythm", "Normal ECG"),
    ("Sinus rhythm", "Possible right atrial abnormality", "Borderline ECG"),
    ("Atrial fibrillation", "Abnormal ECG"),
)


@pytest.fixture
def make_mimic(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of MIMIC-IV-ECG's layout: 1.0's, or the demo's without pNNNN folders."""

    def make(n: int = 9, demo: bool = False, gaps: dict[int, Sequence[tuple]] | None = None) -> Path:
        root = tmp_path / "mimic"
        listed, measured = [], []
        for k in range(n):
            subject, study = 10_000_032 + k // 2, (100_000_000 if demo else 40_000_000) + k
            folder = f"files/p{subject}" if demo else f"files/p{str(subject)[:4]}/p{subject}"
            path = f"{folder}/s{study}/{study}"
            write_wfdb(root / path, ecg(k), 500, 200.0, MIMIC_ORDER, (gaps or {}).get(k, ()))
            row = {"subject_id": subject, "study_id": study, "file_name": study, "ecg_time": "2180-07-23 08:44:00"}
            listed.append({**row, "path": path})
            reports = {f"report_{i}": line for i, line in enumerate(REPORTS[k % len(REPORTS)])}
            measured.append({"subject_id": subject, "study_id": study, "cart_id": 1, **reports})
        write_csv(root / "record_list.csv", listed)
        columns = ["subject_id", "study_id", "cart_id", *(f"report_{i}" for i in range(18)), "bandwidth"]
        if not demo:
            write_csv(root / "machine_measurements.csv", measured, columns)
        return root

    return make


@pytest.fixture
def make_ptbxl(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of PTB-XL's layout at 100 and 500 Hz."""
    codes = ("{'NORM': 0.0, 'SR': 0.0}", "{'IMI': 0.0, 'NORM': 0.0}", "{'SR': 0.0}", "{'NDT': 100.0, 'LVH': 0.0}")

    def make(n: int = 12) -> Path:
        root = tmp_path / "ptbxl"
        rows = []
        for k in range(1, n + 1):
            names = {"filename_lr": f"records100/00000/{k:05d}_lr", "filename_hr": f"records500/00000/{k:05d}_hr"}
            for fs, name in zip((100, 500), names.values(), strict=True):
                write_wfdb(root / name, ecg(k, fs), fs, 1000.0)
            person = {"ecg_id": k, "patient_id": f"{k}.0", "age": 300.0 if k == 1 else 30.0 + k, "sex": k % 2}
            rows.append({**person, "scp_codes": codes[k % 4], "strat_fold": (k - 1) % 10 + 1, **names})
        write_csv(root / "ptbxl_database.csv", rows)
        statements = (("NDT", "1.0", "STTC"), ("NORM", "1.0", "NORM"), ("IMI", "1.0", "MI"), ("LVH", "1.0", "HYP"))
        lines = ["", *(f"{code},{d},{c}" for code, d, c in (*statements, ("SR", "", "")))]
        (root / "scp_statements.csv").write_text(",diagnostic,diagnostic_class" + "\n".join(lines) + "\n")
        return root

    return make


@pytest.fixture
def make_folder(tmp_path: Path) -> Callable[..., Path]:
    """Return a maker of a folder of the user's own: two WFDB records a patient, and labels.csv."""

    def make(n: int = 12, **changes: object) -> Path:
        root = tmp_path / "own"
        rows = []
        for k in range(n):
            write_wfdb(root / f"ecgs/r{k}", ecg(k, 250.0), 250, 500.0)
            split = ("train", "validation", "test")[k // 2 % 3]
            label = "normal" if k % 2 else "abnormal"
            rows.append(
                {"record": f"ecgs/r{k}", "patient": f"p{k // 2}", "label": label, "split": split, "age": 50 + k}
            )
        for key, value in changes.items():
            column, line = key.rsplit("_", 1)
            rows[int(line)][column] = value
        write_csv(root / "labels.csv", rows)
        return root

    return make
