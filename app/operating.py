"""What a panel shows at each false-alarm rate of the slider: its data at the rate in use, and what changes at another.

The browser has all settings at hand, so that a move of the threshold needs no answer from the server. Plain data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.state import RATES

Change = list[Any]
"""A path of keys and places into the data, and the value that stands there."""


def place(rate: float, rates: Sequence[float] = RATES) -> int:
    """Return a rate's place on the slider."""
    return min(range(len(rates)), key=lambda k: abs(rates[k] - rate))


def differences(now: Any, other: Any, path: tuple[str | int, ...] = ()) -> list[Change]:
    """Return what has to be set in `now` to make it `other`, as [path, value] each.

    Lists of another length, and dicts of other keys, are replaced as a whole.
    """
    if now == other:
        return []
    if isinstance(now, dict) and isinstance(other, dict) and now.keys() == other.keys():
        return [change for key in now for change in differences(now[key], other[key], (*path, key))]
    if isinstance(now, list) and isinstance(other, list) and len(now) == len(other):
        pairs = enumerate(zip(now, other, strict=True))
        return [change for k, (a, b) in pairs for change in differences(a, b, (*path, k))]
    return [[list(path), other]]


def at_each_rate(
    make: Callable[[float], dict[str, Any]], rate: float, rates: Sequence[float] = RATES
) -> dict[str, Any]:
    """Return a panel's data at the rate in use, with its place ("rate") and the changes at each rate ("rates").

    Parameters
    ----------
    make : returns the panel's data at a false-alarm rate; called once for each rate of the slider.
    """
    at = place(rate, rates)
    made = [make(each) for each in rates]
    return made[at] | {"rate": at, "rates": [differences(made[at], each) for each in made]}
