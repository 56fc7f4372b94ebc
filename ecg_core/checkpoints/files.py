"""A checkpoint's files: model.safetensors with every array, graph.onnx, config.json with what describes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ecg_core.calibration import NormalScores
from ecg_core.config import from_dict
from ecg_core.errors import CheckpointError, ConfigError
from ecg_core.preprocessing import COMPRESSION, HIGH_HZ, LOW_HZ, MODEL_FS, ORDER
from ecg_core.records import INDEPENDENT_LEADS
from ecg_core.scoring import BLOCK_S
from ecg_core.store import list_checkpoints

Arrays = dict[str, NDArray[Any]]

FORMAT = 3
CONFIG_FILE, WEIGHTS_FILE, GRAPH_FILE = "config.json", "model.safetensors", "graph.onnx"
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
    weights : of each part's evidence in the record score, in the order in which they are added.
    mark_level : 95th percentile of the score trace's maxima among calibration normals.
    """

    weights: dict[str, float]
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
    graph_sha256: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    operating_points: tuple[dict[str, Any], ...] = ()
    examples: dict[str, Any] = field(default_factory=dict)
    probe: dict[str, Any] = field(default_factory=dict)


def read_config(folder: str | Path) -> CheckpointConfig:
    """Read and check config.json of a checkpoint.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged, foreign or newer.
    """
    folder = Path(folder)
    try:
        data = read_json(folder / CONFIG_FILE)
    except FileNotFoundError:
        known = ", ".join(list_checkpoints(folder.parent)) or "none"
        raise CheckpointError(f"There is no checkpoint {folder.name} in {folder.parent}; it has {known}.") from None
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


def read_arrays(folder: str | Path) -> tuple[CheckpointConfig, dict[str, Arrays]]:
    """Read both files of a checkpoint; arrays come by group, the part of their name before the first slash.

    Raises
    ------
    CheckpointError
        If one is missing, damaged, foreign or newer, or the weights are not the ones the config names.
    """
    folder = Path(folder)
    config = read_config(folder)
    return config, read_weights(folder, CONFIG_FILE, config.weights_sha256)


def read_json(path: Path) -> Any:
    """Read what describes a checkpoint; FileNotFoundError is left to the caller, who knows what else there is.

    Raises
    ------
    CheckpointError
        If it is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        name = f"{path.parent.name}/{path.name}"
        raise CheckpointError(f"{name} is damaged ({error}); get the checkpoint again.") from error


def read_named(folder: Path, file: str, described: str, sha256: str) -> bytes:
    """Read a file of a checkpoint that another one names.

    Parameters
    ----------
    described : the file that names it; sha256 : by what.

    Raises
    ------
    CheckpointError
        If it is missing, or is not the one named.
    """
    try:
        data = (folder / file).read_bytes()
    except OSError as error:
        raise CheckpointError(f"{folder.name}/{file} cannot be read ({error}); get the checkpoint again.") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != sha256:
        raise CheckpointError(
            f"{folder.name}/{file} has sha256 {digest[:12]}, {described} names {sha256[:12]}; get the checkpoint again."
        )
    return data


def read_weights(folder: Path, described: str, sha256: str) -> dict[str, Arrays]:
    """Read the arrays of a checkpoint by group.

    Parameters
    ----------
    described : name of the file that names them; sha256 : by what.

    Raises
    ------
    CheckpointError
        If they are missing or damaged, or are not the ones named.
    """
    data = read_named(folder, WEIGHTS_FILE, described, sha256)
    try:
        arrays = load(data)
    except SafetensorError as error:
        raise CheckpointError(
            f"{folder.name}/{WEIGHTS_FILE} cannot be read ({error}); get the checkpoint again."
        ) from error
    groups: dict[str, Arrays] = {}
    for key, value in arrays.items():
        group, _, name = key.partition("/")
        groups.setdefault(group, {})[name] = value
    return groups


def read_graph(folder: Path, config: CheckpointConfig) -> bytes:
    """Read the graph that the config names; empty if it names none.

    Raises
    ------
    CheckpointError
        If it is missing, or is not the one named.
    """
    if not config.graph_sha256:
        return b""
    return read_named(folder, GRAPH_FILE, CONFIG_FILE, config.graph_sha256)


def write_weights(groups: Mapping[str, Arrays], folder: Path) -> str:
    """Write the arrays of a checkpoint; return their sha256."""
    folder.mkdir(parents=True, exist_ok=True)
    named = {f"{group}/{name}": value for group, arrays in groups.items() for name, value in arrays.items()}
    data = save({name: np.ascontiguousarray(value) for name, value in named.items()})
    replace_file(folder / WEIGHTS_FILE, data)
    return hashlib.sha256(data).hexdigest()


def write_json(described: Any, path: Path) -> None:
    """Write the dataclass that describes a checkpoint."""
    text = json.dumps(asdict(described), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    replace_file(path, text.encode())


@contextmanager
def fitting(config: CheckpointConfig) -> Iterator[None]:
    """Turn what goes wrong while a checkpoint is rebuilt from its arrays into one sentence."""
    try:
        yield
    except (KeyError, TypeError, ValueError, RuntimeError, ConfigError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{config.name} does not fit its own config ({reason}); get it again.") from error


def tables_of(arrays: Arrays) -> dict[str, NormalScores]:
    """Return the calibration normals by condition, from the arrays of the group "calibration"."""
    by_condition: dict[str, dict[str, Any]] = {}
    for name, value in arrays.items():
        condition, part = name.rsplit("/", 1)
        by_condition.setdefault(condition, {})[part] = value
    return {condition: NormalScores(parts, parts.pop("score")) for condition, parts in by_condition.items()}


def arrays_of(tables: dict[str, NormalScores]) -> Arrays:
    """Return the arrays of the group "calibration"."""
    return {
        f"{condition}/{part}": value
        for condition, table in tables.items()
        for part, value in {**table.parts, "score": table.score}.items()
    }


def write_arrays(
    config: CheckpointConfig, groups: dict[str, Arrays], folder: str | Path, graph: bytes = b""
) -> CheckpointConfig:
    """Write model.safetensors, the graph where there is one, and config.json; return the config with their sha256.

    Each file is replaced in one move; a kill between two leaves a checkpoint that loading refuses.
    """
    folder = Path(folder)
    changed = {**asdict(config), "weights_sha256": write_weights(groups, folder), "graph_sha256": ""}
    if graph:
        replace_file(folder / GRAPH_FILE, graph)
        changed["graph_sha256"] = hashlib.sha256(graph).hexdigest()
    config = from_dict(changed, CheckpointConfig, "checkpoint")
    write_config(config, folder)
    return config


def write_config(config: CheckpointConfig, folder: str | Path) -> None:
    """Write config.json alone (metrics, operating points, examples are added after the weights)."""
    write_json(config, Path(folder) / CONFIG_FILE)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file in one move."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
