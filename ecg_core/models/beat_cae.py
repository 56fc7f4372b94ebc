"""Beat-CAE: 2 s around a beat, 720 samples at 360 Hz, through 32 numbers and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from ecg_core.errors import ConfigError
from ecg_core.models.beat_output import BeatOutput

Layers = list[nn.ConvTranspose1d]
Norms = Sequence[nn.Module]


@dataclass(frozen=True)
class BeatCAEConfig:
    """Size of the Beat-CAE; as it stands it has 583,361 parameters, the published number.

    So has the published layout: channels 32, 64, 128, 128, kernels 7, 5, 5, 3 down and 4, 4, 4, 4 up, strides of 2, no
    hidden layer, normalised. It takes eight times the operations.

    Attributes
    ----------
    n_samples : of the window; a multiple of the product of the strides.
    channels, kernels, strides : of the convolutions; the decoder mirrors them.
    hidden : width of the layer on either side of the latents; 0 for none.
    n_latents : numbers that a window passes through.
    up_kernels : of the decoder, in the order of `kernels`, where they are not those; none for the same.
    norm : normalise each map but the last over the batch (Ioffe and Szegedy 2015, arXiv:1502.03167).
    """

    n_samples: int = 720
    channels: tuple[int, ...] = (16, 32, 64)
    kernels: tuple[int, ...] = (16, 4, 4)
    strides: tuple[int, ...] = (4, 2, 2)
    hidden: int = 96
    n_latents: int = 32
    up_kernels: tuple[int, ...] = ()
    norm: bool = False


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


def check_layout(config: BeatCAEConfig) -> None:
    """Refuse a Beat-CAE that cannot be built.

    Raises
    ------
    ConfigError
        With what does not fit.
    """
    c = config
    if not c.channels or min(*c.channels, *c.strides, c.n_samples, c.n_latents) < 1 or c.hidden < 0:
        raise ConfigError(
            f"Expected channels, strides, samples and latents from 1 and a hidden layer from 0; found {c.channels}, "
            f"{c.strides}, {c.n_samples}, {c.n_latents} and {c.hidden}."
        )
    check_sizes(c.n_samples, c.channels, c.up_kernels or c.kernels, c.strides)
    if len(c.kernels) != len(c.strides):
        raise ConfigError(f"Expected one kernel for each convolution; found {len(c.kernels)} for {len(c.strides)}.")
    for kernel, stride in zip(c.kernels, c.strides, strict=True):
        if kernel < stride or (stride == 1 and kernel % 2 == 0):
            raise ConfigError(f"Expected a kernel from {stride}, odd at stride 1; found {kernel} at stride {stride}.")


def convolutions(channels: tuple[int, ...], kernels: tuple[int, ...], strides: tuple[int, ...]) -> nn.ModuleList:
    """Return strided convolutions, each of which divides the length by its stride exactly."""
    inputs = (1, *channels[:-1])
    return nn.ModuleList(
        nn.Conv1d(a, b, k, stride=s, padding=(k - s + 1) // 2)
        for a, b, k, s in zip(inputs, channels, kernels, strides, strict=True)
    )


def transposed(channels: tuple[int, ...], kernels: tuple[int, ...], strides: tuple[int, ...]) -> nn.ModuleList:
    """Return the convolutions that undo the lengths of `convolutions`, last one first, to one channel."""
    outputs = (1, *channels[:-1])
    return nn.ModuleList(
        nn.ConvTranspose1d(b, a, k, stride=s, padding=(k - s) // 2)
        for a, b, k, s in reversed(list(zip(outputs, channels, kernels, strides, strict=True)))
    )


def upwards(layers: nn.ModuleList, h: Tensor, norms: Norms = ()) -> Tensor:
    """Return (batch, n_samples) from the narrowest map; the last layer is linear. `norms`: after each but the last."""
    for k, layer in enumerate(layers):
        if k:
            h = F.gelu(norms[k - 1](h) if norms else h)
        h = layer(h)
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


def upwards_within(layers: Layers, h: Tensor, spans: list[tuple[int, int]], norms: Norms = ()) -> Tensor:
    """Return what `upwards` returns, (batch, hi - lo), of one span alone.

    Each layer is one product of matrices whose columns are added up where they overlap: on a processor that takes a
    fraction of the time of `nn.ConvTranspose1d`.

    Parameters
    ----------
    h : the narrowest map within the first of the spans, channels last, (batch, length, channels).
    spans : from `seen_by`.
    norms : as in `upwards`, not in training.
    """
    for k, layer in enumerate(layers):
        if k:
            h = F.gelu(norms[k - 1](h.transpose(1, 2)).transpose(1, 2) if norms else h)
        (first, stop), (lo, hi) = spans[k : k + 2]
        stride, n = layer.stride[0], stop - first
        weight = F.pad(layer.weight, (0, -layer.kernel_size[0] % stride))  # (in, out, taps)
        taps = weight.shape[2]
        product = h.reshape(-1, weight.shape[0]) @ weight.transpose(1, 2).flatten(1)
        pieces = product.view(len(h), n, taps // stride, -1)
        out = h.new_zeros(len(h), n + taps // stride - 1, pieces.shape[3])
        for j in range(taps // stride):
            out[:, j : j + n] += pieces[:, :, j]
        offset = int(layer.padding[0]) - stride * first
        h = out.view(len(h), -1, weight.shape[1])[:, lo + offset : hi + offset] + cast(Tensor, layer.bias)
    return h[:, :, 0]


class BeatCAE(nn.Module):
    """Strided convolutions, a hidden layer, 32 latents, and the same back.

    The published network gives its window (2 s at 360 Hz), its latents (32) and its number of parameters (583,361).
    As it stands this one has all three, with nearly all of its weights in the linear layers, where they cost least.
    """

    def __init__(self, config: BeatCAEConfig) -> None:
        super().__init__()
        c = self.config = config
        check_layout(c)
        self.shape = (c.channels[-1], c.n_samples // prod(c.strides))
        flat = prod(self.shape)
        self.convs = convolutions(c.channels, c.kernels, c.strides)
        self.to_hidden = nn.Linear(flat, c.hidden) if c.hidden else None
        self.to_z = nn.Linear(c.hidden or flat, c.n_latents)
        self.from_z = nn.Linear(c.n_latents, c.hidden or flat)
        self.from_hidden = nn.Linear(c.hidden, flat) if c.hidden else None
        self.ups = transposed(c.channels, c.up_kernels or c.kernels, c.strides)
        self.norms = nn.ModuleList(nn.BatchNorm1d(n) for n in c.channels if c.norm)
        self.up_norms = nn.ModuleList(nn.BatchNorm1d(n) for n in c.channels[-2::-1] if c.norm)

    def encode(self, x: Tensor) -> Tensor:
        """Return z, (batch, n_latents), of windows (batch, n_samples)."""
        h = x[:, None]
        for k, conv in enumerate(self.convs):
            h = conv(h)
            h = F.gelu(self.norms[k](h) if self.norms else h)  # (batch, 64, 45) at the end
        h = h.flatten(1)
        return self.to_z(h if self.to_hidden is None else F.gelu(self.to_hidden(h)))

    def decode(self, z: Tensor) -> Tensor:
        """Return x_hat, (batch, n_samples), from z, (batch, n_latents)."""
        h = self.from_z(z)
        if self.from_hidden is not None:
            h = F.gelu(self.from_hidden(F.gelu(h)))
        return upwards(self.ups, h.unflatten(1, self.shape), cast(Norms, self.up_norms))

    def decode_within(self, z: Tensor, lo: int, hi: int) -> Tensor:
        """Return samples lo ... hi - 1 of `decode`, (batch, hi - lo): only what they come from is worked out.

        For use: in training normalisation is over whole maps, and this is not `decode`.
        """
        layers = cast(Layers, list(self.ups))
        spans = seen_by(layers, lo, hi, self.config.n_samples)
        maps = slice(*spans[0])
        widest = self.from_z if self.from_hidden is None else self.from_hidden
        weight = widest.weight.unflatten(0, self.shape)[:, maps].transpose(0, 1)
        bias = widest.bias.unflatten(0, self.shape)[:, maps].T
        h = z if self.from_hidden is None else F.gelu(self.from_z(z))
        h = F.linear(h, weight.flatten(0, 1), bias.flatten())
        h = (h if self.from_hidden is None else F.gelu(h)).unflatten(1, weight.shape[:2])
        return upwards_within(layers, h, spans, cast(Norms, self.up_norms))

    def forward(self, x: Tensor) -> BeatOutput:
        """Restore windows, (batch, n_samples), z-scored."""
        z = self.encode(x)
        return BeatOutput(self.decode(z), z, None)
