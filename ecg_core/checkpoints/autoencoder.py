"""The checkpoint of an autoencoder: network, density of its latent, normals' error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from ecg_core.checkpoints.base import Checkpoint
from ecg_core.checkpoints.files import Arrays, CheckpointConfig, arrays_of, fitting, tables_of
from ecg_core.density import Density
from ecg_core.detection import Attention
from ecg_core.explanation import attention_of, explain
from ecg_core.graph import GraphNetwork
from ecg_core.imputation import LeadCovariance
from ecg_core.scoring import ErrorScale, Forward, Network, raw_parts, together
from ecg_core.segments import SegmentInput, SegmentScore
from ecg_core.sign_head import SignHead


@dataclass(frozen=True)
class AutoencoderCheckpoint(Checkpoint):
    """A network with what was fitted around it; the parts of its score are "reconstruction", "latent" and "signs".

    Attributes
    ----------
    graph : the network as `ecg_core.graph` runs it; empty where there is none, and torch runs it.
    """

    network: Network
    graph: bytes = field(default=b"", kw_only=True)
    parts = ("reconstruction", "latent", "signs")

    @classmethod
    def build(cls, config: CheckpointConfig, groups: dict[str, Arrays], graph: bytes = b"") -> AutoencoderCheckpoint:
        """Rebuild from the arrays of the checkpoint's file and its graph.

        Raises
        ------
        CheckpointError
            If they are not what the config describes.
        """
        with fitting(config):
            return cls(
                config,
                tables_of(groups["calibration"]),
                Network(
                    _forward(config, groups["network"], graph),
                    Density(**groups["density"]),
                    SignHead(**groups["signs"]),
                    ErrorScale(groups["error_scale"]["rms"]),
                    LeadCovariance(groups["leads"]["covariance"]),
                ),
                graph=graph,
            )

    def groups(self) -> dict[str, Arrays]:
        """Return every array by group and name."""
        own = self.network
        return {
            "network": own.forward.weights,
            "density": {name: getattr(own.density, name) for name in ("mean", "scale", "projection", "weight")},
            "signs": {name: getattr(own.signs, name) for name in ("mean", "scale", "weight")},
            "error_scale": {"rms": own.error_scale.rms},
            "leads": {"covariance": own.leads.matrix},
            "calibration": arrays_of(self.tables),
        }

    def _score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]:
        raw = raw_parts(self.network, together([segment.inputs for segment in segments]))
        return [
            SegmentScore(
                {name: float(getattr(raw, name)[k]) for name in self.parts},
                partial(explain, segment, raw, k, self.config.scoring.mark_level),
                raw.features[k],
            )
            for k, segment in enumerate(segments)
        ]

    @property
    def networks(self) -> dict[str, str]:
        """Its own."""
        return {self.config.name: self.config.weights_sha256}

    @property
    def has_attention(self) -> bool:
        """Whether the network attends."""
        return self.network.forward.has_attention

    def attention(self, segment: SegmentInput) -> Attention | None:
        """Return the attention weights over a segment; None for a network without attention."""
        return attention_of(self.network.forward, segment.eight, segment.usable)


def _forward(config: CheckpointConfig, weights: Arrays, graph: bytes) -> Forward:
    """Return what runs the network: its graph, or torch where there is none."""
    if graph:
        return GraphNetwork(graph, weights, config.architecture)
    from ecg_core.models import load_model  # only here: torch comes with it
    from ecg_core.torch_network import TorchNetwork

    return TorchNetwork(load_model(config.architecture, weights))
