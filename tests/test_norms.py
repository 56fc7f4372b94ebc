"""Measurements beside the normals' ranges: what a table shows of them."""

from __future__ import annotations

import numpy as np
import pytest

from ecg_core.measurements import NAMED, REGISTRY, Measurements
from ecg_core.measurements.norms import ALL_NAMED, Band, Norms, rows
from ecg_core.measurements.ranges import fit_ranges

BAND = Band(np.zeros(1), np.zeros((12, 1), np.float32), np.zeros((12, 1), np.float32))


@pytest.fixture(scope="module")
def norms() -> Norms:
    rng = np.random.default_rng(0)
    n = 4000
    male = np.arange(n) % 2 == 0
    qrs = rng.normal(92, 8, n) + 12 * male
    values = np.stack([qrs, rng.normal(60, 8, n), rng.normal(0.05, 0.03, n), rng.normal(30, 25, n)], axis=1)
    names = ("qrs_ms", "heart_rate", "st_j_mv_V2", "qrs_axis_deg")
    sexes = ["male" if one else "female" for one in male]
    return Norms(fit_ranges(values, names, np.full(n, 50.0), sexes), BAND, 55.0, "female")


def test_a_value_stands_beside_the_range_of_its_own_group(norms: Norms) -> None:
    (row,) = rows(Measurements({"qrs_ms": 114.0}), norms, ("qrs_ms",))
    assert row.normal is not None
    assert row.normal.group == "women"
    assert row.normal.n == 2000
    assert (row.number, row.unit, row.side) == ("114", "ms", "high")
    assert row.span == f"{row.normal.low:.0f}\N{EN DASH}{row.normal.high:.0f}"
    assert row.percentile is not None
    assert row.percentile > 99
    (man,) = rows(Measurements({"qrs_ms": 114.0}), Norms(norms.ranges, BAND, 55.0, "male"), ("qrs_ms",))
    assert man.side is None, "the same QRS is within the range of men"


def test_what_is_withheld_has_no_number_but_its_reason_and_range(norms: Norms) -> None:
    found = Measurements({"heart_rate": 61.0}, {"qrs_ms": "the QRS complex has no clear ends"})
    row, rate = rows(found, norms, ("qrs_ms", "heart_rate"))
    assert (row.value, row.number, row.percentile, row.side) == (None, "", None, None)
    assert row.why == "the QRS complex has no clear ends"
    assert row.normal is not None
    assert (rate.why, rate.unit) == ("", "/min")


def test_an_uncertain_value_is_given_with_why(norms: Norms) -> None:
    found = Measurements({"qrs_axis_deg": -12.0}, uncertain={"qrs_axis_deg": "small QRS in the limb leads"})
    (row,) = rows(found, norms, ("qrs_axis_deg",))
    assert (row.number, row.unit, row.why) == ("\N{MINUS SIGN}12", "°", "small QRS in the limb leads")


def test_without_normals_there_is_a_value_and_no_range(norms: Norms) -> None:
    (row,) = rows(Measurements({"pr_ms": 160.0}), norms, ("pr_ms",))
    assert (row.number, row.normal, row.percentile, row.span) == ("160", None, None, "")
    assert row.as_json() == dict.fromkeys(("low", "high", "percentile", "side", "n", "group"))


def test_every_named_measurement_is_in_the_registry() -> None:
    assert set(ALL_NAMED) <= set(REGISTRY)
    assert ALL_NAMED[: len(NAMED)] == NAMED
    assert "t_mv_V5" in ALL_NAMED
