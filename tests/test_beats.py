"""Beats are found where they are, at every rate, through noise, and not where there are none."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest

from ecg_core.beats import Beats, detect_beats
from ecg_core.preprocessing import preprocess
from ecg_core.records import LEADS
from tests.beating import beating, r_times


def inner(times: np.ndarray, seconds: float, margin: float = 0.3) -> np.ndarray:
    """Return the times away from both ends, where a beat is whole."""
    return times[(times > margin) & (times < seconds - margin)]


@pytest.mark.parametrize("rate", [30, 45, 72, 120, 180, 220, 250])
def test_every_rate_from_30_to_250(rate: int) -> None:
    beats = detect_beats(preprocess(beating(rate=rate), 500), LEADS)
    expected, found = inner(r_times(rate, 10), 10), inner(beats.times_s, 10)
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() < 0.03
    assert beats.heart_rate == pytest.approx(rate, rel=0.02)


@pytest.mark.parametrize("fs", [100, 250, 360, 500, 1000])
def test_the_rate_of_sampling_does_not_move_beats(fs: int) -> None:
    found = detect_beats(preprocess(beating(fs), fs), LEADS).times_s
    assert np.abs(found - detect_beats(preprocess(beating(500), 500), LEADS).times_s).max() < 0.012


@pytest.mark.parametrize("gain", [-1.0, 0.2, 5.0])
def test_gain_and_polarity_do_not_move_beats(gain: float) -> None:
    x = preprocess(beating(), 500)
    assert np.array_equal(detect_beats(x * np.float32(gain), LEADS).samples, detect_beats(x, LEADS).samples)


def test_a_shift_in_time_shifts_the_beats() -> None:
    x = preprocess(beating(seconds=20), 500)
    whole = detect_beats(x, LEADS).samples
    part = detect_beats(x[:, 437:], LEADS).samples + 437
    assert set(part[part > 460]) == set(whole[whole > 460])


@pytest.mark.parametrize("seconds", [5, 8, 60])
def test_short_and_long_signals(seconds: int) -> None:
    beats = detect_beats(preprocess(beating(seconds=seconds), 500), LEADS)
    assert len(inner(beats.times_s, seconds)) == len(inner(r_times(72, seconds), seconds))


def test_nothing_to_find_is_no_beats() -> None:
    for x in (
        np.zeros((12, 1000), np.float32),
        np.full((12, 1000), 2, np.float32),
        preprocess(beating(), 500)[:, :200],
    ):
        beats = detect_beats(x, LEADS)
        assert len(beats.samples) == 0
        assert (beats.heart_rate, beats.rr_sd_ms, beats.rmssd_ms) == (None, None, None)
    assert len(detect_beats(preprocess(beating(), 500), ()).samples) == 0


def test_only_usable_leads_are_searched() -> None:
    x = preprocess(beating(), 500)
    expected = detect_beats(x, LEADS).samples
    x[LEADS.index("V2")] = 20 * np.random.default_rng(0).normal(size=x.shape[1])
    usable = tuple(lead for lead in LEADS if lead != "V2")
    beats = detect_beats(x, usable)
    assert "V2" not in beats.leads
    assert np.abs(beats.samples - expected).max() <= 1
    assert detect_beats(x, ("III", "V5")).leads == ("V5", "III")


def test_flat_leads_do_not_hide_beats() -> None:
    x = preprocess(beating(), 500)
    x[[0, 1, 6, 7, 8, 9]] = 0
    beats = detect_beats(x, LEADS)
    assert beats.leads == ("V5", "V6")
    assert beats.heart_rate == pytest.approx(72, rel=0.02)


def test_one_lead_full_of_spikes_and_one_spike_in_all_leads() -> None:
    x = preprocess(beating(), 500)
    expected = detect_beats(x, LEADS).samples
    one = x.copy()
    one[8, [130, 420, 777]] += 9
    assert np.abs(detect_beats(one, LEADS).samples - expected).max() <= 1
    between = int(expected[3] + 45)
    everywhere = x.copy()
    everywhere[:, between] += 15
    found = detect_beats(everywhere, LEADS).samples
    assert sum(np.abs(found - beat).min() > 1 for beat in expected) <= 1  # the one that follows it too soon


def test_rate_and_variability_of_known_intervals() -> None:
    beats = Beats(np.array([0, 80, 180, 260, 360]), LEADS)
    assert beats.heart_rate == pytest.approx(60 / 0.9)
    assert beats.rr_sd_ms == pytest.approx(np.std([800, 1000, 800, 1000], ddof=1))
    assert beats.rmssd_ms == pytest.approx(200)
    assert Beats(np.array([5, 105]), LEADS).heart_rate == pytest.approx(60)
    assert Beats(np.array([5, 105]), LEADS).rr_sd_ms is None


def test_a_steady_rate_varies_less_than_a_sample() -> None:
    beats = detect_beats(preprocess(beating(rate=77), 500), LEADS)
    assert beats.rr_sd_ms is not None
    assert beats.rr_sd_ms < 5


@pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")  # wfdb 4.3.1 under pandas 3.1
def test_cardiologists_marks(shared: Path, tmp_path: Path) -> None:
    from training.compare_beat_detectors import load, score

    with tarfile.open(shared / "data" / "ludb" / "ludb-odd.tar.xz") as archive:
        wanted = {f"{k}." for k in range(1, 50, 2)}
        members = [m for m in archive if any(Path(m.name).name.startswith(stem) for stem in wanted)]
        archive.extractall(tmp_path, members=members, filter="data")
    records = load(tmp_path)
    assert len(records) == 25
    rows = [score(record, detect_beats(record.x, LEADS).samples, 0.15) for record in records]
    hits, misses, extra = (sum(row[k] for row in rows) for k in range(3))
    assert hits + misses > 200
    assert misses <= 1
    assert extra <= 1
