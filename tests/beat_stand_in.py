"""A beat detector that nothing was trained for: Gaussian features stand for those of normal beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from ecg_core.ambulatory.deviation import SHAPE, TIMING
from ecg_core.ambulatory.evidence import fit_group
from ecg_core.ambulatory.kinds import GROUP
from ecg_core.ambulatory.normals import RATES, Normals, Recalibration
from ecg_core.ambulatory.patient import GROUPS, columns
from ecg_core.ambulatory.unusual import MEASURES, OTHER, DominantBeats
from ecg_core.checkpoints.beats import BeatCheckpoint, BeatConfig, save_beat_checkpoint
from ecg_core.models.beat_registry import build_beat_model
from ecg_core.probe import LinearProbe

WEIGHTS = {"shape": 1.0, "timing": 1.0, "network": 0.25}


def make_checkpoint(network: str | None = None, *, dominant: DominantBeats | None = None) -> BeatCheckpoint:
    """Return a checkpoint with a network as initialised, or without one."""
    rng = np.random.default_rng(0)
    groups = {name: fit_group(rng.normal(size=(4000, len(columns(name))))) for name in GROUPS}
    groups["timing"] = fit_group(rng.normal(size=(4000, len(TIMING))))
    weights = {name: WEIGHTS[name] for name in ("shape", "timing")}
    architecture = {"class": network} if network else {}
    model = None
    if network:
        torch.manual_seed(0)
        model = build_beat_model(architecture).eval()
        groups["error"] = fit_group(rng.normal(size=(4000, 1)))
        groups["latent"] = fit_group(rng.normal(size=(4000, model.config.n_latents)))
        weights = WEIGHTS
    recalibration = Recalibration(share=0.7, middle=6.0, slope=1.0, most=3.0)
    levels = np.quantile(rng.gamma(4.0, 2.0, 20_000), 1.0 - RATES)
    normals = Normals(groups, weights, np.full(len(SHAPE), 0.5), levels, recalibration, dominant)
    config = BeatConfig(
        "stand-in", "Stand-in", architecture=architecture, weights=weights, recalibration=asdict(recalibration)
    )
    return BeatCheckpoint(config, normals.arrays(), model)


def with_probe(checkpoint: BeatCheckpoint, on: Sequence[str] = ("N", "V", "S")) -> BeatCheckpoint:
    """Return the checkpoint with a probe: V is a beat of another shape, S an early one, N any other."""
    classes = ("N", "S", "V", "F")
    n = 2 * checkpoint.network.config.n_latents
    weight = np.zeros((4, n + len(TIMING) + len(SHAPE)), np.float32)
    weight[1, n + TIMING.index("before_record")] = -60.0  # the logarithm of how early
    weight[2, n + len(TIMING) + SHAPE.index("qrs_correlation")] = 20.0
    bias = np.array([0.0, -12.0, 40.0, -99.0], np.float32)
    zeros = np.zeros(weight.shape[1], np.float32)
    measured = {
        name: {
            "sensitivity": {"value": 0.9, "low": 0.8, "high": 0.95},
            "ppv": {"value": 0.7, "low": 0.5, "high": 0.8},
            "prevalence": 0.1,
            "records": 12,
        }
        for name in classes
    }
    probe = LinearProbe(classes, zeros, zeros + 1, weight, bias, np.isin(classes, on), measured)
    kinds = {"classes": list(classes), "measured": measured, "measured_on": "patients left out"}
    return replace(
        checkpoint,
        arrays={**checkpoint.arrays, GROUP: probe.arrays()},
        config=replace(checkpoint.config, kinds=kinds),
    )


def make_store(folder: Path, network: str | None = None, *, probe: bool = False) -> Path:
    """Write a store with the stand-in under the name of the shipped detector; return the store."""
    made = make_checkpoint(network)
    save_beat_checkpoint(with_probe(made) if probe else made, folder / "beat-cae")
    return folder


def usual_dominant(centre: np.ndarray) -> DominantBeats:
    """Return normal people whose dominant beats measure about `centre`, (len(MEASURES),), in every lead."""
    around = centre + 0.1 * np.random.default_rng(1).normal(size=(2000, len(MEASURES)))
    return DominantBeats({OTHER: fit_group(around)})
