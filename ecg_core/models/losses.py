"""Losses of the autoencoders: restored samples count fully, copied ones a little; KL as the ELBO has it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

VISIBLE_WEIGHT = 0.3
SMOOTH_L1_BETA = 0.2


class KL(NamedTuple):
    """Divergence of the posterior from N(0, 1), nats.

    Attributes
    ----------
    total : summed over latent dimensions and time, averaged over the batch; scalar.
    per_dimension : (n_latents,), summed over time, averaged over the batch: near 0 is a collapsed dimension.
    """

    total: Tensor
    per_dimension: Tensor


def kl_divergence(mu: Tensor, logvar: Tensor) -> KL:
    """Return the KL divergence of N(mu, exp(logvar)) from N(0, 1); both (batch, n_tokens, n_latents)."""
    kl = 0.5 * (mu.square() + logvar.exp() - 1.0 - logvar)
    per_dimension = kl.sum(1).mean(0)
    return KL(per_dimension.sum(), per_dimension)


def with_free_bits(kl: KL, free_bits: float, n_tokens: int) -> Tensor:
    """Return the KL term with a floor of `free_bits` nats per dimension and token.

    Below the floor the gradient is zero, so a dimension is not pressed into collapse
    (Kingma et al. 2016, arXiv:1606.04934, appendix C.8).
    """
    return kl.per_dimension.clamp_min(free_bits * n_tokens).sum()


def gaussian_nll(x_hat: Tensor, logvar: Tensor, x: Tensor) -> Tensor:
    """Return the negative log-likelihood of each sample, nats, without the constant log(2 pi) / 2."""
    return 0.5 * (logvar + (x - x_hat).square() * torch.exp(-logvar))


def smooth_l1(x_hat: Tensor, x: Tensor) -> Tensor:
    """Return the Huber-like error of each sample, quadratic below 0.2 on the compressed scale."""
    return F.smooth_l1_loss(x_hat, x, beta=SMOOTH_L1_BETA, reduction="none")


def masked_mean(error: Tensor, visible: Tensor) -> Tensor:
    """Return the mean error over hidden samples plus `VISIBLE_WEIGHT` times that over visible ones; scalar."""
    hidden = 1.0 - visible
    restored = (error * hidden).sum() / hidden.sum().clamp_min(1.0)
    copied = (error * visible).sum() / visible.sum().clamp_min(1.0)
    return restored + VISIBLE_WEIGHT * copied
