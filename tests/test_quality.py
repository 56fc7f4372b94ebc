"""Faults are named in the leads that have them, and clean, pathological or rescaled signals have none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecg_core.quality import FAULTS, MAX_BAD_LEADS, Quality, assess_quality
from ecg_core.records import LEADS, derive_limb_leads
from ecg_core.reversal import EXCHANGES, RIGHT_LEG, WORDS
from tests.beating import beating
from training.faults import PLANTS, SWAPS, is_found, read_ptbxl, signal_of

RATES = [100, 250, 360, 500, 1000]


def spoil(x: np.ndarray, lead: str, row: np.ndarray | float) -> np.ndarray:
    """Return `x` with one lead replaced."""
    out = x.copy()
    out[LEADS.index(lead)] = row
    return out


def noise(n: int, sd: float) -> np.ndarray:
    """Return white noise."""
    return np.random.default_rng(3).normal(0, sd, n)


@pytest.mark.parametrize("fs", RATES)
@pytest.mark.parametrize("rate", [30, 72, 200])
def test_a_clean_signal_has_no_fault(fs: int, rate: int) -> None:
    quality = assess_quality(beating(fs, rate), fs)
    assert quality.faults == {}
    assert quality.interpretable


@pytest.mark.parametrize("gain", [0.4, 2.5])
def test_voltage_is_no_fault(gain: float) -> None:
    assert assess_quality(beating() * np.float32(gain), 500).faults == {}


def test_an_offset_and_a_slow_drift_are_no_fault() -> None:
    x = beating()
    drift = 0.4 * np.sin(2 * np.pi * 0.15 * np.arange(x.shape[1]) / 500)
    assert assess_quality((x + 3.0 + drift).astype(np.float32), 500).faults == {}


@pytest.mark.parametrize("fs", RATES)
def test_flat_all_the_time_and_from_the_middle_on(fs: int) -> None:
    x = beating(fs)
    assert assess_quality(spoil(x, "V3", 0.0), fs).faults == {"V3": ("flat",)}
    half = x.copy()
    half[9, x.shape[1] // 2 :] = half[9, x.shape[1] // 2]
    assert "flat" in assess_quality(half, fs).faults["V4"]


@pytest.mark.parametrize("fs", RATES)
@pytest.mark.parametrize("sd", [0.02, 0.2])
def test_disconnected(fs: int, sd: float) -> None:
    x = beating(fs)
    assert assess_quality(spoil(x, "V1", noise(x.shape[1], sd)), fs).faults == {"V1": ("disconnected",)}


def test_a_limb_lead_across_the_axis_is_small_and_not_disconnected() -> None:
    x = beating()
    x[1] = x[0] + noise(x.shape[1], 0.01)  # I and II alike: III is next to nothing
    x[2:6] = derive_limb_leads(np.stack([x[0], x[1]]))
    assert "III" not in assess_quality(x, 500).faults
    assert assess_quality(spoil(x, "III", noise(x.shape[1], 0.2)), 500).faults == {"III": ("disconnected",)}


@pytest.mark.parametrize("fs", RATES)
def test_saturated(fs: int) -> None:
    x = beating(fs)
    clipped = np.clip(x[LEADS.index("V2")], -0.3, None)
    assert assess_quality(spoil(x, "V2", clipped), fs).faults["V2"] == ("saturated",)


@pytest.mark.parametrize("fs", RATES)
def test_a_jump_of_the_baseline(fs: int) -> None:
    x = beating(fs)
    x[LEADS.index("V6"), x.shape[1] // 2 :] += 4
    assert "baseline jump" in assess_quality(x, fs).faults["V6"]
    assert assess_quality(x, fs).bad_leads == ("V6",)


@pytest.mark.parametrize("fs", RATES)
def test_muscle_noise(fs: int) -> None:
    x = beating(fs)
    coarse = np.random.default_rng(5).normal(0, 0.3, 1001)
    row = x[10] + np.interp(np.arange(x.shape[1]) / fs, np.arange(1001) / 100, coarse)
    assert assess_quality(spoil(x, "V5", row), fs).faults == {"V5": ("noisy",)}


@pytest.mark.parametrize("fs", RATES)
@pytest.mark.parametrize("hz", [50.0, 60.0])
def test_mains(fs: int, hz: float) -> None:
    x = beating(fs)
    hum = np.cos(2 * np.pi * (hz + 0.02) * np.arange(x.shape[1]) / fs)
    assert assess_quality(spoil(x, "V5", x[10] + 0.8 * hum), fs).faults == {"V5": ("noisy",)}
    if fs >= 250:
        assert assess_quality(spoil(x, "V5", x[10] + 0.1 * hum), fs).faults == {}


def test_four_bad_leads_are_masked_and_five_are_too_many() -> None:
    x = beating()
    x[6:10] = 0
    four = assess_quality(x, 500)
    assert four.bad_leads == ("V1", "V2", "V3", "V4")
    assert len(four.bad_leads) == MAX_BAD_LEADS
    assert four.interpretable
    x[10] = 0
    five = assess_quality(x, 500)
    assert not five.interpretable
    assert five.usable_leads == (*LEADS[:6], "V6")


def test_without_ii_and_v_leads_nothing_is_interpretable() -> None:
    faults = dict.fromkeys(("II", *LEADS[6:]), ("flat",))
    assert not Quality(faults).interpretable


@pytest.mark.parametrize("x", [np.zeros((12, 5000), np.float32), noise(60000, 1.0).reshape(12, 5000)])
def test_no_ecg_at_all_is_not_interpretable(x: np.ndarray) -> None:
    assert not assess_quality(x.astype(np.float32), 500).interpretable


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_exchanged_limb_electrodes(kind: int) -> None:
    x = beating()
    assert assess_quality(x, 500).reversal is None
    x[:2] = EXCHANGES[kind] @ x[:2]
    x[2:6] = derive_limb_leads(x[:2])
    quality = assess_quality(x, 500)
    assert quality.reversal == WORDS[kind]
    assert quality.interpretable
    assert quality.words().endswith(f"{WORDS[kind]}.")


def test_right_arm_on_the_right_leg() -> None:
    x = beating()
    x[0] = -x[2]
    x[1] = noise(x.shape[1], 0.005)
    x[2:6] = derive_limb_leads(x[:2])
    assert assess_quality(x, 500).reversal == RIGHT_LEG


def test_long_recordings_state_what_lasts() -> None:
    x = beating(100, seconds=60)
    x[6, 1000:1900] = 0
    assert assess_quality(x, 100).faults == {}
    x[6, 1000:4000] = 0
    assert assess_quality(x, 100).faults == {"V1": ("flat",)}


def test_words() -> None:
    assert Quality().words() == "All twelve leads can be read."
    quality = Quality({"V2": ("flat",), "II": ("saturated", "noisy"), "V1": ("flat",)})
    assert quality.words() == "II: saturated and noisy; V1, V2: flat."
    assert set(FAULTS) >= {kind for kinds in quality.faults.values() for kind in kinds}


def test_the_signal_is_left_as_it_was() -> None:
    x = beating()
    before = x.copy()
    x.setflags(write=False)
    assess_quality(x, 500)
    assert np.array_equal(x, before)


@pytest.fixture(scope="module")
def normals(ptbxl_first: Path) -> list[tuple[np.ndarray, float]]:
    """Return 40 normal records at 100 Hz, of fold 9 as far as the first part of PTB-XL has them, else of fold 8."""
    table = read_ptbxl(ptbxl_first, [8, 9]).sort_values("fold", ascending=False)
    paths = [path for path in table[table["label"] == "normal"]["path"] if Path(path).is_file()]
    assert len(paths) >= 40
    return [signal_of(path) for path in paths[:40]]


@pytest.mark.parametrize("name", ["flat", "disconnected", "saturated", "motion", "muscle", "mains"])
def test_planted_faults_are_found_in_real_normals(name: str, normals: list[tuple[np.ndarray, float]]) -> None:
    found = []
    for k, (x, fs) in enumerate(normals):
        spoiled, planted = PLANTS[name](x, fs, np.random.default_rng([1, k]))
        found.append(is_found(name, planted, assess_quality(spoiled, fs)))
    assert np.mean(found) >= 0.9


def test_planted_reversals_are_found_in_real_normals(normals: list[tuple[np.ndarray, float]]) -> None:
    rng = np.random.default_rng(0)
    found = [assess_quality(SWAPS[name](x, fs, rng)[0], fs).reversal is not None for x, fs in normals for name in SWAPS]
    assert np.mean(found) >= 0.9


def test_untouched_normals_are_left_alone(normals: list[tuple[np.ndarray, float]]) -> None:
    said = [assess_quality(x, fs) for x, fs in normals]
    assert np.mean([not quality.interpretable for quality in said]) <= 0.03
    assert np.mean([bool(quality.faults) for quality in said]) <= 0.06
    assert np.mean([quality.reversal is not None for quality in said]) <= 0.06


def test_the_same_at_500_hz(ptbxl500: Path) -> None:
    paths = sorted(ptbxl500.rglob("*.hea"))
    assert len(paths) == 64
    said = [assess_quality(*signal_of(str(path))) for path in paths]
    assert all(quality.interpretable for quality in said)
    assert sum(bool(quality.faults) for quality in said) <= 3
    assert sum(quality.reversal is not None for quality in said) <= 3
