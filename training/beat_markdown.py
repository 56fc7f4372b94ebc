"""How docs/beats.md is written: figures as the README writes them, paragraphs and tables, and what commands wrote."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ecg_core.errors import ConfigError

HEADINGS = ("AUROC", "sens. at 5 % false alarms", "sens.", "spec.", "PPV", "F1", "acc.")
PROTOCOL_WORDS = {"random": "random beats, 70/15/15", "interpatient": "new patients, DS1 to DS2"}


def heading(protocol: str) -> str:
    """Return a protocol's words with a capital."""
    words = PROTOCOL_WORDS[protocol]
    return words[0].upper() + words[1:]


def prose(text: str) -> list[str]:
    """Return a paragraph as lines of at most 120 characters."""
    return textwrap.wrap(" ".join(text.split()), 120, break_on_hyphens=False)


def estimate(value: Mapping[str, float] | None) -> str:
    """Return a figure and its interval: ".972 (.951-.984)"."""
    if value is None:
        return "-"
    return f"{value['value']:.3f} ({value['low']:.3f}-{value['high']:.3f})".replace("0.", ".")


def plain(value: float | None) -> str:
    """Return a figure without interval."""
    return "-" if value is None else f"{value:.3f}".replace("0.", ".", 1) if value < 1 else f"{value:.3f}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows)]


def read_json(path: Path, how: str) -> dict[str, Any]:
    """Read what a command wrote.

    Raises
    ------
    ConfigError
        With the command, where it is not there.
    """
    if not path.is_file():
        raise ConfigError(f"Expected {path}; there is no such file; run {how} first.")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
