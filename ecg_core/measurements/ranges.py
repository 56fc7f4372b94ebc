"""Normal ranges: between which limits a measurement lies in 95 % of normal ECGs, by sex and age where they differ.

A measurement is split by sex, by age or by both where one range for all would serve a group badly. The criterion is
that of Lahti et al. (2004, doi 10.1373/clinchem.2003.027953): a common range leaves 2.5 % of everyone beyond each
limit; where it leaves 4.1 % of a group or more beyond one of them, or as few as 0.9 %, the groups need their own. The
difference must also be more than sampling error: Wilson's 99.9 % interval of the group's share excludes the common one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import CheckpointError
from ecg_core.records import Sex

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

LOW, HIGH = 0.025, 0.975
_TAIL = (0.0, 0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.025, 0.035, 0.05, 0.075)
LEVELS = np.array([*_TAIL, *np.round(np.arange(0.1, 0.901, 0.05), 2), *(round(1.0 - q, 6) for q in reversed(_TAIL))])
"""Which quantiles of a group are stored: dense where a percentile is worth stating to a tenth."""

AGES: tuple[tuple[int, int | None], ...] = ((18, 40), (40, 60), (60, 75), (75, None))
"""Age bands in years, the end not included. Children have no band: too few are among the normals."""

SEXES: tuple[Sex, ...] = ("female", "male")
RELEVANT = 0.016
"""How far a group's share beyond a common limit is from the common share: 4.1 or 0.9 % instead of 2.5 %."""

Z_SAMPLING = 3.29
FEWEST = 120
"""Normals that a range asks for (CLSI EP28-A3c); a smaller group has none of its own."""

EVERYONE = "all normal ECGs"

Group = tuple[Sex | None, int | None]
"""Sex and index into `AGES`; None for all."""

GROUPS: tuple[Group, ...] = (
    (None, None),
    *((sex, None) for sex in SEXES),
    *((None, band) for band in range(len(AGES))),
    *((sex, band) for sex in SEXES for band in range(len(AGES))),
)

COLUMN = {group: k for k, group in enumerate(GROUPS)}


@dataclass(frozen=True)
class NormalRange:
    """Limits between which a measurement lies in 95 % of the normals of a group.

    Attributes
    ----------
    low, high : 2.5th and 97.5th percentile, in the measurement's unit.
    n : normals in the group in which it could be made.
    group : in words: "women, 40-59 years", "all normal ECGs".
    """

    low: float
    high: float
    n: int
    group: str


def words_of(group: Group) -> str:
    """Return a group in words, with the dash that a range takes."""
    sex, band = group
    who = {"female": "women", "male": "men", None: ""}[sex]
    if band is None:
        return who or EVERYONE
    start, stop = AGES[band]
    years = f"{start} years and over" if stop is None else f"{start}\N{EN DASH}{stop - 1} years"
    return f"{who}, {years}" if who else years


def band_of(age: float | None) -> int | None:
    """Return the index into `AGES`; None for unknown ages and below 18 years."""
    if age is None or not np.isfinite(age):
        return None
    for k, (start, stop) in enumerate(AGES):
        if age >= start and (stop is None or age < stop):
            return k
    return None


