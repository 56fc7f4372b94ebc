"""Normal ranges: by sex and age where one for all serves a group badly, else one for all."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ecg_core.errors import CheckpointError
from ecg_core.measurements.ranges import EVERYONE, FEWEST, NormalRanges, fit_ranges

NAMES = ("heart_rate", "qrs_ms", "pr_ms", "t_mv_V5", "q_ms_II", "p_ms")
N = 6000


@pytest.fixture(scope="module")
def people() -> tuple[np.ndarray, list[str | None]]:
    rng = np.random.default_rng(0)
    return rng.uniform(18, 90, N), ["female" if one else "male" for one in rng.random(N) < 0.5]


@pytest.fixture(scope="module")
def ranges(people: tuple[np.ndarray, list[str | None]]) -> NormalRanges:
    """Rate the same in all; QRS longer in men; PR longer with age; T by both; Q mostly 0; P missing in many."""
    age, sex = people
    male = np.array([s == "male" for s in sex])
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(N, 5))
    values = np.stack(
        [
            70 + 10 * noise[:, 0],
            95 + 8 * male + 8 * noise[:, 1],
            150 + 0.5 * (age - 50) + 15 * noise[:, 2],
            0.3 + 0.15 * male - 0.004 * (age - 50) + 0.1 * noise[:, 3],
            np.where(rng.random(N) < 0.8, 0.0, 10 + 20 * rng.random(N)),
            110 + 12 * noise[:, 4],
        ],
        axis=1,
    )
    values[rng.random(N) < 0.03, 5] = np.nan
    return fit_ranges(values, NAMES, age, sex)


def test_limits_are_the_percentiles_of_all_where_groups_agree(ranges: NormalRanges) -> None:
    found = ranges.of("heart_rate", 50, "female")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((70 - 19.6, 70 + 19.6), abs=1.2)
    assert (found.n, found.group) == (N, EVERYONE)
    assert found == ranges.of("heart_rate", 85, "male") == ranges.of("heart_rate")


def test_groups_that_differ_have_their_own(ranges: NormalRanges) -> None:
    women, men = (ranges.of("qrs_ms", 50, sex) for sex in ("female", "male"))
    assert women is not None and men is not None
    assert (women.group, men.group) == ("women", "men")
    assert men.high - women.high == pytest.approx(8, abs=1.5)
    young, old = (ranges.of("pr_ms", age, "male") for age in (25, 80))
    assert young is not None and old is not None
    assert (young.group, old.group) == ("18–39 years", "75 years and over")
    assert old.high - young.high > 20
    both = ranges.of("t_mv_V5", 50, "female")
    assert both is not None and both.group == "women, 40–59 years"
    assert FEWEST < both.n < N / 4


@pytest.mark.parametrize(
    ("age", "sex"), [(None, "male"), (50.0, None), (None, None), (float("nan"), "male"), (9, "male")]
)
def test_who_is_not_known_is_held_against_all(ranges: NormalRanges, age: float | None, sex: str | None) -> None:
    found = ranges.of("t_mv_V5", age, sex)  # type: ignore[arg-type]
    assert found is not None and (found.group, found.n) == (EVERYONE, N)


def test_sex_alone_serves_what_is_split_by_sex_alone(ranges: NormalRanges) -> None:
    assert ranges.of("qrs_ms", None, "female") == ranges.of("qrs_ms", 50, "female")


def test_a_small_group_has_no_range_of_its_own() -> None:
    age = np.concatenate([np.full(2000, 50.0), np.full(FEWEST - 1, 80.0)])
    sex = ["male"] * len(age)
    values = np.where(age < 75, 0.0, 30.0)[:, None] + np.random.default_rng(0).normal(100, 5, (len(age), 1))
    found = fit_ranges(values, ["qrs_ms"], age, sex)
    old = found.of("qrs_ms", 80, "male")
    assert old is not None and old.group == EVERYONE
    more = fit_ranges(np.tile(values, (2, 1)), ["qrs_ms"], np.tile(age, 2), sex * 2).of("qrs_ms", 80, "male")
    assert more is not None and more.group == "75 years and over"


def test_a_difference_within_sampling_error_splits_nothing() -> None:
    rng = np.random.default_rng(3)
    sex = ["female", "male"] * 150
    split = [
        fit_ranges(rng.normal(100, 10, (300, 1)), ["qrs_ms"], np.full(300, 50.0), sex).of("qrs_ms", 50, "male")
        for _ in range(40)
    ]
    assert {found.group for found in split if found} == {EVERYONE}


def test_percentile_counts_who_is_lower(ranges: NormalRanges) -> None:
    assert ranges.percentile("heart_rate", 70.0) == pytest.approx(50, abs=3)
    assert ranges.percentile("heart_rate", 70 + 10 * 2.409) == pytest.approx(99.2, abs=0.25)
    assert ranges.percentile("heart_rate", 70 - 10 * 2.409) == pytest.approx(0.8, abs=0.25)
    assert ranges.percentile("heart_rate", 10.0) == 0.0
    assert ranges.percentile("heart_rate", 300.0) == 100.0
    assert ranges.percentile("qrs_ms", 103, 50, "female") > ranges.percentile("qrs_ms", 103, 50, "male") + 25
    assert ranges.percentile("q_ms_II", 0.0) == 0.0, "those who share a value are not lower"
    assert ranges.percentile("q_ms_II", 5.0) == pytest.approx(80, abs=3)
    assert np.isnan(ranges.percentile("heart_rate", float("nan")))


def test_the_limits_stand_at_their_percentiles(ranges: NormalRanges) -> None:
    for name in ("heart_rate", "qrs_ms", "pr_ms", "t_mv_V5"):
        found = ranges.of(name, 30, "female")
        assert found is not None
        assert ranges.percentile(name, found.low, 30, "female") == pytest.approx(2.5, abs=1e-6)
        assert ranges.percentile(name, found.high, 30, "female") == pytest.approx(97.5, abs=1e-6)


def test_what_cannot_be_made_in_some_is_counted(ranges: NormalRanges) -> None:
    found = ranges.of("p_ms")
    assert found is not None and found.n < N
    assert ranges.share_made("p_ms") == pytest.approx(0.97, abs=0.01)
    assert ranges.share_made("heart_rate") == 1.0
    assert ranges.of("no such measurement") is None
    assert np.isnan(ranges.percentile("no such measurement", 1.0))


def test_too_few_normals_have_no_range() -> None:
    values = np.full((500, 1), np.nan)
    values[: FEWEST - 1] = 1.0
    assert fit_ranges(values, ["p_ms"], np.full(500, 50.0), ["male"] * 500).of("p_ms", 50, "male") is None


def test_stored_and_read_they_are_the_same(ranges: NormalRanges) -> None:
    metadata = json.loads(json.dumps(ranges.metadata()))
    again = NormalRanges.from_arrays(ranges.arrays(), metadata)
    for name in NAMES:
        for age, sex in ((30, "female"), (80, "male"), (None, None)):
            assert again.of(name, age, sex) == ranges.of(name, age, sex)
            assert again.percentile(name, 90.0, age, sex) == ranges.percentile(name, 90.0, age, sex)
    assert again.share_made("p_ms") == ranges.share_made("p_ms")
    assert all(array.dtype.kind in "fi" for array in ranges.arrays().values())


def test_other_groups_or_quantiles_are_refused(ranges: NormalRanges) -> None:
    metadata = ranges.metadata()
    with pytest.raises(CheckpointError, match="age bands"):
        NormalRanges.from_arrays(ranges.arrays(), metadata | {"groups": metadata["groups"][:-1]})
    with pytest.raises(CheckpointError, match="quantiles"):
        NormalRanges.from_arrays(ranges.arrays() | {"range_levels": np.linspace(0, 1, 41)}, metadata)
