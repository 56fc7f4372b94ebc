"""Checkpoints: weights, density, error scale and calibration in one file, their description in another."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from ecg_core.calibration import Condition, NormalScores
from ecg_core.config import from_dict
from ecg_core.density import Density
from ecg_core.errors import CheckpointError, ConfigError
from ecg_core.imputation import LeadCovariance
from ecg_core.models import Autoencoder, build_model
from ecg_core.preprocessing import COMPRESSION, HIGH_HZ, LOW_HZ, MODEL_FS, ORDER
from ecg_core.records import INDEPENDENT_LEADS
from ecg_core.scoring import BLOCK_S, ErrorScale
from ecg_core.store import default_store as default_store
from ecg_core.store import list_checkpoints as list_checkpoints

FORMAT = 2
PREPROCESSING: dict[str, float] = {
    "fs": MODEL_FS,
    "low_hz": LOW_HZ,
    "high_hz": HIGH_HZ,
    "order": ORDER,
    "compression": COMPRESSION,
    "block_s": BLOCK_S,
}


@dataclass(frozen=True)
class ScoringConfig:
    """How parts become a score, and where a stretch is marked.

    Attributes
    ----------
    weights : of the reconstruction's and the latent's evidence in the record score.
    mark_level : 95th percentile of the score trace's maxima among calibration normals.
    """

    weights: tuple[float, float]
    mark_level: float


@dataclass(frozen=True)
class CalibrationConfig:
    """Which normals the percentiles are of.

    Attributes
    ----------
    population : in words.
    n_normals, n_masked : how many stand behind a complete record, and behind one with masked leads.
    false_alarm_rate : the validated setting.
    false_alarm_interval : 95 % interval of the true rate at that setting, as n normals allow.
    """

    population: str
    n_normals: int
    n_masked: int
    false_alarm_rate: float
    false_alarm_interval: tuple[float, float]


@dataclass(frozen=True)
class CheckpointConfig:
    """Everything in config.json."""

    format: int
    name: str
    title: str
    architecture: dict[str, Any]
    preprocessing: dict[str, float]
    leads: tuple[str, ...]
    scoring: ScoringConfig
    calibration: CalibrationConfig
    data: dict[str, Any]
    training: dict[str, Any]
    seed: int
    versions: dict[str, str]
    weights_sha256: str
    metrics: dict[str, Any] = field(default_factory=dict)
    operating_points: tuple[dict[str, Any], ...] = ()
    examples: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Checkpoint:
    """A loaded checkpoint; `tables` holds the calibration normals of each condition by its key."""

    config: CheckpointConfig
    model: Autoencoder
    density: Density
    error_scale: ErrorScale
    leads: LeadCovariance
    tables: dict[str, NormalScores]

    def table(self, condition: Condition) -> NormalScores:
        """Return the calibration normals that are masked and cropped alike.

        Raises
        ------
        CheckpointError
            If this checkpoint was not calibrated for it.
        """
        if condition.key not in self.tables:
            raise CheckpointError(f"{self.config.name} is not calibrated for {condition.key}; recalibrate it.")
        return self.tables[condition.key]


def read_config(folder: str | Path) -> CheckpointConfig:
    """Read and check config.json of a checkpoint.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged, foreign or newer.
    """
    folder = Path(folder)
    try:
        data = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(list_checkpoints(folder.parent)) or "none"
        raise CheckpointError(f"There is no checkpoint {folder.name} in {folder.parent}; it has {known}.") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder.name}/config.json is damaged ({error}); get the checkpoint again.") from error
    if not isinstance(data, dict) or "format" not in data:
        raise CheckpointError(
            f"{folder.name}/config.json is not a Leadwise checkpoint; choose a folder made by Leadwise."
        )
    if data["format"] != FORMAT:
        raise CheckpointError(
            f"{folder.name} has checkpoint format {data['format']}; this Leadwise reads {FORMAT}; update Leadwise."
        )
    try:
        config = from_dict(data, CheckpointConfig, f"{folder.name}/config.json")
    except ConfigError as error:
        raise CheckpointError(f"{error} Get the checkpoint again.") from error
    if config.preprocessing != PREPROCESSING or config.leads != INDEPENDENT_LEADS:
        raise CheckpointError(
            f"{folder.name} was made with another preprocessing or other leads; retrain it with this Leadwise."
        )
    return config


def load_checkpoint(folder: str | Path) -> Checkpoint:
    """Rebuild a checkpoint from its folder, strictly.

    Raises
    ------
    CheckpointError
        If it is missing, damaged, foreign or newer, or its weights are not the ones the config names.
    """
    folder = Path(folder)
    config = read_config(folder)
    path = folder / "model.safetensors"
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"{folder.name}/model.safetensors cannot be read ({error}); get it again.") from error
    if digest != config.weights_sha256:
        raise CheckpointError(
            f"{folder.name}/model.safetensors has sha256 {digest[:12]}, config.json names "
            f"{config.weights_sha256[:12]}; get the checkpoint again."
        )
    return _rebuild(config, tensors)


def _rebuild(config: CheckpointConfig, tensors: dict[str, torch.Tensor]) -> Checkpoint:
    names = ("network", "density", "error_scale", "leads", "calibration")
    groups: dict[str, dict[str, torch.Tensor]] = {name: {} for name in names}
    try:
        for key, value in tensors.items():
            group, name = key.split("/", 1)
            groups[group][name] = value
        model = build_model(config.architecture)
        model.load_state_dict(groups["network"], strict=True)
        density = Density(**{key: value.numpy() for key, value in groups["density"].items()})
        error_scale = ErrorScale(groups["error_scale"]["rms"].numpy())
        leads = LeadCovariance(groups["leads"]["covariance"].numpy())
        by_condition: dict[str, dict[str, Any]] = {}
        for name, value in groups["calibration"].items():
            condition, part = name.rsplit("/", 1)
            by_condition.setdefault(condition, {})[part] = value.numpy()
        tables = {condition: NormalScores(**parts) for condition, parts in by_condition.items()}
    except (KeyError, TypeError, ValueError, RuntimeError, ConfigError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{config.name} does not fit its own config ({reason}); get it again.") from error
    model.eval()
    return Checkpoint(config, model, density, error_scale, leads, tables)


def save_checkpoint(checkpoint: Checkpoint, folder: str | Path) -> CheckpointConfig:
    """Write model.safetensors and config.json; return the config with the weights' sha256.

    Each file is replaced in one move; a kill between the two leaves a checkpoint that loading refuses.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"network/{key}": value.detach().cpu().contiguous() for key, value in checkpoint.model.state_dict().items()
    }
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "density/mean": checkpoint.density.mean,
        "density/scale": checkpoint.density.scale,
        "density/projection": checkpoint.density.projection,
        "density/weight": checkpoint.density.weight,
        "error_scale/rms": checkpoint.error_scale.rms,
        "leads/covariance": checkpoint.leads.matrix,
    }
    for key, table in checkpoint.tables.items():
        for part in ("reconstruction", "latent", "score"):
            arrays[f"calibration/{key}/{part}"] = getattr(table, part)
    tensors |= {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in arrays.items()}
    data = save(tensors)
    config = from_dict(
        {**asdict(checkpoint.config), "weights_sha256": hashlib.sha256(data).hexdigest()},
        CheckpointConfig,
        "checkpoint",
    )
    _replace(folder / "model.safetensors", data)
    write_config(config, folder)
    return config


def write_config(config: CheckpointConfig, folder: str | Path) -> None:
    """Write config.json alone (metrics, operating points, examples are added after the weights)."""
    text = json.dumps(asdict(config), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    _replace(Path(folder) / "config.json", text.encode())


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
