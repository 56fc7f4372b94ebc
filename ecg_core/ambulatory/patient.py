"""What is learnt of one patient, and what each beat's evidence is against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.ambulatory.cutting import Cut
from ecg_core.ambulatory.deviation import SHAPE, USUAL, shape_features, timing_features
from ecg_core.ambulatory.dominant import find_dominant
from ecg_core.ambulatory.evidence import Group, Spread, alike, spread_of
from ecg_core.ambulatory.network import network_features
from ecg_core.models.beat_registry import BeatModel

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
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
    """Features of n beats: shape (n, n_leads, 9), timing (n, 4), network (n, 1 + n_latents), with none (n, 0)."""

    shape: F64
    timing: F64
    network: F64


@dataclass(frozen=True, eq=False)
class Patient:
    """What beats are held against.

    Attributes
    ----------
    template : (n_leads, WIDTH), the dominant beat, mV at 360 Hz.
    usual : RR interval between beats that are not premature, s.
    leads : (n_leads,), how much each lead counts; the sum is one.
    shape, timing, network : where features of the patient's own beats lie.
    """

    template: F32
    usual: float
    leads: F64
    shape: Spread
    timing: Spread
    network: Spread


def learn(cut: Cut, model: BeatModel | None, others: F64 | None) -> tuple[Patient, Features]:
    """Return what the beats of a patient say of him, and their features.

    Parameters
    ----------
    others : (len(SHAPE),), spread of features of shape in most patients; None takes the patient's own alone.
    """
    template = find_dominant(cut.beats).template
    known = cut.before[np.isfinite(cut.before)]
    usual = float(np.quantile(known, USUAL)) if len(known) else 1.0
    features = features_of(cut, template, usual, model)
    rows = alike(1.0 - np.exp(features.shape[:, :, SHAPE.index("qrs_correlation")]).mean(axis=1))
    shape = spread_of(features.shape[rows], SMALLEST_SHAPE, others)
    timing = spread_of(features.timing[rows], SMALLEST_TIMING, np.full(features.timing.shape[1], USUAL_TIMING))
    timing.middle[:] = 0.0  # a beat on time is, whatever most beats are
    network = spread_of(features.network[rows], SMALLEST_SHAPE)
    network.spread[1:] = 1.0  # latents keep their scale: only the patient's own place is taken off
    unexplained = shape.middle[:, SHAPE.index("qrs_residual")]
    leads = np.exp(-LEAD_POWER * (unexplained - unexplained.min()))
    return Patient(template, usual, leads / leads.sum(), shape, timing, network), features


def features_of(cut: Cut, template: F32, usual: float, model: BeatModel | None) -> Features:
    """Return the features of beats against a dominant beat."""
    shape = np.stack([shape_features(cut.beats[:, k], row) for k, row in enumerate(template)], axis=1)
    network = network_features(model, cut) if model is not None else np.zeros((len(cut), 0))
    return Features(shape.astype(np.float64), timing_features(cut, usual), network)


def scaled(features: Features, patient: Patient) -> Features:
    """Return features in units of the patient's own spread."""
    return Features(
        np.clip(patient.shape.scale(features.shape), -LIMIT, LIMIT),
        np.clip(patient.timing.scale(features.timing), -LIMIT, LIMIT),
        np.clip(patient.network.scale(features.network), -LIMIT, LIMIT),
    )


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
    leads : (n_leads,), how much each lead counts.
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
