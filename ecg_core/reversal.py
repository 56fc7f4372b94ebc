"""Limb electrodes in each other's place, as far as the signal shows it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ARMS = "Suspected left/right arm electrode reversal"


def suspect_reversal(w: NDArray[np.float64], usable: tuple[str, ...]) -> str | None:
    """Name the exchange of limb electrodes that a record points to.

    Parameters
    ----------
    w : shape (12, n), mV, at 100 Hz.
    usable : leads without a fault.

    Returns
    -------
    Words for the exchange, None where nothing points to one or the leads it needs are unusable.
    """
    if not {"I", "II", "V5", "V6"} <= set(usable):
        return None
    i, v6 = np.diff(w[0]), np.diff(w[11])
    together = float(i @ v6 / np.sqrt((i @ i) * (v6 @ v6) + 1e-12))
    return ARMS if together < -0.6 and abs(i.min()) > i.max() else None
