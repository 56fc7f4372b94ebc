"""What is unusual over all leads: rate, rhythm, intervals, axis and voltages, each in a cardiologist's words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scipy.special import ndtri

from ecg_core.measurements.measure import NO_P, NO_P_IRREGULAR
from ecg_core.measurements.registry import REGISTRY
from ecg_core.measurements.seen import Finding, Seen, Side, in_words, written, written_range
from ecg_core.records import LEADS

ALONE = 3.0
"""A lead without a neighbour on the same side of its range counts from this normal score on: of a hundred values in a
record some lie outside their ranges by chance."""


@dataclass(frozen=True)
class Told:
    """How a measurement over all leads is told.

    Attributes
    ----------
    high, low : what stands before its value; None where that side is not told.
    with_it : what says the same, and is told by it.
    limited : whether it is told over a clinical limit too (`over_pr_limit`), whatever the normals have.
    """

    name: str
    high: str | None
    low: str | None
    weight: float
    with_it: tuple[str, ...] = ()
    after: str = ""
    limited: bool = False


LONGEST_PR_MS = 200.0
"""Beyond, it is first-degree AV block by definition (doi 10.1161/CIR.0000000000000628), though some normals are."""

PR_RATE, PR_RATE_BPM, OLD = (0.26, 0.42), 70.0, 60.0
"""By how many ms PR shortens with each beat a minute more, before and from this age on, in 5,757 people of a population
(Soliman and Rautaharju 2012, doi 10.1016/j.jelectrocard.2011.06.003): PR + 0.42 (rate - 70) does not depend on rate."""

AT_LIMIT = 2.5
"""The normal score of what lies over a clinical limit is at least this, so that rarer things do not hide it."""

GLOBAL = (
    Told("heart_rate", "heart rate", "heart rate", 1.1, ("rr_median_ms", "rr_mean_ms")),
    Told("pr_ms", "PR", "PR", 1.6, limited=True),
    Told("qrs_ms", "QRS", None, 1.6, ("qrs_width_15_ms", "qrs_width_30_ms")),
    Told("qtc_fridericia_ms", "QTc", "QTc", 1.1, ("qtc_bazett_ms", "qt_ms", "jtp_ms"), " by Fridericia"),
    Told("p_ms", "P wave", None, 0.9, (), " long"),
    Told("p_terminal_force_V1", "P terminal force in V1", None, 0.8),
    Told("qrs_t_spatial_deg", "angle between QRS and T", None, 0.8, ("qrs_t_frontal_deg", "t_axis_deg")),
)


def over_pr_limit(pr_ms: float, rate: float, age: float | None) -> str:
    """Return which limit a PR is over, in words: 200 ms, or less at a fast rate, as much as PR shortens; else nothing.

    At a slow rate, too, more than 200 ms is first-degree AV block.

    Parameters
    ----------
    pr_ms, rate : ms and beats a minute; NaN where not measured.
    age : years; unknown counts as young, where PR shortens less.
    """
    name = "pr_ms"
    written_ms = in_words(name, pr_ms)
    if written_ms > LONGEST_PR_MS:
        return f"over the clinical limit of {written(name, LONGEST_PR_MS)}"
    limit = LONGEST_PR_MS - PR_RATE[age is not None and age >= OLD] * (rate - PR_RATE_BPM)
    if written_ms > limit:
        return f"over the limit of {written(name, limit // 1.0)} at {written('heart_rate', rate)}"
    return ""


def global_findings(seen: Seen) -> list[Finding]:
    """Return what is unusual over all leads, one finding for each of `GLOBAL`."""
    found = []
    for told in GLOBAL:
        side, after, least = seen.side(told.name), told.after, 0.0
        if told.limited and side != "high":
            over = over_pr_limit(seen.value(told.name), seen.value("heart_rate"), seen.age)
            side, after, least = ("high", f", {over}", AT_LIMIT) if over else (side, after, least)
        words = {"high": told.high, "low": told.low, None: None}[side]
        if side is None or words is None:
            continue
        names = (told.name, *seen.out(told.with_it))
        text = f"{words} {written(told.name, seen.value(told.name))}{after}"
        leads = tuple(filter(None, (REGISTRY[told.name].lead,)))
        z = max(seen.z(names), least)
        found.append(Finding(told.name, text, told.name, names, side, told.weight, z, leads))
    return found


def axis(seen: Seen) -> list[Finding]:
    """Return an unusual frontal axis."""
    name = "qrs_axis_deg"
    side, value = seen.side(name), seen.value(name)
    if side is None:
        return []
    way = "left" if -90.0 <= value < 0.0 else "right" if 0.0 < value <= 180.0 else "extreme"
    return [Finding("axis", f"{way} axis {written(name, value)}", name, (name,), side, 1.0, seen.z((name,)))]


RHYTHM = ("rr_irregularity", "rr_min_ratio", "rr_max_ratio", "rr_sd_ms", "rmssd_ms", "rr_step_ms", "other_beats_share")


def rhythm(seen: Seen) -> list[Finding]:
    """Return an irregular rhythm, an early or late beat, and beats of another shape."""
    out = {name: side for name in RHYTHM if (side := seen.side(name)) is not None}
    told: tuple[tuple[str, Side, str], ...] = (
        ("rr_irregularity", "high", "RR irregular: it changes by a median of {} from beat to beat"),
        ("rr_min_ratio", "low", "early beat: the shortest RR is {} of the median"),
        ("rr_max_ratio", "high", "late beat: the longest RR is {} of the median"),
    )
    found = []
    rr = tuple(name for name in out if name != "other_beats_share")
    for name, side, text in told:
        if out.get(name) == side:
            names = (name, *(other for other in rr if other != name))
            words = text.format(written(name, seen.value(name)))
            found.append(Finding("rr", words, name, names, side, 1.3, seen.z(names)))
            break
    if out.get("other_beats_share") == "high":
        name = "other_beats_share"
        text = f"{written(name, seen.value(name))} of the beats have another shape"
        found.append(Finding("shapes", text, name, (name,), "high", 1.2, seen.z((name,))))
    return found


RARE = 0.05


def missing_p(seen: Seen) -> list[Finding]:
    """Return that no P wave was found, where nearly all normals have one."""
    missing = 1.0 - seen.ranges.share_made("p_ms")
    if seen.measured.withheld.get("p_ms") not in (NO_P, NO_P_IRREGULAR) or not missing < RARE:
        return []
    z = float(-ndtri(max(missing, 1e-4)))
    text = f"no P wave found before each beat (found in {100 * (1 - missing):.0f} % of normal ECGs)"
    return [Finding("no P", text, "p_ms", ("p_ms", "pr_ms"), "low", 1.4, z, span="before QRS")]


ALONE_TALL = 2.5
"""A tall R or deep S of one lead, without another and without a criterion, counts from this normal score on."""

CRITERIA = {
    "sokolow_lyon_mv": ("Sokolow-Lyon", ("V1", "V5", "V6")),
    "cornell_mv": ("Cornell", ("aVL", "V3")),
    "peguero_mv": ("Peguero-Lo Presti", ("V4",)),
}
SIZES = {"chest_voltage_mv": "tallest QRS in V1 to V6", "limb_voltage_mv": "tallest QRS in the limb leads"}
R_TALL = tuple(f"r_mv_{lead}" for lead in ("I", "II", "aVL", "aVF", "V4", "V5", "V6"))
S_DEEP = tuple(f"s_mv_{lead}" for lead in ("V1", "V2", "V3"))
VOLTAGES = (*CRITERIA, *SIZES, "sum_voltage_mv", "qrs_vector_mv", *R_TALL, *S_DEEP)
"""What a high voltage is told by."""


def voltages(seen: Seen) -> list[Finding]:
    """Return high voltages as one finding: two criteria at most, or a tall R or deep S; and low voltage as another."""
    found = []
    criteria = sorted(seen.out(CRITERIA, "high"), key=lambda name: -seen.z((name,)))
    waves = sorted((*seen.out(R_TALL, "high"), *seen.out(S_DEEP, "low")), key=lambda name: -seen.z((name,)))
    sizes = seen.out((*SIZES, "sum_voltage_mv", "qrs_vector_mv"), "high")
    names = (*criteria, *waves, *sizes)
    if names and (criteria or sizes or len(waves) > 1 or seen.z(waves) >= ALONE_TALL):
        first = names[0]
        text = " and ".join(_voltage(seen, name, ranged=name != first) for name in reversed(criteria[:2]))
        leads = tuple(lead for name in criteria for lead in CRITERIA[name][1])
        leads += tuple(str(REGISTRY[name].lead) for name in waves)
        side: Side = "low" if first.startswith("s_") else "high"
        told = text or _voltage(seen, first, ranged=False)
        found.append(Finding("voltage", told, first, names, side, 1.5, seen.z(names), _ordered(leads)))
    low = seen.out(SIZES, "low")
    if low:
        words = f"low voltage: {_voltage(seen, low[0], ranged=False)}"
        found.append(Finding("low voltage", words, low[0], low, "low", 1.0, seen.z(low)))
    return found


def _voltage(seen: Seen, name: str, *, ranged: bool) -> str:
    lead, kind = REGISTRY[name].lead, name[0].upper()
    title = CRITERIA[name][0] if name in CRITERIA else SIZES.get(name) or REGISTRY[name].title
    value = written(name, abs(seen.value(name)))
    text = f"{kind} {value} {'tall' if kind == 'R' else 'deep'} in {lead}" if lead else f"{title} {value}"
    normal = seen.range(name)
    return f"{text} ({written_range(name, normal)})" if ranged and normal else text


def _ordered(leads: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(leads), key=LEADS.index))


def whole_findings(seen: Seen) -> list[Finding]:
    """Return everything that is unusual over all leads, in no order."""
    return [*global_findings(seen), *axis(seen), *rhythm(seen), *missing_p(seen), *voltages(seen)]
