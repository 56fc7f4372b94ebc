"""What is known of normal beats: the Gaussians of their features, the levels of their scores, their dominant beats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.ambulatory.evidence import Group, pack, unpack
from ecg_core.ambulatory.unusual import DominantBeats
from ecg_core.errors import CheckpointError

F64 = NDArray[np.float64]

RATES = np.concatenate((np.geomspace(0.001, 0.5, 64)[:-1], np.linspace(0.5, 0.999, 32)))
"""False-alarm rates at which levels are kept."""

RATE = 0.05


@dataclass(frozen=True)
class Recalibration:
    """How the level follows a record's own beats.

    A record whose beats vary more than those of most patients has more normal beats above a fixed level. The score
    that `share` of a record's beats stay below says how much they vary; the level rises by `slope` times what it has
    beyond `middle`, where the training patients' lies, by `most` at most. It is never lowered: the fixed level is as
    sensitive as it was asked to be.
    """

    share: float = 0.5
    middle: float = 0.0
    slope: float = 0.0
    most: float = 0.0

    def shift(self, score: F64) -> float:
        """Return by how much levels move for a record with these scores, (n,)."""
        if not len(score) or not self.slope:
            return 0.0
        return float(np.clip(self.slope * (np.quantile(score, self.share) - self.middle), 0.0, self.most))


@dataclass(frozen=True, eq=False)
class Normals:
    """Normal beats of the training patients.

    Attributes
    ----------
    groups : by name, those of shape, "timing", and with a network "error" and "latent".
    weights : of the parts of the score.
    spread : (len(SHAPE),), spread of features of shape within most patients.
    levels : (len(RATES),), the score that this share of normal beats exceeds.
    recalibration : how it follows a record's own beats.
    dominant : dominant beats of people with a normal ECG; None where they were not measured.
    """

    groups: Mapping[str, Group]
    weights: Mapping[str, float]
    spread: F64
    levels: F64
    recalibration: Recalibration
    dominant: DominantBeats | None

    def arrays(self) -> dict[str, dict[str, NDArray[Any]]]:
        """Return every array by group and name, as a checkpoint takes them."""
        found: dict[str, dict[str, NDArray[Any]]] = {
            "evidence": dict(pack(self.groups)),
            "levels": {"rates": RATES, "levels": self.levels, "spread": self.spread},
        }
        if self.dominant is not None:
            found["dominant"] = self.dominant.arrays()
        return found

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, Mapping[str, NDArray[Any]]],
        weights: Mapping[str, float],
        recalibration: Mapping[str, float],
    ) -> Normals:
        """Rebuild from what `arrays` returned.

        Raises
        ------
        CheckpointError
            If something is missing.
        """
        try:
            dominant = DominantBeats.from_arrays(arrays["dominant"]) if "dominant" in arrays else None
            groups, levels = unpack(arrays["evidence"]), arrays["levels"]
            moved = Recalibration(**recalibration)
            return cls(groups, dict(weights), levels["spread"], levels["levels"], moved, dominant)
        except (KeyError, TypeError) as error:
            raise CheckpointError(
                f"The checkpoint of a beat detector does not fit its own config ({error}); get it again."
            ) from error


def percentile_of(score: F64, levels: F64) -> F64:
    """Return percent of normal beats that score lower, (n,), from the levels at `RATES`."""
    log_rate = np.interp(score, levels[::-1], np.log(RATES)[::-1])
    return 100.0 * (1.0 - np.exp(log_rate))
