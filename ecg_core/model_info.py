"""What a checkpoint's folder says of a model, for people: read without its weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecg_core.curves import Curves, read_curves
from ecg_core.errors import CheckpointError


@dataclass(frozen=True)
class ModelInfo:
    """A model as its folder describes it.

    Attributes
    ----------
    weights_sha256 : digest of the weights.
    calibration : population, how many normals, the validated false-alarm rate and its interval.
    data, training : sources and settings.
    metrics : what `training.evaluate --write` measured; empty before.
    operating_points : sensitivity and specificity at each false-alarm rate.
    curves : ROC, precision-recall and distribution of the scores; None before they were measured.
    curves_problem : why there are none although a file is there; else empty.
    card : the model card, markdown; empty where there is none.
    """

    name: str
    title: str
    weights_sha256: str
    seed: int
    calibration: dict[str, Any]
    data: dict[str, Any]
    training: dict[str, Any]
    metrics: dict[str, Any]
    operating_points: tuple[dict[str, Any], ...]
    curves: Curves | None
    curves_problem: str
    card: str

    @property
    def checkpoint(self) -> str:
        """First 12 hex digits of the weights' sha256."""
        return self.weights_sha256[:12]


def read_model_info(folder: str | Path) -> ModelInfo:
    """Read config.json, curves.json and README.md of a checkpoint.

    Raises
    ------
    CheckpointError
        If there is no config.json, or it is damaged.
    """
    folder = Path(folder)
    try:
        data = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointError(f"There is no checkpoint {folder.name} in {folder.parent}; copy or train one.") from None
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{folder.name}/config.json is damaged ({error}); get the checkpoint again.") from error
    try:
        found, problem = read_curves(folder, data["weights_sha256"]), ""
    except CheckpointError as error:
        found, problem = None, str(error)
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{folder.name}/config.json is not a Leadwise checkpoint; get it again.") from error
    try:
        card = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, ValueError):
        card = ""
    try:
        return ModelInfo(
            name=data["name"],
            title=data["title"],
            weights_sha256=data["weights_sha256"],
            seed=data["seed"],
            calibration=data["calibration"],
            data=data["data"],
            training=data["training"],
            metrics=data.get("metrics", {}),
            operating_points=tuple(data.get("operating_points", ())),
            curves=found,
            curves_problem=problem,
            card=card,
        )
    except KeyError as error:
        raise CheckpointError(f"{folder.name}/config.json lacks {error}; get the checkpoint again.") from error
