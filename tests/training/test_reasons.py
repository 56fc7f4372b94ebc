"""The command that holds reasons against statements: which folds it reads, and what it prints of normals."""

from __future__ import annotations

import argparse
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from ecg_core.errors import RecordError
from ecg_core.measurements import NAMES
from ecg_core.measurements.reasons import Reason
from ecg_core.records import eight_from_twelve
from tests.training.miniature import ecg
from training.reasons import folds_in, report, rows_of_folds, with_measured
from training.signals import Prepared

CODES = [frozenset(codes) for codes in (("NORM",), ("1AVB",), ("NDT",), ("NORM", "LPR"), ("CLBBB",), ("NORM",))]


@pytest.fixture
def prepared() -> Prepared:
    signals = np.stack([eight_from_twelve(ecg(seed, 100)) for seed in range(6)]).astype(np.float32)
    records = pd.DataFrame(
        {
            "split": ["train", "train", "train", "train", "validation", "test"],
            "fold": [1, 2, 2, 8, 9, 10],
            "label": ["normal", "abnormal", "abnormal", "normal", "abnormal", "normal"],
            "bad_leads": "",
        }
    )
    return Prepared(signals, records, {})


@pytest.mark.parametrize(("text", "folds"), [("9", (9,)), ("1-8", tuple(range(1, 9))), ("1,3-4,3", (1, 3, 4))])
def test_folds_are_named_as_people_write_them(text: str, folds: tuple[int, ...]) -> None:
    assert folds_in(text) == folds


@pytest.mark.parametrize("text", ["", "all", "8-1", "-3", "1-x"])
def test_what_names_no_folds_is_said(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="names no folds"):
        folds_in(text)


def test_the_normals_and_the_stated_records_of_folds_are_judged(prepared: Prepared) -> None:
    assert rows_of_folds(prepared, range(1, 9), CODES).tolist() == [0, 1, 3]
    assert rows_of_folds(prepared, (2, 9), CODES).tolist() == [1, 4]


def test_the_test_split_is_not_read(prepared: Prepared) -> None:
    with pytest.raises(RecordError, match="test split"):
        rows_of_folds(prepared, (8, 9, 10), CODES)
    with pytest.raises(RecordError, match="No record"):
        rows_of_folds(prepared, (7,), CODES)


def test_what_the_table_lacks_is_measured(prepared: Prepared) -> None:
    kept = pd.DataFrame(np.full((1, len(NAMES)), 7.0, np.float32), columns=list(NAMES), index=[0])
    table = with_measured(prepared, kept, np.array([0, 1, 3]))
    assert sorted(table.index) == [0, 1, 3]
    assert (table.loc[0] == 7.0).all()
    assert table.loc[1, "heart_rate"] != table.loc[3, "heart_rate"]
    assert 60 < table.loc[1, "heart_rate"] < 90
    assert with_measured(prepared, table, np.array([0, 3])) is table


def test_how_many_normals_are_told_the_same_is_printed(prepared: Prepared, capsys: pytest.CaptureFixture[str]) -> None:
    pr = cast(Reason, SimpleNamespace(name="pr_ms", side="high"))
    misses = report({0: (pr,), 1: (pr,), 3: ()}, CODES, prepared.records)
    line = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("first-degree AV block"))
    assert line.split()[-6:] == ["to", "1.000", "1.000", "1.000", "0.500", "0.85"]
    assert misses["first-degree AV block: PR"] == []
