"""Beat-CAE: 2 s around a beat, 720 samples at 360 Hz, through 32 numbers and back."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from ecg_core.errors import ConfigError
from ecg_core.models.beat_output import BeatOutput

Layers = list[nn.ConvTranspose1d]


@dataclass(frozen=True)
class BeatCAEConfig:
    """Size of the Beat-CAE; as it stands it has 583,361 parameters, the published number.

    Attributes
    ----------
    n_samples : of the window; a multiple of the product of the strides.
    channels, kernels, strides : of the three convolutions; the decoder mirrors them.
    hidden : width of the layer on either side of the latents.
    n_latents : numbers that a window passes through.
    """

    n_samples: int = 720
    channels: tuple[int, ...] = (16, 32, 64)
    kernels: tuple[int, ...] = (16, 4, 4)
    strides: tuple[int, ...] = (4, 2, 2)
    hidden: int = 96
    n_latents: int = 32


def check_sizes(n_samples: int, channels: tuple[int, ...], kernels: tuple[int, ...], strides: tuple[int, ...]) -> None:
    """Refuse convolutions that do not bring a window down and up again to its own length.

    Raises
    ------
    ConfigError
        With what does not fit.
    """
    if not len(channels) == len(kernels) == len(strides):
        raise ConfigError(
            f"Expected one channel, kernel and stride for each convolution; found {len(channels)}, {len(kernels)} and "
            f"{len(strides)}."
        )
    if n_samples % prod(strides):
        raise ConfigError(f"Expected windows of a multiple of {prod(strides)} samples; found {n_samples}.")
    for kernel, stride in zip(kernels, strides, strict=True):
        if kernel < stride or (kernel - stride) % 2:
            raise ConfigError(f"Expected a kernel of {stride} + an even number at stride {stride}; found {kernel}.")


def convolutions(channels: tuple[int, ...], kernels: tuple[int, ...], strides: tuple[int, ...]) -> nn.ModuleList:
    """Return strided convolutions, each of which divides the length by its stride exactly."""
    inputs = (1, *channels[:-1])
    return nn.ModuleList(
        nn.Conv1d(a, b, k, stride=s, padding=(k - s) // 2)
        for a, b, k, s in zip(inputs, channels, kernels, strides, strict=True)
    )


def transposed(channels: tuple[int, ...], kernels: tuple[int, ...], strides: tuple[int, ...]) -> nn.ModuleList:
    """Return the convolutions that undo the lengths of `convolutions`, last one first, to one channel."""
    outputs = (1, *channels[:-1])
    return nn.ModuleList(
        nn.ConvTranspose1d(b, a, k, stride=s, padding=(k - s) // 2)
        for a, b, k, s in reversed(list(zip(outputs, channels, kernels, strides, strict=True)))
    )


def upwards(layers: nn.ModuleList, h: Tensor) -> Tensor:
    """Return (batch, n_samples) from the narrowest map; the last layer is linear."""
    for k, layer in enumerate(layers):
        h = layer(h if k == 0 else F.gelu(h))
    return h[:, 0]


def seen_by(layers: Layers, lo: int, hi: int, n_samples: int) -> list[tuple[int, int]]:
    """Return the spans of the maps from the narrowest on that samples lo ... hi - 1 come from, themselves the last."""
    spans = [(lo, hi)]
    for layer in reversed(layers):
        kernel, stride, padding = layer.kernel_size[0], layer.stride[0], int(layer.padding[0])
        n_samples //= stride
        # sample t comes from the i with 0 <= t + padding - stride * i < kernel
        first = -((kernel - 1 - spans[0][0] - padding) // stride)
        spans.insert(0, (max(0, first), min(n_samples, (spans[0][1] - 1 + padding) // stride + 1)))
    return spans


def upwards_within(layers: Layers, h: Tensor, spans: list[tuple[int, int]]) -> Tensor:
    """Return what `upwards` returns, (batch, hi - lo), of one span alone.

    Each layer is one product of matrices whose columns are added up where they overlap: on a processor that takes a
    fraction of the time of `nn.ConvTranspose1d`.

    Parameters
    ----------
    h : the narrowest map within the first of the spans, channels last, (batch, length, channels).
    spans : from `seen_by`.
    """
    for k, layer in enumerate(layers):
        (first, stop), (lo, hi) = spans[k : k + 2]
        stride, n = layer.stride[0], stop - first
        weight = F.pad(layer.weight, (0, -layer.kernel_size[0] % stride))  # (in, out, taps)
        taps = weight.shape[2]
        product = (h if k == 0 else F.gelu(h)).reshape(-1, weight.shape[0]) @ weight.transpose(1, 2).flatten(1)
        pieces = product.view(len(h), n, taps // stride, -1)
        out = h.new_zeros(len(h), n + taps // stride - 1, pieces.shape[3])
        for j in range(taps // stride):
            out[:, j : j + n] += pieces[:, :, j]
        offset = int(layer.padding[0]) - stride * first
        h = out.view(len(h), -1, weight.shape[1])[:, lo + offset : hi + offset] + cast(Tensor, layer.bias)
    return h[:, :, 0]


class BeatCAE(nn.Module):
    """Three strided convolutions, a hidden layer, 32 latents, and the same back.

    The published network gives its window (2 s at 360 Hz), its latents (32) and its number of parameters (583,361);
    this one has all three, with nearly all of its weights in the linear layers, where they cost least.
    """

    def __init__(self, config: BeatCAEConfig) -> None:
        super().__init__()
        c = self.config = config
        check_sizes(c.n_samples, c.channels, c.kernels, c.strides)
        self.shape = (c.channels[-1], c.n_samples // prod(c.strides))
        self.convs = convolutions(c.channels, c.kernels, c.strides)
        self.to_hidden = nn.Linear(prod(self.shape), c.hidden)
        self.to_z = nn.Linear(c.hidden, c.n_latents)
        self.from_z = nn.Linear(c.n_latents, c.hidden)
        self.from_hidden = nn.Linear(c.hidden, prod(self.shape))
        self.ups = transposed(c.channels, c.kernels, c.strides)

    def encode(self, x: Tensor) -> Tensor:
        """Return z, (batch, n_latents), of windows (batch, n_samples)."""
        h = x[:, None]
        for conv in self.convs:
            h = F.gelu(conv(h))  # (batch, 64, 45) at the end
        return self.to_z(F.gelu(self.to_hidden(h.flatten(1))))

    def decode(self, z: Tensor) -> Tensor:
        """Return x_hat, (batch, n_samples), from z, (batch, n_latents)."""
        h = F.gelu(self.from_hidden(F.gelu(self.from_z(z))))
        return upwards(self.ups, h.unflatten(1, self.shape))

    def decode_within(self, z: Tensor, lo: int, hi: int) -> Tensor:
        """Return samples lo ... hi - 1 of `decode`, (batch, hi - lo): only what they come from is worked out."""
        layers = cast(Layers, list(self.ups))
        spans = seen_by(layers, lo, hi, self.config.n_samples)
        maps = slice(*spans[0])
        weight = self.from_hidden.weight.unflatten(0, self.shape)[:, maps].transpose(0, 1)
        bias = self.from_hidden.bias.unflatten(0, self.shape)[:, maps].T
        h = F.gelu(F.linear(F.gelu(self.from_z(z)), weight.flatten(0, 1), bias.flatten()))
        return upwards_within(layers, h.unflatten(1, weight.shape[:2]), spans)

    def forward(self, x: Tensor) -> BeatOutput:
        """Restore windows, (batch, n_samples), z-scored."""
        z = self.encode(x)
        return BeatOutput(self.decode(z), z, None)
