"""Text and numbers made safe to hand on: to a terminal, to JSON, to a table."""

from __future__ import annotations

import math
from typing import Any


def plain(text: str) -> str:
    """Return text that a terminal shows as it is: control and direction characters are written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def finite(value: Any) -> Any:
    """Return plain JSON types, with None for numbers that JSON cannot hold (NaN, infinities)."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
