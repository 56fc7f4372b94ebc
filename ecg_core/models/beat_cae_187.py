"""Beat-CAE-187: one beat of 187 samples at 125 Hz, from its R peak on, through few numbers and back."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from ecg_core.models.beat_cae import check_sizes, convolutions, transposed, upwards
from ecg_core.models.beat_output import BeatOutput


@dataclass(frozen=True)
class BeatCAE187Config:
    """Size of the Beat-CAE-187.

    Attributes
    ----------
    n_samples : 187, as Kachuee et al. (2018, doi:10.1109/ICHI.2018.00092) cut beats.
    channels, kernels, strides : of the convolutions; the decoder mirrors them.
    n_latents : numbers that a beat passes through.
    """

    n_samples: int = 187
    channels: tuple[int, ...] = (16, 32, 32)
    kernels: tuple[int, ...] = (8, 6, 4)
    strides: tuple[int, ...] = (2, 2, 2)
    n_latents: int = 16


class BeatCAE187(nn.Module):
    """Strided convolutions to a linear bottleneck, and back; 187 samples are padded with zeros to 192."""

    def __init__(self, config: BeatCAE187Config) -> None:
        super().__init__()
        c = self.config = config
        self.padding = -c.n_samples % prod(c.strides)
        padded = c.n_samples + self.padding
        check_sizes(padded, c.channels, c.kernels, c.strides)
        self.shape = (c.channels[-1], padded // prod(c.strides))
        self.convs = convolutions(c.channels, c.kernels, c.strides)
        self.to_z = nn.Linear(prod(self.shape), c.n_latents)
        self.from_z = nn.Linear(c.n_latents, prod(self.shape))
        self.ups = transposed(c.channels, c.kernels, c.strides)

    def encode(self, x: Tensor) -> Tensor:
        """Return z, (batch, n_latents), of beats (batch, 187)."""
        h = F.pad(x, (0, self.padding))[:, None]
        for conv in self.convs:
            h = F.gelu(conv(h))  # (batch, 32, 24) at the end
        return self.to_z(h.flatten(1))

    def decode(self, z: Tensor) -> Tensor:
        """Return x_hat, (batch, 187), from z, (batch, n_latents)."""
        return upwards(self.ups, F.gelu(self.from_z(z)).unflatten(1, self.shape))[:, : self.config.n_samples]

    def forward(self, x: Tensor) -> BeatOutput:
        """Restore beats, (batch, 187), from 0 to 1."""
        z = self.encode(x)
        return BeatOutput(self.decode(z), z, None)
