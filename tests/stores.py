"""Stores of checkpoints that tests change."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from ecg_core.checkpoints import default_store, read_config, write_config
from ecg_core.checkpoints.probe import PROBE_FILE


def store_without_probes(folder: Path) -> Path:
    """Copy the shipped store to `folder`, without the probes it has, and return it."""
    shutil.copytree(default_store(), folder)
    for path in folder.glob("*/config.json"):
        write_config(replace(read_config(path.parent), probe={}), path.parent)
        (path.parent / PROBE_FILE).unlink(missing_ok=True)
    return folder
