"""VAE-BiLSTM: convolutional stem, BiLSTM encoder to a latent sequence, BiLSTM decoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ecg_core.models.layers import N_LEADS, Analysed, ConvStem, LayerNorm, ModelOutput, UpsamplingHead, pool, with_mask

LOGVAR_RANGE = (-7.0, 3.0)
"""Bounds of the log-variances: a standard deviation of 0.03 to 4.5 on the compressed scale."""


@dataclass(frozen=True)
class VAEBiLSTMConfig:
    """Size of the VAE-BiLSTM. `hidden` is one direction's width; `n_latents` numbers a token of 80 ms."""

    width: int = 128
    hidden: int = 64
    n_latents: int = 32


def sample_posterior(mu: Tensor, logvar: Tensor, training: bool) -> Tensor:
    """Return z: a draw while training, the mean in `eval()` so that a record always scores the same."""
    return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar) if training else mu


class VAEBiLSTM(nn.Module):
    """Mean and log-variance for every sample, from a latent sequence of 80 ms tokens."""

    def __init__(self, config: VAEBiLSTMConfig) -> None:
        super().__init__()
        self.config = config
        width, hidden = config.width, config.hidden
        self.stem = ConvStem(width)
        self.encoder = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.encoder_norm = LayerNorm(2 * hidden)
        self.to_mu = nn.Linear(2 * hidden, config.n_latents)
        self.to_logvar = nn.Linear(2 * hidden, config.n_latents)
        self.from_z = nn.Linear(config.n_latents, width)
        self.decoder = nn.LSTM(width, hidden, batch_first=True, bidirectional=True)
        self.to_head = nn.Linear(2 * hidden, width)
        self.head = UpsamplingHead(width, 2 * N_LEADS)

    def decoder_modules(self) -> list[nn.Module]:
        """Return what reconstructs: trained on pure normals only."""
        return [self.from_z, self.decoder, self.to_head, self.head]

    def encode(self, x: Tensor, visible: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """Return every encoder layer, (batch, channels, time), and the posterior, (batch, n_tokens, n_latents)."""
        layers = self.stem(with_mask(x, visible))
        tokens = layers[-1].transpose(1, 2)  # (batch, n_tokens, width)
        h = self.encoder_norm(self.encoder(tokens)[0])  # (batch, n_tokens, 2 * hidden)
        layers.append(h.transpose(1, 2))
        return layers, self.to_mu(h), self.to_logvar(h).clamp(*LOGVAR_RANGE)

    def features(self, x: Tensor, visible: Tensor) -> Tensor:
        """Return pooled encoder features, (batch, n_features): what the density sees."""
        layers, mu, _ = self.encode(x, visible)
        return pool([*layers, mu.transpose(1, 2)])

    def decode(self, z: Tensor, n_samples: int) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance, (batch, 8, n_samples) each, from z (batch, n_tokens, n_latents)."""
        h = self.from_z(z)  # (batch, n_tokens, width)
        h = h + self.to_head(self.decoder(h)[0])
        mean, logvar = self.head(h.transpose(1, 2))[..., :n_samples].chunk(2, dim=1)
        return mean, logvar.clamp(*LOGVAR_RANGE)

    def analyse(self, x: Tensor, visible: Tensor, restored: int) -> Analysed:
        """Restore the first `restored` records and describe the others, encoded at once."""
        layers, mu, logvar_z = self.encode(x, visible)
        x_hat, logvar = self.decode(mu[:restored], x.shape[-1])
        features = pool([layer[restored:] for layer in [*layers, mu.transpose(1, 2)]])
        return Analysed(ModelOutput(x_hat, logvar, mu[:restored], logvar_z[:restored]), features)

    def forward(self, x: Tensor, visible: Tensor) -> ModelOutput:
        """Reconstruct.

        Parameters
        ----------
        x : (batch, 8, n_samples), compressed mV.
        visible : the same shape, 1 where the network may look, 0 where it must restore.
        """
        _, mu, logvar_z = self.encode(x, visible)
        z = sample_posterior(mu, logvar_z, self.training)
        x_hat, logvar = self.decode(z, x.shape[-1])
        return ModelOutput(x_hat, logvar, mu, logvar_z)
