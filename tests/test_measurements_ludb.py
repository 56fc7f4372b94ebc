"""Intervals against cardiologists' marks, and the same record at two rates: the figures of `training.intervals`."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ecg_core.measurements.delineation import SHIFTS
from ecg_core.readers import read_record
from ecg_core.records import Record
from training.intervals import (
    MARKED,
    NAMES,
    Observed,
    cross_validated,
    fit_shifts,
    observe,
    p_waves,
    pair_differences,
    r_peaks,
    reference,
    trimmed,
)
from training.ludb import read_ludb

# mean and standard deviation of the difference, ms: what is reached, with little room above
LIMITS = {"p_ms": (2.0, 7.6), "pr_ms": (2.0, 5.5), "qrs_ms": (2.5, 8.2), "qt_ms": (3.0, 11.5)}


@pytest.fixture(scope="module")
def observed(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Observed]:
    folder = tmp_path_factory.mktemp("ludb")
    with tarfile.open(shared / "data" / "ludb" / "ludb-odd.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return [observe(marked) for marked in read_ludb(folder)]


def test_the_reference_is_what_the_cardiologists_marked(observed: list[Observed]) -> None:
    assert len(observed) == 100
    assert sum(len(one.marked.beats) for one in observed) == 908
    assert sum(one.marked.has_p for one in observed) == 88
    marked = [reference(one.marked) for one in observed]
    typical = {name: np.nanmedian([one[name] for one in marked]) for name in NAMES}
    assert typical == pytest.approx({"p_ms": 118, "pr_ms": 160, "qrs_ms": 104, "qt_ms": 413}, abs=3)


def test_intervals_judged_on_records_they_were_not_fitted_on(observed: list[Observed]) -> None:
    apart = cross_validated(observed)
    for name, (most, spread) in LIMITS.items():
        n, mean, sd = trimmed(apart[name])
        assert n == (100 if name in ("qrs_ms", "qt_ms") else 88)
        assert abs(mean) <= most, f"{name}: {mean:.1f}"
        assert sd <= spread, f"{name}: {sd:.1f}"


def test_the_shipped_shifts_are_those_that_are_fitted(observed: list[Observed]) -> None:
    fitted = fit_shifts(observed)
    for name in MARKED:
        assert getattr(SHIFTS, name) == pytest.approx(getattr(fitted, name), abs=0.35), name


def test_r_peaks_and_p_waves(observed: list[Observed]) -> None:
    hits, misses, extra = r_peaks(observed)
    assert hits + misses == 908
    assert misses <= 1
    assert extra <= 2
    present, of_present, absent, of_absent = p_waves(observed)
    assert (of_present, of_absent) == (88, 12)
    assert present >= 86
    assert absent >= 11


def test_the_same_record_at_100_and_500_hz(ptbxl500: Path, ptbxl_at_100: Callable[[int], Record]) -> None:
    headers = sorted(ptbxl500.rglob("*_hr.hea"))
    assert len(headers) == 64
    pairs = [(ptbxl_at_100(int(path.stem[:5])), read_record(path)) for path in headers]
    for name, values in pair_differences(pairs).items():
        known = np.abs(values[np.isfinite(values)])
        assert len(known) >= (64 if name in ("qrs_ms", "qt_ms") else 55), name
        assert np.median(known) <= 2.1, name
        assert np.quantile(known, 0.9) <= 12, name
