"""Where checkpoints lie and what they are called; nothing of them is loaded, so torch is not either."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

CONSENSUS = "consensus"
"""The detector that is made of the others: the default of a store that has it."""

BEAT_DETECTOR = "beat-cae"
"""The detector of single beats that is taken unless another is named."""

BEATS_FILE = "beats.json"
"""What describes a detector of single beats, in place of config.json."""


def default_store() -> Path:
    """Return the folder of the shipped checkpoints: in the installed package, else beside it in the repository."""
    installed = Path(__file__).parent / "_store"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "models_store"


def list_checkpoints(store: str | Path | None = None) -> list[str]:
    """Return the names of the checkpoints in a store, sorted."""
    folder = Path(store) if store else default_store()
    return sorted(path.parent.name for path in folder.glob("*/config.json"))


def list_beat_models(store: str | Path | None = None) -> list[str]:
    """Return the names of the detectors of single beats in a store, sorted."""
    folder = Path(store) if store else default_store()
    return sorted(path.parent.name for path in folder.glob(f"*/{BEATS_FILE}"))


def in_order(names: Iterable[str]) -> list[str]:
    """Return detectors as they are offered: the consensus first, then as they stand."""
    return sorted(names, key=lambda name: name != CONSENSUS)


def default_model(store: str | Path | None = None) -> str:
    """Return what judges a record unless told otherwise: the consensus, or the first where a store has none."""
    known = list_checkpoints(store)
    return in_order(known)[0] if known else CONSENSUS
