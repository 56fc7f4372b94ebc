"""VAE-BiLSTM-MHA: the VAE-BiLSTM with lead-wise and temporal multi-head attention over z.

The input sets attention *weights* only (queries and keys). All content passes through the values, and the values
are z, after the KL term: nothing of the input reaches the reconstruction around the bottleneck.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from ecg_core.models.layers import (
    N_LEADS,
    Analysed,
    ConvStem,
    LayerNorm,
    ModelOutput,
    Received,
    UpsamplingHead,
    pad_to_stride,
    pool,
    with_mask,
)
from ecg_core.models.vae_bilstm import LOGVAR_RANGE, sample_posterior
from ecg_core.preprocessing import STRIDE


@dataclass(frozen=True)
class VAEBiLSTMMHAConfig:
    """Size of the VAE-BiLSTM-MHA. z has `latents_per_lead` numbers for each of 8 leads at each 80 ms token."""

    width: int = 128
    hidden: int = 64
    latents_per_lead: int = 4
    heads: int = 4
    lead_embedding: int = 16


class AttentionWeights(NamedTuple):
    """Both weight maps: `lead` (batch, n_tokens, heads, 8, 8), `time` (batch, heads, n_tokens, n_tokens)."""

    lead: Tensor
    time: Tensor


def received(weights: AttentionWeights) -> Received:
    """Return the attention that leads and tokens receive."""
    return Received(weights.lead.mean(dim=(2, 3)), weights.time.mean(dim=(1, 2)))


class Posterior(NamedTuple):
    """Encoder layers, posterior (batch, n_tokens, 8 * latents_per_lead) and the attention's weights."""

    layers: list[Tensor]
    mu: Tensor
    logvar: Tensor
    weights: AttentionWeights


class SelfAttentionBlock(nn.Module):
    """Pre-norm self-attention and feed-forward over the encoder's tokens, (batch, n_tokens, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = LayerNorm(width)
        self.ff = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, h: Tensor) -> Tensor:
        """Return h with what the other tokens add to it."""
        b, n, w = h.shape
        q, k, v = self.qkv(self.norm1(h)).view(b, n, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)  # (batch, heads, n_tokens, width / heads)
        h = h + self.out(mixed.transpose(1, 2).reshape(b, n, w))
        return h + self.ff(self.norm2(h))


class LeadQueriesKeys(nn.Module):
    """Queries and keys of the lead-wise attention, from each lead's own signal."""

    def __init__(self, size: int, heads: int) -> None:
        super().__init__()
        self.size, self.heads = size, heads
        self.embed = nn.Conv1d(2 * N_LEADS, N_LEADS * size, 3 * STRIDE, stride=STRIDE, padding=STRIDE, groups=N_LEADS)
        self.name = nn.Parameter(0.02 * torch.randn(N_LEADS, size))
        self.to_qk = nn.Linear(size, 2 * size)

    def forward(self, x: Tensor, visible: Tensor) -> Tensor:
        """Return the weights, (batch, n_tokens, heads, 8, 8), softmax over the last axis."""
        pair = torch.stack([pad_to_stride(x * visible), 1.0 - pad_to_stride(visible)], dim=2).flatten(1, 2)
        e = self.embed(pair).unflatten(1, (N_LEADS, self.size))  # (batch, 8, size, n_tokens)
        if torch.is_inference_mode_enabled():
            return self._along_time(F.gelu(e + self.name.unsqueeze(-1)))
        e = F.gelu(e.permute(0, 3, 1, 2) + self.name)  # (batch, n_tokens, 8, size)
        q, k = self.to_qk(e).unflatten(-1, (2, self.heads, -1)).permute(3, 0, 1, 4, 2, 5)
        return torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, dim=-1)

    def _along_time(self, e: Tensor) -> Tensor:
        """Return the same weights from e, (batch, 8, size, n_tokens), with time side by side in memory.

        A product of matrices of 8 x 4 for each token costs a record 3 ms; products along time, of all tokens at once,
        a fifth of that. For scoring only, as `ecg_core.models.layers.side_by_side`.
        """
        qk = linear_along_time(self.to_qk, e).unflatten(2, (2, self.heads, -1))
        q, k = qk.unbind(2)  # (batch, 8, heads, size / heads, n_tokens)
        q, k = q.unsqueeze(2) / q.shape[-2] ** 0.5, k.unsqueeze(1)
        products = added_up([(q[..., d, :], k[..., d, :]) for d in range(q.shape[-2])])
        e = torch.exp(products - products.amax(2, keepdim=True))  # softmax, which is slow along an axis not the last
        return (e / e.sum(2, keepdim=True)).permute(0, 4, 3, 1, 2)


