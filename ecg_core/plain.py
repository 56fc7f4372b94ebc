"""Text and numbers made safe to hand on: to a terminal, to JSON, to a table."""

from __future__ import annotations

import math
from typing import Any

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What opens a formula: ASCII, full width, and the white space that a spreadsheet skips."""


def plain(text: str) -> str:
    """Return text that a terminal shows as it is: control and direction characters are written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def neutralised(cell: str) -> str:
    """Return text that a spreadsheet shows and does not compute: an apostrophe before what would open a formula.

    For text alone; numbers go into a table as numbers. OWASP, "CSV injection".
    """
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def finite(value: Any) -> Any:
    """Return plain JSON types, with None for numbers that JSON cannot hold (NaN, infinities)."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
