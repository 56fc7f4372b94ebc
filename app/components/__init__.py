"""What pages share: the paper view, the verdict band, the rail. Each draws in the browser from plain data.

Components of one page meet in a small store in the browser (`shared.js`): signals, reconstruction and view come by
separate mounts, so that a threshold step sends its few kB and not the signals again.
"""

from __future__ import annotations

from pathlib import Path

from app import palette

_HERE = Path(__file__).parent


def script(*names: str) -> str:
    """Return the shared store and the named files as one module."""
    return "\n".join((_HERE / name).read_text(encoding="utf-8") for name in ("shared.js", *names))


def style(name: str) -> str:
    """Return the palette, the shared rules and one component's rules."""
    rules = [(_HERE / file).read_text(encoding="utf-8") for file in ("shared.css", name)]
    return "\n".join([":host{" + palette.css_variables() + "}", *rules])
