"""R peaks: all beats of synthetic recordings, the marked beats of MIT-BIH, and memory that does not grow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ecg_core.ambulatory import detect_beats
from ecg_core.ambulatory.peaks import PeakFinder
from ecg_core.errors import RecordError
from ecg_core.records import Record
from ecg_core.synthetic_ambulatory import Ambulatory, make_record, synthesize
from training.mitbih import match, read_annotated

SPEC = Ambulatory("two-minutes", ((21.0, "ventricular"), (47.0, "pause"), (70.0, "run"), (100.0, "supraventricular")))
SPEC = Ambulatory(SPEC.name, SPEC.events, seed=3, duration_s=120.0)
RECORDS = ("106", "114", "119", "201", "203", "208")
"""Ventricular beats in number, leads in another order, and noise; all of DS1."""


@pytest.fixture(scope="module")
def mitbih(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mitbih")
    unpack = shared / "data" / "mitbih" / "unpack.py"
    subprocess.run([sys.executable, str(unpack), str(out)], check=True, capture_output=True)
    return out


def test_every_beat_of_a_synthetic_recording_is_found():
    made = [beat.time_s for beat in synthesize(SPEC)[1] if 0.3 < beat.time_s < 119.5]
    found = detect_beats(make_record(SPEC))
    assert (match(np.array(made), found) >= 0).all()
    assert len(found) <= len(made) + 2


def test_marked_beats_of_mit_bih_are_found(mitbih: Path):
    marked = extra = hit = ventricular = ventricular_hit = 0
    for name in RECORDS:
        one = read_annotated(mitbih / name)
        found = detect_beats(one.record)
        belongs = match(one.samples / one.record.fs, found) >= 0
        marked, hit, extra = marked + len(belongs), hit + belongs.sum(), extra + len(found) - belongs.sum()
        v = one.classes == "V"
        ventricular, ventricular_hit = ventricular + v.sum(), ventricular_hit + (belongs & v).sum()
    assert hit / marked >= 0.996
    assert hit / (hit + extra) >= 0.99
    assert ventricular_hit / ventricular >= 0.97


def test_pieces_give_the_same_peaks_and_a_long_pause_costs_no_memory():
    rng = np.random.default_rng(0)
    beat = np.exp(-0.5 * (np.arange(-30, 31) / 5.0) ** 2)
    low = np.zeros((1, 360 * 120), np.float32)
    for at in range(200, 360 * 40, 290):
        low[0, at - 30 : at + 31] += beat
    low += 0.01 * rng.normal(size=low.shape).astype(np.float32)
    whole = PeakFinder(1).push(low, last=True)
    finder, found = PeakFinder(1), []
    for start in range(0, low.shape[1], 100):
        found.append(finder.push(low[:, start : start + 100]))
        assert finder._signal.stop - finder._signal.start < 360 * 20
        assert len(finder._leads) < 15
    found.append(finder.push(low[:, :0], last=True))
    np.testing.assert_array_equal(np.concatenate(found), whole)


def test_a_flat_or_short_recording_has_no_beats():
    flat = np.zeros((2, 3600), np.float32)
    assert len(detect_beats(Record("flat", flat, ("MLII", "V1"), 360.0, "0" * 64))) == 0
    with pytest.raises(RecordError, match=r"Expected at least 5 s of ECG; short has 2\.0 s; record longer\."):
        detect_beats(Record("short", flat[:, :720], ("MLII", "V1"), 360.0, "0" * 64))
