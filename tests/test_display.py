from __future__ import annotations

import numpy as np
import pytest

from ecg_core.display import FILTERS, available, filtered, on_view, titles
from ecg_core.errors import ConfigError
from ecg_core.records import LEADS, Record

FS = 500.0
T = np.arange(5000) / FS


def sine(hz: float, seconds: float = 10.0, fs: float = FS) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * fs)) / fs).astype(np.float32)[None]


def gain(hz: float, name: str, fs: float = FS, seconds: float = 10.0) -> float:
    """Return the amplitude that a filter leaves of a sine, away from the edges."""
    out = filtered(sine(hz, seconds, fs), fs, [name])[0]
    middle = slice(round(0.2 * out.size), round(0.8 * out.size))
    t = np.arange(out.size)[middle] / fs
    return float(2 * np.abs(np.mean(out[middle] * np.exp(-2j * np.pi * hz * t))))


def record_of(signal: np.ndarray, fs: float = FS) -> Record:
    return Record("r", np.tile(signal, (12, 1)).astype(np.float32), LEADS, fs, "0" * 64)


@pytest.mark.parametrize(
    ("name", "hz", "kept"),
    [
        ("0.05-150", 1.0, 1.0),
        ("0.05-150", 40.0, 1.0),
        ("0.05-150", 150.0, 0.5),
        ("0.05-150", 220.0, 0.05),
        ("low-40", 5.0, 1.0),
        ("low-40", 40.0, 0.5),
        ("low-40", 120.0, 0.01),
        ("notch-50", 50.0, 0.0),
        ("notch-50", 40.0, 1.0),
        ("notch-50", 60.0, 1.0),
        ("notch-60", 60.0, 0.0),
        ("notch-60", 50.0, 1.0),
    ],
)
def test_pass_bands(name, hz, kept):
    assert gain(hz, name) == pytest.approx(kept, abs=0.05)


def test_the_high_pass_takes_offset_and_slow_drift_and_leaves_the_st_segment():
    drift = gain(0.01, "0.05-150", seconds=200.0)
    assert drift < 0.1
    out = filtered(sine(1.0) + 3.0, FS, ["0.05-150"])
    assert abs(float(out.mean())) < 0.05
    step = np.zeros((1, 5000), np.float32)
    step[0, 2500:2550] = 0.2  # 100 ms of ST elevation, 0.2 mV
    assert filtered(step, FS, ["0.05-150"])[0, 2525] == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("name", FILTERS)
def test_no_wave_moves_in_time(name):
    bump = np.exp(-0.5 * ((T - 5.0) / 0.02) ** 2).astype(np.float32)[None]
    out = filtered(bump, FS, [name])
    assert int(np.argmax(out[0])) == 2500
    turned = filtered(np.ascontiguousarray(bump[:, ::-1]), FS, [name])[:, ::-1]
    assert np.abs(out - turned).max() < 1e-3


def test_the_record_itself_stays_as_it_is():
    record = record_of(sine(50.0) + sine(2.0))
    before = record.signal.copy()
    shown = on_view(record, 0.0, 10.0, ["notch-50"])
    assert np.array_equal(record.signal, before)
    assert np.abs(shown.signal - before).max() > 0.5
    assert shown.sha256 == record.sha256


def test_without_a_filter_nothing_is_copied_or_changed():
    record = record_of(sine(50.0))
    assert filtered(record.signal, FS, []) is record.signal
    assert np.shares_memory(on_view(record, 0.0, 10.0).signal, record.signal)


def test_order_of_choosing_changes_nothing():
    x = sine(50.0) + sine(100.0) + 1.0
    one = filtered(x, FS, ["notch-50", "low-40", "0.05-150"])
    other = filtered(x, FS, ["0.05-150", "notch-50", "low-40"])
    assert np.array_equal(one, other)
    assert titles(["notch-50", "0.05-150"]) == ("0.05–150 Hz", "50 Hz notch")


@pytest.mark.parametrize(
    ("fs", "names"),
    [
        (100.0, {"low-40"}),
        (128.0, {"low-40", "notch-50", "notch-60"}),
        (250.0, {"low-40", "notch-50", "notch-60"}),
        (300.0, {"low-40", "notch-50", "notch-60"}),
        (360.0, set(FILTERS)),
        (1000.0, set(FILTERS)),
        (80.0, set()),
    ],
)
def test_a_rate_offers_only_what_it_can_carry(fs, names):
    assert set(available(fs)) == names
    for name in FILTERS:
        x = np.zeros((12, 400), np.float32)
        if name in names:
            assert filtered(x, fs, [name]).shape == x.shape
        else:
            with pytest.raises(ConfigError, match=f"{fs:g} Hz"):
                filtered(x, fs, [name])


def test_an_unknown_filter_is_refused_by_name():
    with pytest.raises(ConfigError, match="'smooth'"):
        filtered(sine(1.0), FS, ["smooth"])


def test_missing_samples_stay_missing_and_spoil_nothing_else():
    x = sine(5.0)
    x[0, 1000:1050] = np.nan
    out = filtered(x, FS, ["low-40"])
    assert np.isnan(out[0, 1000:1050]).all()
    assert np.isfinite(np.delete(out[0], np.arange(1000, 1050))).all()
    assert np.isnan(filtered(np.full((1, 500), np.nan, np.float32), FS, ["low-40"])).all()


def test_what_lies_around_a_stretch_settles_the_filter():
    """Ten seconds out of the middle of a long recording look as they do when all of it is filtered."""
    rng = np.random.default_rng(0)
    record = record_of(np.cumsum(rng.normal(0, 0.02, round(60 * FS))) + sine(1.3, 60.0)[0])
    whole = filtered(record.signal, FS, ["low-40", "notch-50"])
    shown = on_view(record, 20.0, 30.0, ["low-40", "notch-50"])
    assert shown.start_s == 20.0
    assert shown.n_samples == 5000
    assert np.abs(shown.signal - whole[:, 10000:15000]).max() < 1e-3


def test_a_crop_keeps_its_place_in_the_recording():
    record = record_of(sine(1.0, 60.0)).crop(30.0, 60.0)
    shown = on_view(record, 40.0, 50.0, ["low-40"])
    assert shown.start_s == 40.0
    assert shown.n_samples == 5000


def test_very_short_signals_pass():
    assert filtered(np.zeros((12, 20), np.float32), FS, ["0.05-150"]).shape == (12, 20)
