"""Normals that never were, for tests of what the app shows of measurements: the real reasons and ranges over them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ecg_core.detection import Measured
from ecg_core.measurements import NAMES, measure
from ecg_core.measurements.median_beat import BEFORE
from ecg_core.measurements.norms import Band, Norms
from ecg_core.measurements.ranges import NormalRanges, fit_ranges
from ecg_core.measurements.reasons import reasons_of
from ecg_core.measurements.scores import RankScores, fit_rank_scores
from ecg_core.records import Record
from ecg_core.synthetic import EXAMPLES, make_record

N = 1200
AT = np.arange(BEFORE - 175, BEFORE + 326, 2)


@lru_cache(maxsize=1)
def fitted() -> tuple[RankScores, NormalRanges, Band]:
    """Return normals around the synthetic ones: their ranks, ranges and median beats."""
    found = [measure(make_record(spec)) for spec in EXAMPLES if spec.kind == "normal"]
    values = np.stack([one.vector() for one in found])
    middle = np.nan_to_num(np.nanmean(values, axis=0))
    rng = np.random.default_rng(3)
    drawn = middle + rng.normal(size=(N, len(NAMES))) * (0.02 + 0.12 * np.abs(middle))
    sexes = ["female" if k % 2 else "male" for k in range(N)]
    drawn[:, NAMES.index("qrs_ms")] += 20.0 * (np.arange(N) % 2 == 0)
    beats = np.stack([one.beat.x for one in found if one.beat is not None])[:, :, AT]
    band = Band((AT - BEFORE) * 2.0, beats.min(axis=0) - 0.1, beats.max(axis=0) + 0.1)
    return fit_rank_scores(drawn, NAMES), fit_ranges(drawn, NAMES, np.full(N, 50.0), sexes), band


def measured(record: Record) -> Measured:
    """Return what is measured of a record of at most 10 s, and why it is unusual among these normals."""
    ranks, ranges, band = fitted()
    found = measure(record)
    reasons = reasons_of(found, ranks, ranges, record.age, record.sex)
    return Measured(found, reasons, Norms(ranges, band, record.age, record.sex))