def linear_along_time(linear: nn.Linear, x: Tensor) -> Tensor:
    """Return a linear layer's output, (..., n_out, n_tokens), from x (..., n_in, n_tokens)."""
    return linear.weight @ x + linear.bias.unsqueeze(-1)


def added_up(pairs: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the sum of the products of all pairs, without holding them all at once."""
    total = torch.mul(*pairs[0])
    for a, b in pairs[1:]:
        total.addcmul_(a, b)
    return total


class VAEBiLSTMMHA(nn.Module):
    """Attention decides from where z is read, for each lead and each 80 ms; it carries nothing itself."""

    def __init__(self, config: VAEBiLSTMMHAConfig) -> None:
        super().__init__()
        self.config = config
        width, hidden, heads = config.width, config.hidden, config.heads
        n_latents = N_LEADS * config.latents_per_lead
        self.stem = ConvStem(width)
        self.encoder = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.encoder_norm = LayerNorm(2 * hidden)
        self.blocks = nn.ModuleList(SelfAttentionBlock(2 * hidden, heads) for _ in range(2))
        self.to_mu = nn.Linear(2 * hidden, n_latents)
        self.to_logvar = nn.Linear(2 * hidden, n_latents)
        self.lead_weights = LeadQueriesKeys(config.lead_embedding, heads)
        self.time_qk = nn.Linear(2 * hidden, 2 * 64)
        # decoder: everything below sees z and the weights only
        self.lead_value = nn.Linear(config.latents_per_lead, heads * config.latents_per_lead)
        self.lead_out = nn.Linear(heads * config.latents_per_lead, config.latents_per_lead)
        self.time_value = nn.Linear(n_latents, width)
        self.time_out = nn.Linear(width, width)
        self.from_z = nn.Linear(n_latents, width)
        self.decoder = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.to_head = nn.Linear(2 * hidden, width)
        self.head = UpsamplingHead(width, 2 * N_LEADS)

    def decoder_modules(self) -> list[nn.Module]:
        """Return what reconstructs: trained on pure normals only."""
        attention: list[nn.Module] = [self.lead_weights, self.time_qk, self.lead_value, self.lead_out]
        return [*attention, self.time_value, self.time_out, self.from_z, self.decoder, self.to_head, self.head]

    def tokens(self, x: Tensor, visible: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return every encoder layer, (batch, channels, time), and the last one as tokens, (batch, n_tokens, width)."""
        layers = self.stem(with_mask(x, visible))
        h = self.encoder_norm(self.encoder(layers[-1].transpose(1, 2))[0])  # (batch, n_tokens, 2 * hidden)
        layers.append(h.transpose(1, 2))
        for block in self.blocks:
            h = block(h)
            layers.append(h.transpose(1, 2))
        return layers, h

    def encode(self, x: Tensor, visible: Tensor) -> Posterior:
        """Return encoder layers, the posterior of z and both attention weight maps."""
        layers, h = self.tokens(x, visible)
        weights = self.weights(h, x, visible)
        return Posterior(layers, self.to_mu(h), self.to_logvar(h).clamp(*LOGVAR_RANGE), weights)

    def weights(self, h: Tensor, x: Tensor, visible: Tensor) -> AttentionWeights:
        """Return both attention weight maps, from the last layer's tokens h, (batch, n_tokens, width)."""
        q, k = self.time_qk(h).unflatten(-1, (2, self.config.heads, -1)).permute(2, 0, 3, 1, 4)
        time = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, dim=-1)
        return AttentionWeights(self.lead_weights(x, visible), time)

    def features(self, x: Tensor, visible: Tensor) -> Tensor:
        """Return pooled encoder features, (batch, n_features): what the density sees."""
        layers, h = self.tokens(x, visible)
        return pool([*layers, self.to_mu(h).transpose(1, 2)])

    def across_leads(self, z: Tensor, weights: Tensor) -> Tensor:
        """Return z, (batch, n_tokens, n_latents), with what each lead reads from the others' latents."""
        heads = self.config.heads
        by_lead = z.unflatten(-1, (N_LEADS, -1))  # (batch, n_tokens, 8, latents_per_lead)
        if torch.is_inference_mode_enabled():  # along time: see `LeadQueriesKeys`
            by_lead = by_lead.permute(0, 2, 3, 1)
            value = linear_along_time(self.lead_value, by_lead).unflatten(2, (heads, -1))
            own = weights.permute(0, 3, 4, 2, 1).unsqueeze(-2)  # (batch, 8, 8, heads, 1, n_tokens)
            read = added_up([(own[:, :, k], value[:, None, k]) for k in range(N_LEADS)])
            read = read.flatten(2, 3)  # (batch, 8, heads * d, n_tokens)
            return (by_lead + linear_along_time(self.lead_out, read)).flatten(1, 2).transpose(1, 2)
        value = self.lead_value(by_lead).unflatten(-1, (heads, -1)).transpose(2, 3)  # (batch, n_tokens, heads, 8, d)
        read = (weights @ value).transpose(2, 3).flatten(-2)  # (batch, n_tokens, 8, heads * d)
        return (by_lead + self.lead_out(read)).flatten(-2)

    def decode(self, z: Tensor, weights: AttentionWeights, n_samples: int) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, (batch, 8, n_samples) each, from z (batch, n_tokens, n_latents)."""
        heads = self.config.heads
        z = self.across_leads(z, weights.lead)
        value = self.time_value(z).unflatten(-1, (heads, -1)).transpose(1, 2)  # (batch, heads, n_tokens, d)
        read = (weights.time @ value).transpose(1, 2).flatten(-2)  # (batch, n_tokens, width)
        h = self.from_z(z) + self.time_out(read)
        h = h + self.to_head(self.decoder(h)[0])
        mean, logvar = self.head(h.transpose(1, 2))[..., :n_samples].chunk(2, dim=1)
        return mean, logvar.clamp(*LOGVAR_RANGE)

    def analyse(self, x: Tensor, visible: Tensor, restored: int) -> Analysed:
        """Restore the first `restored` records and describe the others, encoded at once."""
        layers, h = self.tokens(x, visible)
        features = pool([layer[restored:] for layer in [*layers, self.to_mu(h).transpose(1, 2)]])
        h, x, visible = h[:restored], x[:restored], visible[:restored]
        mu, weights = self.to_mu(h), self.weights(h, x, visible)
        x_hat, logvar = self.decode(mu, weights, x.shape[-1])
        out = ModelOutput(x_hat, logvar, mu, self.to_logvar(h).clamp(*LOGVAR_RANGE))
        return Analysed(out, features, received(weights))

    def forward(self, x: Tensor, visible: Tensor) -> ModelOutput:
        """Reconstruct.

        Parameters
        ----------
        x : (batch, 8, n_samples), compressed mV.
        visible : the same shape, 1 where the network may look, 0 where it must restore.
        """
        posterior = self.encode(x, visible)
        z = sample_posterior(posterior.mu, posterior.logvar, self.training)
        x_hat, logvar = self.decode(z, posterior.weights, x.shape[-1])
        return ModelOutput(x_hat, logvar, posterior.mu, posterior.logvar)

    @torch.inference_mode()
    def attention(self, x: Tensor, visible: Tensor) -> AttentionWeights:
        """Return both weight maps of a record; computed on demand only."""
        return self.encode(x, visible).weights
