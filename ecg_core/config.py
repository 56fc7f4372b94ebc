"""From TOML to a frozen dataclass: nested tables become nested dataclasses, an unknown key is an error."""

from __future__ import annotations

import dataclasses
import tomllib
import types
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from ecg_core.errors import ConfigError

T = TypeVar("T")


def load_config(path: str | Path, cls: type[T]) -> T:
    """Read a TOML file into the dataclass `cls`.

    Raises
    ------
    ConfigError
        If the file cannot be read, has a key the dataclass does not know, lacks one that it needs, or a value
        has another type.
    """
    return from_dict(read_toml(path), cls, str(path))


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return what a TOML file says.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise ConfigError(f"Expected a TOML configuration at {path}; there is no such file.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as TOML: {error}.") from error


def from_dict(data: dict[str, Any], cls: type[T], where: str = "configuration") -> T:
    """Build the dataclass `cls` from plain TOML or JSON values; `where` names the source in messages."""
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    unknown = sorted(set(data) - set(fields))
    if unknown:
        raise ConfigError(f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(fields)}.")
    missing = [
        name
        for name, f in fields.items()
        if name not in data and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise ConfigError(f"{where}: missing key {', '.join(missing)}.")
    hints = get_type_hints(cls)
    return cls(**{name: _convert(value, hints[name], f"{where}: {name}") for name, value in data.items()})


def _convert(value: Any, hint: Any, where: str) -> Any:
    """Return `value` as the type `hint` asks for; an int is accepted where a float is meant."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _convert_union(value, args, where)
    if origin is Literal:
        if value not in args:
            raise ConfigError(f"{where}: expected one of {', '.join(map(str, args))}, found {value!r}.")
        return value
    if origin in (tuple, list):
        return _convert_sequence(value, origin, args, where)
    if origin is dict:
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: expected a table, found {value!r}.")
        return {key: _convert(item, args[1], f"{where}.{key}") for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: expected a table, found {value!r}.")
        return from_dict(value, hint, where)  # type: ignore[arg-type]
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise ConfigError(f"{where}: expected {hint.__name__}, found {value!r}.")
    return value


def _convert_union(value: Any, args: tuple[Any, ...], where: str) -> Any:
    """Return `value` as the first member of a union that takes it."""
    if value is None and type(None) in args:
        return None
    members = [arg for arg in args if arg is not type(None)]
    for arg in members[:-1]:
        try:
            return _convert(value, arg, where)
        except ConfigError:
            continue
    return _convert(value, members[-1], where)


def _convert_sequence(value: Any, origin: type, args: tuple[Any, ...], where: str) -> Any:
    """Return a TOML array as a tuple or list of the type asked for."""
    if not isinstance(value, list | tuple):
        raise ConfigError(f"{where}: expected a list, found {value!r}.")
    if origin is tuple and args and args[-1] is not Ellipsis:
        if len(args) != len(value):
            raise ConfigError(f"{where}: expected {len(args)} values, found {len(value)}.")
        return tuple(_convert(v, a, f"{where}[{i}]") for i, (v, a) in enumerate(zip(value, args, strict=True)))
    item = args[0] if args else Any
    return origin(_convert(v, item, f"{where}[{i}]") for i, v in enumerate(value))
