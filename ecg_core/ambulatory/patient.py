"""What is learnt of one patient, and what each beat's evidence is against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.ambulatory.cutting import Cut
from ecg_core.ambulatory.deviation import SHAPE, USUAL, shape_features, timing_features
from ecg_core.ambulatory.dominant import find_dominant
from ecg_core.ambulatory.evidence import Group, Spread, alike, spread_of
from ecg_core.ambulatory.network import network_features
from ecg_core.ambulatory.second import find_second
from ecg_core.models.beat_registry import BeatModel

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
INT = NDArray[np.int64]
Parts = dict[str, F64]

GROUPS: dict[str, tuple[str, ...]] = {
    "qrs": ("qrs_correlation", "whole_correlation", "amplitude", "width", "slope"),
    "residual": ("qrs_residual",),
    "p": ("p_residual", "p_correlation"),
    "t": ("t_residual",),
}
"""Features of shape that are held together against normal beats, each lead by itself."""

GROUP_WEIGHTS = {"qrs": 1.0, "residual": 1.0, "p": 1.0, "t": 0.5}

LEAD_POWER = 2.0
"""A lead counts by this power of how much of its usual QRS complex the dominant beat explains."""

PARTS = ("shape", "timing", "network")
LIMIT = 30.0
"""Scaled features are cut off at this, either way."""

SMALLEST_SHAPE, SMALLEST_TIMING = 0.05, 0.02
"""Spreads of a record's logarithms below which its beats are called equal."""

USUAL_TIMING = 0.04
"""Spread of the logarithms of intervals in most records."""


@dataclass(frozen=True, eq=False)
class Features:
    """Features of n beats: shape (n, n_leads, 9), timing (n, 2), network (n, 1 + n_latents), with none (n, 0).

    `nearer` is the number of the dominant shape that each is compared with, (n,): 0, or 1 for the second one; `lag` is
    by how many samples each was moved to lie on it, (n, n_leads).
    """

    shape: F64
    timing: F64
    network: F64
    nearer: INT
    lag: INT


@dataclass(frozen=True, eq=False)
class Own:
    """A shape that many of a patient's own beats have.

    Attributes
    ----------
    template : (n_leads, WIDTH), mV at 360 Hz.
    leads : (n_leads,), how much each lead counts; the sum is one.
    shape, network : where features of the beats of this shape lie.
    """

    template: F32
    leads: F64
    shape: Spread
    network: Spread


@dataclass(frozen=True, eq=False)
class Patient:
    """What beats are held against.

    Attributes
    ----------
    own : the dominant beat, and the second dominant shape where there is one.
    usual : RR interval between beats that are not premature, s.
    timing : where the times of the patient's own beats lie.
    """

    own: tuple[Own, ...]
    usual: float
    timing: Spread

    @property
    def template(self) -> F32:
        """The dominant beat, (n_leads, WIDTH), mV at 360 Hz."""
        return self.own[0].template

    @property
    def templates(self) -> tuple[F32, ...]:
        """The dominant beat, and the second dominant shape where there is one."""
        return tuple(one.template for one in self.own)

    def leads_of(self, features: Features) -> F64:
        """Return how much each lead counts for each beat, (n, n_leads)."""
        return np.stack([one.leads for one in self.own])[features.nearer]

    def network_middle(self, features: Features) -> F64:
        """Return where the network has the patient's beats of the shape that each is nearer to, (n, 1 + n_latents)."""
        return np.stack([one.network.middle for one in self.own])[features.nearer]


def learn(cut: Cut, model: BeatModel | None, others: F64 | None) -> tuple[Patient, Features]:
    """Return what the beats of a patient say of him, and their features.

    Parameters
    ----------
    others : (len(SHAPE),), spread of features of shape in most patients; None takes the patient's own alone.
    """
    first = find_dominant(cut.beats).template
    known = cut.before[np.isfinite(cut.before)]
    usual = float(np.quantile(known, USUAL)) if len(known) else 1.0
    shapes = [_shape_of(cut, first)]
    second = find_second(cut, first, likeness(shapes[0][0]))
    templates = (first,) if second is None else (first, second)
    shapes += [_shape_of(cut, template) for template in templates[1:]]
    features = _nearer(shapes, timing_features(cut, usual), _network_of(cut, model))
    like = likeness(features.shape)
    held = [np.flatnonzero(features.nearer == k) for k in range(len(templates))]
    rows = [of_shape[alike(like[of_shape])] for of_shape in held]
    own = tuple(_own(template, features, chosen, others) for template, chosen in zip(templates, rows, strict=True))
    together = np.sort(np.concatenate(rows))
    timing = spread_of(features.timing[together], SMALLEST_TIMING, np.full(features.timing.shape[1], USUAL_TIMING))
    timing.middle[:] = 0.0  # a beat on time is, whatever most beats are
    return Patient(own, usual, timing), features


