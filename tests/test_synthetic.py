from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from ecg_core import synthetic_waves as waves
from ecg_core.beats import detect_beats
from ecg_core.errors import ConfigError
from ecg_core.preprocessing import preprocess
from ecg_core.quality import assess_quality
from ecg_core.readers import read_record
from ecg_core.readers.comments import SYNTHETIC_NOTE
from ecg_core.records import LEADS, twelve_leads
from ecg_core.synthetic import (
    EXAMPLES,
    Synthetic,
    encode,
    example_paths,
    main,
    make_record,
    recorder_noise,
    synthesize,
)

BY_NAME = {spec.name: spec for spec in EXAMPLES}


def beats_of(x: np.ndarray, fs: int = 500):
    return detect_beats(preprocess(x, fs), LEADS)


def median_beat(x: np.ndarray, fs: int = 500) -> np.ndarray:
    """Return the median beat, shape (12, 0.9 s), 0.35 s before R to 0.55 s after, its PR segment at zero."""
    r = np.round(beats_of(x, fs).times_s * fs).astype(int)
    lo, hi = round(0.35 * fs), round(0.55 * fs)
    cut = [x[:, k - lo : k + hi] for k in r if lo <= k < x.shape[1] - hi]
    beat = np.median(cut, axis=0)
    return beat - np.median(beat[:, lo - round(0.08 * fs) : lo - round(0.06 * fs)], axis=1, keepdims=True)


def level(beat: np.ndarray, lead: str, start_s: float, stop_s: float, fs: int = 500) -> float:
    """Return the mean of a lead between two times from R, mV."""
    return float(beat[LEADS.index(lead), round((0.35 + start_s) * fs) : round((0.35 + stop_s) * fs)].mean())


def test_the_shipped_examples_are_what_the_generator_makes(tmp_path):
    assert main([str(tmp_path)]) == 0
    made = sorted(path.name for path in tmp_path.iterdir())
    shipped = example_paths()[0].parent
    assert made == sorted(path.name for path in shipped.iterdir() if path.suffix in {".hea", ".dat"})
    for name in made:
        assert (tmp_path / name).read_bytes() == (shipped / name).read_bytes(), f"{name}: run ecg_core.synthetic again"


def test_another_process_makes_the_same_bytes(tmp_path):
    subprocess.run([sys.executable, "-m", "ecg_core.synthetic", str(tmp_path)], check=True)
    for spec in EXAMPLES:
        for name, data in encode(spec).items():
            assert (tmp_path / name).read_bytes() == data


def test_examples_cover_what_the_app_shows():
    kinds = [spec.kind for spec in EXAMPLES]
    assert len({spec.heart_rate for spec in EXAMPLES if spec.kind == "normal"}) >= 3
    assert {"normal", "pvc", "af", "lbbb", "low-voltage", "poor-signal"} <= set(kinds)
    assert any(kind.startswith("st-elevation") for kind in kinds)


@pytest.mark.parametrize("path", example_paths(), ids=lambda path: path.stem)
def test_examples_are_records_marked_synthetic(path):
    record = read_record(path)
    spec = BY_NAME[path.stem]
    assert record.notes == (SYNTHETIC_NOTE,)
    assert twelve_leads(record) is record
    assert (record.name, record.fs, record.duration) == (spec.name, 500, 10)
    assert (record.age, record.sex) == (spec.age, spec.sex)
    i, ii, iii, avr, avl, avf = record.signal[:6]
    np.testing.assert_allclose(iii, ii - i, atol=0.0021)
    np.testing.assert_allclose(avr + avl + avf, 0, atol=0.0021)
    assert "synthetic" in path.read_text()


def test_the_same_seed_gives_the_same_and_another_seed_another_person():
    spec = Synthetic("x", seed=5)
    np.testing.assert_array_equal(synthesize(spec), synthesize(spec))
    other = median_beat(synthesize(replace(spec, seed=6)))
    assert np.abs(other - median_beat(synthesize(spec))).max() > 0.02


@pytest.mark.parametrize("rate", [50, 55, 72, 95, 110])
def test_sinus_rhythm_has_the_rate_asked_for_and_varies_a_little(rate):
    beats = beats_of(synthesize(Synthetic("x", heart_rate=rate, seed=rate, duration_s=20)))
    assert beats.heart_rate == pytest.approx(rate, abs=1.5)
    assert 4 < beats.rr_sd_ms < 50


def test_a_normal_beat_looks_normal():
    beat = median_beat(synthesize(Synthetic("x", seed=1)))
    assert level(beat, "II", -0.155, -0.135) > 0.04  # P
    assert level(beat, "aVR", -0.155, -0.135) < -0.02
    peaks = beat[6:, 150:200].max(axis=1)
    assert peaks[0] < peaks[2] < peaks[3]  # R grows from V1 over V3 to V4
    assert beat[6, 150:200].min() < -0.4  # S in V1
    assert level(beat, "V2", 0.22, 0.28) > 0.2  # T
    for lead in ("I", "II", "V5", "V6"):
        assert level(beat, lead, 0.22, 0.28) > 0.08
        assert abs(level(beat, lead, 0.06, 0.08)) < 0.08  # ST


def test_t_comes_earlier_at_high_rates():
    slow, fast = (median_beat(synthesize(Synthetic("x", heart_rate=rate, seed=3))) for rate in (55, 95))
    peak = [int(beat[LEADS.index("V4"), 260:400].argmax()) for beat in (slow, fast)]
    assert peak[0] - peak[1] > 15  # 30 ms


