"""What is unusual in leads: Q, R, S, ST and T, neighbouring leads told together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from ecg_core.measurements.registry import REGISTRY
from ecg_core.measurements.seen import CHEST, Finding, Seen, Side, written, written_leads
from ecg_core.measurements.whole_findings import ALONE
from ecg_core.records import LEADS

NEIGHBOURS = [
    *(("aVL", "I"), ("I", "II"), ("II", "aVF"), ("aVF", "III"), ("I", "V6"), ("aVL", "V6"), ("I", "V5")),
    *pairwise(CHEST),
]
"""Leads that look at the heart from almost the same side."""

SMALL_MV = 0.05
"""Half a small square of ECG paper: less is not called a depression, an elevation or an inversion."""


Read = Callable[[Seen, str], tuple[str, str] | None]
"""Of a lead: what is said of it ("ST depressed") and the measurement that says so; None where nothing is."""


@dataclass(frozen=True)
class InLeads:
    """Something that is told of several leads together."""

    read: Read
    leads: tuple[str, ...]
    side: Side
    measures: tuple[str, ...]
    extreme: str
    weight: float
    alone: float = ALONE
    span: str | None = None


def _low_st(seen: Seen, lead: str) -> tuple[str, str] | None:
    out = [n for n in seen.out((f"st_80_mv_{lead}", f"st_60_mv_{lead}"), "low") if seen.value(n) <= -SMALL_MV]
    return ("ST depressed", min(out, key=seen.value)) if out else None


def _high_st(seen: Seen, lead: str) -> tuple[str, str] | None:
    out = [n for n in seen.out((f"st_60_mv_{lead}", f"st_j_mv_{lead}"), "high") if seen.value(n) >= SMALL_MV]
    return ("ST elevated", max(out, key=seen.value)) if out else None


def _low_t(seen: Seen, lead: str) -> tuple[str, str] | None:
    t, lowest, highest = (f"{name}_{lead}" for name in ("t_mv", "t_min_mv", "t_max_mv"))
    if seen.side(t) == "low":
        value = seen.value(t)
        return ("T inverted" if value <= -SMALL_MV else "T flat" if value < SMALL_MV else "T low"), t
    if seen.side(lowest) == "low" and seen.value(lowest) <= -SMALL_MV and seen.value(highest) >= SMALL_MV:
        return "T biphasic", lowest
    return ("T low", highest) if seen.side(highest) == "low" and seen.value(highest) >= SMALL_MV else None


def _high_t(seen: Seen, lead: str) -> tuple[str, str] | None:
    name = f"t_mv_{lead}"
    return ("T tall", name) if seen.side(name) == "high" and seen.value(name) >= SMALL_MV else None


def _q(seen: Seen, lead: str) -> tuple[str, str] | None:
    long, deep = f"q_ms_{lead}", f"q_mv_{lead}"
    name = long if seen.side(long) == "high" else deep if seen.side(deep) == "low" else None
    if name is None:
        return None
    return ("QS" if seen.value(f"r_mv_{lead}") < SMALL_MV else "Q wave"), name


def _simple(measure: str, side: Side, words: str, least: float = SMALL_MV) -> Read:
    def read(seen: Seen, lead: str) -> tuple[str, str] | None:
        name = f"{measure}_{lead}"
        if seen.side(name) != side or (least and not (seen.value(name) >= least or seen.value(name) <= -least)):
            return None
        return words, name

    return read


NOT_AVR = tuple(lead for lead in LEADS if lead != "aVR")
LEFT = ("I", "aVL", "V5", "V6")
IN_LEADS = (
    InLeads(_low_t, NOT_AVR, "low", ("t_mv", "t_min_mv", "t_max_mv", "t_area", "st_t_area", "t_share"), "lowest", 1.2),
    InLeads(_high_t, NOT_AVR, "high", ("t_mv", "t_max_mv", "t_area", "st_t_area", "t_share"), "highest", 0.9),
    InLeads(_low_st, NOT_AVR, "low", ("st_60_mv", "st_80_mv", "st_j_mv", "st_40_mv", "st_120_mv"), "lowest", 1.1),
    InLeads(_high_st, NOT_AVR, "high", ("st_60_mv", "st_80_mv", "st_j_mv", "st_40_mv", "st_120_mv"), "highest", 1.1),
    InLeads(_q, tuple(lead for lead in NOT_AVR if lead != "V1"), "high", ("q_ms", "q_mv"), "longest", 1.1, span="Q"),
    InLeads(_simple("r_mv", "low", "poor R progression", 0), ("V2", "V3", "V4"), "low", ("r_mv", "r_share"), "R", 1.0),
    InLeads(_simple("r_mv", "low", "R low", 0), LEFT, "low", ("r_mv", "r_share"), "lowest", 0.8),
    InLeads(_simple("r_mv", "high", "R tall"), ("V1",), "high", ("r_mv", "r_share"), "highest", 1.0, 0.0),
    InLeads(_simple("r_prime_mv", "high", "second R (R')"), ("V1", "V2"), "high", ("r_prime_mv",), "highest", 1.0, 0.0),
    InLeads(_simple("s_mv", "low", "S deep"), (*LEFT, "II"), "low", ("s_mv",), "deepest", 0.8),
    InLeads(_simple("p_mv", "high", "P tall"), NOT_AVR, "high", ("p_mv", "p_max_mv", "p_area"), "highest", 0.9),
    InLeads(_simple("p_mv", "low", "P inverted"), ("I", "II", "V3", "V4", "V5", "V6"), "low", ("p_mv",), "lowest", 1.1),
)


def lead_findings(seen: Seen) -> list[Finding]:
    """Return what is unusual in leads, neighbours told together."""
    return [finding for kind in IN_LEADS if (finding := _in_leads(seen, kind)) is not None]


def _in_leads(seen: Seen, kind: InLeads) -> Finding | None:
    read = {lead: said for lead in kind.leads if (said := kind.read(seen, lead)) is not None}
    joined = {lead for pair in NEIGHBOURS if pair[0] in read and pair[1] in read for lead in pair}
    read = {lead: said for lead, said in read.items() if lead in joined or seen.z((said[1],)) >= kind.alone}
    if not read:
        return None
    of_words: dict[str, list[str]] = {}
    for lead, (words, _) in read.items():
        of_words.setdefault(words, []).append(lead)
    way = 1.0 if kind.side == "high" else -1.0
    lead, (_, name) = max(read.items(), key=lambda item: way * seen.value(item[1][1]))
    value = written(seen.value(name), REGISTRY[name].unit)
    parts: list[str] = []
    for words, leads in sorted(of_words.items(), key=lambda item: lead not in item[1]):
        shared = words.split(" ", 1)[-1] if parts and words[:2] == parts[0][:2] else words
        parts.append(f"{shared} in {written_leads(leads)}")
    where = f"{kind.extreme} {value} in {lead}" if len(read) > 1 else value
    others = [f"{measure}_{at}" for at in read for measure in kind.measures]
    names = (name, *(n for n in seen.out(others) if n != name))
    text = f"{', '.join(parts)}, {where}"
    return Finding(
        text, name, names, kind.side, kind.weight, seen.z(names), tuple(sorted(read, key=LEADS.index)), kind.span
    )
