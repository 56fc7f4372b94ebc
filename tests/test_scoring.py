"""Restoration sees no block that it restores; errors are in units of the normals' at lead and phase."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ecg_core.explanation import find_stretches
from ecg_core.imputation import LeadCovariance
from ecg_core.models import REGISTRY, build_model, losses
from ecg_core.records import twelve_from_eight
from ecg_core.scoring import (
    N_PHASES,
    Inputs,
    beat_phase,
    complementary_masks,
    fit_error_scale,
    gaussian_nll,
    inputs_of,
    reconstruction_part,
    restore_and_describe,
    score_trace,
    squared_error,
    usable_in_map,
)
from ecg_core.torch_network import TorchNetwork, latent_features, restore

ALL = np.ones((1, 8), bool)


def signal(seed: int = 0, n: int = 1000) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.2, (1, 8, n)).astype(np.float32)


def given(x: np.ndarray, usable: np.ndarray) -> Inputs:
    return inputs_of(x, usable, np.zeros((len(x), x.shape[-1]), int))


def test_the_likelihood_is_the_one_of_training():
    y, logvar, target = (signal(k) for k in range(3))
    expected = losses.gaussian_nll(*(torch.from_numpy(value) for value in (y, logvar, target)))
    assert np.allclose(gaussian_nll(y, logvar, target), expected.numpy(), atol=1e-6)


def test_masks_complement_each_other_in_blocks_of_48_samples():
    masks = complementary_masks(1000)
    assert (masks.sum(0) == 1).all()
    assert (masks[0, :48] == 0).all()
    assert (masks[0, 48:96] == 1).all()


@pytest.mark.parametrize("name", REGISTRY)
def test_a_block_is_restored_without_looking_at_it(name):
    torch.manual_seed(0)
    model = build_model({"class": name}).eval()
    x = signal()
    changed = x.copy()
    changed[..., 480:528] += 3.0  # the whole of one block
    one, two = restore(model, x, ALL).x_hat, restore(model, changed, ALL).x_hat
    assert np.array_equal(one[..., 480:528], two[..., 480:528])
    assert not np.array_equal(one[..., 528:576], two[..., 528:576])  # its neighbour is restored from it


@pytest.mark.parametrize("name", REGISTRY)
def test_a_masked_lead_changes_nothing(name):
    torch.manual_seed(0)
    model = build_model({"class": name}).eval()
    usable = ALL.copy()
    usable[0, 3] = False
    x = signal()
    changed = x.copy()
    changed[0, 3] = 5.0
    leads = LeadCovariance(np.eye(8, dtype=np.float32) + 0.5)
    one, features = restore_and_describe(TorchNetwork(model), given(x, usable), leads.fill(x, usable))
    two, same_features = restore_and_describe(TorchNetwork(model), given(changed, usable), leads.fill(changed, usable))
    assert np.array_equal(one.x_hat, two.x_hat)
    assert np.array_equal(features, same_features)


@pytest.mark.parametrize("name", REGISTRY)
def test_one_pass_over_the_encoder_gives_both(name):
    torch.manual_seed(0)
    model = build_model({"class": name}).eval()
    x, usable = np.concatenate([signal(1), signal(2)]), np.ones((2, 8), bool)
    usable[1, 5] = False
    filled = x + np.float32(0.1)
    restoration, features = restore_and_describe(TorchNetwork(model), given(x, usable), filled)
    assert np.allclose(restoration.x_hat, restore(model, x, usable).x_hat, atol=1e-5)
    assert np.allclose(features, latent_features(model, filled), atol=1e-5)


def test_phase_runs_from_300_ms_before_to_500_ms_after():
    phase = beat_phase(np.array([100]), 300)
    assert phase[100] == 15
    assert phase[70] == 0
    assert phase[69] == N_PHASES - 1
    assert phase[149] == N_PHASES - 2
    assert phase[150] == N_PHASES - 1
    assert (beat_phase(np.array([], dtype=int), 300) == N_PHASES - 1).all()


def test_the_next_beat_takes_the_samples_before_it():
    phase = beat_phase(np.array([100, 140]), 300)
    assert phase[139] == beat_phase(np.array([140]), 300)[139]


def test_error_scale_is_the_rms_by_lead_and_phase():
    phases = np.array([beat_phase(np.array([100]), 300)] * 2)
    errors = np.zeros((2, 12, 300), dtype=np.float32)
    errors[0, 4, phases[0] == 15] = 8.0
    scale = fit_error_scale(errors, phases)
    assert scale.rms[4, 15] == pytest.approx(2.0)
    assert scale.rms[4, 14] == 0.0
    assert scale.rms.shape == (12, N_PHASES)


def test_error_of_derived_leads_follows_from_the_eight():
    x, x_hat = signal(1), signal(2)
    expected = (twelve_from_eight(x) - twelve_from_eight(x_hat)) ** 2
    assert np.allclose(squared_error(x, x_hat), expected, atol=1e-5)


def test_a_masked_limb_lead_takes_its_derived_leads_out_of_the_map():
    usable = np.ones(8, bool)
    usable[1] = False
    assert usable_in_map(usable).tolist() == [True, False, False, False, False, False, *[True] * 6]
    usable = np.ones(8, bool)
    usable[4] = False
    assert usable_in_map(usable).sum() == 11


def test_reconstruction_part_ignores_masked_leads_and_rises_with_error():
    error = np.ones((12, 100), dtype=np.float32)
    worse = error.copy()
    worse[8] = 50.0  # V3
    usable = np.ones(8, bool)
    assert reconstruction_part(worse, None, usable) > reconstruction_part(error, None, usable)
    usable[4] = False
    assert reconstruction_part(worse, None, usable) == reconstruction_part(error, None, usable)


def test_stretches_name_time_and_leads_strongest_first():
    by_lead = np.zeros((12, 1000), dtype=np.float32)
    by_lead[7, 300:320] = 2.0
    by_lead[8, 300:320] = 3.0
    by_lead[1, 700:705] = 1.5
    first, second = find_stretches(by_lead.max(0), by_lead, 20.0)
    assert (first.start_s, first.stop_s) == (23.0, 23.2)
    assert first.leads == ("V3", "V2")
    assert first.peak == pytest.approx(3.0)
    assert second.leads == ("II",)
    assert find_stretches(np.full(1000, 0.99, np.float32), by_lead, 0.0) == ()


def test_the_trace_skips_leads_left_out():
    error = np.ones((12, 100), dtype=np.float32)
    error[3] = np.nan
    assert np.allclose(score_trace(error), 1.0)
