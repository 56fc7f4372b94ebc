"""What a 12-lead ECG resembles, as a hint: linear probes of PTB-XL's superclasses on frozen latents.

One yes-or-no probe a class, because an ECG may be of several. Said after the verdict and never instead of it; a class
that was not told better than by chance on held-out records is switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.probe import LinearProbe

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

SUPERCLASSES: dict[str, str] = {
    "MI": "myocardial infarction",
    "STTC": "ST/T change",
    "CD": "conduction disturbance",
    "HYP": "hypertrophy",
}
"""PTB-XL's diagnostic superclasses beside NORM (Wagner et al. 2020, doi:10.1038/s41597-020-0495-6), and their names."""


@dataclass(frozen=True)
class Resemblance:
    """A class that an ECG resembles, with how often the probe is right on records it has not seen.

    Attributes
    ----------
    label : the class, a key of `SUPERCLASSES`.
    probability : calibrated, of an ECG from the population that the probe was calibrated on.
    sensitivity : share of held-out ECGs of the class that the probe names.
    ppv : share of held-out ECGs so named that are of the class.
    """

    label: str
    probability: float
    sensitivity: float
    ppv: float

    @property
    def name(self) -> str:
        """The class in words."""
        return SUPERCLASSES[self.label]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON types."""
        return {
            "class": self.label,
            "name": self.name,
            "probability": self.probability,
            "sensitivity": self.sensitivity,
            "ppv": self.ppv,
        }


@dataclass(frozen=True, eq=False)
class SuperclassProbe:
    """A linear probe read as one yes-or-no question a class.

    Attributes
    ----------
    linear : weights, classes, what is switched on, and what was measured; calibrated, so that the logistic function of
        its logits is a probability.
    operating : (n_classes,), the probability from which a class is named.
    """

    linear: LinearProbe
    operating: F64

    def probabilities(self, latent: F32) -> F64:
        """Return how likely each class is, (n_classes,), for the latents of one record, (n_features,)."""
        return np.asarray(np.exp(-np.logaddexp(0.0, -self.linear.logits(latent))))

    def resembles(self, latent: F32) -> tuple[Resemblance, ...]:
        """Return the classes that are on and reach their operating point, the likeliest first."""
        probabilities = self.probabilities(latent)
        named = np.flatnonzero(self.linear.on & (probabilities >= self.operating))
        return tuple(
            Resemblance(
                label := self.linear.classes[k],
                float(probabilities[k]),
                float(self.linear.measured[label]["sensitivity"]["value"]),
                float(self.linear.measured[label]["ppv"]["value"]),
            )
            for k in named[np.argsort(-probabilities[named], kind="stable")]
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a checkpoint keeps of it as arrays; classes and measured figures go into its config."""
        return self.linear.arrays() | {"operating": self.operating}

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], classes: tuple[str, ...], measured: Mapping[str, Mapping[str, Any]]
    ) -> SuperclassProbe:
        """Rebuild what `arrays` gave.

        Raises
        ------
        ValueError
            If a class is none of PTB-XL's, the arrays do not fit the classes, or one that is on was not measured.
        """
        if unknown := [label for label in classes if label not in SUPERCLASSES]:
            raise ValueError(f"expected classes among {', '.join(SUPERCLASSES)}, found {unknown[0]!r}")
        linear = LinearProbe.from_arrays(arrays, classes, measured)
        operating = np.asarray(arrays["operating"], np.float64)
        if operating.shape != (len(classes),):
            raise ValueError(f"expected {len(classes)} operating points, found {operating.shape}")
        for label, on in zip(classes, linear.on, strict=True):
            figures = measured.get(label, {})
            if on and not (figures.get("sensitivity") and figures.get("ppv")):
                raise ValueError(f"the probe of {label} is on without measured figures")
        return cls(linear, operating)
