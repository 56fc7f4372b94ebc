"""The checkpoint of the consensus: which detectors it is made of, how they are weighted, and its own calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ecg_core.calibration import combine
from ecg_core.checkpoints.base import Checkpoint, condition_of
from ecg_core.checkpoints.files import Arrays, CheckpointConfig, arrays_of, fitting, tables_of
from ecg_core.detection import Measured
from ecg_core.errors import CheckpointError
from ecg_core.records import Record
from ecg_core.segments import SegmentInput, SegmentScore

CLASS = "Consensus"
"""What config.json calls the architecture."""

EXPLAINED_BY = "measurements"
"""The member whose maps and measurements are the consensus's."""


@dataclass(frozen=True)
class ConsensusCheckpoint(Checkpoint):
    """Several detectors in one verdict: the parts of its score are its members' scores.

    Attributes
    ----------
    members : by name, as `config.architecture["members"]` lists them with their weights' sha256.
    """

    members: dict[str, Checkpoint] = field(default_factory=dict)
    parts = ()

    @classmethod
    def build(
        cls, config: CheckpointConfig, groups: dict[str, Arrays], members: dict[str, Checkpoint]
    ) -> ConsensusCheckpoint:
        """Rebuild from the arrays of the checkpoint's file and the members of the same store.

        Raises
        ------
        CheckpointError
            If the arrays are not what the config describes, or a member is not the one it was calibrated with.
        """
        with fitting(config):
            wanted = dict(config.architecture["members"])
            tables = tables_of(groups["calibration"])
        for name, sha256 in wanted.items():
            found = members[name].config.weights_sha256
            if found != sha256:
                raise CheckpointError(
                    f"{config.name} was calibrated with {name} {sha256[:12]}; the store has {found[:12]}; calibrate "
                    f"{config.name} again (python -m training.consensus)."
                )
        return cls(config, tables, members)

    def groups(self) -> dict[str, Arrays]:
        """Return every array by group and name."""
        return {"calibration": arrays_of(self.tables)}

    def member_scores(self, segments: Sequence[SegmentInput]) -> list[dict[str, float]]:
        """Return each member's record score of segments of one length: its evidence, added up as it does alone."""
        found: list[dict[str, float]] = [{} for _ in segments]
        for name, member in self.members.items():
            for k, (segment, scored) in enumerate(zip(segments, member.score(segments), strict=True)):
                evidence = member.table(condition_of(segment)).evidence(scored.parts)
                found[k][name] = float(combine(evidence, member.config.scoring.weights))
        return found

    def _score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]:
        scores = self.member_scores(segments)
        explained = self.members[EXPLAINED_BY].score(segments)
        latents = self._latents(segments)
        return [SegmentScore(own, one.explain, z) for own, one, z in zip(scores, explained, latents, strict=True)]

    @property
    def networks(self) -> dict[str, str]:
        """Those of its members, in their order."""
        return {name: sha256 for member in self.members.values() for name, sha256 in member.networks.items()}

    def _latents(self, segments: Sequence[SegmentInput]) -> list[NDArray[np.float32] | None]:
        """Return the members' latents end to end, as they were found when the members scored."""
        by_member = [[one.latent for one in member.score(segments)] for member in self.members.values()]
        found = [[z for z in of_one if z is not None] for of_one in zip(*by_member, strict=True)]
        return [np.concatenate(of_one) if of_one else None for of_one in found]

    def measure(self, segment: SegmentInput, record: Record) -> Measured | None:
        """Return what the measurement detector measured."""
        return self.members[EXPLAINED_BY].measure(segment, record)
