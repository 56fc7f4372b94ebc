"""Signal quality: which leads cannot be read, and whether limb electrodes look swapped."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ecg_core.beats import Beats, detect_beats
from ecg_core.preprocessing import MODEL_FS
from ecg_core.records import LEADS
from ecg_core.reversal import ROWS, suspect_reversal, without_baseline

FloatArray = NDArray[np.float64]
RawArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Real = TypeVar("Real", np.float32, np.float64)

MAX_BAD_LEADS = 4
"""With more leads than this unreadable, a record is not interpretable."""

FAULTS = ("flat", "disconnected", "saturated", "noisy", "baseline jump")
"""What can be wrong with a lead, in the order it is named."""

# Thresholds were set on the pure normals and the abnormal records of PTB-XL folds 1-8, where each is passed by
# about one lead in a thousand or fewer; `python -m training.faults` measures them on fold 9.
FLAT_MV = 0.03
"""Peak-to-peak amplitude below which a lead carries nothing."""
STILL_MV = 0.006
"""A block whose samples stay within this is constant."""
STILL_S = 0.5
STILL_BLOCKS = 4
"""So many constant blocks in a row make a lead flat."""
SAME_MV = 0.001
"""Values this near, or within a thousandth of the lead's height, are the same rail."""
RAIL_S = 0.2
RAIL_SHARE = 0.02
"""A lead that rests on its highest or lowest value this long at once, or for this share of the time, is clipped."""
JUMP_MV = 2.0
"""Change of the baseline between two neighbouring 0.6 s."""
ROUGH_MV = 0.1
"""Median second difference at 100 Hz that the roughest fifth of the half seconds pass: muscle noise."""
MAINS_MV, MAINS_FILTERED_MV = 0.2, 0.5
"""Peak amplitude of 50 or 60 Hz; the second where the rate lets the models' filter take most of it off."""
FOLDED_BELOW_HZ = 125.0
"""Below this rate mains fold into the band of the ECG, or lie at its edge."""
UNEXPLAINED_MV = 0.5
"""RMS, in the worst 2 s, of what the other leads do not explain of this one: motion, loose electrodes."""
SYNC = 0.4
"""Correlation of a lead's slope with the typical lead's, over time: no heartbeats in it below this."""

SEGMENT_S = 10.0
LONG_S = 20.0
LONG_SHARE = 0.25
"""In recordings over 20 s a fault is stated when it stands in this share of the 10 s segments."""

LIMB = slice(0, 6)
CHEST = slice(6, 12)
FOLLOWS_MV = 0.02
"""A limb lead this near to what two others make it is their difference, rounding aside."""
# rows: I, II, III, aVR, aVL, aVF; columns: I, II
FROM_I_II = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0], [-0.5, -0.5], [1.0, -0.5], [-0.5, 1.0]])


@dataclass(frozen=True)
class Quality:
    """What can be read of a record.

    Attributes
    ----------
    faults : for each lead with a fault, the faults in plain words (`FAULTS`).
    reversal : the suspected exchange of limb electrodes in words, None where nothing points to one.
    """

    faults: dict[str, tuple[str, ...]] = field(default_factory=dict)
    reversal: str | None = None

    @property
    def bad_leads(self) -> tuple[str, ...]:
        """Leads that are to be masked, in report order."""
        return tuple(lead for lead in LEADS if lead in self.faults)

    @property
    def usable_leads(self) -> tuple[str, ...]:
        """Leads without a fault, in report order."""
        return tuple(lead for lead in LEADS if lead not in self.faults)

    @property
    def interpretable(self) -> bool:
        """Whether a score means anything: at most four bad leads, and II or a V lead to find beats in."""
        return len(self.faults) <= MAX_BAD_LEADS and any(lead in self.usable_leads for lead in ("II", *LEADS[6:]))

    def words(self) -> str:
        """Say it in one sentence, leads with the same faults together."""
        if not self.faults:
            said = "All twelve leads can be read"
        else:
            groups: dict[tuple[str, ...], list[str]] = {}
            for lead in self.bad_leads:
                groups.setdefault(self.faults[lead], []).append(lead)
            said = "; ".join(f"{', '.join(leads)}: {' and '.join(kinds)}" for kinds, leads in groups.items())
        return f"{said}. {self.reversal}." if self.reversal else f"{said}."


