"""What the app says, in words; what the report says as well is `ecg_core.wording`'s."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ecg_core.detection import Detection
from ecg_core.findings import HINT, PROBE, rarity, resembles, rhythm_of, where, without_reasons
from ecg_core.store import CONSENSUS
from ecg_core.wording import (
    BANDS,
    DASH,
    EXPECTED,
    INTENDED_USE,
    RAISED_STEP,
    TITLES,
    VALIDATED_RATE,
    Side,
    Verdict,
    clock,
    drawn_by,
    is_above,
    lead_list,
    not_shown,
    one_in,
    part,
    part_meaning,
    part_name,
    patient,
    percent,
    printed,
    quality,
    recording,
    seconds,
    share_above,
    span,
    spoken,
    territories,
    verdict,
)

__all__ = [
    "BANDS", "DASH", "EXPECTED", "HINT", "INTENDED_USE", "PROBE", "RAISED_STEP", "TITLES", "VALIDATED_RATE", "Side",
    "Verdict", "agreement", "clock", "drawn_by", "example", "expected_at", "is_above", "lead_list",
    "measured_percentile", "not_shown", "one_in", "part", "part_meaning", "part_name", "patient", "percent",
    "printed", "progress", "provenance", "quality", "rarity", "recording", "resembles", "rhythm_of", "scoring",
    "seconds", "share_above", "span", "spoken", "territories", "verdict", "where", "without_reasons",
]  # fmt: skip

FEWER_LEADS = "fewer than twelve leads: not scored as a whole ECG"

EXAMPLES: dict[str, tuple[str, str]] = {
    "normal-55": ("Sinus rhythm, 55 /min", "for comparison"),
    "normal-72": ("Sinus rhythm, 72 /min", "for comparison"),
    "normal-95": ("Sinus rhythm, 95 /min", "for comparison"),
    "premature-ventricular-beat": ("Premature ventricular beat", "one wide beat, early"),
    "atrial-fibrillation": ("Atrial fibrillation", "irregular, no P waves"),
    "st-elevation-anterior": ("ST elevation", "anterior leads"),
    "left-bundle-branch-block": ("Left bundle branch block", "wide QRS"),
    "low-voltage": ("Low voltage", "small waves in all leads"),
    "poor-signal": ("Poor signal", "electrodes loose and off"),
    "two-leads-8-min": ("Two leads, 8 minutes", "premature beats and a pause"),
}
"""What the generator made under each name: title and one line."""


def example(name: str) -> tuple[str, str]:
    """Return an example's title and one line on it."""
    return EXAMPLES.get(name, (name.replace("-", " ").capitalize(), ""))


def scoring(models: Sequence[str]) -> str:
    """Return what is said while a record is scored."""
    return f"Scoring with {TITLES[models[0]]}…" if len(models) == 1 else f"Scoring with {len(models)} models…"


def measured_percentile(percentile: float) -> str:
    """Return a measurement's place among normals: "43", in the tails "98.6"; beyond all of them "> all", "< all"."""
    if percentile >= 99.95:
        return "> all"
    if percentile <= 0.05:
        return "< all"
    return f"{percentile:.1f}" if not 5 < percentile < 95 else f"{percentile:.0f}"


def agreement(found: Mapping[str, Detection], thresholds: Mapping[str, float | None], rate: float) -> str:
    """Return how many models are above the alarm threshold; the consensus, which is made of the others, is not one."""
    sides = [is_above(each, thresholds[name], rate) for name, each in found.items() if name != CONSENSUS]
    return f"{sum(bool(side) for side in sides)} of {len(sides)} above" if sides else "none but the consensus"


LEFT_OUT = re.compile(r"(\w+) (left out in .*)")


def notes(said: Sequence[str]) -> str:
    """Return a recording's notes as one line; leads left out alike are named together."""
    leads: dict[str, list[str]] = {}
    lines: list[str] = []
    for note in said:
        found = LEFT_OUT.fullmatch(note.rstrip("."))
        if found is None:
            lines.append(note.rstrip("."))
        else:
            leads.setdefault(found[2], []).append(found[1])
    lines += [f"{lead_list(names)} {rest}" for rest, names in leads.items()]
    return ". ".join(lines) + "." if lines else ""


def without_stretches(every_beat: bool) -> str:
    """Return what stands in place of the list of stretches; `every_beat` where leads are unusual in every beat."""
    none = "No stretch is above the mark level, the 95th percentile of what normal ECGs reach."
    return f"{none} What is unusual here is in every beat: see the leads." if every_beat else none


def progress(total_s: float, title: str, share: float, left_s: float | None, begun: bool) -> str:
    """Return how far the scoring of a long recording is: "Scoring with CAE: minute 61 of 180, about 40 s left".

    Parameters
    ----------
    share : of the recording that is scored, 0-1.
    left_s : how long it will take still, None where that is not known.
    begun : False while another recording is scored first.
    """
    if not begun:
        return f"Scoring with {title}: waiting for another recording"
    if total_s < 120:
        at = f"{share * 100:.0f} %"
    else:
        whole = max(round(total_s / 60), 1)
        at = f"minute {min(int(share * total_s / 60) + 1, whole)} of {whole}"
    return f"Scoring with {title}: {at}{'' if left_s is None else f', {_left(left_s)} left'}"


def scored_with(together: Sequence[str], after: Sequence[str]) -> str:
    """Return which models score in the same pass as the one that is named, and which after it."""
    parts = [f"with {', '.join(together)}" if together else "", f"then {', '.join(after)}" if after else ""]
    return "; ".join(filter(None, parts))


def _left(seconds_: float) -> str:
    if seconds_ < 10:
        return "a few seconds"
    return f"about {round(seconds_, -1):.0f} s" if seconds_ < 90 else f"about {seconds_ / 60:.0f} min"


def provenance(title: str, detection: Detection | None) -> str:
    """Return what computed the page: model, checkpoint, calibration."""
    if detection is None:
        return f"{title}: not loaded"
    normals = f" · calibrated on {detection.n_normals} normal ECGs" if detection.n_normals else ""
    return f"{title} · {detection.checkpoint}{normals}"


def expected_at(points: Sequence[dict[str, float]], rate: float) -> dict[str, float] | None:
    """Return the operating point measured at a false-alarm rate, None where none was."""
    near = [p for p in points if abs(p["false_alarm_rate"] - rate) < 1e-6]
    return near[0] if near else None
