"""What is unusual in leads: Q, R, S, ST and T, neighbouring leads told together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

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
    """Something that is told of several leads together.

    Attributes
    ----------
    measures : what says the same; where leads were read off different ones, the first of these is stated.
    extreme : what stands before the value of the lead that has most of it.
    alone : normal score from which a lead counts without a neighbour.
    """

    kind: str
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
    return ("QS" if seen.value(deep) == seen.value(f"s_mv_{lead}") else "Q wave"), name


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
    InLeads(
        "T low",
        _low_t,
        NOT_AVR,
        "low",
        ("t_mv", "t_min_mv", "t_max_mv", "t_area", "st_t_area", "t_share"),
        "lowest",
        1.2,
    ),
    InLeads("T high", _high_t, NOT_AVR, "high", ("t_mv", "t_max_mv", "t_area", "st_t_area", "t_share"), "highest", 0.9),
    InLeads(
        "ST low", _low_st, NOT_AVR, "low", ("st_60_mv", "st_80_mv", "st_j_mv", "st_40_mv", "st_120_mv"), "lowest", 1.1
    ),
    InLeads(
        "ST high",
        _high_st,
        NOT_AVR,
        "high",
        ("st_60_mv", "st_80_mv", "st_j_mv", "st_40_mv", "st_120_mv"),
        "highest",
        1.1,
    ),
    InLeads(
        "Q", _q, tuple(lead for lead in NOT_AVR if lead != "V1"), "high", ("q_ms", "q_mv"), "longest", 1.1, span="Q"
    ),
    InLeads(
        "R progression",
        _simple("r_mv", "low", "poor R progression", 0),
        ("V2", "V3", "V4"),
        "low",
        ("r_mv", "r_share"),
        "R",
        1.0,
    ),
    InLeads("R low", _simple("r_mv", "low", "R low", 0), LEFT, "low", ("r_mv", "r_share"), "lowest", 0.8),
    InLeads("R in V1", _simple("r_mv", "high", "R tall"), ("V1",), "high", ("r_mv", "r_share"), "highest", 1.0, 0.0),
    InLeads(
        "second R",
        _simple("r_prime_mv", "high", "second R (R')"),
        ("V1", "V2"),
        "high",
        ("r_prime_mv",),
        "highest",
        1.0,
        0.0,
    ),
    InLeads("S", _simple("s_mv", "low", "S deep"), (*LEFT, "II"), "low", ("s_mv",), "deepest", 0.8),
    InLeads(
        "P high", _simple("p_mv", "high", "P tall"), NOT_AVR, "high", ("p_mv", "p_max_mv", "p_area"), "highest", 0.9
    ),
    InLeads(
        "P low",
        _simple("p_mv", "low", "P inverted"),
        ("I", "II", "V3", "V4", "V5", "V6"),
        "low",
        ("p_mv",),
        "lowest",
        1.1,
    ),
)


def lead_findings(seen: Seen) -> list[Finding]:
    """Return what is unusual in leads, neighbours told together, in no order."""
    return [finding for kind in IN_LEADS if (finding := _in_leads(seen, kind)) is not None]


def _in_leads(seen: Seen, kind: InLeads) -> Finding | None:
    read = {lead: said for lead in kind.leads if (said := kind.read(seen, lead)) is not None}
    joined = {lead for pair in NEIGHBOURS if pair[0] in read and pair[1] in read for lead in pair}
    read = {lead: said for lead, said in read.items() if lead in joined or seen.z((said[1],)) >= kind.alone}
    if not read:
        return None
    lead, name = _extreme(seen, kind, read)
    where = written(name, seen.value(name))
    if len(read) > 1:
        where = f"{'deepest' if name.startswith('q_mv') else kind.extreme} {where} in {lead}"
    others = [f"{measure}_{at}" for at in read for measure in kind.measures]
    names = (name, *(n for n in seen.out(others) if n != name))
    text = f"{_which(read, lead)}, {where}"
    leads = tuple(sorted(read, key=LEADS.index))
    return Finding(
        kind.kind, text, name, names, seen.side(name) or kind.side, kind.weight, seen.z(names), leads, kind.span
    )


def _extreme(seen: Seen, kind: InLeads, read: dict[str, tuple[str, str]]) -> tuple[str, str]:
    """Return the lead that has most of it, and the measurement that says so."""
    stated = {lead: name for lead, (_, name) in read.items()}
    if kind.kind == "Q":  # a duration is not held against a depth
        long = {lead: name for lead, name in stated.items() if name.startswith("q_ms")}
        stated = long or stated
    way = 1.0 if seen.side(next(iter(stated.values()))) == "high" else -1.0
    return max(stated.items(), key=lambda item: way * seen.value(item[1]))


def _which(read: dict[str, tuple[str, str]], first: str) -> str:
    """Return "T inverted in V4-V6, low in I, aVL", beginning with what is said of `first`."""
    of_words: dict[str, list[str]] = {}
    for lead in sorted(read, key=lambda lead: read[lead][0] != read[first][0]):
        of_words.setdefault(read[lead][0], []).append(lead)
    wave = read[first][0].split(" ")[0]
    parts = [f"{words} in {written_leads(leads)}" for words, leads in of_words.items()]
    return ", ".join([parts[0], *(part.removeprefix(f"{wave} ") if wave == "T" else part for part in parts[1:])])
