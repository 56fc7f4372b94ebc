"""Beats put close together: PR is known, and the search without the second look is the worse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ecg_core.preprocessing import preprocess
from ecg_core.records import eight_from_twelve
from tests.test_measurements import known
from training.p_waves import OneBeat, errors, medians, one_beat, repeated, rows_by_rhythm
from training.signals import Prepared

CODES = [frozenset(codes) for codes in (("NORM",), ("NORM", "1AVB"), ("SR",), ("AFIB", "NORM"), ("NORM",), ("AFIB",))]


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    made = [known(100, 170 + 8 * k, 90, 380, 1000) for k in range(6)]
    noise = np.random.default_rng(0).normal(0, 0.01, (6, 12, 5000)).astype(np.float32)
    signals = np.stack([eight_from_twelve(preprocess(x, 500)) for x in np.array(made) + noise])
    split = ["train", "train", "train", "train", "validation", "test"]
    return Prepared(signals, pd.DataFrame({"split": split, "label": "normal", "bad_leads": ["", "V1", *[""] * 4]}), {})


@pytest.fixture(scope="module")
def beats(prepared: Prepared) -> list[OneBeat]:
    made = [made for _, made in medians(prepared, np.arange(6)) if made is not None]
    assert len(made) == 5  # one has a bad lead
    return [beat for beat in (one_beat(*one) for one in made) if beat]


def test_rhythms_are_of_the_training_records_alone(prepared: Prepared) -> None:
    rows = rows_by_rhythm(prepared, CODES, 10)
    assert {name: found.tolist() for name, found in rows.items() if len(found)} == {
        "normal": [0],
        "first-degree block": [1],
        "fibrillation": [3],
    }


def test_beats_are_repeated_as_fast_as_asked(beats: list[OneBeat]) -> None:
    assert beats
    for beat in beats:
        x, windows, rr = repeated(beat, 30.0)
        assert x.shape == windows.shape[1:] == (8, 576)
        assert 1000.0 * np.median(rr) == pytest.approx(beat.pr_ms + beat.qt_ms - 30.0, abs=8)


def test_pr_is_measured_on_t_and_cut_short_without_the_second_look(beats: list[OneBeat]) -> None:
    assert np.abs(errors(beats, -60.0)).max() < 10
    again, first = errors(beats, 30.0), errors(beats, 30.0, limb=False)
    assert np.nanmedian(np.abs(again)) < 8
    assert not np.nanmedian(np.abs(first)) < 15
