"""Heartbeats: R peaks from all usable leads at once, heart rate and RR variability."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from sleepecg.heartbeats import detect_heartbeats

from ecg_core.preprocessing import MODEL_FS
from ecg_core.records import INDEPENDENT_LEADS, LEADS

FloatArray = NDArray[np.float64]

BASELINE_S = 0.21
"""Width of the moving mean that is taken off before the magnitude: leaves the QRS, lowers P, T and drift."""

SMOOTH_S = 0.05
"""Width of the boxcar over the magnitude that is searched: joins R and S of one beat."""

ALIGN_S = 0.06
"""The R index is the highest magnitude within this distance of the detection."""

FEWEST_TO_LEAVE_ONE_OUT = 3
CUT = 1.5
"""The magnitude is cut at this multiple of the 75th percentile of its one-second maxima."""

REFRACTORY_S = 0.2
SHORTEST_S = 2.1
"""sleepecg's learning phase reads two seconds of signal without asking whether they are there."""

QUIET_MV = 0.03
"""A lead whose largest deflection stays below this has no beats to find."""

LOWEST_SHARE = 0.3
"""A detection below this share of the median beat's magnitude is not a beat."""

T_WAVE_S, T_WAVE_SLOPE = 0.5, 0.35
"""A detection this soon after a beat, with less than this share of its steepest slope, is its T wave."""


@dataclass(frozen=True)
class Beats:
    """The heartbeats of a record.

    Attributes
    ----------
    samples : shape (n_beats,), indices of the R peaks at `fs`, ascending.
    leads : the leads they were found in; empty where there was none to search.
    fs : 100 Hz.
    shifts : shape (n_beats,), what to add to `samples` for the peak between samples, within +-0.5.
    """

    samples: NDArray[np.int64]
    leads: tuple[str, ...]
    fs: float = MODEL_FS
    shifts: FloatArray = field(default_factory=lambda: np.zeros(0))

    @property
    def times_s(self) -> FloatArray:
        """R peaks in seconds from the start, shape (n_beats,), read between samples by a parabola."""
        shifts = self.shifts if len(self.shifts) == len(self.samples) else 0.0
        return np.asarray((self.samples + shifts) / self.fs, dtype=np.float64)

    @property
    def rr_ms(self) -> FloatArray:
        """Intervals between beats, shape (n_beats - 1,), ms."""
        return np.diff(self.times_s) * 1000.0

    @property
    def heart_rate(self) -> float | None:
        """Beats per minute: 60 over the mean RR interval, as counted on a strip; None below two beats."""
        return float(60000.0 / self.rr_ms.mean()) if len(self.samples) >= 2 else None

    @property
    def rr_sd_ms(self) -> float | None:
        """Standard deviation of the RR intervals of all beats in ms; None below three beats.

        SDNN of the Task Force (doi 10.1161/01.CIR.93.5.1043), but ectopic beats are not taken out.
        """
        return float(self.rr_ms.std(ddof=1)) if len(self.samples) >= 3 else None

    @property
    def rmssd_ms(self) -> float | None:
        """Root mean square of successive RR differences in ms; None below three beats."""
        return float(np.sqrt(np.mean(np.diff(self.rr_ms) ** 2))) if len(self.samples) >= 3 else None


