"""CAE: a convolutional autoencoder with a real bottleneck."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from ecg_core.models.layers import (
    N_LEADS,
    Analysed,
    ConvStem,
    DilatedBlock,
    ModelOutput,
    UpsamplingHead,
    pool,
    with_mask,
)


@dataclass(frozen=True)
class CAEConfig:
    """Size of the CAE. `n_latents` numbers a token of 80 ms: 16 for the 64 samples it stands for."""

    width: int = 128
    n_latents: int = 16
    dilations: tuple[int, ...] = (2, 6)


class CAE(nn.Module):
    """Strided 1-D convolutions to a bottleneck of `n_latents` a token, and back."""

    def __init__(self, config: CAEConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = ConvStem(config.width)
        self.context = nn.ModuleList(DilatedBlock(config.width, d) for d in config.dilations)
        self.to_z = nn.Conv1d(config.width, config.n_latents, 1)
        self.from_z = nn.Conv1d(config.n_latents, config.width, 1)
        self.decoder_context = nn.ModuleList(DilatedBlock(config.width, d) for d in config.dilations)
        self.head = UpsamplingHead(config.width, N_LEADS)

    def decoder_modules(self) -> list[nn.Module]:
        """Return what reconstructs: trained on pure normals only."""
        return [self.from_z, self.decoder_context, self.head]

    def encode(self, x: Tensor, visible: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return every encoder layer, each (batch, channels, time), and z, (batch, n_latents, n_tokens)."""
        layers = self.stem(with_mask(x, visible))
        for block in self.context:
            layers.append(block(layers[-1]))
        return layers, self.to_z(layers[-1])

    def decode(self, z: Tensor, n_samples: int) -> Tensor:
        """Return x_hat, (batch, 8, n_samples), from z (batch, n_latents, n_tokens)."""
        h = self.from_z(z)  # (batch, width, n_tokens)
        for block in self.decoder_context:
            h = block(h)
        return self.head(h)[..., :n_samples]

    def features(self, x: Tensor, visible: Tensor) -> Tensor:
        """Return pooled encoder features, (batch, n_features): what the density sees."""
        layers, z = self.encode(x, visible)
        return pool([*layers, z])

    def analyse(self, x: Tensor, visible: Tensor, restored: int) -> Analysed:
        """Restore the first `restored` records and describe the others, encoded at once."""
        layers, z = self.encode(x, visible)
        kept = z[:restored]
        out = ModelOutput(self.decode(kept, x.shape[-1]), None, kept.transpose(1, 2), None)
        return Analysed(out, pool([layer[restored:] for layer in [*layers, z]]))

    def forward(self, x: Tensor, visible: Tensor) -> ModelOutput:
        """Reconstruct.

        Parameters
        ----------
        x : (batch, 8, n_samples), compressed mV.
        visible : the same shape, 1 where the network may look, 0 where it must restore.
        """
        _, z = self.encode(x, visible)
        return ModelOutput(self.decode(z, x.shape[-1]), None, z.transpose(1, 2), None)