def _median(x: NDArray[Real], axis: int) -> NDArray[Real]:
    """Return the median along an axis; on rows this short, sorting takes a quarter of `numpy.median`'s time."""
    n = x.shape[axis]
    middle = np.sort(x, axis=axis).take(range((n - 1) // 2, n // 2 + 1), axis=axis)
    return np.asarray(middle.mean(axis=axis), dtype=x.dtype)


@lru_cache(maxsize=16)
def _mains_basis(n: int, fs: float) -> RawArray:
    """Return cosines and sines at 50 and 60 Hz, shape (n, 4), unit length where not zero."""
    t = np.arange(n) / fs
    waves = [wave(2 * np.pi * hz * t) for hz in (50.0, 60.0) for wave in (np.cos, np.sin)]
    basis = np.stack(waves, axis=1)
    norm = np.linalg.norm(basis, axis=0)
    return np.where(norm > 1e-6 * n, basis / np.maximum(norm, 1e-12), 0.0).astype(np.float32)


def _take_off_mains(x: RawArray, fs: float) -> tuple[RawArray, RawArray]:
    """Return the signal without 50 and 60 Hz, second by second, and their peak amplitude by lead, mV.

    Below `FOLDED_BELOW_HZ` they are measured, but left in: too much of the ECG lies there.
    """
    n = round(fs)
    k = x.shape[1] // n
    basis = _mains_basis(n, fs)
    seconds = x[:, : k * n].reshape(len(x), k, n)
    centred = seconds - seconds.mean(axis=2, keepdims=True)
    part = centred @ basis
    by_hz = np.sqrt(part[..., 0::2] ** 2 + part[..., 1::2] ** 2) * np.float32(np.sqrt(2.0 / n))
    amplitude = _median(by_hz, axis=1).max(axis=1)
    if fs < FOLDED_BELOW_HZ:
        return x, amplitude
    clean = np.empty_like(x)
    np.subtract(x[:, : k * n], (part @ basis.T).reshape(len(x), k * n), out=clean[:, : k * n])
    clean[:, k * n :] = x[:, k * n :]
    return clean, amplitude


def _to_model_rate(x: RawArray, fs: float) -> FloatArray:
    """Return `x` at 100 Hz, each sample the mean of the time it stands for."""
    ratio = fs / MODEL_FS
    if abs(ratio - 1) < 1e-9:
        return x.astype(np.float64)
    if ratio > 1 and abs(ratio - round(ratio)) < 1e-9:
        k = round(ratio)
        n = x.shape[1] // k
        mean_of = np.full(k, 1.0 / k, dtype=np.float32)
        return np.asarray(x[:, : n * k].reshape(len(x), n, k) @ mean_of, dtype=np.float64)
    n = int(x.shape[1] / ratio)
    total = np.concatenate([np.zeros((len(x), 1)), np.cumsum(x, axis=1, dtype=np.float64)], axis=1)
    edge = np.arange(n + 1) * ratio
    low = np.minimum(edge.astype(np.int64), x.shape[1] - 1)
    at_edge = total[:, low] + (total[:, low + 1] - total[:, low]) * (edge - low)
    return np.asarray(np.diff(at_edge, axis=1) / ratio, dtype=np.float64)


def _counts(mask: BoolArray) -> NDArray[np.int64]:
    """Return how often each row is True; row by row it takes a tenth of the time of `axis=1`."""
    return np.array([np.count_nonzero(row) for row in mask])


def _has_run(mask: BoolArray, counts: NDArray[np.int64], n: int) -> BoolArray:
    """Tell the rows with `n` times True in a row at least."""
    found = np.zeros(len(mask), dtype=bool)
    for row in np.flatnonzero(counts >= n):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], mask[row].view(np.int8), [0]])))
        found[row] = (edges[1::2] - edges[::2]).max() >= n
    return found


