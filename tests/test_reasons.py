"""Reasons are true of the record, outside the normal range, told once and in a cardiologist's words."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ecg_core.measurements import NAMES, REGISTRY, Measurements
from ecg_core.measurements.delineation import Fiducials
from ecg_core.measurements.measure import NO_BEATS, NO_P, PACED
from ecg_core.measurements.ranges import NormalRanges, fit_ranges
from ecg_core.measurements.reasons import Reason, reasons_of
from ecg_core.measurements.scores import RankScores, fit_rank_scores
from ecg_core.measurements.whole_findings import over_pr_limit

N = 3000

# middle and standard deviation of the normals of this test; what is not named is 10 with 1
USUAL = {
    "heart_rate": (70, 10),
    "rr_irregularity": (0.02, 0.01),
    "rr_min_ratio": (0.95, 0.02),
    "rr_max_ratio": (1.05, 0.02),
    "rr_sd_ms": (30, 8),
    "other_beats_share": (0.0, 0.0),
    "p_ms": (115, 10),
    "pr_ms": (160, 18),
    "qrs_ms": (95, 8),
    "qtc_fridericia_ms": (415, 18),
    "qrs_axis_deg": (35, 28),
    "sokolow_lyon_mv": (2.2, 0.6),
    "cornell_mv": (1.2, 0.5),
    "peguero_mv": (1.7, 0.5),
    "sum_voltage_mv": (14, 3),
    "chest_voltage_mv": (2.2, 0.5),
    "limb_voltage_mv": (1.1, 0.25),
    "qrs_vector_mv": (1.5, 0.3),
    "qrs_t_spatial_deg": (50, 20),
}
BY_LEAD = {
    "p_mv": (0.10, 0.03),
    "p_terminal_force": (2.0, 1.0),
    "r_mv": (1.0, 0.25),
    "q_mv": (0.0, 0.0),
    "q_ms": (0.0, 0.0),
    "s_mv": (-0.5, 0.15),
    "r_share": (0.6, 0.1),
    "r_prime_mv": (0.0, 0.0),
    **{f"st_{at}_mv": (0.02, 0.02) for at in ("j", "40", "60", "80", "120")},
    "t_mv": (0.35, 0.08),
    "t_max_mv": (0.35, 0.08),
    "t_min_mv": (0.02, 0.02),
}


def usual(name: str) -> tuple[float, float]:
    return USUAL.get(name) or BY_LEAD.get(name.rsplit("_", 1)[0], (10.0, 1.0))


@pytest.fixture(scope="module")
def normals() -> np.ndarray:
    middle, spread = np.array([usual(name) for name in NAMES]).T
    values = middle + spread * np.random.default_rng(0).normal(size=(N, len(NAMES)))
    values[:60, [NAMES.index(name) for name in ("p_ms", "pr_ms")]] = np.nan
    return values


@pytest.fixture(scope="module")
def ranks(normals: np.ndarray) -> RankScores:
    return fit_rank_scores(normals, NAMES)


@pytest.fixture(scope="module")
def ranges(normals: np.ndarray) -> NormalRanges:
    return fit_ranges(normals, NAMES, np.full(N, 50.0), ["male"] * N)


POINTS = Fiducials(-200.0, -150.0, -90.0, -40.0, 55.0, 260.0, 340.0)


def measured(without: tuple[str, ...] = (), why: str = NO_P, **changed: float) -> Measurements:
    values = {name: usual(name)[0] for name in NAMES} | changed
    kept = {name: float(value) for name, value in values.items() if name not in without}
    return Measurements(kept, dict.fromkeys(without, why), points=POINTS)


@pytest.fixture
def say(ranks: RankScores, ranges: NormalRanges):
    def reasons(measurements: Measurements, most: int = 5) -> tuple[Reason, ...]:
        return reasons_of(measurements, ranks, ranges, 50.0, "male", most)

    return reasons


def leads(name: str, value: float, *of: str) -> dict[str, float]:
    return {f"{name}_{lead}": value for lead in of}


def test_a_record_within_its_ranges_has_no_reason(say) -> None:
    assert say(measured()) == ()


def test_nothing_within_its_range_is_a_reason(say, ranges: NormalRanges) -> None:
    limit = ranges.of("qrs_ms")
    assert limit is not None
    assert say(measured(qrs_ms=limit.high)) == ()
    assert say(measured(qrs_ms=limit.high + 0.3)) == (), "as it is written, it is within"
    assert [reason.name for reason in say(measured(qrs_ms=limit.high + 1))] == ["qrs_ms"]


@pytest.mark.parametrize(
    ("pr_ms", "told"),
    [(200.4, []), (212.0, ["PR 212 ms, over the clinical limit of 200 ms"]), (250.0, ["PR 250 ms"])],
)
def test_a_pr_over_the_clinical_limit_is_a_reason_within_its_range_too(ranks, normals, pr_ms, told) -> None:
    long = normals.copy()
    long[:, NAMES.index("pr_ms")] += 25.0
    ranges = fit_ranges(long, NAMES, np.full(N, 50.0), ["male"] * N)
    assert 215.0 < ranges.of("pr_ms").high < 230.0
    found = reasons_of(measured(pr_ms=pr_ms), ranks, ranges, 50.0, "male")
    assert [reason.text.split(" (normal ")[0] for reason in found] == told
    assert all((reason.side, reason.high) == ("high", ranges.of("pr_ms").high) for reason in found)


@pytest.mark.parametrize(
    ("pr_ms", "rate", "age", "over"),
    [
        (194.0, 107.0, 70.0, "over the limit of 184 ms at 107 bpm"),
        (184.4, 107.0, 70.0, ""),
        (185.0, 107.0, 70.0, "over the limit of 184 ms at 107 bpm"),
        (189.0, 107.0, 59.0, ""),
        (191.0, 107.0, 59.0, "over the limit of 190 ms at 107 bpm"),
        (191.0, 107.0, None, "over the limit of 190 ms at 107 bpm"),
        (200.0, 70.0, 70.0, ""),
        (199.0, 50.0, 70.0, ""),
        (202.0, 50.0, 70.0, "over the clinical limit of 200 ms"),
        (212.0, 107.0, 70.0, "over the clinical limit of 200 ms"),
        (194.0, float("nan"), 70.0, ""),
        (float("nan"), 107.0, 70.0, ""),
    ],
)
def test_a_fast_rate_lowers_the_limit_of_pr_as_much_as_pr_shortens(pr_ms, rate, age, over) -> None:
    assert over_pr_limit(pr_ms, rate, age) == over


def test_a_pr_that_is_long_for_its_rate_is_a_reason(ranks, normals) -> None:
    long = normals.copy()
    long[:, NAMES.index("pr_ms")] += 25.0
    ranges = fit_ranges(long, NAMES, np.full(N, 50.0), ["male"] * N)
    (fast,) = [
        r for r in reasons_of(measured(pr_ms=194.0, heart_rate=97.0), ranks, ranges, 50.0, "male") if r.name == "pr_ms"
    ]
    assert fast.text.startswith("PR 194 ms, over the limit of 192 ms at 97 bpm (normal ")
    assert fast.side == "high"
    assert "pr_ms" not in [r.name for r in reasons_of(measured(pr_ms=194.0), ranks, ranges, 50.0, "male")]


def test_every_reason_states_a_value_outside_its_range(say, normals: np.ndarray) -> None:
    """Of 150 of these normals, whose measurements vary one by one."""
    told = 0
    for row in normals[100:250]:
        values = dict(zip(NAMES, row.tolist(), strict=True))
        for reason in say(Measurements(values, points=POINTS), most=50):
            assert reason.value is not None and reason.low is not None and reason.high is not None
            assert (reason.value > reason.high) if reason.side == "high" else (reason.value < reason.low)
            assert reason.value == values[reason.name]
            assert reason.name == reason.names[0]
            assert len(set(reason.names)) == len(reason.names)
            told += 1
    assert told > 100


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"qrs_ms": 152}, "QRS 152 ms (normal 80–111)"),
        ({"pr_ms": 236}, "PR 236 ms (normal 125–195)"),
        ({"heart_rate": 128}, "Heart rate 128 bpm (normal 50–90)"),
        ({"qrs_axis_deg": -52}, "Left axis −52° (normal −20° to 91°)"),
        ({"qrs_axis_deg": 130}, "Right axis 130° (normal −20° to 91°)"),
        ({"qrs_axis_deg": -150}, "Extreme axis −150° (normal −20° to 91°)"),
        ({"sokolow_lyon_mv": 4.3}, "Sokolow-Lyon 4.30 mV (normal 1.0–3.4)"),
        ({"qtc_fridericia_ms": 510}, "QTc 510 ms by Fridericia (normal 380–451)"),
        ({"rr_irregularity": 0.21}, "RR irregular: it changes by a median of 21 % from beat to beat (normal up to 4)"),
        ({"limb_voltage_mv": 0.3}, "Low voltage: tallest QRS in the limb leads 0.30 mV (normal 0.6–1.6)"),
    ],
)
def test_in_words(say, changed: dict[str, float], text: str) -> None:
    """The limits of these normals vary by chance: compared is what stands before them, and their form."""
    (reason,) = say(measured(**changed))
    assert reason.text.split(" (normal ")[0] == text.split(" (normal ")[0]
    assert ("up to" in reason.text, " to " in reason.text.split("(")[1]) == (
        "up to" in text,
        " to " in text.split("(")[1],
    )


def test_neighbouring_leads_are_told_as_one(say) -> None:
    changed = leads("st_80_mv", -0.08, "V4", "V6") | leads("st_80_mv", -0.12, "V5") | leads("st_60_mv", -0.10, "V5")
    (reason,) = say(measured(**changed))
    assert reason.text.startswith("ST depressed in V4–V6, lowest −0.12 mV in V5 (normal ")
    assert (reason.name, reason.leads, reason.side, reason.part) == ("st_80_mv_V5", ("V4", "V5", "V6"), "low", "ST")
    assert {"st_80_mv_V4", "st_80_mv_V5", "st_80_mv_V6", "st_60_mv_V5"} == set(reason.names)
    assert (reason.start_ms, reason.stop_ms) == (55.0, 135.0)


def test_t_waves_by_how_low_they_are(say) -> None:
    changed = leads("t_mv", -0.3, "V3", "V4") | leads("t_mv", 0.01, "V5") | leads("t_mv", 0.12, "I", "V6")
    (reason,) = say(measured(**changed))
    assert reason.text.startswith("T inverted in V3, V4, low in I, V6, flat in V5, lowest −0.30 mV in V3 (normal ")
    assert (reason.start_ms, reason.stop_ms) == (115.0, 340.0)


def test_q_waves_and_what_they_take_from_r(say) -> None:
    inferior = leads("q_ms", 44, "II", "III", "aVF") | leads("q_mv", -0.3, "II", "III", "aVF")
    (reason,) = say(measured(**inferior))
    assert reason.text.startswith("Q wave in II, III, aVF, longest 44 ms in II (normal up to 0)")
    anterior = leads("q_ms", 80, "V2", "V3") | leads("q_mv", -0.6, "V2", "V3") | leads("s_mv", -0.6, "V2", "V3")
    (reason,) = say(measured(**anterior, **leads("r_mv", 0.0, "V2", "V3")))
    assert reason.text.startswith("QS in V2, V3, longest 80 ms in V2"), "poor R progression is told by the QS"
    assert {"q_ms_V2", "r_mv_V2"} <= set(reason.names)
    (reason,) = say(measured(**leads("r_mv", 0.1, "V2", "V3")))
    assert reason.text.startswith("Poor R progression in V2, V3, R 0.10 mV in V2 (normal ")


def test_one_lead_by_itself_must_be_far_out(say) -> None:
    near, far = (usual("t_mv_V5")[0] - k * 0.08 for k in (2.5, 4.5))
    assert say(measured(t_mv_V5=near)) == ()
    assert [reason.leads for reason in say(measured(t_mv_V5=far))] == [("V5",)]
    assert [reason.leads for reason in say(measured(t_mv_V5=near, t_mv_V6=near))] == [("V5", "V6")]
    assert say(measured(t_mv_V2=near, t_mv_V5=near)) == (), "these are no neighbours"


def test_a_missing_p_wave_is_a_reason_and_a_withheld_one_is_not(say) -> None:
    (reason,) = say(measured(without=("p_ms", "pr_ms")))
    assert reason.text == "No P wave found before each beat (found in 98 % of normal ECGs)"
    assert (reason.value, reason.low, reason.n) == (None, None, N)
    assert reason.percentile == pytest.approx(2.0)
    assert (reason.start_ms, reason.stop_ms) == (-240.0, -40.0)
    assert say(measured(without=("p_ms", "pr_ms"), why=PACED)) == ()
    assert say(Measurements(withheld=dict.fromkeys(NAMES, NO_BEATS))) == ()


def test_conduction_before_what_follows_from_it(say) -> None:
    block = leads("t_mv", -0.4, "I", "aVL", "V5", "V6") | leads("st_80_mv", -0.2, "V5", "V6") | {"qrs_ms": 160.0}
    found = say(measured(**block, qrs_t_spatial_deg=170.0, cornell_mv=3.5))
    assert found[0].name == "qrs_ms"
    assert "qrs_t_spatial_deg" in next(reason for reason in found if reason.part == "T").names, "told by the T wave"
    assert [reason.name for reason in say(measured(**block, cornell_mv=3.5), most=1)] == ["qrs_ms"]


def test_two_voltages_are_one_reason(say) -> None:
    (reason,) = say(measured(sokolow_lyon_mv=4.6, cornell_mv=3.3, r_mv_V5=2.4, sum_voltage_mv=25))
    assert "Sokolow-Lyon 4.60 mV (normal" in reason.text and "Cornell 3.30 mV (normal" in reason.text
    assert {"sokolow_lyon_mv", "cornell_mv", "r_mv_V5", "sum_voltage_mv"} == set(reason.names)


def test_a_rhythm_is_nowhere_on_the_beat(say) -> None:
    (reason,) = say(measured(heart_rate=130))
    assert (reason.start_ms, reason.stop_ms, reason.leads) == (None, None, ())


def test_early_beats_are_not_called_irregular(say) -> None:
    (reason,) = say(measured(rr_min_ratio=0.6, rr_sd_ms=120))
    assert reason.text.startswith("Early beat: the shortest RR is 60 % of the median (normal ")
    assert reason.names == ("rr_min_ratio", "rr_sd_ms")


def test_more_unusual_comes_first_and_most_is_kept(say) -> None:
    found = say(measured(heart_rate=130, qtc_fridericia_ms=460, qrs_axis_deg=-40, p_ms=160, pr_ms=240, qrs_ms=150))
    assert len(found) == 5
    key = [reason.name for reason in found]
    assert key.index("heart_rate") < key.index("qtc_fridericia_ms")


def test_plain_json(say) -> None:
    found = say(measured(qrs_ms=152, without=("p_ms", "pr_ms")))
    plain = json.loads(json.dumps([reason.as_json() for reason in found], allow_nan=False))
    assert [one["name"] for one in plain] == ["qrs_ms", "p_ms"]
    assert plain[0]["value"] == 152.0 and plain[1]["value"] is None


DIAGNOSES = ("block", "lbbb", "rbbb", "infarct", "ischaem", "ischem", "hypertrophy", "fibrillation", "normal ecg,")


def test_no_text_is_a_diagnosis(say, normals: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    texts = []
    for row in normals[100:160]:
        values = dict(zip(NAMES, (row + rng.normal(size=len(NAMES)) * 0.5).tolist(), strict=True))
        texts += [reason.text for reason in say(Measurements(values, points=POINTS), most=50)]
    assert len({text.split(" ")[0] for text in texts}) > 8
    assert not [text for text in texts if any(word in text.lower() for word in DIAGNOSES)]
    assert not [text for text in texts if any(f" {name}" in text for name in REGISTRY)], "names of measurements in code"
