"""Refit percentiles and threshold of any shipped detector on local normals, into a store of the user's."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ecg_core.checkpoints import (
    AutoencoderCheckpoint,
    Checkpoint,
    CheckpointConfig,
    ConsensusCheckpoint,
    MeasurementCheckpoint,
    default_store,
    load_checkpoint,
)
from ecg_core.errors import CheckpointError
from training import calibrate, consensus, measurement_detector
from training.signals import Prepared


def recalibrate_any(model: str, data: Prepared, store: Path, source: Path | None = None) -> CheckpointConfig:
    """Recalibrate a detector of `source` (the shipped store unless told otherwise) into `store`.

    The consensus is recalibrated with all its members: its percentiles rest on theirs.

    Raises
    ------
    CheckpointError
        If there is no such detector.
    """
    checkpoint = load_checkpoint((source or default_store()) / model)
    if not isinstance(checkpoint, ConsensusCheckpoint):
        return _member(checkpoint, data, store, None)
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        for name, member in checkpoint.members.items():
            _member(member, data, store, runs / name)
        return consensus.make(data, store, runs)


def _member(checkpoint: Checkpoint, data: Prepared, store: Path, kept: Path | None) -> CheckpointConfig:
    if isinstance(checkpoint, AutoencoderCheckpoint):
        return calibrate.recalibrate(checkpoint, data, store, kept)
    if isinstance(checkpoint, MeasurementCheckpoint):
        return measurement_detector.recalibrate(checkpoint, data, store, kept)
    raise CheckpointError(f"Expected a detector that can be recalibrated; found {checkpoint.config.title}.")
