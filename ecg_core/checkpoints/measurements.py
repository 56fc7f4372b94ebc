"""The checkpoint of the measurement detector: what normals measure, and how unlikely a record's measurements are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ecg_core.checkpoints.base import Checkpoint
from ecg_core.checkpoints.files import Arrays, CheckpointConfig, arrays_of, fitting, tables_of
from ecg_core.density import Density
from ecg_core.detection import Explanation, Measured
from ecg_core.expected import ExpectedModel, explain_expected
from ecg_core.measurements.norms import Norms
from ecg_core.measurements.ranges import NormalRanges
from ecg_core.measurements.reasons import reasons_of
from ecg_core.measurements.scores import RankScores, signs_score
from ecg_core.records import Record
from ecg_core.segments import SegmentInput, SegmentScore

CLASS = "Measurements"
"""What config.json calls the architecture."""


@dataclass(frozen=True)
class MeasurementCheckpoint(Checkpoint):
    """What was fitted on normals' measurements; its parts are "density" and "signs".

    Attributes
    ----------
    ranks : turn measurements into normal scores.
    density : of normal scores.
    ranges : normal ranges by sex and age.
    expected : what makes the patient's expected ECG, which its maps are against.
    """

    ranks: RankScores
    density: Density
    ranges: NormalRanges
    expected: ExpectedModel
    parts = ("density", "signs")

    @classmethod
    def build(cls, config: CheckpointConfig, groups: dict[str, Arrays]) -> MeasurementCheckpoint:
        """Rebuild from the arrays of the checkpoint's file.

        Raises
        ------
        CheckpointError
            If they are not what the config describes.
        """
        with fitting(config):
            names = tuple(config.architecture["names"])
            return cls(
                config,
                tables_of(groups["calibration"]),
                RankScores(names, groups["ranks"]["quantiles"].astype(np.float64)),
                Density(**groups["density"]),
                NormalRanges.from_arrays(groups["ranges"], config.architecture["ranges"]),
                ExpectedModel.from_arrays(groups["expected"]),
            )

    def groups(self) -> dict[str, Arrays]:
        """Return every array by group and name."""
        density = {name: getattr(self.density, name) for name in ("mean", "scale", "projection", "weight")}
        return {
            "ranks": {"quantiles": self.ranks.quantiles.astype(np.float32)},
            "density": density,
            "ranges": self.ranges.arrays(),
            "expected": dict(self.expected.arrays()),
            "calibration": arrays_of(self.tables),
        }

    def _score(self, segments: Sequence[SegmentInput]) -> list[SegmentScore]:
        z = np.stack([segment.measurements.among(self.ranks) for segment in segments])
        density, signs = self.density.score(z.astype(np.float32)), signs_score(z, self.ranks.names)
        return [
            SegmentScore({"density": float(density[k]), "signs": float(signs[k])}, partial(self.explain, segment))
            for k, segment in enumerate(segments)
        ]

    def explain(self, segment: SegmentInput) -> Explanation | None:
        """Return where a segment differs from the ECG that is expected of this patient; None without a median beat."""
        where = explain_expected(self.expected, segment, segment.measurements, self.ranks)
        if where is None:
            return None
        return replace(
            where.explanation, territory=where.territory.words, early_s=where.early_s, missing_s=where.missing_s
        )

    def measure(self, segment: SegmentInput, record: Record) -> Measured | None:
        """Return what was measured and what of it is unusual for the record's sex and age."""
        found = segment.measurements
        reasons = reasons_of(found, self.ranks, self.ranges, record.age, record.sex)
        return Measured(found, reasons, Norms(self.ranges, self.expected.normal_beats, record.age, record.sex))
