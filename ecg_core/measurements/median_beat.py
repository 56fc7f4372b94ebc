"""One beat that stands for a record: the sinus-like beats put over each other at 500 Hz, their median in each lead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ecg_core.beats import Beats
from ecg_core.preprocessing import MODEL_FS
from ecg_core.records import INDEPENDENT_LEADS, LEADS, derive_limb_leads

F32 = NDArray[np.float32]

EIGHT = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]

GRID_FS = 500.0
"""Rate of the median beat, Hz: 2 ms a sample, whatever the record's own rate."""

UP = round(GRID_FS / MODEL_FS)
BEFORE_S, AFTER_S = 0.45, 0.70
BEFORE, AFTER = round(BEFORE_S * GRID_FS), round(AFTER_S * GRID_FS)
"""Samples of the median beat before and after R."""

ALIGN_S, MATCH_S = 0.04, 0.08
"""A beat is moved by at most the first; its likeness to the others is read over the second to either side of R."""

SAME_CLASS = 0.85
"""Beats that correlate at least this with the most typical one are of its class."""

PAD_S = 0.3


@dataclass(frozen=True)
class MedianBeat:
    """The median of the record's largest class of beats, on a grid of 500 Hz.

    Attributes
    ----------
    x : shape (12, 576), mV, in the order of `LEADS`; R at sample `BEFORE`. Rows of leads that cannot be read are zero.
    positions : shape (n_kept,), R of each beat in it, samples at 500 Hz from the record's start.
    classes : shape (n_beats,), True for beats of the largest class, in the order of the record's beats.
    spread_mv : median absolute difference between a beat and the median beat.
    rows : indices of the leads it was made of; the others are derived, or zero.
    """

    x: F32
    positions: NDArray[np.int64]
    classes: NDArray[np.bool_]
    spread_mv: float
    rows: tuple[int, ...]


def interpolate(x: F32) -> F32:
    """Return a signal at 100 Hz on the grid of 500 Hz, shape (n_leads, 5 n), from its spectrum.

    The models' signal ends at 50 Hz, so nothing is invented between its samples. Edges are extended by odd
    reflection, as in `ecg_core.preprocessing`.
    """
    n = x.shape[1]
    pad = min(round(PAD_S * MODEL_FS), n - 1)
    fast = fft.next_fast_len(n + 2 * pad, real=True)
    more = fast - n - 2 * pad
    left, right = 2 * x[:, :1] - x[:, pad:0:-1], 2 * x[:, -1:] - x[:, -2 : -pad - 2 : -1]
    fade = np.linspace(0, 1, more + 2, dtype=np.float32)[1:-1]
    tail = right[:, -1:] * (1 - fade) + left[:, :1] * fade
    spectrum = fft.rfft(np.concatenate([left, x, right, tail], axis=1), axis=1)
    if fast % 2 == 0:
        spectrum[:, -1] *= 0.5
    y = fft.irfft(spectrum, n=fast * UP, axis=1)
    return np.asarray(y[:, pad * UP : (pad + n) * UP] * UP, dtype=np.float32)


def _unit(windows: F32) -> F32:
    """Return windows, (..., n), centred and of length one."""
    centred = windows - windows.mean(axis=-1, keepdims=True)
    return centred / np.maximum(np.linalg.norm(centred, axis=-1, keepdims=True), 1e-9)


def _gather(y: F32, positions: NDArray[np.int64], before: int, after: int) -> F32:
    """Return the stretch around each position, shape (n_beats, n_leads, before + after + 1)."""
    index = positions[:, None] + np.arange(-before, after + 1)
    return y[:, index].transpose(1, 0, 2)


def _align(y: F32, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], F32]:
    """Move beats onto their median; return their positions and their likeness to each other, (n_beats, n_beats)."""
    reach, match = round(ALIGN_S * GRID_FS), round(MATCH_S * GRID_FS)
    n = len(positions)
    wide = _gather(y, positions, match + reach, match + reach)
    lags = np.lib.stride_tricks.sliding_window_view(wide, 2 * match + 1, axis=2)  # (n, leads, lags, match)
    now = np.full(n, reach)
    rows = np.arange(n)
    for _ in range(2):
        template = np.median(lags[rows, :, now], axis=0)
        template -= template.mean(axis=1, keepdims=True)
        inner = np.einsum("nlsm,lm->ns", lags, template, optimize=True)
        now = inner.argmax(axis=1)
    flat = _unit(lags[rows, :, now]).reshape(n, -1)
    weight = np.sqrt((template**2).sum(axis=1) / (template**2).sum())
    flat = flat * np.repeat(weight, 2 * match + 1)[None].astype(np.float32)
    return positions + now - reach, flat @ flat.T


def _median(windows: F32) -> F32:
    """Return the median over the first axis; partial sorting of contiguous rows is what numpy does fastest."""
    n = len(windows)
    middle = n // 2
    rows = np.ascontiguousarray(windows.reshape(n, -1).T)
    rows.sort(axis=1)
    found = rows[:, middle] if n % 2 else 0.5 * (rows[:, middle - 1] + rows[:, middle])
    return found.reshape(windows.shape[1:])


def median_beat(x: F32, beats: Beats, readable: NDArray[np.bool_]) -> tuple[MedianBeat, F32] | None:
    """Return the median beat of a record, and its beats in the leads it was made of; None below two beats.

    With I and II, the other four limb leads are derived from their medians, so that Einthoven's and Goldberger's laws
    hold in the median beat too; without one of them every readable lead stands for itself.

    Parameters
    ----------
    x : shape (12, n), mV at 100 Hz, from `ecg_core.preprocessing.preprocess`.
    beats : its R peaks.
    readable : shape (12,), leads that can be read.

    Returns
    -------
    The median beat, and shape (n_kept, n_rows, 576), the beats in its `rows`.
    """
    derived = bool(readable[0] and readable[1])
    rows = [k for k in (EIGHT if derived else range(len(LEADS))) if readable[k]]
    if len(beats.samples) < 2 or not rows:
        return None
    margin = max(BEFORE, AFTER) + round(ALIGN_S * GRID_FS)
    y = interpolate(x[rows])
    n = y.shape[1]
    y = np.pad(y, ((0, 0), (margin, margin)), mode="edge")
    at = np.round(beats.times_s * GRID_FS).astype(np.int64) + margin
    positions, alike = _align(y, at)
    same = alike > SAME_CLASS
    classes = same[same.sum(axis=1).argmax()]
    whole = classes & (positions - BEFORE >= margin) & (positions + AFTER < n + margin)
    kept = positions[whole if whole.sum() >= 2 else classes]
    windows = _gather(y, kept, BEFORE, AFTER)
    middle = _median(windows)
    spread = float(np.median(np.abs(windows[:, :, ::8] - middle[:, ::8])))
    full = np.zeros((len(LEADS), middle.shape[1]), dtype=np.float32)
    full[rows] = middle
    if derived:
        full[2:6] = derive_limb_leads(full[:2])
    return MedianBeat(full, kept - margin, classes, spread, tuple(rows)), windows
