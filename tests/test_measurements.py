"""Measurements are what they are said to be at any rate, gain and moment; what cannot be made is missing."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from scipy.signal import resample_poly

from ecg_core.measurements import NAMED, NAMES, REGISTRY, Measurements, measure, measure_prepared, table
from ecg_core.measurements.delineation import Fiducials, plausible
from ecg_core.measurements.measure import BAD_LEAD, NO_BEATS, NO_P_IRREGULAR, PACED
from ecg_core.measurements.p_wave import NO_P as NO_WAVE
from ecg_core.measurements.p_wave import PWave, is_locked, is_upright
from ecg_core.records import DERIVATION, LEADS, Record, twelve_from_eight
from ecg_core.synthetic import EXAMPLES, Synthetic, synthesize
from tests.beating import beating

INTERVALS = ("p_ms", "pr_ms", "qrs_ms", "qt_ms")

# amplitudes of I, II, V1-V6, mV
P = np.array([0.08, 0.15, 0.05, 0.07, 0.07, 0.07, 0.06, 0.06])
QRS = np.array(
    [
        [-0.10, -0.08, 0.25, 0.30, 0.10, -0.05, -0.10, -0.12],
        [0.80, 0.90, -0.30, 0.20, 0.80, 1.40, 1.30, 1.00],
        [-0.15, -0.10, -0.80, -1.20, -0.80, -0.40, -0.25, -0.10],
    ]
)
T = np.array([0.20, 0.25, -0.05, 0.40, 0.45, 0.40, 0.30, 0.22])
QRS_SIGMA, T_SIGMA = 9.0, 38.0
# a Gaussian wave ends so many standard deviations from its middle: at 5.6, 0.4 and 3.0 % of its height
P_ENDS, QRS_ENDS, T_ENDS = 2.4, 3.35, 2.65


def known(
    p: float, pr: float, qrs: float, qt: float, rr: float = 900.0, fs: float = 500.0, seconds: float = 10.0
) -> np.ndarray:
    """Return twelve leads without noise, of Gaussian waves with these intervals in ms."""
    t = np.arange(round(seconds * fs)) * 1000.0 / fs
    x = np.zeros((8, len(t)))

    def wave(at: float, sigma: float) -> np.ndarray:
        return np.exp(-0.5 * ((t - at) / sigma) ** 2)

    for onset in np.arange(350.0, seconds * 1000.0, rr):
        x += P[:, None] * wave(onset - pr + p / 2, p / 2 / P_ENDS)
        first, last = onset + QRS_ENDS * QRS_SIGMA, onset + qrs - QRS_ENDS * QRS_SIGMA
        for amplitudes, at in zip(QRS, (first, first + 0.4 * (last - first), last), strict=True):
            x += amplitudes[:, None] * wave(at, QRS_SIGMA)
        x += T[:, None] * wave(onset + qt - T_ENDS * T_SIGMA, T_SIGMA)
    return twelve_from_eight(x.astype(np.float32))


def record(signal: np.ndarray, fs: float = 500.0, leads: tuple[str, ...] = LEADS) -> Record:
    return Record("test", np.asarray(signal, np.float32), leads, fs, "")


@pytest.fixture(scope="module")
def normal() -> np.ndarray:
    return synthesize(Synthetic("normal", heart_rate=70, seed=3))


@pytest.fixture(scope="module")
def measured(normal: np.ndarray) -> Measurements:
    return measure(record(normal))


@pytest.mark.parametrize(
    ("p", "pr", "qrs", "qt", "rr"),
    [
        (100, 150, 85, 360, 900),
        (100, 180, 90, 380, 900),
        (105, 175, 100, 400, 1000),
        (110, 200, 95, 360, 750),
        (105, 240, 110, 420, 1000),
        (100, 160, 130, 440, 1100),
    ],
)
def test_known_intervals_within_4_ms(p: float, pr: float, qrs: float, qt: float, rr: float) -> None:
    values = measure(record(known(p, pr, qrs, qt, rr))).values
    assert [values[name] for name in INTERVALS] == pytest.approx([p, pr, qrs, qt], abs=4)
    assert values["heart_rate"] == pytest.approx(60000 / rr, rel=0.002)
    assert values["qtc_bazett_ms"] == pytest.approx(values["qt_ms"] / math.sqrt(rr / 1000), rel=0.002)
    assert values["qtc_fridericia_ms"] == pytest.approx(values["qt_ms"] / (rr / 1000) ** (1 / 3), rel=0.002)


@pytest.mark.parametrize(
    ("pr", "qt", "rr"),
    [(230, 380, 600), (230, 360, 600), (240, 370, 600), (240, 400, 640), (240, 400, 600), (260, 370, 600)],
)
def test_a_p_that_begins_on_the_last_t_is_measured_from_where_it_begins(pr: float, qt: float, rr: float) -> None:
    values = measure(record(known(100, pr, 90, qt, rr))).values
    assert [values["p_ms"], values["pr_ms"]] == pytest.approx([100, pr], abs=4)


@pytest.mark.parametrize(("qt", "rr"), [(380, 600), (400, 600), (340, 560), (370, 560)])
def test_the_end_of_t_alone_is_no_p(qt: float, rr: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_measurements.P", np.zeros(8))
    assert "pr_ms" not in measure(record(known(100, 200, 90, qt, rr))).values


def beats_with_p(places: np.ndarray) -> tuple[PWave, np.ndarray, np.ndarray]:
    """Return a P wave 150 ms before R, the median beat, and its beats, in which P is moved by `places` ms."""
    t = (np.arange(576) - 225) * 2.0
    rng = np.random.default_rng(0)
    heights = P[:, None]
    beats = np.stack([heights * np.exp(-0.5 * ((t + 150 - at) / 20) ** 2) for at in places])
    beats += rng.normal(0, 0.02, beats.shape)
    return PWave(225 - 100, 225 - 75, 225 - 50), heights * np.exp(-0.5 * ((t + 150) / 20) ** 2), beats


def test_a_p_is_locked_where_nearly_every_beat_has_it_at_one_place() -> None:
    strewn = np.linspace(-60, 60, 10)
    assert is_locked(*beats_with_p(np.zeros(10)))
    assert not is_locked(*beats_with_p(strewn))
    assert is_locked(*beats_with_p(np.where(np.arange(10) < 8, 0.0, strewn)))
    assert not is_locked(*beats_with_p(np.where(np.arange(10) < 6, 0.0, strewn)))


def test_a_p_is_upright_by_the_second_lead() -> None:
    p, x, _ = beats_with_p(np.zeros(2))
    assert is_upright(p, x)
    assert not is_upright(p, -x)
    assert not is_upright(p, x[:1])
    assert not is_upright(NO_WAVE, x)


@pytest.mark.parametrize("pr", [380, 400, 420, 440])
@pytest.mark.parametrize("qrs", [90, 170])
def test_a_p_before_the_median_beat_is_withheld(pr: float, qrs: float) -> None:
    signal = known(100, pr, qrs, 360, 1200)
    noise = np.random.default_rng(2).normal(0, 0.01, signal.shape)
    values = measure(record(signal + noise)).values
    assert values.get("pr_ms", 0.0) <= 420


def test_a_p_at_the_edge_of_the_median_beat_is_not_plausible() -> None:
    wide = Fiducials(-449.0, -400.0, -340.0, -60.0, 90.0, 250.0, 320.0)
    assert plausible(wide)
    assert not plausible(dataclasses.replace(wide, p_onset=-453.0))
    assert not plausible(Fiducials(qrs_onset=-40.0, qrs_offset=50.0))


def test_a_very_long_pr_is_measured() -> None:
    signal = known(100, 370, 90, 360, 1100)
    noise = np.random.default_rng(2).normal(0, 0.01, signal.shape)
    assert measure(record(signal + noise)).values["pr_ms"] == pytest.approx(370, abs=15)


def test_known_amplitudes_and_axes() -> None:
    values = measure(record(known(110, 170, 100, 400, 1000))).values
    for lead, p, t in zip(("I", "II", "V1", "V2", "V3", "V4", "V5", "V6"), P, T, strict=True):
        assert values[f"t_mv_{lead}"] == pytest.approx(t, abs=0.012)
        assert values[f"p_mv_{lead}"] == pytest.approx(p, rel=0.12, abs=0.006)
        assert abs(values[f"st_80_mv_{lead}"]) < 0.02
    assert values["r_mv_V5"] == pytest.approx(1.3, rel=0.1)
    assert values["s_mv_V2"] == pytest.approx(-1.2, rel=0.1)
    assert -0.1 < values["q_mv_I"] < -0.03  # R overlaps it
    assert values["q_mv_V1"] == 0.0
    # the frontal axis of a wave with one shape in all leads follows from its amplitudes in I and II
    for name, (one, two) in {"p_axis_deg": P[:2], "t_axis_deg": T[:2]}.items():
        a_vf = two - one / 2
        assert values[name] == pytest.approx(math.degrees(math.atan2(a_vf * 2 / math.sqrt(3), one)), abs=2)


@pytest.mark.parametrize("gain", [0.5, 2.0])
def test_gain_scales_amplitudes_and_nothing_else(normal: np.ndarray, measured: Measurements, gain: float) -> None:
    other = measure(record(normal * np.float32(gain))).values
    for name in (*INTERVALS, "heart_rate", "p_axis_deg", "qrs_axis_deg", "t_axis_deg", "qrs_t_spatial_deg"):
        assert other[name] == pytest.approx(measured.values[name], abs=0.1), name
    for name in ("r_mv_II", "s_mv_V2", "t_mv_V5", "p_mv_II", "st_60_mv_V3", "sokolow_lyon_mv", "qrs_area_V1"):
        assert other[name] == pytest.approx(gain * measured.values[name], rel=1e-3), name


@pytest.mark.parametrize("fs", [100, 250, 360, 1000])
def test_the_rate_of_sampling_changes_little(fs: int) -> None:
    signal = synthesize(Synthetic("normal", heart_rate=66, seed=5))
    at_500 = measure(record(signal)).values
    other = measure(record(resample_poly(signal.astype(np.float64), fs, 500, axis=1), fs)).values
    for name in INTERVALS:
        assert other[name] == pytest.approx(at_500[name], abs=4.1), name
    for name in ("r_mv_V5", "s_mv_V2", "t_mv_V3", "p_mv_II", "st_j_mv_V2"):
        assert other[name] == pytest.approx(at_500[name], abs=0.02), name
    assert other["qrs_axis_deg"] == pytest.approx(at_500["qrs_axis_deg"], abs=2)


@pytest.mark.parametrize("samples", [3, 211, 500])
def test_a_shift_in_time_changes_little(samples: int) -> None:
    signal = known(110, 170, 100, 400, 1000, seconds=12)
    whole = measure(record(signal[:, :5000])).values
    later = measure(record(signal[:, samples : samples + 5000])).values
    for name in INTERVALS:
        assert later[name] == pytest.approx(whole[name], abs=2.1), name
    assert later["r_mv_V5"] == pytest.approx(whole["r_mv_V5"], rel=0.01)


def test_derived_leads_are_measured_as_recorded_ones(normal: np.ndarray, measured: Measurements) -> None:
    eight = np.concatenate([normal[:2], normal[6:]])
    derived = measure(record(eight, leads=("I", "II", *LEADS[6:])))
    assert derived.values == pytest.approx(measured.values, rel=1e-3, abs=1e-3)
    # T is a sum over time, so that a derived lead's area follows from those of I and II
    areas = [measured.values[f"t_area_{lead}"] for lead in LEADS[:6]]
    assert DERIVATION @ areas[:2] == pytest.approx(areas[2:], abs=0.05)


def test_a_lead_turned_over_is_measured_turned_over(normal: np.ndarray, measured: Measurements) -> None:
    turned = normal.copy()
    turned[10] *= -1
    other = measure(record(turned)).values
    assert other["t_mv_V5"] == pytest.approx(-measured.values["t_mv_V5"], abs=0.01)
    assert other["st_60_mv_V5"] == pytest.approx(-measured.values["st_60_mv_V5"], abs=0.01)
    for name in INTERVALS:
        assert other[name] == pytest.approx(measured.values[name], abs=2.1)


def test_limb_electrodes_exchanged_turn_the_axes(normal: np.ndarray, measured: Measurements) -> None:
    one, two = -normal[0], normal[1] - normal[0]  # arms exchanged: I turned over, II and III exchanged
    other = measure(record(twelve_from_eight(np.concatenate([[one], [two], normal[6:]])))).values
    for name in ("qrs_axis_deg", "t_axis_deg"):
        assert (other[name] + measured.values[name]) % 360 == pytest.approx(180, abs=4)


def test_a_lead_that_cannot_be_read_is_missing_and_no_other(normal: np.ndarray, measured: Measurements) -> None:
    flat = normal.copy()
    flat[LEADS.index("V3")] = 0
    found = measure(record(flat))
    lost = {name for name in measured.values if name not in found.values}
    assert {name for name, m in REGISTRY.items() if m.lead == "V3" and name in measured.values} <= lost
    assert found.withheld["r_mv_V3"] == BAD_LEAD
    assert {"cornell_mv", "peguero_mv", "sum_voltage_mv", "qrs_t_spatial_deg"} <= lost
    assert not {name for name in lost if REGISTRY[name].lead not in (None, "V3")}
    for name in INTERVALS:
        assert found.values[name] == pytest.approx(measured.values[name], abs=6)


def test_fibrillation_has_no_p_and_says_so() -> None:
    spec = next(spec for spec in EXAMPLES if spec.kind == "af")
    found = measure(record(synthesize(spec)))
    for name in ("p_ms", "pr_ms", "p_axis_deg", "p_mv_II"):
        assert found.get(name) is None
        assert found.withheld[name] == NO_P_IRREGULAR
    assert found.values["rr_irregularity"] > 0.1
    assert 80 < found.values["qrs_ms"] < 120


@pytest.mark.parametrize("seed", range(4))
def test_sinus_rhythm_has_its_p(seed: int) -> None:
    found = measure(record(synthesize(Synthetic("normal", heart_rate=60 + 10 * seed, seed=seed))))
    assert set(INTERVALS) <= set(found.values)
    assert 0 < found.values["rr_irregularity"] < 0.05


def test_pacemaker_spikes_withhold_qrs_and_qt() -> None:
    signal = known(110, 170, 140, 440, 1000)
    for onset in np.arange(350, 10000, 1000):
        signal[:, round((onset - 4) / 2)] += 1.5
    found = measure(record(signal))
    assert found.withheld["qrs_ms"] == found.withheld["qt_ms"] == found.withheld["pr_ms"] == PACED
    assert "heart_rate" in found.values
    assert "qrs_ms" in measure(record(known(110, 170, 140, 440, 1000))).values


def test_five_seconds_are_enough(normal: np.ndarray, measured: Measurements) -> None:
    short = measure(record(normal[:, 1000:3500]))
    for name in INTERVALS:
        assert short.values[name] == pytest.approx(measured.values[name], abs=12), name


@pytest.mark.parametrize("signal", [np.zeros((12, 5000)), np.full((12, 5000), 1.0), np.zeros((12, 300))])
def test_no_beats_are_no_measurements(signal: np.ndarray) -> None:
    found = measure(record(signal))
    assert found.values == {}
    assert found.withheld == dict.fromkeys(NAMES, NO_BEATS)
    assert found.as_json()["heart_rate"] is None


def test_noise_gives_no_p() -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, (12, 5000))
    found = measure(record(noise))
    assert "pr_ms" not in found.values


def test_a_low_t_makes_qt_uncertain() -> None:
    signal = known(110, 170, 100, 400, 1000)
    assert measure(record(signal)).uncertain == {}
    low = signal - 0.88 * (signal - known_without_t())
    assert "qt_ms" in measure(record(low)).uncertain


def known_without_t() -> np.ndarray:
    global T
    kept, T = T, np.zeros(8)
    try:
        return known(110, 170, 100, 400, 1000)
    finally:
        T = kept


def test_an_infarction_s_q_and_a_block_s_r_prime() -> None:
    plain = known(110, 170, 100, 400, 1000)
    x = np.concatenate([plain[:2], plain[6:]])
    t = np.arange(5000) * 2.0
    for onset in np.arange(350, 10000, 1000):
        x[1] -= 0.4 * np.exp(-0.5 * ((t - onset - 28) / 10) ** 2)
        x[2] += 0.8 * np.exp(-0.5 * ((t - onset - 80) / 9) ** 2)
    before, after = measure(record(plain)).values, measure(record(twelve_from_eight(x))).values
    assert after["q_mv_aVF"] < before["q_mv_aVF"] - 0.15
    assert after["q_ms_aVF"] > before["q_ms_aVF"] + 8
    assert after["r_prime_mv_V1"] > before["r_prime_mv_V1"] + 0.3


def test_every_value_is_in_the_registry_and_finite(measured: Measurements) -> None:
    assert set(measured.values) | set(measured.withheld) == set(NAMES)
    assert not set(measured.values) & set(measured.withheld)
    assert all(math.isfinite(value) for value in measured.values.values())
    assert len(measured.values) >= len(NAMES) - 3
    assert np.array_equal(np.isnan(measured.vector()), [name not in measured.values for name in NAMES])


def test_the_registry_is_a_table_and_names_what_is_asked_for() -> None:
    rows = table()
    assert len({row["name"] for row in rows}) == len(rows) == len(NAMES)
    assert json.loads(json.dumps(rows)) == rows
    assert set(NAMED) <= set(NAMES)
    for row in rows:
        assert row["title"]
        assert row["definition"]
        assert str(row["source"]).startswith(("doi 10.", "ecg_core."))
        assert (row["lead"] in LEADS and str(row["name"]).endswith(f"_{row['lead']}")) or row["lead"] is None
    assert REGISTRY["t_mv_V5"].abnormal == "low"
    assert REGISTRY["t_mv_aVR"].abnormal == "high"
    assert REGISTRY["qrs_ms"].abnormal == "high"
    assert 80 <= sum(m.abnormal is not None for m in REGISTRY.values()) <= 160


def test_the_summary_is_plain_json(measured: Measurements) -> None:
    summary = measured.as_json()
    assert json.loads(json.dumps(summary)) == summary
    assert set(NAMED) < set(summary)
    assert summary["amplitudes_mv"]["r_mv"]["V5"] == pytest.approx(measured.values["r_mv_V5"], abs=1e-3)


def test_points_of_each_lead_stand_near_those_over_all(measured: Measurements) -> None:
    points = measured.points
    for name, values in measured.lead_points.items():
        assert values.shape == (12,)
        there = values[np.isfinite(values)]
        assert len(there) >= 8, name
        assert np.abs(there - getattr(points, name)).max() < 70, name
    order = [points.p_onset, points.p_offset, points.qrs_onset, 0.0, points.qrs_offset, points.t_peak, points.t_end]
    assert order == sorted(order)


def test_the_prepared_path_is_the_same(normal: np.ndarray, measured: Measurements) -> None:
    from ecg_core.beats import detect_beats
    from ecg_core.preprocessing import preprocess

    x = preprocess(normal, 500)
    again = measure_prepared(x, detect_beats(x, LEADS), LEADS)
    assert again.values == measured.values
    assert dataclasses.asdict(again.points) == dataclasses.asdict(measured.points)


def test_other_beats_are_left_out_of_the_median() -> None:
    spec = next(spec for spec in EXAMPLES if spec.kind == "pvc")
    found = measure(record(synthesize(spec)))
    assert found.beat is not None
    assert (~found.beat.classes).sum() == 1
    assert found.values["qrs_ms"] < 120
    assert found.values["other_beats_share"] == pytest.approx(1 / len(found.beat.classes))


def test_another_generator_is_measured_too() -> None:
    values = measure(record(beating(rate=72))).values
    assert values["heart_rate"] == pytest.approx(72, rel=0.01)
    assert 120 < values["pr_ms"] < 240


@pytest.mark.parametrize("rate", [30, 60, 120, 180, 250])
@pytest.mark.parametrize("seconds", [2.2, 5.0, 12.0])
def test_any_rate_and_length_is_measured_or_withheld(rate: int, seconds: float) -> None:
    found = measure(record(beating(rate=rate, seconds=seconds)))
    assert set(found.values) | set(found.withheld) == set(NAMES)
    for name, (low, high) in {"p_ms": (40, 200), "pr_ms": (50, 420), "qrs_ms": (50, 200), "qt_ms": (150, 600)}.items():
        assert name in found.withheld or low < found.values[name] < high


@pytest.mark.parametrize("seed", range(12))
def test_no_noise_makes_it_fail(seed: int) -> None:
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 10.0 ** rng.uniform(-3, 2), (12, int(rng.integers(50, 6000))))
    found = measure(record(noise if seed % 3 else np.cumsum(noise, axis=1)))
    assert set(found.values) | set(found.withheld) == set(NAMES)


@pytest.mark.parametrize("usable", [("II",), ("I", "II"), LEADS[6:], LEADS[1:]])
def test_few_leads_are_measured_as_far_as_they_go(usable: tuple[str, ...]) -> None:
    from ecg_core.beats import detect_beats
    from ecg_core.preprocessing import preprocess

    x = preprocess(beating(), 500)
    every = measure_prepared(x, detect_beats(x, LEADS), LEADS).values
    found = measure_prepared(x, detect_beats(x, usable), usable)
    derived = set(LEADS[:6]) if {"I", "II"} <= set(usable) else set()
    assert {m.lead for name, m in REGISTRY.items() if m.lead and name in found.values} == set(usable) | derived
    for name in INTERVALS:
        assert found.values[name] == pytest.approx(every[name], abs=20), name
    assert ("qrs_axis_deg" in found.values) == ({"I", "II"} <= set(usable))
