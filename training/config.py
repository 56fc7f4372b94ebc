"""Configuration files of training: TOML read into frozen dataclasses (see `ecg_core.config`)."""

from ecg_core.config import from_dict, load_config, read_toml

__all__ = ["from_dict", "load_config", "read_toml"]
