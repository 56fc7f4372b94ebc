"""The three autoencoders: what passes through z, what attention may do, and the KL as torch.distributions has it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ecg_core.errors import ConfigError
from ecg_core.models import REGISTRY, architecture_of, build_model
from ecg_core.models.layers import Conv, ConvTranspose, GroupNorm
from ecg_core.models.losses import gaussian_nll, kl_divergence, masked_mean, with_free_bits

NAMES = tuple(REGISTRY)


def a_batch(n: int = 504, batch: int = 2, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, 8, n, generator=generator), torch.ones(batch, 8, n)


def built(name: str, seed: int = 0):
    torch.manual_seed(seed)
    return build_model({"class": name}).eval()


@pytest.mark.parametrize(
    ("ours", "torchs"),
    [
        (Conv(16, 24, 7, stride=2, padding=3), torch.nn.Conv1d(16, 24, 7, stride=2, padding=3)),
        (Conv(16, 16, 3, padding=6, dilation=6), torch.nn.Conv1d(16, 16, 3, padding=6, dilation=6)),
        (ConvTranspose(16, 8, 4, stride=2, padding=1), torch.nn.ConvTranspose1d(16, 8, 4, stride=2, padding=1)),
        (GroupNorm(8, 16), torch.nn.GroupNorm(8, 16)),
    ],
)
def test_layers_in_the_faster_layout_are_those_of_torch(ours, torchs):
    torchs.load_state_dict(ours.state_dict(), strict=True)
    x = torch.randn(3, 16, 40, generator=torch.Generator().manual_seed(1))
    assert torch.equal(ours(x), torchs(x))
    with torch.inference_mode():
        assert torch.allclose(ours(x), torchs(x), atol=1e-6)
        assert torch.allclose(ours(x.transpose(1, 2).contiguous().transpose(1, 2)), torchs(x), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [500, 504, 650, 1000])
def test_shapes(name, n):
    x, visible = a_batch(n)
    with torch.inference_mode():
        out = built(name)(x, visible)
    assert out.x_hat.shape == x.shape
    assert out.mu.shape[:2] == (2, -(-n // 8))
    if name == "CAE":
        assert out.logvar is None
        assert out.logvar_z is None
    else:
        assert out.logvar.shape == x.shape
        assert out.logvar_z.shape == out.mu.shape


@pytest.mark.parametrize("name", NAMES)
def test_the_bottleneck_is_narrower_than_the_signal(name):
    x, visible = a_batch(1000, batch=1)
    with torch.inference_mode():
        assert built(name)(x, visible).mu.numel() <= x.numel() / 2


@pytest.mark.parametrize("name", NAMES)
def test_hidden_samples_are_not_seen(name):
    x, visible = a_batch()
    visible[..., 100:148] = 0
    changed = x.clone()
    changed[..., 100:148] = 7.0
    model = built(name)
    with torch.inference_mode():
        assert torch.equal(model(x, visible).x_hat, model(changed, visible).x_hat)
        assert torch.equal(model.features(x, visible), model.features(changed, visible))
        assert not torch.equal(model(x, torch.ones_like(x)).x_hat, model(changed, torch.ones_like(x)).x_hat)


@pytest.mark.parametrize("name", NAMES)
def test_eval_is_deterministic_and_training_draws_z(name):
    x, visible = a_batch()
    model = built(name)
    with torch.no_grad():
        assert torch.equal(model(x, visible).x_hat, model(x, visible).x_hat)
        model.train()
        drawn = [model(x, visible).x_hat for _ in range(2)]
    assert torch.equal(*drawn) == (name == "CAE")


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_rebuilt_from_its_architecture(name):
    model = built(name)
    again = build_model(architecture_of(model))
    again.load_state_dict(model.state_dict(), strict=True)
    assert architecture_of(again) == architecture_of(model)


def test_unknown_models_and_sizes_are_refused():
    with pytest.raises(ConfigError, match="Expected a model among CAE"):
        build_model({"class": "GAN"})
    with pytest.raises(ConfigError, match="no setting depth"):
        build_model({"class": "CAE", "depth": 3})


@pytest.mark.parametrize("name", ["VAE-BiLSTM", "VAE-BiLSTM-MHA"])
def test_all_content_passes_through_z(name):
    """With z fixed, the input reaches the reconstruction through attention weights at most."""
    model = built(name)
    x, visible = a_batch(seed=1)
    other, _ = a_batch(seed=2)
    with torch.inference_mode():
        if name == "VAE-BiLSTM":
            z = model.encode(x, visible)[1]
            one = model.decode(z, 504)[0]
            assert torch.equal(one, model.decode(z.clone(), 504)[0])
            return
        posterior, elsewhere = model.encode(x, visible), model.encode(other, visible)
        silent = torch.zeros_like(posterior.mu)
        # values are z: with z = 0 the weights, whatever the input, have nothing to carry
        assert torch.allclose(
            model.decode(silent, posterior.weights, 504)[0], model.decode(silent, elsewhere.weights, 504)[0], atol=1e-6
        )
        # and the weights do act on z that is there
        with_own = model.decode(posterior.mu, posterior.weights, 504)[0]
        with_other = model.decode(posterior.mu, elsewhere.weights, 504)[0]
        assert not torch.allclose(with_own, with_other, atol=1e-6)


def test_attention_weights_are_distributions_and_vary_with_the_input():
    model = built("VAE-BiLSTM-MHA")
    x, visible = a_batch(seed=3)
    lead, time = model.attention(x, visible)
    assert lead.shape == (2, 63, 4, 8, 8)
    assert time.shape == (2, 4, 63, 63)
    for weights in (lead, time):
        assert torch.allclose(weights.sum(-1), torch.ones(()), atol=1e-5)
        assert (weights[0] - weights[1]).abs().max() > 1e-4  # two inputs, two maps


def test_kl_is_that_of_torch_distributions():
    generator = torch.Generator().manual_seed(0)
    mu, logvar = torch.randn(3, 7, 5, generator=generator), torch.randn(3, 7, 5, generator=generator)
    posterior = torch.distributions.Normal(mu, torch.exp(0.5 * logvar))
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0))
    kl = kl_divergence(mu, logvar)
    assert torch.allclose(kl.total, expected.sum(dim=(1, 2)).mean(), rtol=1e-5)  # summed, and averaged over the batch
    assert torch.allclose(kl.per_dimension, expected.sum(1).mean(0), rtol=1e-5)


def test_free_bits_stop_the_gradient_of_a_collapsing_dimension():
    mu = torch.zeros(1, 10, 2)
    mu[..., 1] = 2.0
    mu.requires_grad_(True)
    with_free_bits(kl_divergence(mu, torch.zeros(1, 10, 2)), 0.05, 10).backward()
    assert mu.grad[..., 0].abs().max() == 0
    assert mu.grad[..., 1].abs().min() > 0


def test_nll_is_that_of_a_normal_distribution():
    x, x_hat, logvar = torch.tensor([0.3]), torch.tensor([0.1]), torch.tensor([-1.2])
    expected = -torch.distributions.Normal(x_hat, torch.exp(0.5 * logvar)).log_prob(x)
    assert torch.allclose(gaussian_nll(x_hat, logvar, x) + 0.5 * np.log(2 * np.pi), expected)


def test_masked_mean_weighs_restored_above_copied():
    error = torch.tensor([[1.0, 3.0]])
    visible = torch.tensor([[0.0, 1.0]])
    assert masked_mean(error, visible).item() == pytest.approx(1.0 + 0.3 * 3.0)
