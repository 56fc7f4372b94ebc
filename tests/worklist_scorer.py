"""A scorer for the worklist's runner that needs no network and next to no imports; a file's name says its fate.

bad: it cannot be read. dark: not interpretable. wait: it takes until the file `go` lies beside the store. Each file
that is scored is noted in the store's `scored.log`.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

CHECKPOINT = "0123456789ab"


def make_scorer(setup: Mapping[str, Any]) -> Callable[[Sequence[str]], list[list[dict[str, Any]]]]:
    store = Path(setup["store"])

    def rows(items: Sequence[str]) -> list[list[dict[str, Any]]]:
        return [_score(Path(item), store, setup["models"]) for item in items]

    return rows


def _score(path: Path, store: Path, models: Sequence[str]) -> list[dict[str, Any]]:
    while path.stem.startswith("wait") and not (store / "go").exists():
        time.sleep(0.02)
    log = os.open(store / "scored.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, f"{path.name}\n".encode())
    os.close(log)
    return [row(path, model, k) for k, model in enumerate(models)]


def row(path: Path, model: str, k: int = 0, content: bytes | None = None) -> dict[str, Any]:
    """Return the row of a file, or of its content: its score rises with its first byte and with `k`."""
    if path.stem.startswith("bad"):
        return {"record": path.stem, "model": model, "error": f"{path.name} is damaged; get it again."}
    content = path.read_bytes() if content is None else content
    score = content[0] / 32 + k / 4
    dark = path.stem.startswith("dark")
    return {
        "record": path.stem,
        "model": model,
        "checkpoint": CHECKPOINT,
        "sha256": hashlib.sha256(content).hexdigest(),
        "interpretable": not dark,
        "score": None if dark else score,
        "percentile": None if dark else 10.0 * score,
        "threshold": None if dark else 4.0,
        "anomalous": None if dark else score > 4.0,
        "heart_rate": 60.0 + k,
        "lead_scores": {} if dark else {"I": 1.0, "V1": None, "V2": 2.0},
        "notes": [f"Note of {path.stem}.", f"Seen by {model}."],
        "stretches": [] if dark else [{"start_s": 1.0 + k, "stop_s": 2.0 + k, "peak": 1.0 + k, "leads": ["V2", "I"]}],
    }
