"""The probe of superclasses in a checkpoint's folder: a file beside the weights, described in config.json.

It is no part of the weights: their sha256, which names the checkpoint, is the same with it and without.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from ecg_core.checkpoints.files import CONFIG_FILE, CheckpointConfig, read_named, replace_file, write_config
from ecg_core.errors import CheckpointError
from ecg_core.superclasses import SuperclassProbe

PROBE_FILE = "probe.safetensors"


def read_probe(folder: Path, config: CheckpointConfig, networks: Mapping[str, str]) -> SuperclassProbe | None:
    """Return the probe of a checkpoint; None where its config names none.

    Parameters
    ----------
    networks : sha256 of the weights whose latents it would be given, by name.

    Raises
    ------
    CheckpointError
        If the file is missing or damaged, is not the one that config.json names, or was fitted on other networks.
    """
    told = config.probe
    if not told:
        return None
    name = f"{folder.name}/{PROBE_FILE}"
    try:
        data = read_named(folder, PROBE_FILE, CONFIG_FILE, str(told["sha256"]))
        probe = SuperclassProbe.from_arrays(load(data), tuple(told["classes"]), told["measured"])
        if dict(told["networks"]) != dict(networks):
            raise CheckpointError(
                f"The probe of {folder.name} was fitted on other networks than the store has; fit it again "
                "(python -m training.superclass_probe)."
            )
    except (SafetensorError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise CheckpointError(f"{name} cannot be read ({error}); get the checkpoint again.") from error
    return probe


def write_probe(
    folder: Path, config: CheckpointConfig, probe: SuperclassProbe, networks: Mapping[str, str], **told: Any
) -> CheckpointConfig:
    """Write the probe beside the weights, and what describes it into config.json; return the new config.

    Parameters
    ----------
    networks : as `read_probe` takes them.
    told : what else config.json says of it: how it was fitted and chosen.
    """
    data = data_of(probe)
    described = {
        "sha256": hashlib.sha256(data).hexdigest(),
        "classes": list(probe.linear.classes),
        "networks": dict(networks),
        "measured": {label: dict(row) for label, row in probe.linear.measured.items()},
        **told,
    }
    config = replace(config, probe=described)
    replace_file(folder / PROBE_FILE, data)
    write_config(config, folder)
    return config


def data_of(probe: SuperclassProbe) -> bytes:
    """Return the probe's file; the same probe gives the same bytes."""
    return bytes(save({name: np.ascontiguousarray(value) for name, value in probe.arrays().items()}))
