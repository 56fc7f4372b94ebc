"""What kind, as a hint: a linear map from a network's frozen latents to classes of beats, calibrated.

Said after the verdict and never instead of it. A class that was not told better than by chance on held-out records is
switched off: the probe then says nothing rather than that class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

RATIO_LIMITS = (0.25, 4.0)
"""Ratios of RR intervals are cut here before their logarithm."""

SHORTEST_S = 0.2
"""No usual RR interval is shorter."""


def beat_features(z: F32, times_s: F64) -> F32:
    """Return what the probe of beats sees, (n_beats, 2 * n_latents + 2).

    The latents, the latents minus the record's median, and the logarithms of the intervals before and after each beat
    over the record's median interval.

    Parameters
    ----------
    z : (n_beats, n_latents), of all beats of one record in one lead.
    times_s : (n_beats,), their R peaks, s, ascending.
    """
    rr = np.diff(times_s)
    usual = max(float(np.median(rr)), SHORTEST_S) if len(rr) else 1.0
    ratios = np.log(np.clip(np.concatenate(([usual], rr, [usual])) / usual, *RATIO_LIMITS))
    return np.concatenate([z, z - np.median(z, axis=0), ratios[:-1, None], ratios[1:, None]], axis=1).astype(np.float32)


def better_than_chance(row: Mapping[str, Any]) -> bool:
    """Return whether a class is told: of what is called so, surely more is than of all that was asked about.

    Parameters
    ----------
    row : what was measured: records with the class, its prevalence, sensitivity and ppv, each {value, low, high} or
        None.
    """
    ppv = row["ppv"]
    return row["records"] > 1 and row["sensitivity"] is not None and ppv is not None and ppv["low"] > row["prevalence"]


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A calibrated linear classifier.

    Attributes
    ----------
    classes : names, the first being what most beats are.
    mean, scale : (n_features,), what features are centred on and divided by.
    weight, bias : (n_classes, n_features) and (n_classes,), from there to logits; the calibration is in them.
    on : (n_classes,), classes that were told better than by chance.
    measured : by class, sensitivity, ppv and prevalence on held-out records.
    """

    classes: tuple[str, ...]
    mean: F32
    scale: F32
    weight: F32
    bias: F32
    on: NDArray[np.bool_]
    measured: Mapping[str, Mapping[str, Any]]

    def logits(self, features: F32) -> F64:
        """Return the calibrated logit of each class, (..., n_classes), for features (..., n_features)."""
        return np.asarray(((features - self.mean) / self.scale).astype(np.float64) @ self.weight.T + self.bias)

    def probabilities(self, features: F32) -> F64:
        """Return how likely each class is, (n, n_classes), for features (n, n_features)."""
        logits = self.logits(features)
        odds = np.exp(logits - logits.max(-1, keepdims=True))
        return np.asarray(odds / odds.sum(-1, keepdims=True))

    def resembles(self, features: F32) -> tuple[str | None, ...]:
        """Return the likeliest class of each beat; None where that class is switched off."""
        best = self.probabilities(features).argmax(-1)
        return tuple(self.classes[k] if self.on[k] else None for k in best)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what a checkpoint keeps of it as arrays; `classes` and `measured` go into its config."""
        return {name: getattr(self, name) for name in ("mean", "scale", "weight", "bias")} | {
            "on": self.on.astype(np.uint8)
        }

    @classmethod
    def from_arrays(
        cls, arrays: Mapping[str, NDArray[Any]], classes: tuple[str, ...], measured: Mapping[str, Mapping[str, Any]]
    ) -> LinearProbe:
        """Rebuild what `arrays` gave.

        Raises
        ------
        ValueError
            If the arrays do not fit the classes.
        """
        mean, scale, weight, bias = (arrays[k] for k in ("mean", "scale", "weight", "bias"))
        probe = cls(classes, mean, scale, weight, bias, arrays["on"] > 0, measured)
        n_features = len(probe.mean)
        if probe.weight.shape != (len(classes), n_features) or probe.bias.shape != probe.on.shape != (len(classes),):
            raise ValueError(f"expected a probe of {len(classes)} classes, found weights of {probe.weight.shape}")
        return probe
