"""The checkpoint of a beat detector: what is normal of a beat beside its patient's others, and a small network.

A folder with beats.json in place of config.json: detectors of whole records do not list it, and it is not one of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ecg_core.checkpoints.files import Arrays
from ecg_core.config import from_dict
from ecg_core.errors import CheckpointError, ConfigError
from ecg_core.models.beat_registry import BeatModel, build_beat_model
from ecg_core.store import BEATS_FILE, default_store, list_beat_models

FORMAT = 1
WEIGHTS_FILE = "model.safetensors"
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
        data = json.loads((folder / BEATS_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(list_beat_models(folder.parent)) or "none"
        raise CheckpointError(
            f"There is no beat detector {folder.name} in {folder.parent}; it has {known}: choose one, or train it."
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder.name}/{BEATS_FILE} is damaged ({error}); get the checkpoint again.") from error
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
    path = folder / WEIGHTS_FILE
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with safe_open(path, framework="numpy") as file:
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder.name}/{WEIGHTS_FILE} cannot be read ({error}); get it again.") from error
    if digest != config.weights_sha256:
        raise CheckpointError(
            f"{folder.name}/{WEIGHTS_FILE} has sha256 {digest[:12]}, {BEATS_FILE} names {config.weights_sha256[:12]}; "
            "get the checkpoint again."
        )
    groups: dict[str, Arrays] = {}
    for key, value in arrays.items():
        group, _, name = key.partition("/")
        groups.setdefault(group, {})[name] = value
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
    folder.mkdir(parents=True, exist_ok=True)
    groups = dict(checkpoint.arrays)
    if checkpoint.network is not None:
        groups[NETWORK] = {name: value.numpy() for name, value in checkpoint.network.state_dict().items()}
    data = save({f"{g}/{n}": np.ascontiguousarray(v) for g, arrays in groups.items() for n, v in arrays.items()})
    config = replace(checkpoint.config, weights_sha256=hashlib.sha256(data).hexdigest())
    _write(folder / WEIGHTS_FILE, data)
    write_beat_config(config, folder)
    return config


def write_beat_config(config: BeatConfig, folder: str | Path) -> None:
    """Write beats.json alone (metrics and examples are added after the weights)."""
    text = json.dumps(asdict(config), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    _write(Path(folder) / BEATS_FILE, text.encode())


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


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
