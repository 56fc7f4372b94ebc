"""What a model made of a record, as it is shown on the screen's paper and on the printed page."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_core.detection import Explanation
from ecg_core.records import LEADS, Record

BASELINE_S = 0.4

ERROR_EDGES = (2, 4, 8, 16, 32, 64)
"""Steps of the error map: times the normals' error at that lead and phase of the beat."""

CELL_S = 0.04
"""Width of a cell of the error map: 1 mm of paper."""

LEAD_EDGES = (1.5, 2.5, 4.5, 8.0)
"""Steps of a lead's cell: times the normals' error."""


def on_recorded_baseline(explanation: Explanation, shown: Record) -> NDArray[np.float32]:
    """Return the reconstruction, shape (12, n), mV, laid on the baseline of the recording.

    The models see 0.5-40 Hz; the paper shows the recording as it is. What the band-pass took away (offset and slow
    wander, smoothed over 0.4 s) is put back, so that the two lines can be compared where they stand.

    Parameters
    ----------
    shown : the seconds that the explanation covers, as they are displayed.
    """
    n = explanation.reconstruction.shape[1]
    times = shown.start_s + np.arange(shown.n_samples) / shown.fs
    at = explanation.start_s + np.arange(n) / explanation.fs
    seen = explanation.signal[:, :n]
    recorded = np.stack([np.interp(at[: seen.shape[1]], times, row) for row in shown.signal])
    removed = recorded - seen
    width = round(BASELINE_S * explanation.fs)
    kernel = np.ones(width) / width
    padded = np.pad(removed, ((0, 0), (width // 2, width - 1 - width // 2)), mode="edge")
    baseline = np.stack([np.convolve(row, kernel, mode="valid") for row in padded])
    out = explanation.reconstruction.astype(np.float32).copy()
    out[:, : baseline.shape[1]] += baseline.astype(np.float32)
    return out


def error_cells(explanation: Explanation) -> NDArray[np.uint8]:
    """Return steps 0-6 of the error map, shape (12, columns); 255 in leads left out."""
    per = max(1, round(CELL_S * explanation.fs))
    rows, n = explanation.error.shape
    columns = n // per
    error = explanation.error[:, : columns * per].reshape(rows, columns, per)
    lost = np.isnan(error).any(axis=2)
    mean = np.where(lost, 0.0, np.nan_to_num(error).mean(axis=2))
    steps = np.digitize(mean, ERROR_EDGES).astype(np.uint8)
    steps[lost] = 255
    return steps


def cell_steps(lead_scores: dict[str, float | None]) -> dict[str, int]:
    """Return steps 0-4 per lead for cells with text: how large its error is among the normals'."""
    return {
        lead: int(np.digitize(score, LEAD_EDGES)) if score is not None else 0
        for lead, score in ((lead, lead_scores.get(lead)) for lead in LEADS)
    }