def _flat(x: RawArray, fs: float, height: RawArray) -> BoolArray:
    """Tell leads that are constant, for 2 s or all the time."""
    n = round(STILL_S * fs)
    blocks = x[:, : x.shape[1] // n * n].reshape(len(x), -1, n)
    still = blocks.max(axis=2) - blocks.min(axis=2) <= STILL_MV
    return _has_run(still, _counts(still), STILL_BLOCKS) | (height < FLAT_MV)


def _clipped(x: RawArray, fs: float, low: RawArray, high: RawArray) -> BoolArray:
    """Tell leads that rest on their highest or lowest value as on a rail."""
    slack = np.maximum(1e-3 * (high - low), SAME_MV)
    clipped = np.zeros(len(x), dtype=bool)
    for at_rail in (x >= (high - slack)[:, None], x <= (low + slack)[:, None]):
        counts = _counts(at_rail)
        clipped |= (counts >= RAIL_SHARE * x.shape[1]) | _has_run(at_rail, counts, math.ceil(RAIL_S * fs))
    return clipped


def _jump(w: FloatArray) -> FloatArray:
    """Return the largest change of the baseline between neighbouring 0.6 s, per lead, mV."""
    n = round(0.2 * MODEL_FS)
    level = _median(w[:, : w.shape[1] // n * n].reshape(len(w), -1, n), axis=2)
    total = np.zeros((len(w), level.shape[1] + 1))
    np.cumsum(level, axis=1, out=total[:, 1:])
    mean = (total[:, 3:] - total[:, :-3]) / 3
    return np.asarray(np.abs(mean[:, 3:] - mean[:, :-3]).max(axis=1), dtype=np.float64)


def _roughness(w: FloatArray) -> FloatArray:
    """Return the second difference that is usual in the roughest fifth of the half seconds, per lead, mV."""
    n = round(0.5 * MODEL_FS)
    bend = np.abs(w[:, 2:] - 2 * w[:, 1:-1] + w[:, :-2])
    usual = _median(bend[:, : bend.shape[1] // n * n].reshape(len(w), -1, n), axis=2)
    usual.sort(axis=1)
    return np.asarray(usual[:, int(0.8 * (usual.shape[1] - 1))], dtype=np.float64)


def _sync(w: FloatArray) -> FloatArray:
    """Return the correlation of each lead's slope magnitude with the typical lead's over time."""
    slope = np.zeros_like(w)
    slope[:, 1:-1] = (w[:, 2:] - w[:, :-2]) ** 2
    slope = np.sqrt(np.maximum(uniform_filter1d(slope, round(0.09 * MODEL_FS), axis=1), 0.0))
    slope /= slope.mean(axis=1, keepdims=True) + 1e-9
    typical = _median(np.ascontiguousarray(slope.T), axis=1)
    slope -= slope.mean(axis=1, keepdims=True)
    typical -= typical.mean()
    norm = np.sqrt((slope**2).sum(axis=1) * (typical**2).sum())
    return np.asarray(slope @ typical / (norm + 1e-9), dtype=np.float64)


def _unexplained(y: FloatArray) -> FloatArray:
    """Return the RMS in the worst 2 s that the other leads do not explain, per lead, mV.

    Twelve leads are projections of few dipoles (Kors, doi 10.1093/oxfordjournals.eurheartj.a059647): a lead that
    the others cannot predict within 2 s carries something that is not the heart. Limb leads are predicted from
    V1-V6 only, since one loose electrode disturbs all of them alike.

    Parameters
    ----------
    y : shape (8, n), mV: I, II, V1-V6 without their baseline.
    """
    n = round(2 * MODEL_FS)
    parts = y[:, : y.shape[1] // n * n].reshape(8, -1, n).transpose(1, 0, 2)
    parts = parts - parts.mean(axis=2, keepdims=True)
    precision = np.linalg.inv(parts @ parts.transpose(0, 2, 1) / n + 1e-5 * np.eye(8))
    limb = np.linalg.inv(precision[:, :2, :2])
    variance = np.empty((len(parts), 12))
    variance[:, LIMB] = np.einsum("li,pij,lj->pl", FROM_I_II, limb, FROM_I_II)
    variance[:, CHEST] = 1.0 / np.diagonal(precision, axis1=1, axis2=2)[:, 2:]
    return np.asarray(np.sqrt(variance.max(axis=0)), dtype=np.float64)


def _follows(w: FloatArray, good: BoolArray) -> BoolArray:
    """Tell limb leads that are what two good ones among I, II and III make them, by Einthoven's and Goldberger's laws.

    A fault of an electrode shows in two of the three; a lead that follows from two good ones is small because the
    heart's axis stands across it, and not because nothing is connected.
    """
    follows = np.zeros(len(LEADS), dtype=bool)
    one, two, three = w[0], w[1], w[2]
    pairs = {(1, 2): (two - three, two), (0, 2): (one, one + three), (0, 1): (one, two)}
    for (a, b), (i, ii) in pairs.items():
        if good[a] and good[b]:
            derived = FROM_I_II @ np.stack([i, ii])
            apart = (w[LIMB] - derived).std(axis=1)
            own = np.isin(np.arange(6), (a, b))  # what a lead is made from says nothing of itself
            follows[LIMB] |= (apart < FOLLOWS_MV) & ~own
    return follows


def _find_faults(signal: NDArray[np.float32], fs: float) -> tuple[Quality, FloatArray, FloatArray]:
    """Return the faults of one stretch of some seconds, and the stretch at 100 Hz without mains.

    All twelve leads, (12, n), and I, II, V1-V6 without their baseline, (8, n).
    """
    x = np.asarray(signal, dtype=np.float32)
    low, high = x.min(axis=1), x.max(axis=1)
    clean, mains = _take_off_mains(x, fs)
    w = _to_model_rate(clean, fs)
    y = without_baseline(w[ROWS])
    found = dict.fromkeys(FAULTS, np.zeros(len(LEADS), dtype=bool))
    found["flat"] = _flat(x, fs, high - low)
    found["saturated"] = _clipped(x, fs, low, high) & ~found["flat"]
    silent = (_sync(w) < SYNC) & ~found["flat"]
    if silent.any():
        found["disconnected"] = silent & ~_follows(w, ~(silent | found["flat"] | found["saturated"]))
    heavy = MAINS_MV if fs < FOLDED_BELOW_HZ else MAINS_FILTERED_MV
    found["noisy"] = (mains > heavy) | (_roughness(w) > ROUGH_MV) | (_unexplained(y) > UNEXPLAINED_MV)
    found["baseline jump"] = _jump(w) > JUMP_MV
    for kind in ("noisy", "baseline jump"):
        found[kind] = found[kind] & ~found["flat"] & ~found["disconnected"]
    bad = np.stack([found[kind] for kind in FAULTS])
    faults = {
        LEADS[k]: tuple(kind for kind, one in zip(FAULTS, bad[:, k], strict=True) if one)
        for k in np.flatnonzero(bad.any(axis=0))
    }
    return Quality(faults), w, y


def _assess(signal: NDArray[np.float32], fs: float) -> Quality:
    """Assess one stretch of some seconds."""
    found, w, _ = _find_faults(signal, fs)
    return Quality(found.faults, suspect_reversal(w, found.usable_leads) if found.interpretable else None)


def assess_with_beats(signal: NDArray[np.float32], fs: float, x: NDArray[np.float32]) -> tuple[Quality, Beats]:
    """Assess a stretch of at most 20 s, and find the heartbeats once for both quality and scoring.

    Parameters
    ----------
    signal : shape (12, n), mV, as recorded, in the order of `LEADS`.
    fs : sampling rate, Hz.
    x : the same stretch from `ecg_core.preprocessing.preprocess`: the heartbeats are looked for in its usable leads.
    """
    found, w, y = _find_faults(signal, fs)
    beats = detect_beats(x, found.usable_leads)
    reversal = suspect_reversal(w, found.usable_leads, (y, beats.samples)) if found.interpretable else None
    return Quality(found.faults, reversal), beats


def assess_quality(signal: NDArray[np.float32], fs: float) -> Quality:
    """Find the leads that cannot be read, and limb electrodes that look exchanged.

    Parameters
    ----------
    signal : shape (12, n), mV, as recorded (unfiltered), in the order of `LEADS`.
    fs : sampling rate, Hz.

    Returns
    -------
    Faults per lead and the suspected reversal. Recordings over 20 s are assessed in 10 s segments; a fault is
    stated where a quarter of the segments have it, a reversal where half of them do.
    """
    n = round(SEGMENT_S * fs)
    if signal.shape[1] <= LONG_S * fs:
        return _assess(signal, fs)
    parts = [_assess(signal[:, k : k + n], fs) for k in range(0, signal.shape[1] - n + 1, n)]
    seen = Counter((lead, kind) for part in parts for lead, kinds in part.faults.items() for kind in kinds)
    faults = {}
    for lead in LEADS:
        kinds = tuple(kind for kind in FAULTS if seen[lead, kind] >= LONG_SHARE * len(parts))
        if kinds:
            faults[lead] = kinds
    said = Counter(part.reversal for part in parts if part.reversal)
    reversal = next((words for words, count in said.most_common(1) if count >= 0.5 * len(parts)), None)
    return Quality(faults, reversal)
