"""Checkpoints: the folder of a model, and what is rebuilt from it."""

from ecg_core.checkpoints.autoencoder import AutoencoderCheckpoint
from ecg_core.checkpoints.base import Checkpoint
from ecg_core.checkpoints.consensus import ConsensusCheckpoint
from ecg_core.checkpoints.files import (
    FORMAT,
    PREPROCESSING,
    CalibrationConfig,
    CheckpointConfig,
    ScoringConfig,
    read_config,
    write_config,
)
from ecg_core.checkpoints.load import load_autoencoder, load_checkpoint, save_checkpoint
from ecg_core.checkpoints.measurements import MeasurementCheckpoint
from ecg_core.store import default_store, list_checkpoints

__all__ = [
    "FORMAT",
    "PREPROCESSING",
    "AutoencoderCheckpoint",
    "CalibrationConfig",
    "Checkpoint",
    "CheckpointConfig",
    "ConsensusCheckpoint",
    "MeasurementCheckpoint",
    "ScoringConfig",
    "default_store",
    "list_checkpoints",
    "load_autoencoder",
    "load_checkpoint",
    "read_config",
    "save_checkpoint",
    "write_config",
]