@dataclass(frozen=True)
class NormalRanges:
    """Quantiles of the normals' measurements, by group.

    Attributes
    ----------
    names : of the measurements.
    quantiles : shape (n_rows, n_levels), float32, at `LEVELS`.
    counts : shape (n_rows,), how many normals each row was made of.
    index : shape (n_names, n_groups), the row of each measurement and group of `GROUPS`; -1 where it has none.
    n_normals : how many normals there were, whether or not a measurement could be made in them.
    """

    names: tuple[str, ...]
    quantiles: NDArray[np.float32]
    counts: NDArray[np.int32]
    index: NDArray[np.int16]
    n_normals: int

    @cached_property
    def _place(self) -> dict[str, int]:
        return {name: k for k, name in enumerate(self.names)}

    def _row(self, name: str, age: float | None, sex: Sex | None) -> tuple[int, Group] | None:
        """Return the row of the smallest group that has one, None where nothing is known of the measurement."""
        if name not in self._place:
            return None
        band = band_of(age)
        for group in ((sex, band), (sex, None), (None, band), (None, None)):
            row = int(self.index[self._place[name], COLUMN[group]])
            if row >= 0:
                return row, group
        return None

    def of(self, name: str, age: float | None = None, sex: Sex | None = None) -> NormalRange | None:
        """Return the normal range for a patient; None where too few normals have the measurement.

        Where the measurement is split by what is not known of the patient, that of all normals.
        """
        key = name, sex, band_of(age)
        if key not in self._known:
            self._known[key] = self._range(name, age, sex)
        return self._known[key]

    @cached_property
    def _known(self) -> dict[tuple[str, Sex | None, int | None], NormalRange | None]:
        """Ranges that were asked for."""
        return {}

    def _range(self, name: str, age: float | None, sex: Sex | None) -> NormalRange | None:
        found = self._row(name, age, sex)
        if found is None:
            return None
        row, group = found
        q = self.quantiles[row]
        return NormalRange(_at(q, LOW), _at(q, HIGH), int(self.counts[row]), words_of(group))

    def percentile(self, name: str, value: float, age: float | None = None, sex: Sex | None = None) -> float:
        """Return how many percent of the group's normals are lower, 0 to 100; NaN where there is no range."""
        found = self._row(name, age, sex)
        if found is None or not np.isfinite(value):
            return float("nan")
        q = self.quantiles[found[0]]
        v = np.float32(value)
        k = int(np.searchsorted(q, v, side="left"))  # of equal ones the first: those that share the value are not lower
        if k == 0 or k == len(q):
            return 0.0 if k == 0 else 100.0
        share = float((v - q[k - 1]) / (q[k] - q[k - 1]))
        return 100.0 * float(LEVELS[k - 1] + share * (LEVELS[k] - LEVELS[k - 1]))

    def share_made(self, name: str) -> float:
        """Return the share of all normals in which a measurement could be made, 0 to 1."""
        found = self._row(name, None, None)
        return float(self.counts[found[0]]) / self.n_normals if found else 0.0

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is stored in a checkpoint."""
        return {
            "range_quantiles": self.quantiles,
            "range_counts": self.counts,
            "range_index": self.index,
            "range_levels": LEVELS.astype(np.float32),
        }

    def metadata(self) -> dict[str, Any]:
        """Return what is stored beside the arrays, as plain JSON values."""
        return {
            "names": list(self.names),
            "groups": [words_of(group) for group in GROUPS],
            "n_normals": self.n_normals,
        }

    @staticmethod
    def from_arrays(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, Any]) -> NormalRanges:
        """Return the ranges from `arrays` and `metadata`.

        Raises
        ------
        CheckpointError
            If they were made for other groups or quantiles than this version knows.
        """
        if list(metadata["groups"]) != [words_of(group) for group in GROUPS]:
            raise CheckpointError("The normal ranges have other age bands than this version; fit them again.")
        levels = np.asarray(arrays["range_levels"])
        if levels.shape != LEVELS.shape or not np.allclose(levels, LEVELS, atol=1e-6):
            raise CheckpointError("The normal ranges have other quantiles than this version; fit them again.")
        return NormalRanges(
            tuple(metadata["names"]),
            np.asarray(arrays["range_quantiles"], dtype=np.float32),
            np.asarray(arrays["range_counts"], dtype=np.int32),
            np.asarray(arrays["range_index"], dtype=np.int16),
            int(metadata["n_normals"]),
        )


def _at(q: NDArray[np.float32], level: float) -> float:
    return float(q[int(np.abs(LEVELS - level).argmin())])


def _members(age: Array, sex: Sequence[str | None]) -> list[BoolArray]:
    """Return for each of `GROUPS` which normals belong to it, (n,)."""
    bands = np.array([-1 if (band := band_of(a)) is None else band for a in age])
    sexes = np.array([s if isinstance(s, str) else "" for s in sex])
    everyone = np.ones(len(age), dtype=bool)
    return [
        (everyone if s is None else sexes == s) & (everyone if band is None else bands == band) for s, band in GROUPS
    ]


def _differs(share: float, n: int, common: float) -> bool:
    """Tell whether a share among n is relevantly, and by more than sampling error, another than the common one."""
    z2 = Z_SAMPLING**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z_SAMPLING * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return abs(share - common) >= RELEVANT and not middle - reach <= common <= middle + reach


def _needs_split(v: Array, groups: Sequence[BoolArray]) -> bool:
    """Tell whether one range for all would serve one of the groups badly."""
    low, high = np.quantile(v, (LOW, HIGH))
    for beyond in (v < low, v > high):
        common = float(beyond.mean())
        for member in groups:
            n = int(member.sum())
            if n >= FEWEST and _differs(float(beyond[member].mean()), n, common):
                return True
    return False


def _groups_for(v: Array, member: Sequence[BoolArray]) -> Iterator[int]:
    """Yield the indices into `GROUPS` for which a measurement gets a range: all normals, and what it is split by."""

    def of(sex: bool, age: bool) -> list[int]:
        return [k for k, (s, band) in enumerate(GROUPS) if (s is not None, band is not None) == (sex, age)]

    yield 0
    by_sex = _needs_split(v, [member[k] for k in of(True, False)])
    by_age = _needs_split(v, [member[k] for k in of(False, True)])
    if by_sex or by_age:
        yield from (k for k in of(by_sex, by_age) if member[k].sum() >= FEWEST)


def fit_ranges(values: Array, names: Sequence[str], age: Array, sex: Sequence[str | None]) -> NormalRanges:
    """Fit normal ranges.

    Parameters
    ----------
    values : shape (n, n_names), measurements of normal ECGs, NaN where one could not be made.
    names : of the columns.
    age : shape (n,), years, NaN where unknown.
    sex : "female", "male" or None for each.
    """
    member = _members(np.asarray(age, dtype=np.float64), sex)
    index = np.full((len(names), len(GROUPS)), -1, dtype=np.int16)
    rows: list[Array] = []
    counts: list[int] = []
    for k in range(len(names)):
        made = np.isfinite(values[:, k])
        if made.sum() < FEWEST:
            continue
        v = values[made, k].astype(np.float64)
        of_made = [m[made] for m in member]
        for g in _groups_for(v, of_made):
            index[k, g] = len(rows)
            rows.append(np.quantile(v[of_made[g]], LEVELS))
            counts.append(int(of_made[g].sum()))
    quantiles = np.array(rows, dtype=np.float32).reshape(-1, len(LEVELS))
    return NormalRanges(tuple(names), quantiles, np.array(counts, dtype=np.int32), index, len(values))
