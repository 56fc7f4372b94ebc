"""TOML to dataclass."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from ecg_core.errors import ConfigError
from training.config import from_dict, load_config
from training.prepare import PrepareConfig


@dataclass(frozen=True)
class Inner:
    rate: float
    sizes: tuple[int, ...] = (1, 2)
    mode: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    limit: int | None = None
    extra: dict[str, float] = field(default_factory=dict)
    pair: tuple[int, float] = (1, 2.0)


def test_nested_tables_become_dataclasses(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('name = "x"\npair = [3, 4]\n[inner]\nrate = 2\nsizes = [3]\nmode = "b"\n[extra]\nk = 1\n')
    config = load_config(path, Outer)
    assert config == Outer("x", Inner(2.0, (3,), "b"), None, {"k": 1.0}, (3, 4.0))
    assert isinstance(config.inner.rate, float)  # an int is taken where a float is meant


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "x"\nnmae = 1\n[inner]\nrate = 1', "unknown key nmae; known are name, inner"),
        ('name = "x"\n[inner]\nrate = 1\nrtae = 1', "inner: unknown key rtae"),
        ('name = "x"', "missing key inner"),
        ("name = 3\n[inner]\nrate = 1", "name: expected str, found 3"),
        ('name = "x"\nlimit = true\n[inner]\nrate = 1', "limit: expected int, found True"),
        ('name = "x"\nlimit = 1.5\n[inner]\nrate = 1', "limit: expected int, found 1.5"),
        ('name = "x"\n[inner]\nrate = "fast"', "rate: expected float, found 'fast'"),
        ('name = "x"\n[inner]\nrate = 1\nmode = "c"', "mode: expected one of a, b, found 'c'"),
        ('name = "x"\n[inner]\nrate = 1\nsizes = [1.5]', r"sizes\[0\]: expected int"),
        ('name = "x"\npair = [1]\n[inner]\nrate = 1', "pair: expected 2 values, found 1"),
        ("name = ", "cannot be read as TOML"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_config(path, Outer)


def test_a_missing_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "c.toml", Outer)


def test_prepare_knows_its_own_keys() -> None:
    config = from_dict({"out": "x", "folder_fs": 500, "folder_leads": ["I", "II"]}, PrepareConfig)
    assert (config.folder_fs, config.folder_leads, config.fs) == (500.0, ("I", "II"), 100)
