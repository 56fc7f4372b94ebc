"""The three autoencoders, by the names a checkpoint's config knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import torch
from numpy.typing import NDArray

from ecg_core.errors import ConfigError
from ecg_core.models.cae import CAE, CAEConfig
from ecg_core.models.vae_bilstm import VAEBiLSTM, VAEBiLSTMConfig
from ecg_core.models.vae_bilstm_mha import VAEBiLSTMMHA, VAEBiLSTMMHAConfig

Autoencoder = CAE | VAEBiLSTM | VAEBiLSTMMHA

REGISTRY: dict[str, tuple[type[Any], type[Any]]] = {
    "CAE": (CAE, CAEConfig),
    "VAE-BiLSTM": (VAEBiLSTM, VAEBiLSTMConfig),
    "VAE-BiLSTM-MHA": (VAEBiLSTMMHA, VAEBiLSTMMHAConfig),
}


def build_model(architecture: dict[str, Any]) -> Autoencoder:
    """Build a network, weights as initialised, from ``{"class": name, <config fields>}``.

    Raises
    ------
    ConfigError
        If the class or one of its sizes is unknown.
    """
    sizes = dict(architecture)
    name = sizes.pop("class", None)
    if name not in REGISTRY:
        raise ConfigError(f"Expected a model among {', '.join(REGISTRY)}; found {name!r}.")
    model, config = REGISTRY[name]
    unknown = sorted(set(sizes) - {f.name for f in fields(config)})
    if unknown:
        known = ", ".join(f.name for f in fields(config))
        raise ConfigError(f"{name} has no setting {', '.join(unknown)}; it has {known}.")
    return model(config(**{key: tuple(v) if isinstance(v, list) else v for key, v in sizes.items()}))


def load_model(architecture: dict[str, Any], weights: Mapping[str, NDArray[Any]]) -> Autoencoder:
    """Build a network and give it its weights, by the names of its `state_dict`; it is ready to judge.

    Raises
    ------
    ConfigError
        If the architecture is unknown.
    RuntimeError
        If the weights are not its own.
    """
    model = build_model(architecture)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()}, strict=True)
    model.eval()
    return model


def architecture_of(model: Autoencoder) -> dict[str, Any]:
    """Return what `build_model` needs to build the same network."""
    name = next(key for key, (cls, _) in REGISTRY.items() if cls is type(model))
    return {"class": name, **asdict(model.config)}
