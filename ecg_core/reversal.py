"""Limb electrodes in each other's place, as far as the signal shows it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from scipy.ndimage import uniform_filter1d

from ecg_core.beats import detect_beats
from ecg_core.preprocessing import MODEL_FS
from ecg_core.records import INDEPENDENT_LEADS, LEADS

FloatArray = NDArray[np.float64]

WEIGHTS = Path(__file__).with_name("reversal.safetensors")
"""Written by `python -m training.fit_reversal`."""

WORDS = (
    "",
    "Suspected left/right arm electrode reversal",
    "Suspected right arm/left leg electrode reversal",
    "Suspected left arm/left leg electrode reversal",
)
RIGHT_LEG = "Suspected right arm/right leg electrode reversal"

# What leads I and II show when electrodes change places; rows: I, II as written, columns: I, II as they should be
# (Krasteva et al., doi 10.3390/s19132920). V1-V6 stay: the central terminal is the mean of the three.
EXCHANGES = np.array(
    [[[1, 0], [0, 1]], [[-1, 0], [-1, 1]], [[1, -1], [0, -1]], [[0, 1], [1, 0]]],
    dtype=np.float64,
)

# the beat around its R peak, and its parts, in samples at 100 Hz
BEFORE, AFTER = 35, 65
PR, P_WAVE, QRS, T_WAVE = slice(26, 30), slice(10, 27), slice(28, 44), slice(50, 85)
MIN_BEATS = 3
BASELINE_S = 0.8

SILENT_II_MV = 0.1
"""A lead II whose median beat stays below this while I and III mirror each other: II reads leg against leg."""
MIRROR_MV = 0.05
SPEAKING_MV = 0.3

ROWS = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]


def without_baseline(w: FloatArray) -> FloatArray:
    """Return leads at 100 Hz without what is slower than a beat."""
    return w - uniform_filter1d(w, round(BASELINE_S * MODEL_FS), axis=1)


def look_for_beats(w: FloatArray, usable: tuple[str, ...]) -> tuple[FloatArray, NDArray[np.int64]]:
    """Return what `median_beat` is made of, from the twelve leads, (12, n), mV, at 100 Hz."""
    y = without_baseline(w)
    return y[ROWS], detect_beats(y.astype(np.float32), usable).samples


def median_beat(y: FloatArray, peaks: NDArray[np.int64]) -> FloatArray | None:
    """Return the median beat, shape (8, 100), mV, level zero before QRS; None below three beats.

    Parameters
    ----------
    y : I, II, V1-V6 from `without_baseline`, shape (8, n), mV.
    peaks : R peaks, indices at 100 Hz.
    """
    peaks = peaks[(peaks >= BEFORE) & (peaks < y.shape[1] - AFTER)]
    if len(peaks) < MIN_BEATS:
        return None
    beats = y[:, peaks + np.arange(-BEFORE, AFTER)[:, None]]
    beats.sort(axis=2)
    beat = beats[..., (len(peaks) - 1) // 2 : len(peaks) // 2 + 1].mean(axis=2)  # the median
    return np.asarray(beat - np.median(beat[:, PR], axis=1, keepdims=True), dtype=np.float64)


def features(beats: FloatArray) -> FloatArray:
    """Return size and direction of P, QRS and T, shape (..., 8, 7), of beats of shape (..., 8, 100)."""
    p, qrs, t = beats[..., P_WAVE], beats[..., QRS], beats[..., T_WAVE]
    parts = (
        10.0 * p.mean(axis=-1),
        3.0 * p.max(axis=-1),
        3.0 * p.min(axis=-1),
        0.1 * qrs.sum(axis=-1),
        qrs.max(axis=-1),
        qrs.min(axis=-1),
        3.0 * t.mean(axis=-1),
    )
    return np.asarray(np.arcsinh(2.0 * np.stack(parts, axis=-1)), dtype=np.float64)


@lru_cache(maxsize=1)
def _network() -> dict[str, NDArray[np.float32]]:
    """Return the weights, read once."""
    return load_file(WEIGHTS)


def _arms_and_legs(beat: FloatArray, seen: NDArray[np.bool_]) -> int:
    """Return which of `EXCHANGES` the median beat points to (0: none)."""
    net = _network()
    x = (features(beat) - net["mean"]) / net["spread"]
    x = np.where(seen[:, None], x, 0.0).ravel()
    logits = np.tanh(x @ net["weight_1"] + net["bias_1"]) @ net["weight_2"] + net["bias_2"]
    odds = np.exp(logits - logits.max())
    odds /= odds.sum()
    return int(1 + odds[1:].argmax()) if 1.0 - odds[0] > float(net["threshold"][0]) else 0


def suspect_reversal(
    w: FloatArray, usable: tuple[str, ...], known: tuple[FloatArray, NDArray[np.int64]] | None = None
) -> str | None:
    """Name the exchange of limb electrodes that a record points to.

    P, QRS and T of the median beat in I and II are judged against V1-V6 by a small network (56-32-4), trained on
    PTB-XL with planted exchanges, after Heden et al. (Am J Cardiol 78:600-604, 1996). A lead II that shows almost
    nothing while III mirrors I means that II reads one leg against the other. Dextrocardia inverts lead I as well
    and is not told apart.

    Parameters
    ----------
    w : shape (12, n), mV, at 100 Hz.
    usable : leads without a fault.
    known : I, II, V1-V6 `without_baseline`, (8, n), and R peaks, indices at 100 Hz, where they are known already.

    Returns
    -------
    Words for the exchange, None where nothing points to one or the leads it needs are unusable.
    """
    leads = usable if "II" in usable else (*usable, "II")
    if "I" not in usable or not any(lead in usable for lead in LEADS[6:]):
        return None
    beat = median_beat(*(known or look_for_beats(w, leads)))
    if beat is None:
        return None
    if np.ptp(beat[1]) < SILENT_II_MV:
        mirrored = np.abs(w[0] + w[2] - np.mean(w[0] + w[2])).mean() < MIRROR_MV
        return RIGHT_LEG if mirrored and np.ptp(beat[0]) > SPEAKING_MV else None
    if "II" not in usable:
        return None
    seen = np.array([lead in usable for lead in INDEPENDENT_LEADS])
    return WORDS[_arms_and_legs(beat, seen)] or None
