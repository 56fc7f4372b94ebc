"""Beat-CNN-LSTM: convolutions, an LSTM in both directions, attention over time to one vector, and back."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from ecg_core.models.beat_cae import check_sizes, convolutions, transposed, upwards
from ecg_core.models.beat_output import BeatOutput


@dataclass(frozen=True)
class BeatCNNLSTMConfig:
    """Size of the Beat-CNN-LSTM.

    Attributes
    ----------
    n_samples, channels, kernels, strides : as in `BeatCAEConfig`; a token is 16 samples, 44 ms at 360 Hz.
    hidden : width of one direction of the LSTMs.
    n_latents : numbers that a window passes through.
    """

    n_samples: int = 720
    channels: tuple[int, ...] = (16, 32, 48)
    kernels: tuple[int, ...] = (16, 4, 4)
    strides: tuple[int, ...] = (4, 2, 2)
    hidden: int = 48
    n_latents: int = 32


class BeatCNNLSTM(nn.Module):
    """The latent is the attended mean over tokens: attention says how much each 44 ms counts.

    Additive attention (Bahdanau et al. 2015, arXiv:1409.0473) over the states of a bidirectional LSTM; the decoder is
    an LSTM that is handed the latent and a learnt place at every token.
    """

    def __init__(self, config: BeatCNNLSTMConfig) -> None:
        super().__init__()
        c = self.config = config
        check_sizes(c.n_samples, c.channels, c.kernels, c.strides)
        width, n_tokens = c.channels[-1], c.n_samples // prod(c.strides)
        self.convs = convolutions(c.channels, c.kernels, c.strides)
        self.encoder = nn.LSTM(width, c.hidden, batch_first=True, bidirectional=True)
        self.place = nn.Parameter(0.1 * torch.randn(n_tokens, 2 * c.hidden))
        self.to_energy = nn.Linear(2 * c.hidden, c.hidden)
        self.energy = nn.Linear(c.hidden, 1, bias=False)
        self.to_value = nn.Linear(2 * c.hidden, 2 * c.hidden)
        self.to_z = nn.Linear(2 * c.hidden, c.n_latents)
        self.from_z = nn.Linear(c.n_latents, 2 * c.hidden)
        self.decoder = nn.LSTM(2 * c.hidden, c.hidden, batch_first=True, bidirectional=True)
        self.to_maps = nn.Linear(2 * c.hidden, width)
        self.ups = transposed(c.channels, c.kernels, c.strides)

    def attend(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z, (batch, n_latents), and the weights, (batch, n_tokens), of windows (batch, n_samples)."""
        h = x[:, None]
        for conv in self.convs:
            h = F.gelu(conv(h))
        states = self.encoder(h.transpose(1, 2))[0]  # (batch, n_tokens, 2 * hidden)
        placed = states + self.place
        weights = self.energy(torch.tanh(self.to_energy(placed)))[..., 0].softmax(-1)
        values = F.gelu(self.to_value(placed))
        return self.to_z((weights[..., None] * values).sum(1)), weights

    def encode(self, x: Tensor) -> Tensor:
        """Return z, (batch, n_latents), of windows (batch, n_samples)."""
        return self.attend(x)[0]

    def decode(self, z: Tensor) -> Tensor:
        """Return x_hat, (batch, n_samples), from z, (batch, n_latents)."""
        given = F.gelu(self.from_z(z))[:, None] + self.place  # (batch, n_tokens, 2 * hidden)
        h = self.to_maps(self.decoder(given)[0]).transpose(1, 2)
        return upwards(self.ups, F.gelu(h))

    def forward(self, x: Tensor) -> BeatOutput:
        """Restore windows, (batch, n_samples), z-scored."""
        z, weights = self.attend(x)
        return BeatOutput(self.decode(z), z, weights)