def test_a_premature_beat_is_early_wide_and_followed_by_a_pause():
    spec = BY_NAME["premature-ventricular-beat"]
    x = synthesize(spec)
    beats = beats_of(x)
    rr = beats.rr_ms
    k = int(rr.argmin())
    usual = float(np.median(rr))
    assert rr[k] < 0.75 * usual
    assert rr[k] + rr[k + 1] == pytest.approx(2 * usual, rel=0.08)  # the sinus node is not reset
    at = round(beats.times_s[k + 1] * 500)
    ii = x[LEADS.index("II")]
    assert ii[at + 110 : at + 160].mean() < -0.3  # T opposed to QRS
    usual_ii, wide_ii = (ii[a - 60 : a + 60] for a in (round(beats.times_s[k - 1] * 500), at))
    widths = [int((np.abs(part) > 0.3 * np.abs(part).max()).sum()) / 500 for part in (usual_ii, wide_ii)]
    assert widths[1] > 0.1 > widths[0] + 0.03


def test_fibrillation_is_irregular_and_has_no_p():
    # slower than the example: at 130 /min the T wave of one beat reaches to where the P of the next would be
    x = synthesize(replace(BY_NAME["atrial-fibrillation"], duration_s=30, heart_rate=98.0))
    rr = beats_of(x).rr_ms
    assert rr.std() / rr.mean() > 0.15
    assert abs(np.corrcoef(rr[1:], rr[:-1])[0, 1]) < 0.5
    normal = median_beat(synthesize(Synthetic("x", heart_rate=95, duration_s=30)))
    found = median_beat(x)
    assert level(normal, "II", -0.155, -0.125) > 0.04
    assert abs(level(found, "II", -0.155, -0.125)) < 0.03


@pytest.mark.parametrize(
    ("kind", "raised", "lowered"),
    [
        ("st-elevation-anterior", ("V2", "V3", "V4"), ("III",)),
        ("st-elevation-inferior", ("II", "III", "aVF"), ("aVL", "V2")),
    ],
)
def test_injury_raises_its_leads_and_lowers_the_opposite_ones(kind, raised, lowered):
    spec = Synthetic("x", heart_rate=75, seed=4)
    beat, normal = (median_beat(synthesize(replace(spec, kind=k))) for k in (kind, "normal"))
    for lead in raised:
        assert level(beat, lead, 0.09, 0.13) - level(normal, lead, 0.09, 0.13) > 0.12
        assert level(beat, lead, 0.09, 0.13) > 0.1
    for lead in lowered:
        assert level(beat, lead, 0.09, 0.13) - level(normal, lead, 0.09, 0.13) < -0.06


def test_left_bundle_branch_block():
    beat = median_beat(synthesize(BY_NAME["left-bundle-branch-block"]))
    normal = median_beat(synthesize(BY_NAME["normal-72"]))
    widths = [float((np.abs(b[:, 125:275]).max(axis=0) > 0.25 * np.abs(b).max()).sum() / 500) for b in (beat, normal)]
    assert widths[0] > 0.1 > widths[1]
    assert beat[LEADS.index("V1"), 125:275].min() < -0.7
    v6 = beat[LEADS.index("V6")]
    assert v6[125:210].min() > -0.1  # no q, no S
    inner = v6[150:220]
    peaks = np.flatnonzero((inner[1:-1] > inner[:-2]) & (inner[1:-1] >= inner[2:]) & (inner[1:-1] > 0.5 * inner.max()))
    assert np.ptp(peaks) > 10  # notched: two peaks more than 20 ms apart
    assert level(beat, "V6", 0.26, 0.33) < -0.08
    assert level(beat, "V2", 0.26, 0.33) > 0.2


def test_low_voltage_is_under_5_and_10_millimetres():
    beat = median_beat(synthesize(BY_NAME["low-voltage"]))
    span = np.ptp(beat, axis=1)
    assert span[:6].max() < 0.5
    assert span[6:].max() < 1.0


def test_a_poor_signal_is_that_of_its_electrodes_and_cannot_be_interpreted():
    spec = BY_NAME["poor-signal"]
    quality = assess_quality(synthesize(spec), spec.fs)
    assert not quality.interpretable
    assert {"II", "III", "aVF", "V1", "V2", "V5"} <= set(quality.bad_leads)
    assert {"I", "V3", "V4", "V6"} <= set(quality.usable_leads)
    assert any("noisy" in quality.faults[lead] for lead in ("II", "III", "aVF"))
    whole = assess_quality(synthesize(replace(spec, kind="normal")), spec.fs)
    assert not whole.bad_leads


def test_noise_has_the_power_stated_in_each_band():
    noise = recorder_noise(500 * 120, 500, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(noise, axis=1)) ** 2 * 2 / noise.shape[1] ** 2
    f = np.fft.rfftfreq(noise.shape[1], 1 / 500)
    edges = waves.NOISE_BANDS_HZ
    for lo, hi, wanted in zip(edges[2:-3], edges[3:-2], waves.NOISE_UV[2:-2], strict=True):
        found = 1000 * np.sqrt(power[:, (f >= lo) & (f < hi)].sum(axis=1).mean())
        assert found == pytest.approx(wanted, rel=0.25)


@pytest.mark.parametrize("fs", [100, 250, 1000])
def test_other_rates_show_the_same_beat(fs):
    spec = Synthetic("x", seed=8)
    a, b = preprocess(synthesize(spec), 500), preprocess(synthesize(replace(spec, fs=fs)), fs)
    assert a.shape == b.shape
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.98  # the noise differs
    assert make_record(replace(spec, fs=fs)).fs == fs


@pytest.mark.parametrize("wrong", [{"heart_rate": 10}, {"heart_rate": float("nan")}, {"duration_s": 0}, {"fs": 0}])
def test_impossible_specifications(wrong):
    with pytest.raises(ConfigError, match="beats per minute"):
        synthesize(replace(Synthetic("x"), **wrong))
