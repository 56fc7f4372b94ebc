"""Why a record is unusual: the few measurements that lie farthest outside their normal ranges, in plain sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ecg_core.measurements.delineation import Fiducials
from ecg_core.measurements.lead_findings import lead_findings
from ecg_core.measurements.measure import Measurements
from ecg_core.measurements.ranges import NormalRanges
from ecg_core.measurements.registry import REGISTRY, Part
from ecg_core.measurements.scores import RankScores
from ecg_core.measurements.seen import Finding, Seen, Side, written_range
from ecg_core.measurements.whole_findings import whole_findings
from ecg_core.records import Sex

MOST = 5
FAR = 3.0
"""Beyond this normal score (one in 740) rarity is no longer compared: weight alone puts reasons in order."""

TOLD_BY = (("qrs_t_spatial_deg", "T low"), ("R progression", "Q"), ("R in V1", "second R"))
"""What is told by something else where both are found, in one lead at least."""


@dataclass(frozen=True)
class Reason:
    """One thing that is unusual in a record.

    Attributes
    ----------
    text : one sentence without a full stop, with value, unit and normal range.
    names : the measurements it stands for, the one stated first.
    name, value, unit : the measurement stated; no value where a wave is missing.
    low, high : its normal range, None where a wave is missing.
    percentile : percent of normals that are lower; where a wave is missing, percent in which it is too.
    n, group : the normals it is held against: how many, and who ("women, 40-59 years").
    side : of the range, or of a clinical limit within it.
    leads : in which it is, in report order; empty where it is over all leads.
    part : of the heartbeat.
    start_ms, stop_ms : where on the median beat, ms from R; None for the rhythm.
    z : the largest normal score of `names`, without sign.
    """

    text: str
    names: tuple[str, ...]
    name: str
    value: float | None
    unit: str
    low: float | None
    high: float | None
    percentile: float
    n: int
    group: str
    side: Side
    leads: tuple[str, ...]
    part: Part
    start_ms: float | None
    stop_ms: float | None
    z: float

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values, rounded."""
        plain = asdict(self) | {"names": list(self.names), "leads": list(self.leads)}
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in plain.items()}


def reasons_of(
    measurements: Measurements,
    ranks: RankScores,
    ranges: NormalRanges,
    age: float | None,
    sex: Sex | None,
    most: int = MOST,
) -> tuple[Reason, ...]:
    """Return what is most unusual in a record, the most unusual first.

    Nothing within its normal range is a reason, unless it is over a clinical limit (`whole_findings.GLOBAL`), which is
    then named; a record with neither has none.

    Parameters
    ----------
    measurements : of the record.
    ranks : from measurements to normal scores, by which reasons are put in order.
    ranges : normal ranges, by age and sex.
    age, sex : of the patient, None where unknown.
    most : how many reasons at most.
    """
    seen = Seen(measurements, ranks, ranges, age, sex)
    found = _told_once([*whole_findings(seen), *lead_findings(seen)])
    ordered = sorted(found, key=lambda finding: -finding.weight * min(finding.z, FAR))
    return tuple(_reason(seen, finding) for finding in ordered[:most])


def _told_once(found: Sequence[Finding]) -> list[Finding]:
    """Return findings without those that another one tells, which then stands for their measurements too."""
    by_kind = {finding.kind: finding for finding in found}
    for kind, by in TOLD_BY:
        if kind in by_kind and by in by_kind and _share_leads(by_kind[kind], by_kind[by]):
            told, teller = by_kind.pop(kind), by_kind[by]
            names = dict.fromkeys((*teller.names, *told.names))
            by_kind[by] = replace(teller, names=tuple(names), z=max(teller.z, told.z))
    return list(by_kind.values())


def _share_leads(a: Finding, b: Finding) -> bool:
    return not a.leads or not b.leads or not set(a.leads).isdisjoint(b.leads)


def _reason(seen: Seen, finding: Finding) -> Reason:
    measurement, normal = REGISTRY[finding.name], seen.range(finding.name)
    value = seen.value(finding.name)
    missing = not np.isfinite(value)
    start, stop = _span(seen, finding)
    text = finding.text
    if not missing and normal is not None:
        text = f"{text} ({written_range(finding.name, normal)})"
    return Reason(
        text=text[:1].upper() + text[1:],
        names=finding.names,
        name=finding.name,
        value=None if missing else value,
        unit=measurement.unit,
        low=None if missing or normal is None else normal.low,
        high=None if missing or normal is None else normal.high,
        percentile=100.0 * (1.0 - seen.ranges.share_made(finding.name))
        if missing
        else seen.ranges.percentile(finding.name, value, seen.age, seen.sex),
        n=seen.ranges.n_normals if missing or normal is None else normal.n,
        group="all normal ECGs" if missing or normal is None else normal.group,
        side=finding.side,
        leads=finding.leads,
        part=measurement.part,
        start_ms=start,
        stop_ms=stop,
        z=finding.z,
    )


ST_MS, P_WINDOW_MS = 80.0, 200.0


def _span(seen: Seen, finding: Finding) -> tuple[float | None, float | None]:
    """Return where on the median beat a finding is, ms from R."""
    p: Fiducials = seen.measured.points
    spans = {
        "P": (p.p_onset, p.p_offset),
        "PR": (p.p_onset, p.qrs_onset),
        "QRS": (p.qrs_onset, p.qrs_offset),
        "ST": (p.qrs_offset, p.qrs_offset + ST_MS),
        "T": (p.qrs_offset + 60.0, p.t_end),
        "QT": (p.qrs_onset, p.t_end),
        "before QRS": (p.qrs_onset - P_WINDOW_MS, p.qrs_onset),
        "Q": (p.qrs_onset, p.qrs_onset + max((seen.value(f"q_ms_{lead}") for lead in finding.leads), default=0.0)),
    }
    start, stop = spans.get(finding.span or REGISTRY[finding.name].part, (float("nan"), float("nan")))
    return (float(start), float(stop)) if np.isfinite(start) and np.isfinite(stop) else (None, None)
