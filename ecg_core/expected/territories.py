"""Which leads carry what is unusual in every beat, and the part of the heart that they look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.expected.phase_out import FIRST, N_GRID
from ecg_core.measurements import Measurements
from ecg_core.measurements.scores import RankScores
from ecg_core.preprocessing import MODEL_FS
from ecg_core.records import LEADS

F32 = NDArray[np.float32]
Array = NDArray[np.float64]

TERRITORIES: dict[str, tuple[str, ...]] = {
    "septal": ("V1", "V2"),
    "anterior": ("V3", "V4"),
    "anteroseptal": ("V1", "V2", "V3", "V4"),
    "lateral": ("I", "aVL", "V5", "V6"),
    "high lateral": ("I", "aVL"),
    "apical and lateral": ("V4", "V5", "V6"),
    "anterior and lateral": ("I", "aVL", "V2", "V3", "V4", "V5", "V6"),
    "inferior": ("II", "III", "aVF"),
    "inferior and lateral": ("II", "III", "aVF", "V5", "V6"),
}
"""Leads by the wall that they look at (doi 10.1161/CIRCULATIONAHA.108.191098); words for a place, not for a disease."""

TAILS = ("q_mv", "r_mv", "qrs_first_area")
"""Measurements whose low tail speaks for a lead: a deep Q, a low R, first forces that point away."""

TAIL_WEIGHT = 1.1
"""Of the tails against ST-T. Chosen on fold 9 with its infarctions (training/EXPERIMENTS.md): more of it tells walls
better (1.3: .945 for .938) and planted ST elevations worse (.961 for .971 in the anterior wall)."""

NORMAL_TAILS = 1.5
"""What three normal scores' squared low tails add up to on average."""

ST_S = 0.08
ST_FROM_MS, ST_TO_MS = 60.0, 420.0
"""ST-T, ms from R, where the points of the beat are unknown."""

UNUSUAL = 2.5
"""A lead counts as unusual from this many times a normal ECG's lead score on (`ecg_core.overlay.LEAD_EDGES`)."""

SHARE_OF_HIGHEST = 0.35
"""... and from this share of the most unusual lead's score on."""

LOWEST_MATCH = 0.6

MOST_NAMED = 4
"""Leads that the sentence names where many are unusual; the lead scores have the others."""


@dataclass(frozen=True)
class Territory:
    """The part of the heart whose leads are unusual.

    Attributes
    ----------
    name : "anterior", "inferior", ...; empty where no group of leads stands out.
    leads : the unusual leads, most unusual first.
    """

    name: str
    leads: tuple[str, ...]

    @property
    def words(self) -> str:
        """What is said of it, a sentence; empty where no lead is unusual."""
        if not self.leads:
            return ""
        where = f": {self.name} leads" if self.name else ""
        shown = self.leads if len(self.leads) <= MOST_NAMED + 1 else self.leads[:MOST_NAMED]
        more = len(self.leads) - len(shown)
        return f"Every beat is most unusual in {', '.join(shown)}{f' and {more} more' if more else ''}{where}."


def st_t_units(units: F32, found: Measurements) -> Array:
    """Return the mean squared phase-out unit of ST (80 ms from J) or of T in each lead, the larger, shape (12,).

    Parameters
    ----------
    units : shape (12, 100), from `ExpectedBeat`.
    found : the record's measurements: where ST begins and T ends.
    """
    points = found.points
    lo = points.qrs_offset if points.has("qrs_offset") else ST_FROM_MS
    hi = points.t_end if points.has("t_end") else ST_TO_MS
    first = min(max(round(lo * MODEL_FS / 1000.0) - FIRST, 0), N_GRID - 3)
    last = min(max(round(hi * MODEL_FS / 1000.0) - FIRST, first + 2), N_GRID)
    middle = min(first + round(ST_S * MODEL_FS), last - 1)
    squares = units.astype(np.float64) ** 2
    st, t = squares[:, first:middle].mean(axis=1), squares[:, middle:last].mean(axis=1)
    return np.asarray(np.maximum(st, t))


def tails(found: Measurements, ranks: RankScores) -> Array:
    """Return the sum of squared low tails of `TAILS` in each lead, shape (12,), 1.5 on average in normals."""
    z = dict(zip(ranks.names, found.among(ranks).tolist(), strict=True))
    low = [[max(-z.get(f"{kind}_{lead}", 0.0), 0.0) for kind in TAILS] for lead in LEADS]
    return np.asarray((np.array(low) ** 2).sum(axis=1))


def lead_scores(units: F32, usual: F32, found: Measurements, ranks: RankScores) -> Array:
    """Return how unusual every beat is in each lead, shape (12,), 1 on average in normals.

    Parameters
    ----------
    usual : shape (12,), the normals' mean of `st_t_units`.
    """
    both = st_t_units(units, found) / usual + TAIL_WEIGHT * tails(found, ranks) / NORMAL_TAILS
    return np.asarray(both / (1.0 + TAIL_WEIGHT))


def territory_of(scores: dict[str, float | None]) -> Territory:
    """Return the territory whose leads are the unusual ones, by the overlap of the two sets."""
    known = {lead: score for lead, score in scores.items() if score is not None}
    least = max(UNUSUAL, SHARE_OF_HIGHEST * max(known.values(), default=0.0))
    unusual = tuple(sorted((lead for lead, score in known.items() if score >= least), key=lambda k: -known[k]))
    if not unusual:
        return Territory("", ())

    def match(leads: tuple[str, ...]) -> float:
        there = set(leads) & set(known)
        return len(there & set(unusual)) / max(len(there | set(unusual)), 1)

    best = max(TERRITORIES, key=lambda name: match(TERRITORIES[name]))
    return Territory(best if match(TERRITORIES[best]) >= LOWEST_MATCH else "", unusual)
