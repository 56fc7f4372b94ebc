"""What is measured of the rhythm: rate and how the intervals between beats vary."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_core.beats import Beats

Values = dict[str, float]


def rhythm(beats: Beats, classes: NDArray[np.bool_], spread_mv: float, height_mv: float) -> Values:
    """Return rate, variation of RR and how alike the beats are.

    Parameters
    ----------
    beats : of the record, at least two.
    classes : shape (n_beats,), True for those of the largest class.
    spread_mv : median difference between a beat and the median beat.
    height_mv : of the QRS, the same leads.
    """
    rr = beats.rr_ms
    middle = float(np.median(rr))
    values = {
        "heart_rate": float(60000.0 / rr.mean()),
        "rr_median_ms": middle,
        "rr_mean_ms": float(rr.mean()),
        "rr_max_ratio": float(rr.max() / middle),
        "rr_min_ratio": float(rr.min() / middle),
        "other_beats_share": float(1.0 - classes.mean()),
        "beat_spread": spread_mv / height_mv if height_mv > 0 else float("nan"),
    }
    if len(rr) >= 2:
        steps = np.abs(np.diff(rr))
        values |= {
            "rr_sd_ms": float(rr.std(ddof=1)),
            "rmssd_ms": float(np.sqrt(np.mean(steps**2))),
            "rr_step_ms": float(steps.max()),
            "rr_irregularity": float(np.median(steps) / middle),
        }
    return values
