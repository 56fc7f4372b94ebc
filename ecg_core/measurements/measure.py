"""From a record to its measurements."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecg_core.beats import Beats, detect_beats
from ecg_core.measurements import vectors, waves
from ecg_core.measurements.delineation import Fiducials, find_points, plausible, points_per_lead, shifted
from ecg_core.measurements.median_beat import EIGHT, MedianBeat, median_beat
from ecg_core.measurements.pacing import has_spikes
from ecg_core.measurements.registry import NAMED, NAMES, PER_LEAD_NAMED, REGISTRY
from ecg_core.measurements.rhythm import rhythm
from ecg_core.preprocessing import preprocess
from ecg_core.records import LEADS, Record, twelve_leads

if TYPE_CHECKING:
    from ecg_core.measurements.scores import RankScores

Array = NDArray[np.float64]
F32 = NDArray[np.float32]

LIMB = slice(0, 6)
LONGEST_S = 10.0
IRREGULAR = 0.10
"""Median step between RR intervals over the median RR from which the rhythm is called irregular."""

LOW_T_MV = 0.08
"""Below this height of T the end of QT is found about twice as badly (15 against 8 ms in LUDB's odd records)."""

NO_BEATS = "fewer than two heartbeats were found"
NO_QRS = "the QRS complex has no clear ends"
NO_T = "the T wave has no clear end"
NO_P = "no P wave was found before each beat"
NO_P_IRREGULAR = f"{NO_P}, and the rhythm is irregular, as in atrial fibrillation or flutter"
PACED = "the beats begin with pacemaker spikes"
LOW_T = "the T wave is lower than 0.08 mV: its end is uncertain"
BAD_LEAD = "a lead that it needs cannot be read"
NOT_MADE = "the wave is too small or missing"


@dataclass(frozen=True)
class Measurements:
    """What was measured of a record.

    Attributes
    ----------
    values : measurements by name (`registry.REGISTRY`); one that could not be made is absent.
    withheld : for each absent one, why.
    uncertain : measurements that are given with low confidence, with the reason.
    beat : the median beat, None without beats.
    points : fiducial points over all leads, ms from R of the median beat.
    lead_points : points of each lead, shape (12,) each, ms from R; NaN where a lead has none.
    """

    values: dict[str, float] = field(default_factory=dict)
    withheld: dict[str, str] = field(default_factory=dict)
    uncertain: dict[str, str] = field(default_factory=dict)
    beat: MedianBeat | None = None
    points: Fiducials = field(default_factory=Fiducials)
    lead_points: dict[str, Array] = field(default_factory=dict)
    _among: dict[RankScores, Array] = field(default_factory=dict, init=False, repr=False, compare=False)

    def get(self, name: str) -> float | None:
        """Return a measurement, None where it was not made."""
        return self.values.get(name)

    def vector(self, names: tuple[str, ...] = NAMES) -> Array:
        """Return measurements in the order of `names`, NaN where not made, shape (n_names,)."""
        return np.array([self.values.get(name, np.nan) for name in names])

    def among(self, ranks: RankScores) -> Array:
        """Return the normal scores, shape (n_names,), as `ranks` has names; worked out once for all who ask."""
        if ranks not in self._among:
            self._among[ranks] = ranks.transform(self.vector(ranks.names)[None])[0]
        return self._among[ranks]

    def as_json(self) -> dict[str, object]:
        """Return the named measurements, the amplitudes of each lead and what was withheld, as plain JSON values."""
        named = {name: self._rounded(name) for name in NAMED}
        amplitudes = {kind: {lead: self._rounded(f"{kind}_{lead}") for lead in LEADS} for kind in PER_LEAD_NAMED}
        reasons = {name: self.withheld[name] for name in NAMED if name in self.withheld}
        return named | {"amplitudes_mv": amplitudes, "withheld": reasons, "uncertain": dict(self.uncertain)}

    def _rounded(self, name: str) -> float | None:
        value = self.values.get(name)
        return None if value is None else round(value, 3 if REGISTRY[name].unit in ("mV", "") else 1)


def measure(record: Record) -> Measurements:
    """Measure the first 10 s or less of a record.

    Parameters
    ----------
    record : with the twelve leads, or the eight they follow from.

    Raises
    ------
    RecordError
        If one of I, II, V1-V6 is missing.
    """
    record = twelve_leads(record.crop(0.0, LONGEST_S) if record.duration > LONGEST_S else record)
    x = preprocess(record.signal, record.fs)
    usable = tuple(lead for lead, row in zip(LEADS, x, strict=True) if np.ptp(row) > waves.SMALLEST_Q_MV)
    beats = detect_beats(x, usable)
    return measure_prepared(x, beats, usable, has_spikes(record.signal, record.fs, beats.times_s))


def measure_prepared(x: F32, beats: Beats, usable: tuple[str, ...], paced: bool = False) -> Measurements:
    """Measure a record that is already filtered and searched for beats.

    Parameters
    ----------
    x : shape (12, n), mV at 100 Hz, from `ecg_core.preprocessing.preprocess`.
    beats : its R peaks.
    usable : leads that can be read.
    paced : whether its beats begin with pacemaker spikes (`has_spikes`).
    """
    readable = np.array([lead in usable for lead in LEADS])
    readable[LIMB] |= readable[0] and readable[1]  # III, aVR, aVL, aVF follow from I and II
    made = median_beat(x, beats, readable)
    if made is None:
        return Measurements(withheld=dict.fromkeys(NAMES, NO_BEATS))
    beat, windows = made
    height = float(np.ptp(beat.x[list(beat.rows)], axis=1).mean())
    values = rhythm(beats, beat.classes, beat.spread_mv, height)
    found = find_points(beat, windows, beats.rr_ms / 1000.0)
    if found is None:
        return _complete(values, dict.fromkeys(("P", "PR", "QRS", "ST", "T", "QT"), NO_QRS), beat, Fiducials(), {}, {})
    points, reasons = _trusted(shifted(found.points), found.p_present, paced, values)
    full = np.where(readable[:, None], beat.x.astype(np.float64), np.nan)
    values |= _of_beat(full, points, bool(readable[EIGHT].all()))
    values |= _intervals(points, values["rr_mean_ms"] / 1000.0)
    uncertain = _uncertain(full, points)
    with np.errstate(invalid="ignore"):
        lead_points = points_per_lead(full, points)
    return _complete(values, reasons, beat, points, lead_points, uncertain)


def _trusted(
    points: Fiducials, p_present: bool, paced: bool, values: dict[str, float]
) -> tuple[Fiducials, dict[str, str]]:
    """Return the points without those that cannot be trusted, and the reason for each part of the beat left out."""
    reasons = {}
    kept = dict(vars(points))
    if paced or not p_present or not plausible(points):
        irregular = values.get("rr_irregularity", 0.0) > IRREGULAR
        reasons["P"] = reasons["PR"] = PACED if paced else NO_P_IRREGULAR if irregular else NO_P
        kept |= {"p_onset": np.nan, "p_peak": np.nan, "p_offset": np.nan}
    if not np.isfinite(points.t_end) or points.t_end < points.qrs_offset + 100.0:
        reasons["T"] = reasons["QT"] = NO_T
        kept |= {"t_peak": np.nan, "t_end": np.nan}
    if paced:
        reasons["QRS"] = reasons["QT"] = PACED
    return Fiducials(**kept), reasons


def _of_beat(x: Array, points: Fiducials, whole: bool) -> dict[str, float]:
    """Return what is read off the median beat, shape (12, n), with NaN rows for leads that cannot be read."""
    x = waves.level(x, points)
    per_lead = waves.qrs_waves(x, points) | waves.st_waves(x, points)
    has_t, has_p = points.has("t_peak", "t_end"), points.has("p_onset", "p_offset")
    if has_t:
        per_lead |= waves.t_waves(x, points, per_lead["qrs_height_mv"])
    if has_p:
        per_lead |= waves.p_waves(x, points)
    values = vectors.axes(per_lead, points) | vectors.voltages(per_lead)
    if whole:
        forces, mean = vectors.qrs_vectors(x, points)
        values |= forces
        if has_t:
            values |= vectors.t_vectors(x, points, mean, forces["qrs_vector_mv"])
        if has_p:
            values |= vectors.p_size(x, points, forces["qrs_vector_mv"])
    unread = np.isnan(x[:, 0])
    for kind, of_leads in per_lead.items():
        of_leads = np.where(unread, np.nan, of_leads)
        values |= zip([f"{kind}_{lead}" for lead in LEADS], of_leads.tolist(), strict=True)
    return values


def _intervals(points: Fiducials, rr_s: float) -> dict[str, float]:
    """Return the durations of waves and intervals in ms; those that lack a point are NaN."""
    qt = points.t_end - points.qrs_onset
    return {
        "p_ms": points.p_offset - points.p_onset,
        "pr_ms": points.qrs_onset - points.p_onset,
        "qrs_ms": points.qrs_offset - points.qrs_onset,
        "qt_ms": qt,
        "qtc_bazett_ms": qt / rr_s**0.5,
        "qtc_fridericia_ms": qt / rr_s ** (1 / 3),
        "jtp_ms": points.t_peak - points.qrs_offset,
        "tpte_ms": points.t_end - points.t_peak,
    }


def _uncertain(x: Array, points: Fiducials) -> dict[str, str]:
    """Return which measurements are given with low confidence."""
    if not points.has("t_peak", "t_end"):
        return {}
    w = x[:, points.sample("t_peak")] - x[:, min(points.sample("t_end"), x.shape[1] - 1)]
    low = bool(np.nanmax(np.abs(w)) < LOW_T_MV)
    return dict.fromkeys(("qt_ms", "qtc_bazett_ms", "qtc_fridericia_ms", "tpte_ms"), LOW_T) if low else {}


def _complete(
    values: dict[str, float],
    reasons: dict[str, str],
    beat: MedianBeat,
    points: Fiducials,
    lead_points: dict[str, Array],
    uncertain: dict[str, str],
) -> Measurements:
    """Leave out what was not made or is withheld, each with its reason."""
    kept, withheld = {}, {}
    for name, measurement in REGISTRY.items():
        value = values.get(name, math.nan)
        if measurement.part in reasons and measurement.part != "rhythm":
            withheld[name] = reasons[measurement.part]
        elif math.isfinite(value):
            kept[name] = float(value)
        else:
            lead = measurement.lead
            unread = lead is not None and not math.isfinite(values.get(f"r_mv_{lead}", math.nan))
            withheld[name] = BAD_LEAD if unread else NOT_MADE
    return Measurements(kept, withheld, {k: v for k, v in uncertain.items() if k in kept}, beat, points, lead_points)
