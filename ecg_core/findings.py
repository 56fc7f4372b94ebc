"""What is found in a record, in words: why it is unusual, and where; on screen and in the report."""

from __future__ import annotations

from collections.abc import Sequence

from ecg_core.detection import Detection, Explanation, Stretch
from ecg_core.measurements.ranges import EVERYONE
from ecg_core.measurements.reasons import Reason
from ecg_core.overlay import cell_steps
from ecg_core.wording import EXPECTED, RAISED_STEP, lead_list, seconds, span, territories

NOTHING_OUTSIDE = "No measurement stands out of its normal range."
PATTERN = "No measurement stands out of its normal range; the pattern as a whole is unusual."

SHOWN_TIMES = 4

HINT = "A hint, not a diagnosis."
PROBE = (
    "Read off what the networks see, by linear probes that were fitted on labelled ECGs (PTB-XL) and measured on "
    "others. They have no part in the score or the verdict."
)
"""How it is known what a record resembles."""


def rarity(reason: Reason) -> str:
    """Return how rare a reason is: "higher than in 99.8 % of normal ECGs of men", "so in 0.4 % of normal ECGs"."""
    if reason.value is None:
        return f"so in {_share(reason.percentile)} of {_who(reason.group)}"
    share = reason.percentile if reason.side == "high" else 100.0 - reason.percentile
    than = "higher" if reason.side == "high" else "lower"
    if share >= 99.95:
        return f"{than} than in all {reason.n:,} {_who(reason.group)}"
    return f"{than} than in {_share(share)} of {_who(reason.group)}"


def _who(group: str) -> str:
    return "normal ECGs" if group == EVERYONE else f"normal ECGs {group_words(group)}"


def group_words(group: str) -> str:
    """Return whose normal ECGs those of a group are: "of women, 40-59 years", "at 60-74 years"."""
    return f"at {group}" if group[0].isdigit() else f"of {group}"


def _share(percent_: float) -> str:
    return f"{percent_:.1f} %" if 0 < percent_ < 10 or percent_ > 90 else f"{percent_:.0f} %"


def without_reasons(above: bool | None) -> str:
    """Return what is said where a record was measured and nothing stands out."""
    return PATTERN if above else NOTHING_OUTSIDE


def resembles(detection: Detection) -> list[tuple[str, str]]:
    """Return what a record resembles, the likeliest first, each with how often that is right on held-out ECGs."""
    return [
        (one.name, f"of ECGs told so, {100 * one.ppv:.0f} % were; finds {100 * one.sensitivity:.0f} % of them")
        for one in detection.resembles
    ]


def resembles_line(detection: Detection) -> str:
    """Return the same as one line, with what it is worth; empty where nothing is said."""
    named = ", ".join(f"{name} ({figures})" for name, figures in resembles(detection))
    return f"Resembles: {named}. {HINT}" if named else ""


def _times(times: Sequence[float]) -> str:
    told = ", ".join(seconds(t) for t in times[:SHOWN_TIMES])
    if len(times) > SHOWN_TIMES:
        return f"{told} and {len(times) - SHOWN_TIMES} more"
    return f"{told}\N{NO-BREAK SPACE}s" if times[-1] < 60 else told


def rhythm_lines(found: Explanation | None) -> list[str]:
    """Return which beats come early, and where one was due and none came: "A beat comes early, at 3.21 s"."""
    if found is None:
        return []
    lines = []
    for times, one, several in (
        (found.early_s, "A beat comes early", "beats come early"),
        (found.missing_s, "A beat is missing", "beats are missing"),
    ):
        if times:
            what = one if len(times) == 1 else f"{len(times)} {several}"
            lines.append(f"{what}, at {_times(times)}")
    return lines


def rhythm_of(found: Explanation | None, stretch: Stretch) -> str:
    """Return what of the rhythm a stretch is: "Early beat", "Missing beat", or nothing."""
    named = (("Early beat", found.early_s), ("Missing beat", found.missing_s)) if found else ()
    return next((name for name, times in named if any(stretch.start_s <= t <= stretch.stop_s for t in times)), "")


def where(detection: Detection) -> tuple[str, list[str]]:
    """Return what stands out of a record's maps: a heading, which may be empty, and lines on it."""
    found = detection.explanation
    stretches = found.stretches if found else ()
    if detection.model in EXPECTED and found:
        lines = [found.territory] if found.territory else []
        if stretches:
            first = stretches[0]
            among = f" in {lead_list(first.leads)}" if first.leads else ""
            lines.append(f"{_marked(len(stretches))}, {_strongest(detection)}{among}.")
        elif not lines:
            lines.append("No stretch is above the mark level.")
        return "", [*lines, *rhythm_lines(found)]
    if stretches:
        leads = stretches[0].leads
        return territories(leads), [lead_list(leads), _strongest(detection), _marked(len(stretches))]
    raised = [lead for lead, step in cell_steps(detection.lead_scores).items() if step >= RAISED_STEP]
    if raised:
        return territories(raised), [
            lead_list(raised),
            "error throughout the record,",
            "no stretch above the mark level",
        ]
    return "", ["No stretch is above the mark level."]


def _marked(n: int) -> str:
    return f"{n} stretch{'es' if n > 1 else ''} marked"


def _strongest(detection: Detection) -> str:
    first = detection.explanation.stretches[0] if detection.explanation else None
    return f"strongest at {span(first.start_s, first.stop_s)}" if first else ""
