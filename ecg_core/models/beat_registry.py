"""The networks of single beats, by the names a checkpoint's config knows."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from ecg_core.errors import ConfigError
from ecg_core.models.beat_cae import BeatCAE, BeatCAEConfig
from ecg_core.models.beat_cae_187 import BeatCAE187, BeatCAE187Config
from ecg_core.models.beat_cnn_lstm import BeatCNNLSTM, BeatCNNLSTMConfig

BeatModel = BeatCAE | BeatCAE187 | BeatCNNLSTM

BEAT_REGISTRY: dict[str, tuple[type[Any], type[Any]]] = {
    "Beat-CAE": (BeatCAE, BeatCAEConfig),
    "Beat-CAE-187": (BeatCAE187, BeatCAE187Config),
    "Beat-CNN-LSTM": (BeatCNNLSTM, BeatCNNLSTMConfig),
}


def build_beat_model(architecture: dict[str, Any]) -> BeatModel:
    """Build a network of single beats, weights as initialised, from ``{"class": name, <config fields>}``.

    Raises
    ------
    ConfigError
        If the class or one of its sizes is unknown, or sizes do not fit together.
    """
    sizes = dict(architecture)
    name = sizes.pop("class", None)
    if name not in BEAT_REGISTRY:
        raise ConfigError(f"Expected a network of beats among {', '.join(BEAT_REGISTRY)}; found {name!r}.")
    model, config = BEAT_REGISTRY[name]
    known = [f.name for f in fields(config)]
    unknown = sorted(set(sizes) - set(known))
    if unknown:
        raise ConfigError(f"{name} has no setting {', '.join(unknown)}; it has {', '.join(known)}.")
    return model(config(**{key: tuple(v) if isinstance(v, list) else v for key, v in sizes.items()}))


def beat_architecture_of(model: BeatModel) -> dict[str, Any]:
    """Return what `build_beat_model` needs to build the same network."""
    name = next(key for key, (cls, _) in BEAT_REGISTRY.items() if cls is type(model))
    return {"class": name, **asdict(model.config)}
