"""The checkpoint of an autoencoder: network, density of its latent, normals' error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from ecg_core.checkpoints.base import Checkpoint
from ecg_core.checkpoints.files import Arrays, CheckpointConfig, arrays_of, fitting, tables_of
from ecg_core.density import Density
from ecg_core.detection import Attention
from ecg_core.explanation import attention_of, explain
from ecg_core.imputation import LeadCovariance
from ecg_core.models import build_model
from ecg_core.scoring import ErrorScale, Network, beat_phase, raw_parts
from ecg_core.segments import SegmentInput, SegmentScore
from ecg_core.sign_head import SignHead


@dataclass(frozen=True)
class AutoencoderCheckpoint(Checkpoint):
    """A network with what was fitted around it; the parts of its score are "reconstruction", "latent" and "signs"."""

    network: Network
    parts = ("reconstruction", "latent", "signs")

    @classmethod
    def build(cls, config: CheckpointConfig, groups: dict[str, Arrays]) -> AutoencoderCheckpoint:
        """Rebuild from the arrays of the checkpoint's file.

        Raises
        ------
        CheckpointError
            If they are not what the config describes.
        """
        with fitting(config):
            model = build_model(config.architecture)
            weights = {name: torch.from_numpy(value) for name, value in groups["network"].items()}
            model.load_state_dict(weights, strict=True)
            model.eval()
            return cls(
                config,
                tables_of(groups["calibration"]),
                Network(
                    model,
                    Density(**groups["density"]),
                    SignHead(**groups["signs"]),
                    ErrorScale(groups["error_scale"]["rms"]),
                    LeadCovariance(groups["leads"]["covariance"]),
                ),
            )

    def groups(self) -> dict[str, Arrays]:
        """Return every array by group and name."""
        own = self.network
        return {
            "network": {name: value.detach().cpu().numpy() for name, value in own.model.state_dict().items()},
            "density": {name: getattr(own.density, name) for name in ("mean", "scale", "projection", "weight")},
            "signs": {name: getattr(own.signs, name) for name in ("mean", "scale", "weight")},
            "error_scale": {"rms": own.error_scale.rms},
            "leads": {"covariance": own.leads.matrix},
            "calibration": arrays_of(self.tables),
        }

    def _score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]:
        x = np.stack([s.eight for s in segments])
        usable = np.stack([s.usable for s in segments])
        phases = np.stack([beat_phase(s.beats.samples, x.shape[-1]) for s in segments])
        raw = raw_parts(self.network, x, usable, phases)
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
        return hasattr(self.network.model, "attention")

    def attention(self, segment: SegmentInput) -> Attention | None:
        """Return the attention weights over a segment; None for a network without attention."""
        return attention_of(self.network.model, segment.eight, segment.usable) if self.has_attention else None
