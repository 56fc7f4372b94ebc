"""Networks of single beats: sizes as published, what they see, what passes through the bottleneck."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ecg_core.errors import ConfigError
from ecg_core.models.beat_registry import BEAT_REGISTRY, beat_architecture_of, build_beat_model
from ecg_core.models.beat_windows import (
    AROUND,
    FROM_R,
    beat_errors,
    cut,
    from_r,
    local_rr,
    low_pass,
    resampled,
    restore,
    standardised,
    window_of,
    windows_for,
    z_scored,
)

NAMES = tuple(BEAT_REGISTRY)
PUBLISHED = {
    "channels": [32, 64, 128, 128],
    "kernels": [7, 5, 5, 3],
    "up_kernels": [4, 4, 4, 4],
    "strides": [2, 2, 2, 2],
    "hidden": 0,
    "norm": True,
}


def built(name: str, **sizes: object):
    torch.manual_seed(0)
    return build_beat_model({"class": name, **sizes}).eval()


@pytest.mark.parametrize("sizes", [{}, PUBLISHED])
def test_the_beat_cae_has_the_published_size(sizes):
    model = built("Beat-CAE", **sizes)
    assert sum(p.numel() for p in model.parameters()) == 583_361
    assert model.encode(torch.zeros(3, 720)).shape == (3, 32)


@pytest.mark.parametrize("name", NAMES)
def test_windows_come_back_in_their_length(name):
    model = built(name)
    n = window_of(model).n_samples
    out = model(torch.randn(4, n))
    assert out.x_hat.shape == (4, n)
    assert out.z.shape == (4, model.config.n_latents)


@pytest.mark.parametrize("name", NAMES)
def test_only_the_latents_pass(name):
    model = built(name)
    x = torch.randn(2, window_of(model).n_samples)
    assert torch.equal(model(x).x_hat, model.decode(model.encode(x)))


@pytest.mark.parametrize(("name", "sizes"), [*((name, {}) for name in NAMES), ("Beat-CAE", PUBLISHED)])
def test_every_weight_is_used(name, sizes):
    model = built(name, **sizes).train()
    out = model(torch.randn(4, window_of(model).n_samples))
    out.x_hat.square().sum().backward()
    assert [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum()] == []


def test_the_published_layout_is_built_again_with_its_normalisation():
    model = built("Beat-CAE", **PUBLISHED).train()
    model(3.0 * torch.randn(16, 720))
    again = build_beat_model(beat_architecture_of(model))
    again.load_state_dict(model.state_dict())
    x = torch.randn(2, 720)
    assert torch.equal(again.eval()(x).x_hat, model.eval()(x).x_hat)
    assert not torch.allclose(model(x).x_hat, built("Beat-CAE", **PUBLISHED)(x).x_hat, atol=1e-3)


def test_attention_is_over_time_and_adds_up_to_one():
    out = built("Beat-CNN-LSTM")(torch.randn(3, 720))
    assert out.attention.shape == (3, 45)
    assert torch.allclose(out.attention.sum(-1), torch.ones(3))
    assert built("Beat-CAE")(torch.randn(3, 720)).attention is None


@pytest.mark.parametrize("name", NAMES)
def test_the_architecture_builds_the_same_network(name):
    model = built(name, n_latents=8)
    again = build_beat_model(beat_architecture_of(model))
    again.load_state_dict(model.state_dict())
    x = torch.randn(2, window_of(model).n_samples)
    assert torch.equal(again.eval()(x).x_hat, model(x).x_hat)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ({"class": "CAE"}, "Expected a network of beats among Beat-CAE"),
        ({"class": "Beat-CAE", "depth": 3}, "has no setting depth"),
        ({"class": "Beat-CAE", "n_samples": 719}, "multiple of 16 samples; found 719"),
        ({"class": "Beat-CAE", "kernels": [15, 4, 4]}, "kernel of 4 . an even number at stride 4; found 15"),
        ({"class": "Beat-CAE", "kernels": [4, 4]}, "one channel, kernel and stride"),
        ({"class": "Beat-CAE", "hidden": -1}, "hidden layer from 0; found .* and -1"),
        ({"class": "Beat-CAE", "channels": [16, 0, 64]}, "channels, strides, samples and latents from 1"),
        ({"class": "Beat-CAE", "channels": [], "kernels": [], "strides": []}, "channels, strides, samples and latents"),
        ({"class": "Beat-CAE", **PUBLISHED, "kernels": [7, 5, 5]}, "one kernel for each convolution; found 3 for 4"),
        ({"class": "Beat-CAE", **PUBLISHED, "kernels": [7, 5, 5, 1]}, "kernel from 2, .*found 1 at stride 2"),
        ({"class": "Beat-CAE", **PUBLISHED, "up_kernels": [7, 4, 4, 4]}, "an even number at stride 2; found 7"),
    ],
)
def test_what_cannot_be_built_is_said(architecture, message):
    with pytest.raises(ConfigError, match=message):
        build_beat_model(architecture)


def test_a_window_is_centred_on_its_beat_and_repeats_the_ends():
    x = np.arange(2000, dtype=np.float32)
    windows = cut(x, np.array([1000, 10, 1990]), AROUND.before, AROUND.n_samples)
    assert windows[0, AROUND.before] == 1000
    assert windows[1, 0] == 0 and windows[1, AROUND.before] == 10
    assert windows[2, -1] == 1999


def test_z_scored_windows_have_mean_0_and_sd_1_and_a_flat_one_stays_flat():
    rng = np.random.default_rng(0)
    windows = np.concatenate([rng.normal(3, 5, (2, 720)), np.full((1, 720), 0.7)]).astype(np.float32)
    z = z_scored(windows)
    assert np.allclose(z[:2].mean(-1), 0, atol=1e-5) and np.allclose(z[:2].std(-1), 1, atol=1e-4)
    assert np.abs(z[2]).max() < 1e-3


def test_a_window_comes_back_to_mv():
    windows = np.random.default_rng(0).normal(2, 3, (3, 720)).astype(np.float32)
    found = standardised(windows)
    assert np.allclose(found.z * found.scale[:, None] + found.drift, windows, atol=1e-4)
    assert np.array_equal(found.z, z_scored(windows))


def test_beats_of_187_start_at_r_end_after_their_interval_and_lie_between_0_and_1():
    fs = FROM_R.fs
    t = np.arange(round(20 * fs)) / fs
    peaks = np.arange(100, 2300, 100)
    x = sum(np.exp(-0.5 * ((t - p / fs) / 0.02) ** 2) for p in peaks).astype(np.float32) - 0.2
    beats = from_r(x, peaks, local_rr(peaks, fs))
    assert beats.shape == (len(peaks), 187)
    assert np.allclose(beats[:, 0], 1)
    assert beats.min() == 0 and beats.max() <= 1
    assert (beats[:, 120:] == 0).all() and beats[0, 100] > 0.9  # 1.2 intervals: the next R is in


def test_local_rr_is_the_median_around_each_beat():
    peaks = np.concatenate([np.arange(0, 5000, 100), np.arange(5000, 15000, 200)])
    rr = local_rr(peaks, 125.0)
    assert rr[5] == 100 and rr[-5] == 200
    assert local_rr(np.array([7]), 125.0).tolist() == [125.0]


@pytest.mark.parametrize("fs", [250.0, 257.0, 360.0])
def test_the_same_beats_look_alike_at_every_rate(fs):
    model = built("Beat-CAE")
    t = np.arange(round(12 * fs)) / fs
    at = np.arange(1.0, 11.0, 0.8)
    x = sum(np.exp(-0.5 * ((t - a) / 0.03) ** 2) for a in at).astype(np.float32)
    windows = windows_for(model, x, fs, np.round(at * fs).astype(np.int64))[2:-2]
    assert windows.shape[1] == 720
    assert np.abs(windows[:, 260:460].argmax(-1) - 100).max() <= 1
    assert np.corrcoef(windows).min() > 0.9


def test_the_filter_takes_mains_and_leaves_the_beat_in_its_place():
    fs = 360.0
    t = np.arange(round(10 * fs)) / fs
    beat = np.exp(-0.5 * ((t - 5) / 0.03) ** 2)
    y = low_pass((beat + 0.5 * np.sin(2 * np.pi * 60 * t)).astype(np.float32), fs)
    assert y.shape == t.shape
    assert np.abs(y - beat)[round(fs) : -round(fs)].max() < 0.05
    assert int(y.argmax()) == round(5 * fs)
    assert np.allclose(low_pass(np.full(500, 2.0, np.float32), fs), 2.0, atol=1e-4)


def test_drift_does_not_change_a_window():
    t = np.linspace(-1, 1, 720)
    beat = np.exp(-0.5 * (t / 0.03) ** 2)
    drift = 3.0 + 0.8 * np.sin(2 * np.pi * 0.25 * t + 0.4)
    still, moved = z_scored(np.stack([beat, beat + drift]).astype(np.float32))
    assert np.abs(still - moved).max() < 0.05 * still.max()


def test_resampling_keeps_times():
    x = np.zeros(3600, np.float32)
    x[1800] = 1.0
    assert abs(int(resampled(low_pass(x, 360.0), 360.0, 125.0).argmax()) - 625) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_restoring_in_batches_is_restoring_at_once(name):
    model = built(name)
    windows = np.random.default_rng(1).normal(size=(7, window_of(model).n_samples)).astype(np.float32)
    one, two = restore(model, windows, 7), restore(model, windows, 3)
    assert np.allclose(one.x_hat, two.x_hat, atol=1e-5)
    lo, hi = window_of(model).core
    assert np.allclose(one.whole, ((one.x_hat - windows) ** 2).mean(-1), rtol=1e-4)
    assert np.allclose(one.beat, ((one.x_hat - windows)[:, lo:hi] ** 2).mean(-1), rtol=1e-4)
    assert np.allclose(one.absolute, np.abs(one.x_hat - windows).mean(-1), rtol=1e-4)
    assert restore(model, windows[:0]).z.shape == (0, model.config.n_latents)


@pytest.mark.parametrize("name", NAMES)
def test_errors_of_beats_are_those_of_whole_windows(name):
    model = built(name)
    windows = np.random.default_rng(0).normal(size=(5, window_of(model).n_samples)).astype(np.float32)
    whole = restore(model, windows)
    beat, z = beat_errors(model, windows, batch=2)
    np.testing.assert_allclose(beat, whole.beat, rtol=1e-5)
    np.testing.assert_allclose(z, whole.z, rtol=1e-4, atol=1e-6)
    assert [len(part) for part in beat_errors(model, windows[:0])] == [0, 0]


@pytest.mark.parametrize(("lo", "hi"), [(0, 720), (0, 5), (270, 522), (333, 334), (713, 720)])
@pytest.mark.parametrize("sizes", [{}, {"channels": (8, 4), "kernels": (6, 9), "strides": (4, 3)}, PUBLISHED])
def test_a_span_is_decoded_as_in_the_whole(sizes, lo: int, hi: int):
    model = built("Beat-CAE", **sizes)
    for norm in model.up_norms:
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.5, 2.0)
    z = torch.randn(3, 32)
    torch.testing.assert_close(model.decode_within(z, lo, hi), model.decode(z)[:, lo:hi])