def _magnitude(x: FloatArray) -> FloatArray:
    """Return the magnitude over leads, shape (n,), each lead in units of its RMS slope.

    At each time the loudest lead is left out, so that one lead's artefact is no beat; what rises far above the
    usual highest second is cut, so that one artefact in all leads does not set the detector's thresholds.
    """
    y = np.abs(x - uniform_filter1d(x, round(BASELINE_S * MODEL_FS), axis=1))
    slope = (x[:, 2:] - x[:, :-2]) / 2.0
    y /= 2.0 * np.sqrt(np.mean(slope**2, axis=1, keepdims=True))
    if len(y) > FEWEST_TO_LEAVE_ONE_OUT:
        energy = (y**2).sum(axis=0) - y.max(axis=0) ** 2
        magnitude = np.sqrt(np.maximum(energy, 0.0) / (len(y) - 1))
    else:
        magnitude = np.sqrt(np.mean(y**2, axis=0))
    second = round(MODEL_FS)
    highest = np.sort(magnitude[: len(magnitude) // second * second].reshape(-1, second).max(axis=1))
    return np.asarray(np.minimum(magnitude, CUT * highest[int(0.75 * (len(highest) - 1))]), dtype=np.float64)


def _align(found: NDArray[np.int64], magnitude: FloatArray) -> NDArray[np.int64]:
    """Move each detection to the highest magnitude near it; of two closer than a beat keep the higher."""
    reach = round(ALIGN_S * MODEL_FS)
    near = np.clip(found[:, None] + np.arange(-reach, reach + 1), 0, len(magnitude) - 1)
    peaks = np.unique(near[np.arange(len(found)), magnitude[near].argmax(axis=1)])
    kept: list[int] = []
    for peak in peaks:
        if kept and peak - kept[-1] < REFRACTORY_S * MODEL_FS:
            if magnitude[peak] > magnitude[kept[-1]]:
                kept[-1] = int(peak)
        else:
            kept.append(int(peak))
    return np.array(kept, dtype=np.int64)


def _without_t_waves(peaks: NDArray[np.int64], x: FloatArray) -> NDArray[np.int64]:
    """Drop detections that follow a beat closely and are far less steep; sleepecg itself looks 0.36 s ahead only."""
    slope = np.empty_like(x)
    np.subtract(x[:, 2:], x[:, :-2], out=slope[:, 1:-1])
    slope[:, 1:-1] /= 2.0
    slope[:, 0], slope[:, -1] = x[:, 1] - x[:, 0], x[:, -1] - x[:, -2]
    slope /= np.sqrt(np.mean(slope**2, axis=1, keepdims=True))
    steep = np.sqrt(maximum_filter1d(np.mean(slope**2, axis=0), 2 * round(ALIGN_S * MODEL_FS) + 1)[peaks])
    kept: list[int] = []
    for k, peak in enumerate(peaks):
        close = bool(kept) and peak - peaks[kept[-1]] < T_WAVE_S * MODEL_FS
        if not (close and steep[k] < T_WAVE_SLOPE * steep[kept[-1]]):
            kept.append(k)
    return peaks[kept]


def _shifts(peaks: NDArray[np.int64], magnitude: FloatArray) -> FloatArray:
    """Return where the parabola through each peak and its neighbours is highest, within +-0.5 samples."""
    inner = np.clip(peaks, 1, len(magnitude) - 2)
    left, top, right = magnitude[inner - 1], magnitude[inner], magnitude[inner + 1]
    bend = left - 2 * top + right
    shift = 0.5 * (left - right) / np.where(bend < 0, bend, -np.inf)
    return np.asarray(np.clip(shift, -0.5, 0.5), dtype=np.float64)


def detect_beats(x: NDArray[np.float32], usable: tuple[str, ...]) -> Beats:
    """Find the R peaks of a preprocessed record in all usable leads together.

    The leads, freed of slow waves and each in units of its RMS slope, are combined to one magnitude, in which
    sleepecg's Pan-Tompkins detector (doi 10.1109/TBME.1985.325532) finds the beats; each is then moved to the
    magnitude's peak. `training/compare_beat_detectors.py` holds this against single leads, votes and xqrs.

    Parameters
    ----------
    x : shape (12, n), mV, at 100 Hz, 0.5-40 Hz (`ecg_core.preprocessing.preprocess`), in the order of `LEADS`.
    usable : names of the leads to search; derived limb leads are used only where I or II is missing.

    Returns
    -------
    The beats; none where no lead is usable, all are flat, or the signal is shorter than 2.1 s.
    """
    chosen = [lead for lead in INDEPENDENT_LEADS if lead in usable]
    if "I" not in usable or "II" not in usable:
        chosen += [lead for lead in LEADS[2:6] if lead in usable]
    nothing = Beats(np.zeros(0, dtype=np.int64), ())
    if x.shape[1] < SHORTEST_S * MODEL_FS or not chosen:
        return nothing
    rows = np.asarray(x[[LEADS.index(lead) for lead in chosen]], dtype=np.float64)
    lively = np.ptp(rows, axis=1) > QUIET_MV
    if not lively.any():
        return nothing
    rows = rows[lively]
    magnitude = _magnitude(rows)
    smooth = uniform_filter1d(magnitude, round(SMOOTH_S * MODEL_FS))
    found = np.asarray(detect_heartbeats(smooth, MODEL_FS), dtype=np.int64)
    leads = tuple(lead for lead, alive in zip(chosen, lively, strict=True) if alive)
    if not len(found):
        return Beats(found, leads)
    peaks = _without_t_waves(_align(found, magnitude), rows)
    peaks = peaks[smooth[peaks] > LOWEST_SHARE * np.median(smooth[peaks])]
    return Beats(peaks, leads, shifts=_shifts(peaks, magnitude))
