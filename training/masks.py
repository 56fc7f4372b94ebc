"""What is hidden from the network while it trains: blocks over all leads, per lead, and whole leads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_core.models.layers import N_LEADS
from ecg_core.preprocessing import STRIDE

BLOCK_TOKENS = (4, 12)
MAX_WHOLE_LEADS = 4


def random_visible(rng: np.random.Generator, batch: int, n_samples: int) -> NDArray[np.float32]:
    """Return 1 where the network may look, 0 where it must restore, shape (batch, 8, n_samples).

    On a grid of 80 ms: half of the records have blocks of 0.32-0.96 s hidden over all leads, half per lead; in
    four of ten records one to four whole leads are hidden as well, as in a record with bad leads.
    """
    n_tokens = -(-n_samples // STRIDE)
    hidden = np.zeros((batch, N_LEADS, n_tokens), dtype=bool)
    for record in hidden:
        together = rng.random() < 0.5
        share = rng.uniform(0.15, 0.55)
        for rows in [record] if together else record[:, None]:
            while rows[0].mean() < share:
                length = rng.integers(*BLOCK_TOKENS, endpoint=True)
                start = rng.integers(-length + 1, n_tokens)
                rows[:, max(start, 0) : start + length] = True
        if rng.random() < 0.4:
            record[rng.choice(N_LEADS, rng.integers(1, MAX_WHOLE_LEADS, endpoint=True), replace=False)] = True
    return np.repeat(~hidden, STRIDE, axis=-1)[..., :n_samples].astype(np.float32)
