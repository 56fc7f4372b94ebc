"""Where a segment is unusual: error map, trace, marked stretches, attention."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_core.detection import Attention, Explanation, Stretch
from ecg_core.preprocessing import MODEL_FS, STRIDE, compress
from ecg_core.records import INDEPENDENT_LEADS, LEADS, twelve_from_eight
from ecg_core.scoring import Forward, RawParts, smooth_error, usable_in_map
from ecg_core.segments import SegmentInput

F32 = NDArray[np.float32]

EXTEND_BELOW = 0.4
"""A stretch reaches out to where the trace falls below this share of the mark level."""

MERGE_S = 0.12
MAX_STRETCHES = 12
MAX_LEADS = 6


def explain(segment: SegmentInput, parts: RawParts, k: int, mark_level: float) -> Explanation:
    """Return the maps of record `k` of a scored batch.

    Parameters
    ----------
    segment : the segment that was scored.
    mark_level : level of `score_trace` at which a stretch is marked; what is shown is the root of the trace in its
        units, so that 1 is still the level.
    """
    shown = usable_in_map(segment.usable) & np.array([lead not in segment.quality.faults for lead in LEADS])
    error = np.where(shown[:, None], parts.error[k], np.float32(np.nan))
    smooth = smooth_error(error)
    trace = np.sqrt(smooth.max(axis=0) / np.float32(mark_level))  # squares would show the highest peak alone
    smooth = np.sqrt(smooth / np.float32(mark_level))
    with np.errstate(invalid="ignore"):
        lead_scores = {
            lead: float(row.mean(dtype=np.float64)) if ok else None
            for lead, row, ok in zip(LEADS, error, shown, strict=True)
        }
    restored = parts.restoration
    return Explanation(
        start_s=segment.start_s,
        fs=MODEL_FS,
        leads=LEADS,
        signal=segment.x,
        reconstruction=twelve_from_eight(restored.x_hat[k]),
        reconstruction_sd=parts.scale[k] if restored.sd is None else _sd_of_twelve(restored.sd[k]),
        error=error,
        sample_scores=trace,
        stretches=find_stretches(trace, smooth, segment.start_s),
        lead_scores=lead_scores,
        mark_level=mark_level,
    )


def lead_trace(explanation: Explanation, lead: str) -> F32:
    """Return the score trace of one lead alone, (n,), in units of the mark level; NaN where the lead is left out.

    Of all leads' traces `Explanation.sample_scores` is the highest at each instant.
    """
    error = explanation.error[explanation.leads.index(lead)]
    if np.isnan(error).all():
        return np.full(error.shape, np.nan, dtype=np.float32)
    return np.asarray(np.sqrt(smooth_error(error) / np.float32(explanation.mark_level)), dtype=np.float32)


def _sd_of_twelve(sd: F32) -> F32:
    """Propagate the standard deviations of I and II to the leads derived from them, as if independent."""
    one, two = sd[0] ** 2, sd[1] ** 2
    derived = np.sqrt(np.stack([one + two, (one + two) / 4, one + two / 4, one / 4 + two]))
    return np.concatenate([sd[:2], derived, sd[2:]])


def find_stretches(trace: F32, by_lead: F32, start_s: float) -> tuple[Stretch, ...]:
    """Return the stretches in which the trace exceeds 1, strongest first.

    Parameters
    ----------
    trace : (n,), in units of the mark level.
    by_lead : (12, n), smoothed error in the same units: names the leads that carry a stretch.
    start_s : where the arrays begin in the record.
    """
    wide = trace > EXTEND_BELOW
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wide, [False]]).astype(np.int8)))
    runs: list[list[int]] = []
    for lo, hi in zip(edges[::2], edges[1::2], strict=True):
        if runs and lo - runs[-1][1] < MERGE_S * MODEL_FS:
            runs[-1][1] = int(hi)
        else:
            runs.append([int(lo), int(hi)])
    stretches = []
    for lo, hi in runs:
        peak = float(trace[lo:hi].max())
        if peak <= 1.0:
            continue
        by_peak = by_lead[:, lo:hi].max(axis=1)
        carrying = [LEADS[i] for i in np.argsort(-by_peak, kind="stable") if by_peak[i] > max(1.0, 0.3 * peak)]
        stretches.append(Stretch(start_s + lo / MODEL_FS, start_s + hi / MODEL_FS, peak, tuple(carrying[:MAX_LEADS])))
    return tuple(sorted(stretches, key=lambda s: -s.peak)[:MAX_STRETCHES])


def attention_of(forward: Forward, x: F32, usable: NDArray[np.bool_]) -> Attention | None:
    """Return the attention that leads and tokens receive, averaged over heads and queries, of x (8, n) in mV.

    None for a network that has no attention.
    """
    visible = np.broadcast_to(usable[:, None], x.shape).astype(np.float32)
    found = forward.attention(np.where(usable[:, None], compress(x), np.float32(0)), visible)
    return found and Attention(INDEPENDENT_LEADS, found.lead.T.copy(), found.time, STRIDE / MODEL_FS)
