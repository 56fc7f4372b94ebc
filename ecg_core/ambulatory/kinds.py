"""What an anomalous beat resembles, as a hint: AAMI's classes of beats, by a linear probe.

Said after the verdict and never instead of it. The probe sees the network's latents, where they lie from the patient's
own, the intervals, and how far the beat is from the dominant one; it was fitted on beats above the threshold. Nothing
is said of a beat where no class is likelier than not, where the likeliest is the class that most beats are of, or one
that was not told better than by chance: on patients who were left out of the fit, and on the test patients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.ambulatory.deviation import SHAPE, TIMING
from ecg_core.errors import CheckpointError
from ecg_core.probe import LinearProbe, better_than_chance

if TYPE_CHECKING:
    from ecg_core.ambulatory.patient import Features, Patient

F32 = NDArray[np.float32]
INT = NDArray[np.int64]

GROUP = "probe"
"""Group of arrays of a checkpoint of beats that holds the probe."""

KINDS = {
    "S": "supraventricular ectopic",
    "V": "ventricular ectopic",
    "F": "fusion",
    "Q": "paced or unclassifiable",
}
"""AAMI's classes (ANSI/AAMI EC57) in words; class N, which most beats are of, is never said of a patient's beat."""

SURE = 0.5
"""A class is said where it is likelier than this."""

NOTHING = -1


def kind_features(features: Features, patient: Patient) -> F32:
    """Return what the probe sees of beats, (n, 2 * n_latents + n_timing + n_shape).

    The latents, the latents minus the patient's own, the intervals, and the features of shape, each lead counting as
    it does in the score: the same whatever number of leads a recording has.

    Parameters
    ----------
    features : unscaled, with a network's.
    """
    z = features.network[:, 1:]
    shape = (features.shape * patient.leads_of(features)[..., None]).sum(axis=1)
    away = z - patient.network_middle(features)[:, 1:]
    return np.concatenate([z, away, features.timing, shape], axis=1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class BeatProbe:
    """A probe of beats as a checkpoint has it.

    Attributes
    ----------
    linear : its weights; classes are keys of `KINDS` and "N"; on by patients who were left out of the fit.
    measured : by class, what `ecg_core.probe.better_than_chance` takes, of other patients.
    measured_on : whose beats these were.
    """

    linear: LinearProbe
    measured: Mapping[str, Mapping[str, Any]]
    measured_on: str

    def tell(self, features: Features, patient: Patient) -> INT:
        """Return the number of the class that each beat resembles, (n,); `NOTHING` where nothing is to be said.

        What the test patients contradict is told here, so that they can be measured again; `words` leaves it out.
        """
        probability = self.linear.probabilities(kind_features(features, patient))
        best = probability.argmax(axis=1)
        fitted = self.linear.on & [name in KINDS for name in self.linear.classes]
        said = fitted[best] & (probability.max(axis=1) >= SURE)
        return np.where(said, best, NOTHING).astype(np.int64)

    @property
    def _said(self) -> NDArray[np.bool_]:
        """Which classes may be said, (n_classes,)."""
        told = [name in KINDS and better_than_chance(self.measured[name]) for name in self.linear.classes]
        return np.asarray(self.linear.on & told)

    def words(self, told: INT) -> tuple[str | None, ...]:
        """Return the classes that `tell` numbered in words; None where nothing is said."""
        both = zip(self.linear.classes, self._said, strict=True)
        names = [*(KINDS[name] if said else None for name, said in both), None]  # NOTHING is the last
        return tuple(names[k] for k in told.tolist())

    def figures(self) -> dict[str, dict[str, Any]]:
        """Return sensitivity and PPV of every class that may be said, by its words."""
        return {
            KINDS[name]: {key: self.measured[name][key] for key in ("sensitivity", "ppv")}
            for name, said in zip(self.linear.classes, self._said, strict=True)
            if said
        }

    @classmethod
    def from_checkpoint(
        cls,
        arrays: Mapping[str, Mapping[str, NDArray[Any]]],
        kinds: Mapping[str, Any],
        metrics: Mapping[str, Any],
        n_latents: int,
    ) -> BeatProbe | None:
        """Rebuild from a checkpoint's arrays and what its config says; None where it has no probe.

        Parameters
        ----------
        kinds : classes, and what was measured on patients left out of the fit.
        metrics : of the checkpoint; where the test patients were measured, their figures are said.
        n_latents : of the network; 0 without.

        Raises
        ------
        CheckpointError
            If the arrays do not fit what the config says, or the network.
        """
        if GROUP not in arrays:
            return None
        try:
            linear = LinearProbe.from_arrays(arrays[GROUP], tuple(kinds["classes"]), kinds["measured"])
            if len(linear.mean) != (seen := 2 * n_latents + len(TIMING) + len(SHAPE)):
                raise ValueError(f"it takes {len(linear.mean)} features, the network gives {seen}")
            tested = metrics.get("kinds")
            probe = cls(linear, tested or linear.measured, metrics["part"] if tested else kinds["measured_on"])
            probe.figures()
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"The probe of the beat detector does not fit its own config ({error}); get the checkpoint again."
            ) from error
        return probe
