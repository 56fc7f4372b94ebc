"""Signals for tests of the readers."""

from __future__ import annotations

import numpy as np


def digital(n: int = 3000, n_leads: int = 12, top: int = 1500, seed: int = 0) -> np.ndarray:
    """Return integers that look like a signal, shape (n, n_leads)."""
    rng = np.random.default_rng(seed)
    return np.clip(np.cumsum(rng.integers(-40, 41, (n, n_leads)), axis=0), -top, top)
