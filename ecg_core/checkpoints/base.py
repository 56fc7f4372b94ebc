"""What every checkpoint can do: say what the parts of a segment's score are, and what normals they are held to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from ecg_core.calibration import Condition, NormalScores, condition_for
from ecg_core.checkpoints.files import Arrays, CheckpointConfig
from ecg_core.detection import Attention, Measured
from ecg_core.errors import CheckpointError
from ecg_core.preprocessing import MODEL_FS
from ecg_core.records import Record
from ecg_core.segments import SegmentInput, SegmentScore, masked_indices
from ecg_core.superclasses import Resemblance, SuperclassProbe


@dataclass(frozen=True)
class Checkpoint(ABC):
    """A loaded checkpoint.

    Attributes
    ----------
    config : everything in config.json.
    tables : the calibration normals of each condition by its key.
    parts : names of the parts of its score.
    probe : what a record resembles, read off its latent; None without one.
    """

    config: CheckpointConfig
    tables: dict[str, NormalScores]
    probe: SuperclassProbe | None = field(default=None, kw_only=True)
    parts: ClassVar[tuple[str, ...]]

    @abstractmethod
    def groups(self) -> dict[str, Arrays]:
        """Return every array by group and name, as `files.write_arrays` takes them."""

    @abstractmethod
    def _score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]:
        """Score segments of one length."""

    def score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]:
        """Return the parts of the score of each segment, all of one length; what a segment was scored with is kept.

        So a segment that several checkpoints share, the consensus and its members, is scored once by each.
        """
        key = self.config.weights_sha256
        new = [segment for segment in segments if key not in segment.scored]
        if new:
            for segment, found in zip(new, self._score(new), strict=True):
                segment.scored[key] = found
        return [segment.scored[key] for segment in segments]

    @property
    def networks(self) -> dict[str, str]:
        """Names and weights' sha256 of the networks whose latents make up `SegmentScore.latent`."""
        return {}

    def resembles(self, found: SegmentScore) -> tuple[Resemblance, ...]:
        """Return what a scored segment resembles, the likeliest first: a hint beside the verdict, no part of it."""
        return () if self.probe is None or found.latent is None else self.probe.resembles(found.latent)

    def measure(self, segment: SegmentInput, record: Record) -> Measured | None:
        """Return what was measured and what of it is unusual for the record's sex and age; None if it measures not."""
        return None

    def attention(self, segment: SegmentInput) -> Attention | None:
        """Return the attention weights over a segment; None for a model that has none."""
        return None

    @property
    def has_attention(self) -> bool:
        """Whether `attention` has weights to return."""
        return False

    def table(self, condition: Condition) -> NormalScores:
        """Return the calibration normals that are masked and cropped alike.

        Raises
        ------
        CheckpointError
            If this checkpoint was not calibrated for it.
        """
        if condition.key not in self.tables:
            raise CheckpointError(f"{self.config.name} is not calibrated for {condition.key}; recalibrate it.")
        return self.tables[condition.key]


def condition_of(segment: SegmentInput) -> Condition:
    """Return what normals a segment is compared with."""
    return condition_for(segment.x.shape[-1] / MODEL_FS, masked_indices(segment.usable))