def _own(template: F32, features: Features, rows: INT, others: F64 | None) -> Own:
    """Return what beats of one shape, the chosen rows, say of it."""
    shape = spread_of(features.shape[rows], SMALLEST_SHAPE, others)
    network = spread_of(features.network[rows], SMALLEST_SHAPE)
    network.spread[1:] = 1.0  # latents keep their scale: only the patient's own place is taken off
    unexplained = shape.middle[:, SHAPE.index("qrs_residual")]
    leads = np.exp(-LEAD_POWER * (unexplained - unexplained.min()))
    return Own(template, leads / leads.sum(), shape, network)


def features_of(cut: Cut, templates: Sequence[F32], usual: float, model: BeatModel | None) -> Features:
    """Return the features of beats, each against the dominant shape that it is nearer to."""
    return _nearer([_shape_of(cut, t) for t in templates], timing_features(cut, usual), _network_of(cut, model))


def likeness(shape: F64) -> F64:
    """Return the correlation of QRS complexes with the dominant one, mean over leads, (n,)."""
    return np.asarray(1.0 - np.exp(shape[:, :, SHAPE.index("qrs_correlation")]).mean(axis=1))


def _shape_of(cut: Cut, template: F32) -> tuple[F64, INT]:
    """Return features of shape against one template, (n, n_leads, 9), and the lags, (n, n_leads)."""
    found = [shape_features(cut.beats[:, k], row) for k, row in enumerate(template)]
    shape = np.stack([of_lead for of_lead, _ in found], axis=1).astype(np.float64)
    return shape, np.stack([lag for _, lag in found], axis=1)


def _network_of(cut: Cut, model: BeatModel | None) -> F64:
    return network_features(model, cut) if model is not None else np.zeros((len(cut), 0))


def _nearer(found: Sequence[tuple[F64, INT]], timing: F64, network: F64) -> Features:
    """Return features of shape against the template whose QRS complex each beat's is more like."""
    nearer = np.argmax([likeness(shape) for shape, _ in found], axis=0).astype(np.int64)
    shape, lag = (np.stack(each)[nearer, np.arange(len(nearer))] for each in zip(*found, strict=True))
    return Features(shape, timing, network, nearer, lag)


def scaled(features: Features, patient: Patient) -> Features:
    """Return features in units of the patient's own spread."""
    shape = _scaled([one.shape for one in patient.own], features.shape, features.nearer)
    network = _scaled([one.network for one in patient.own], features.network, features.nearer)
    return Features(
        np.clip(shape, -LIMIT, LIMIT),
        np.clip(patient.timing.scale(features.timing), -LIMIT, LIMIT),
        np.clip(network, -LIMIT, LIMIT),
        features.nearer,
        features.lag,
    )


def _scaled(spreads: Sequence[Spread], x: F64, nearer: INT) -> F64:
    """Return features, each by the spread of the shape that it is nearer to."""
    if len(spreads) == 1:
        return spreads[0].scale(x)
    out = np.empty_like(x)
    for k, spread in enumerate(spreads):
        out[nearer == k] = spread.scale(x[nearer == k])
    return out


def columns(group: str) -> list[int]:
    """Return the places of a group's features among those of shape."""
    return [SHAPE.index(name) for name in GROUPS[group]]


def evidence_by_lead(features: Features, groups: Mapping[str, Group]) -> F64:
    """Return the evidence of shape in each lead, (n, n_leads), from scaled features."""
    found = [GROUP_WEIGHTS[name] * groups[name].evidence(features.shape[..., columns(name)]) for name in GROUPS]
    return np.sum(found, axis=0)


def parts_of(features: Features, leads: F64, groups: Mapping[str, Group], weights: Mapping[str, float]) -> Parts:
    """Return the parts of the score, each (n,), from scaled features; they add up to it.

    Parameters
    ----------
    leads : (n, n_leads), how much each lead counts (see `Patient.leads_of`).
    weights : of the parts.
    """
    parts = {
        "shape": weights["shape"] * (evidence_by_lead(features, groups) * leads).sum(axis=1),
        "timing": weights["timing"] * groups["timing"].evidence(features.timing),
    }
    if features.network.shape[1]:
        error = groups["error"].evidence(features.network[:, :1])
        parts["network"] = weights["network"] * (error + groups["latent"].evidence(features.network[:, 1:]))
    return parts
