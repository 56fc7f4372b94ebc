"""Small WFDB records made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ecg_core.records import LEADS
from tests.readers.signals import digital

Writer = Callable[..., Path]


@pytest.fixture
def write_pair(tmp_path: Path) -> Writer:
    """Return a writer of format-16 pairs; every part of the header can be given."""

    def write(
        name: str = "rec",
        values: np.ndarray | None = None,
        fs: str = "500",
        leads: tuple[str, ...] = LEADS,
        gain: str = "1000(0)/mV",
        comments: tuple[str, ...] = (),
        folder: Path | None = None,
        file: str | None = None,
    ) -> Path:
        values = digital(n_leads=len(leads)) if values is None else values
        folder = folder or tmp_path
        data = values.astype("<i2")
        lines = [f"{name} {len(leads)} {fs} {len(values)}"]
        for k, lead in enumerate(leads):
            total = int(values[:, k].astype(int).sum()) % 65536
            lines.append(f"{file or name + '.dat'} 16 {gain} 16 0 {values[0, k]} {total} 0 {lead}")
        lines += [f"# {comment}" for comment in comments]
        (folder / f"{name}.dat").write_bytes(data.tobytes())
        header = folder / f"{name}.hea"
        header.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return header

    return write
