"""The three autoencoders, by the names a checkpoint's config knows."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

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


def architecture_of(model: Autoencoder) -> dict[str, Any]:
    """Return what `build_model` needs to build the same network."""
    name = next(key for key, (cls, _) in REGISTRY.items() if cls is type(model))
    return {"class": name, **asdict(model.config)}
