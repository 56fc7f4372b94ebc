"""From a folder to the checkpoint in it, and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ecg_core.checkpoints import consensus, measurements
from ecg_core.checkpoints.autoencoder import AutoencoderCheckpoint
from ecg_core.checkpoints.base import Checkpoint
from ecg_core.checkpoints.consensus import ConsensusCheckpoint
from ecg_core.checkpoints.files import (
    Arrays,
    CheckpointConfig,
    read_arrays,
    read_config,
    read_graph,
    replace_file,
    write_arrays,
)
from ecg_core.checkpoints.measurements import MeasurementCheckpoint
from ecg_core.checkpoints.probe import PROBE_FILE, data_of, read_probe
from ecg_core.errors import CheckpointError


def load_checkpoint(folder: str | Path) -> Checkpoint:
    """Rebuild a checkpoint from its folder, strictly; a consensus with its members, which lie beside it.

    Raises
    ------
    CheckpointError
        If it is missing, damaged, foreign or newer, or its weights are not the ones the config names.
    """
    folder = Path(folder)
    config, groups = read_arrays(folder)
    checkpoint = _build(folder, config, groups)
    return replace(checkpoint, probe=read_probe(folder, config, checkpoint.networks)) if config.probe else checkpoint


def _build(folder: Path, config: CheckpointConfig, groups: dict[str, Arrays]) -> Checkpoint:
    """Rebuild a checkpoint from what stands in its config and its weights."""
    kind = config.architecture.get("class")
    if kind == measurements.CLASS:
        return MeasurementCheckpoint.build(config, groups)
    if kind == consensus.CLASS:
        members = {name: _load_member(folder, name) for name in config.architecture.get("members", {})}
        return ConsensusCheckpoint.build(config, groups, members)
    return AutoencoderCheckpoint.build(config, groups, read_graph(folder, config))


def _load_member(folder: Path, name: str) -> Checkpoint:
    """Load a member of the consensus in `folder` from the same store."""
    member = folder.parent / name
    if Path(name).name != name or read_config(member).architecture.get("class") == consensus.CLASS:
        raise CheckpointError(
            f"{folder.name} names {name!r} as a member, which cannot be one; get {folder.name} again."
        )
    return load_checkpoint(member)


def load_autoencoder(folder: str | Path) -> AutoencoderCheckpoint:
    """Rebuild the checkpoint of an autoencoder.

    Raises
    ------
    CheckpointError
        As `load_checkpoint`, and if it is of another kind.
    """
    found = load_checkpoint(folder)
    if not isinstance(found, AutoencoderCheckpoint):
        raise CheckpointError(f"Expected an autoencoder in {folder}; found {found.config.title}; choose another.")
    return found


def save_checkpoint(checkpoint: Checkpoint, folder: str | Path) -> CheckpointConfig:
    """Write a checkpoint's files, with the graph and the probe where it has them; return the config."""
    graph = checkpoint.graph if isinstance(checkpoint, AutoencoderCheckpoint) else b""
    config = write_arrays(checkpoint.config, checkpoint.groups(), folder, graph)
    if config.probe and checkpoint.probe:
        replace_file(Path(folder) / PROBE_FILE, data_of(checkpoint.probe))
    return config
