"""How unusual a patient's dominant beat is beside those of people with a normal ECG.

A detector that compares each beat with the patient's dominant one says nothing of that one. So its own measures are
held against dominant beats of normal ECGs in the same lead: how wide and which way up, in numbers without unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.ambulatory.dominant import BEFORE, QRS, P, T
from ecg_core.ambulatory.evidence import Group, pack, unpack

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

LEAD_OF = {"MLII": "II", "ML2": "II", "II": "II", "MLI": "I", "MV1": "V1", "MV2": "V2", "MV5": "V5"}
"""Modified leads, and the standard ones that they are like."""

OTHER = "other"
MEASURES = ("qrs_width", "qrs_centre", "qrs_direction", "t_over_qrs", "st_over_qrs", "p_over_qrs")
UNUSUAL_PERCENTILE = 99.0
"""From here on a dominant beat is said to be unlike normal ones: one normal ECG in a hundred is so far."""


def lead_class(name: str) -> str:
    """Return which normals a lead's dominant beat is held against."""
    return LEAD_OF.get(name.upper(), name)


def measures(template: F32) -> F64:
    """Return what is measured of a dominant beat in one lead, (WIDTH,), in the order of `MEASURES`."""
    x = template.astype(np.float64)
    level = np.median(x[BEFORE - 40 : BEFORE - 22])  # between P wave and QRS complex
    x = x - level
    wide = x[BEFORE - 36 : BEFORE + 58]
    power = np.square(np.diff(wide))
    time = np.arange(len(power))
    total = power.sum() + 1e-12
    centre = (power * time).sum() / total
    width = np.sqrt((power * np.square(time - centre)).sum() / total)
    height = max(float(np.ptp(x[QRS])), 1e-3)
    t = x[T]
    highest = t[np.argmax(np.abs(t))]
    return np.array(
        [
            np.log(width + 1.0),
            (centre - 36) / 36.0,
            (x[QRS].max() + x[QRS].min()) / height,
            np.arcsinh(4.0 * highest / height),
            np.arcsinh(8.0 * np.median(x[BEFORE + 29 : BEFORE + 36]) / height),
            np.log(np.ptp(x[P]) / height + 0.02),
        ]
    )


@dataclass(frozen=True, eq=False)
class DominantBeats:
    """Dominant beats of people with a normal ECG: a Gaussian and its survival function for each lead.

    Attributes
    ----------
    groups : by lead, and `OTHER` for leads that normals lack.
    """

    groups: Mapping[str, Group]

    def percentile(self, template: F32, leads: Sequence[str]) -> float:
        """Return percent of normals whose dominant beat is less unusual in its most unusual lead.

        Parameters
        ----------
        template : (n_leads, WIDTH), mV.
        """
        evidence = [
            float(self.groups.get(lead_class(lead), self.groups[OTHER]).evidence(measures(row)[None])[0])
            for lead, row in zip(leads, template, strict=True)
        ]
        return 100.0 * (1.0 - min(1.0, len(evidence) * float(np.exp(-max(evidence)))))  # Bonferroni

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of all groups."""
        return dict(pack(self.groups))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> DominantBeats:
        """Rebuild from what `arrays` returned."""
        return cls(unpack(arrays))
