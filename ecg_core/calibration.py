"""From scores to a percentile among normal ECGs and a threshold with a stated false-alarm rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import ConfigError, RecordError
from ecg_core.records import INDEPENDENT_LEADS

F32 = NDArray[np.float32]
Array = NDArray[np.float64]
Values = Mapping[str, float] | Mapping[str, Array] | Mapping[str, F32]
"""The parts of one record's score, or of several records', (n,) each."""

FULL_S = 10.0
SHORTEST_S = 5.0
DURATION_STEP_S = 0.5
MAX_MASKED = 4
MAX_MASKED_SHORT = 2
"""Leads that may be masked in a record of less than 10 s; more were not calibrated for it."""

TAIL = 0.05
"""Share of normals whose excesses set the exponential tail of the survival function."""

KNOT_LEVELS = np.linspace(0.0, 1.0 - TAIL, 200)
KNOT_EVIDENCE = np.abs(np.log(1.0 - KNOT_LEVELS))


class Survival(NamedTuple):
    """How rare each value of a part is among normals.

    Empirical up to the 95th percentile, read between 200 quantiles so that equal parts never tie by chance; above it
    an exponential tail with the mean excess of the normals there, for the empirical one ends at the highest normal.

    Attributes
    ----------
    knots : (200,), quantiles of the normals up to the 95th percentile.
    mean_excess : of the normals above it, on the part's own scale.
    """

    knots: Array
    mean_excess: float

    def evidence(self, value: float | Array | F32) -> Array:
        """Return -log of the survival probability of a value, any shape: 0 is ordinary, 3 is one in twenty."""
        value = np.asarray(value, dtype=np.float64)
        body = np.interp(value, self.knots, KNOT_EVIDENCE)
        return np.asarray(
            np.where(value > self.knots[-1], -math.log(TAIL) + (value - self.knots[-1]) / self.mean_excess, body)
        )


def survival_of(normals: F32) -> Survival:
    """Return the survival function of the calibration normals' values of a part, (n,), ascending."""
    knots = np.interp(KNOT_LEVELS * (len(normals) - 1), np.arange(len(normals)), normals)  # quantiles of sorted values
    excess = normals[np.searchsorted(normals, knots[-1], side="right") :].astype(np.float64) - knots[-1]
    return Survival(knots, max(float(excess.mean()) if excess.size else 0.0, 1e-9))


def conformal_rank(n: int, false_alarm_rate: float) -> int:
    """Return which of n ascending normal scores keeps a false-alarm rate: the ceil((n + 1)(1 - rate))-th.

    Above n where n normals cannot show so small a rate.

    Raises
    ------
    ConfigError
        If the rate is not between 0 and 1.
    """
    if not 0.0 < false_alarm_rate < 1.0:
        raise ConfigError(f"Expected a false-alarm rate between 0 and 1; found {false_alarm_rate:g}.")
    return math.ceil((n + 1) * (1.0 - false_alarm_rate) - 1e-9)  # 1e-9: rounding of the product


@dataclass(frozen=True)
class Condition:
    """What a record is compared alike in: its length, and which of the eight leads are masked.

    Attributes
    ----------
    duration_s : 10, or 5 to 9.5 in steps of 0.5.
    masked : indices into `INDEPENDENT_LEADS`, ascending.
    """

    duration_s: float = FULL_S
    masked: tuple[int, ...] = ()

    @property
    def key(self) -> str:
        """Name of the condition's tensors in a checkpoint."""
        leads = "+".join(INDEPENDENT_LEADS[k] for k in self.masked)
        return f"{self.duration_s:g}s" + (f"-without-{leads}" if leads else "")


