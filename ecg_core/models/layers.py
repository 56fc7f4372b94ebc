"""Layers that the three autoencoders share: the convolutional stem, the upsampling head, pooling."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from ecg_core.preprocessing import STRIDE

N_LEADS = 8


class ModelOutput(NamedTuple):
    """What an autoencoder returns.

    Attributes
    ----------
    x_hat : (batch, 8, n_samples), compressed mV (`ecg_core.preprocessing.compress`).
    logvar : (batch, 8, n_samples), log-variance of `x_hat`; None for a model without one.
    mu, logvar_z : (batch, n_tokens, n_latents), the posterior of z; `logvar_z` is None for the CAE.
    """

    x_hat: Tensor
    logvar: Tensor | None
    mu: Tensor
    logvar_z: Tensor | None


class Received(NamedTuple):
    """The attention that leads, (batch, n_tokens, 8), and tokens, (batch, n_tokens), receive."""

    lead: Tensor
    time: Tensor


class Analysed(NamedTuple):
    """What an autoencoder says of records that it restored and of others that it saw whole, encoded at once.

    Attributes
    ----------
    out, attention : of the first; no attention of a model that has none.
    features : pooled encoder features of the others, (batch, n_features).
    """

    out: ModelOutput
    features: Tensor
    attention: Received | None = None


def pad_to_stride(x: Tensor) -> Tensor:
    """Append zeros so that the last axis is a multiple of `STRIDE`."""
    return F.pad(x, (0, -x.shape[-1] % STRIDE))


def with_mask(x: Tensor, visible: Tensor) -> Tensor:
    """Return the network's input, (batch, 16, n_padded): hidden samples as zeros, and which are hidden."""
    return torch.cat([pad_to_stride(x * visible), 1.0 - pad_to_stride(visible)], dim=1)


def pool(layers: list[Tensor]) -> Tensor:
    """Return mean and standard deviation over time of each layer, (batch, 2 * sum of channels)."""
    stats = []
    for h in layers:
        mean = h.mean(-1, keepdim=True)
        variance = (h - mean).square().sum(-1) / (h.shape[-1] - 1)  # torch's own std is not vectorised: 2 ms a record
        stats += [mean.squeeze(-1), variance.sqrt()]
    return torch.cat(stats, dim=1)


def side_by_side(x: Tensor) -> Tensor:
    """Return (batch, channels, time) as (batch, channels, 1, time), the channels of a sample side by side in memory.

    torch convolves in this layout; its 1-D convolution reorders its input before and after, which costs up to half as
    much again as the convolution. ONNX Runtime has its fast convolution for four dimensions only. For scoring and the
    graph alone (`torch.inference_mode`): sums come out otherwise in the last digit, and training is to give the shipped
    weights again, bit for bit.
    """
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)


class Conv(nn.Conv1d):
    """torch's 1-D convolution, with zeros beyond the ends, in the layout of `side_by_side`."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, out_channels, time)."""
        if not torch.is_inference_mode_enabled():
            return super().forward(x)
        weight, (step,), (dilation,) = self.weight.unsqueeze(2), self.stride, self.dilation
        assert isinstance(self.padding, tuple)
        y = F.conv2d(side_by_side(x), weight, self.bias, (1, step), (0, self.padding[0]), (1, dilation))
        return y.squeeze(2)


class ConvTranspose(nn.ConvTranspose1d):
    """torch's transposed 1-D convolution in the layout of `side_by_side`."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Return (batch, out_channels, time)."""
        if not torch.is_inference_mode_enabled():
            return super().forward(x, output_size)
        weight, (step,) = self.weight.unsqueeze(2), self.stride
        assert isinstance(self.padding, tuple)
        y = F.conv_transpose2d(side_by_side(x), weight, self.bias, (1, step), (0, self.padding[0]))
        return y.squeeze(2)


class GroupNorm(nn.GroupNorm):
    """torch's group norm, which keeps the layout of `side_by_side` in four dimensions only."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape."""
        if not torch.is_inference_mode_enabled():
            return super().forward(x)
        return super().forward(side_by_side(x)).squeeze(2)


class LayerNorm(nn.LayerNorm):
    """torch's layer norm; for scoring a group norm of one group, which ONNX Runtime computes faster."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the same shape, (batch, time, width)."""
        if not torch.is_inference_mode_enabled():
            return super().forward(x)
        normal = F.group_norm(x.flatten(0, 1).unsqueeze(1), 1, eps=self.eps)
        return normal.reshape(x.shape) * self.weight + self.bias


class ConvStem(nn.Module):
    """Three strided convolutions and a residual one: (batch, 16, n) to (batch, 128, n / 8)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        sizes = [(2 * N_LEADS, 48, 7), (48, 96, 5), (96, width, 5)]
        self.convs = nn.ModuleList(Conv(a, b, k, stride=2, padding=k // 2) for a, b, k in sizes)
        self.norms = nn.ModuleList(GroupNorm(8, b) for _, b, _ in sizes)
        self.residual = Conv(width, width, 3, padding=1)
        self.residual_norm = GroupNorm(8, width)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return every layer's output, the last one (batch, width, n / 8)."""
        layers = []
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.gelu(norm(conv(x)))  # (batch, 48, n / 2), (batch, 96, n / 4), (batch, width, n / 8)
            layers.append(x)
        x = x + F.gelu(self.residual_norm(self.residual(x)))
        layers.append(x)
        return layers


class UpsamplingHead(nn.Module):
    """Three transposed convolutions back: (batch, width, n / 8) to (batch, n_out, n)."""

    def __init__(self, width: int, n_out: int) -> None:
        super().__init__()
        self.up1 = ConvTranspose(width, 96, 4, stride=2, padding=1)
        self.norm1 = GroupNorm(8, 96)
        self.up2 = ConvTranspose(96, 48, 4, stride=2, padding=1)
        self.norm2 = GroupNorm(8, 48)
        self.up3 = ConvTranspose(48, n_out, 4, stride=2, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        """Return (batch, n_out, n)."""
        h = F.gelu(self.norm1(self.up1(h)))  # (batch, 96, n / 4)
        h = F.gelu(self.norm2(self.up2(h)))  # (batch, 48, n / 2)
        return self.up3(h)  # (batch, n_out, n)


class DilatedBlock(nn.Module):
    """Residual dilated convolution: context without recurrence, (batch, width, n) to the same shape."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = GroupNorm(8, width)
        self.conv = Conv(width, width, 3, padding=dilation, dilation=dilation)

    def forward(self, h: Tensor) -> Tensor:
        """Return h plus what the tokens `dilation` before and after it say."""
        return h + self.conv(F.gelu(self.norm(h)))
