"""The checkpoint of a beat detector: what is normal of a beat beside its patient's others, and a small network.

A folder with beats.json in place of config.json: detectors of whole records do not list it, and it is not one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from ecg_core.checkpoints.files import Arrays, read_json, read_weights, write_json, write_weights
from ecg_core.config import from_dict
from ecg_core.errors import CheckpointError, ConfigError
from ecg_core.models.beat_registry import BeatModel, build_beat_model
from ecg_core.store import BEATS_FILE, default_store, list_beat_models

FORMAT = 1
NETWORK = "network"
"""Group of arrays that holds the network's weights."""


@dataclass(frozen=True)
class BeatConfig:
    """Everything in beats.json.

    Attributes
    ----------
    format : of the folder.
    name, title : in the store, and for people.
    architecture : of the network (see `ecg_core.models.beat_registry`); empty where there is none.
    weights : of the parts of the score.
    calibration : which normal beats thresholds and percentiles are of.
    recalibration : how the threshold follows a record's own beats.
    training, data : settings and sources.
    metrics : measured by `training.evaluate`.
    examples : records and the scores they must have.
    kinds : what the probe of the arrays "probe" tells apart: classes, and figures on patients left out of its fit.
    """

    name: str
    title: str
    weights_sha256: str = ""
    format: int = FORMAT
    seed: int = 0
    architecture: dict[str, Any] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    calibration: dict[str, Any] = field(default_factory=dict)
    recalibration: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    examples: dict[str, Any] = field(default_factory=dict)
    kinds: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class BeatCheckpoint:
    """A loaded checkpoint of beats.

    Attributes
    ----------
    config : everything in beats.json.
    arrays : by group and name, without the network's.
    network : None where the detector has none.
    """

    config: BeatConfig
    arrays: Mapping[str, Arrays]
    network: BeatModel | None = None

    def group(self, name: str) -> Arrays:
        """Return the arrays of a group.

        Raises
        ------
        CheckpointError
            If the checkpoint lacks it.
        """
        if name not in self.arrays:
            raise CheckpointError(f"{self.config.name} lacks the arrays of {name}; get the checkpoint again.")
        return self.arrays[name]


def read_beat_config(folder: str | Path) -> BeatConfig:
    """Read beats.json.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged, foreign or newer.
    """
    folder = Path(folder)
    try:
        data = read_json(folder / BEATS_FILE)
    except FileNotFoundError:
        known = ", ".join(list_beat_models(folder.parent)) or "none"
        raise CheckpointError(
            f"There is no beat detector {folder.name} in {folder.parent}; it has {known}: choose one, or train it."
        ) from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else "none"
        raise CheckpointError(f"{folder.name} has format {found}; this Leadwise reads {FORMAT}: update Leadwise.")
    try:
        return from_dict(data, BeatConfig, f"{folder.name}/{BEATS_FILE}")
    except ConfigError as error:
        raise CheckpointError(f"{error} Get the checkpoint again.") from error


def load_beat_checkpoint(folder: str | Path) -> BeatCheckpoint:
    """Rebuild a checkpoint from its folder.

    Raises
    ------
    CheckpointError
        If it is missing, damaged, foreign or newer, or its weights are not the ones beats.json names.
    """
    folder = Path(folder)
    config = read_beat_config(folder)
    groups = read_weights(folder, BEATS_FILE, config.weights_sha256)
    weights = groups.pop(NETWORK, {})
    return BeatCheckpoint(config, groups, _network(config, weights) if config.architecture else None)


def _network(config: BeatConfig, weights: Arrays) -> BeatModel:
    try:
        network = build_beat_model(config.architecture)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    except (ConfigError, RuntimeError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{config.name} does not fit its own config ({reason}); get it again.") from error
    return network.eval()


def save_beat_checkpoint(checkpoint: BeatCheckpoint, folder: str | Path) -> BeatConfig:
    """Write model.safetensors and beats.json; return the config with the weights' sha256."""
    folder = Path(folder)
    groups = dict(checkpoint.arrays)
    if checkpoint.network is not None:
        groups[NETWORK] = {name: value.numpy() for name, value in checkpoint.network.state_dict().items()}
    config = replace(checkpoint.config, weights_sha256=write_weights(groups, folder))
    write_beat_config(config, folder)
    return config


def write_beat_config(config: BeatConfig, folder: str | Path) -> None:
    """Write beats.json alone (metrics and examples are added after the weights)."""
    write_json(config, Path(folder) / BEATS_FILE)


def beat_folder(name: str, store: str | Path | None = None) -> Path:
    """Return the folder of a beat detector in a store, the shipped one unless told otherwise.

    Raises
    ------
    CheckpointError
        If it is no plain name.
    """
    folder = Path(store) if store else default_store()
    if not name or Path(name).name != name:
        raise CheckpointError(f"Expected the name of a beat detector in {folder}; found {name!r}.")
    return folder / name