def condition_for(duration_s: float, masked: tuple[int, ...]) -> Condition:
    """Return the condition that a record of this length and these masked leads is judged in.

    A record of 5 to 10 s is cut to the half second below; one with masked leads too, to 5 s.

    Raises
    ------
    RecordError
        If the record is shorter than 5 s, or more leads are masked than were calibrated for its length.
    """
    if duration_s < SHORTEST_S:
        raise RecordError(f"Expected at least {SHORTEST_S:g} s of ECG; found {duration_s:.1f} s; record longer.")
    most = MAX_MASKED if duration_s >= FULL_S else MAX_MASKED_SHORT
    if len(masked) > most:
        raise RecordError(
            f"Expected at most {most} leads to be left out of {min(duration_s, FULL_S):g} s of ECG; "
            f"found {len(masked)}; repeat the recording."
        )
    if duration_s >= FULL_S:
        return Condition(FULL_S, masked)
    if masked:
        return Condition(SHORTEST_S, masked)
    return Condition(math.floor(duration_s / DURATION_STEP_S) * DURATION_STEP_S)


@dataclass(frozen=True)
class NormalScores:
    """The calibration normals' parts under one condition, each (n,), ascending; and their sums.

    Attributes
    ----------
    parts : by name, on their own scales.
    score : the record scores.
    """

    parts: dict[str, F32]
    score: F32

    @property
    def n(self) -> int:
        """How many normals stand behind it."""
        return len(self.score)

    def evidence(self, values: Values) -> dict[str, Array]:
        """Return the parts of a record, or of several, as -log survival probabilities."""
        return {name: survival.evidence(values[name]) for name, survival in self._survival.items()}

    @cached_property
    def _survival(self) -> dict[str, Survival]:
        """Of each part."""
        return {name: survival_of(normals) for name, normals in self.parts.items()}

    def percentile(self, score: float) -> float:
        """Return the share of normals that score lower, in percent."""
        return 100.0 * float(np.searchsorted(self.score, np.float32(score), side="left")) / self.n

    def n_higher(self, score: float) -> int:
        """Return how many normals score at least as high."""
        return self.n - int(np.searchsorted(self.score, np.float32(score), side="left"))

    def threshold(self, false_alarm_rate: float) -> float:
        """Return the threshold that a new normal ECG exceeds with at most this probability.

        The ceil((n + 1)(1 - rate))-th smallest normal score: split conformal prediction's finite-sample correction
        (Vovk et al. 2005, doi:10.1007/b106715; Lei et al. 2018, doi:10.1080/01621459.2017.1307116).

        Raises
        ------
        ConfigError
            If n normals cannot show so small a rate.
        """
        rank = conformal_rank(self.n, false_alarm_rate)
        if rank > self.n:
            raise ConfigError(
                f"{self.n} normal ECGs cannot show a false-alarm rate of {false_alarm_rate:.2%}; "
                f"choose at least {1 / (self.n + 1):.2%}."
            )
        return float(self.score[rank - 1])


def combine(evidence: Values, weights: Mapping[str, float]) -> Array:
    """Return the record score: the weighted sum of the parts' evidence, added in the order of `weights`.

    Parameters
    ----------
    evidence : -log survival probabilities, by part.
    weights : of each part; fixed on fold 9 and carried by the checkpoint.
    """
    total = np.asarray(0.0)
    for name, weight in weights.items():
        total = total + weight * np.asarray(evidence[name], dtype=np.float64)
    return total


def normal_scores(parts: Mapping[str, Array] | Mapping[str, F32], weights: Mapping[str, float]) -> NormalScores:
    """Make the table of one condition from the parts of its calibration normals, each (n,)."""
    table = NormalScores(
        {name: np.sort(part).astype(np.float32) for name, part in parts.items()}, np.zeros(0, np.float32)
    )
    score = combine(table.evidence(parts), weights)
    return NormalScores(table.parts, np.sort(score).astype(np.float32))


def wilson_interval(k: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share k of n (1927, doi:10.1080/01621459.1927.10502953)."""
    if n == 0:
        return 0.0, 1.0
    p, zz = k / n, z * z
    centre = (p + zz / (2 * n)) / (1 + zz / n)
    half = z * math.sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n)
    return max(0.0, centre - half), min(1.0, centre + half)
