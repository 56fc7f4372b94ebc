"""What the Beats page says of a recording, at one false-alarm rate. Plain words; no streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app import words
from app.beat_panels import rates
from app.beat_work import LEARNING, LONG_S
from app.operating import place
from app.progress import duration
from app.state import Entry
from ecg_core.ambulatory import hints

if TYPE_CHECKING:
    from app.background import Progress
    from app.beat_replay import Replay
    from ecg_core.ambulatory import BeatDetections

FEW_BEATS = 40
"""Below so many beats the dominant beat rests on few."""

PARTS = {
    "shape": "how far its shape is from the dominant beat's",
    "timing": "how far its RR intervals are from the usual ones",
    "rhythm": "how far its RR intervals are from the usual ones",
    "network": "how badly the network restores it",
}

SHORT = {
    "ventricular ectopic": "V ectopic",
    "supraventricular ectopic": "SV ectopic",
    "paced or unclassifiable": "paced",
}
"""Kinds of beats in a narrow column."""


def said(entry: Entry, found: BeatDetections) -> dict[float, dict[str, Any]]:
    """Return what is said of a recording at each false-alarm rate that is offered."""
    place = {lead: k for k, lead in enumerate(found.leads)}
    in_lead = np.array([place[lead] for lead in found.lead], dtype=np.int64)
    return {rate: _at(entry, found.at(rate), rate, in_lead) for rate in rates(found)}


def page_data(
    entry: Entry,
    found: BeatDetections,
    rate: float,
    chosen: int,
    ident: Sequence[str],
) -> dict[str, Any]:
    """Return what the page's panels show besides the packets.

    Parameters
    ----------
    rate : one of those offered.
    ident : the record's key, its leads, the detector's checkpoint.
    """
    return {
        "id": "|".join(ident),
        "recording": "|".join(ident[:-1]),
        "rate": place(rate, rates(found)),
        "chosen": chosen,
        "n": len(found),
        "duration_s": entry.duration,
        "warnings": list(found.notes[:1]) if found.dominant_unusual else [],
        "parts": {name: PARTS.get(name, "") for name in found.parts},
        "described": f"Beats of {entry.record.name}",
        "kinds": kinds(found),
    }


def kinds(found: BeatDetections) -> dict[str, Any] | None:
    """Return what beats can resemble, in the order of `found.kinds`, and how often that is right; None where nothing.

    Of each its name, one for a narrow column, and its figures on other patients.
    """
    if not found.kinds:
        return None
    return {
        "items": [[name, SHORT.get(name, name), hints.figures_of(kind)] for name, kind in found.kinds.items()],
        "hint": hints.HINT,
        "about": hints.about(found),
        "how": hints.HOW,
    }


def waiting_data(entry: Entry, ident: str) -> dict[str, Any]:
    """Return what the page's panels show while beats are compared: the recording alone."""
    return {
        "waiting": True,
        "id": ident,
        "recording": ident,
        "rate": 0,
        "chosen": -1,
        "duration_s": entry.duration,
    }


def remarks(found: BeatDetections, given: Sequence[str]) -> str:
    """Return the notes of a recording as one line, the first being a warning where the dominant beat is unusual."""
    rest = found.notes[1:] if found.dominant_unusual else found.notes
    few = [f"{len(found)} beats are few to know the patient's dominant beat by"] if 0 < len(found) < FEW_BEATS else []
    return words.notes(list(dict.fromkeys([*given, *rest, *few])))


def _at(entry: Entry, found: BeatDetections, rate: float, in_lead: NDArray[np.int64]) -> dict[str, Any]:
    flagged = int(found.anomalous.sum())
    some = flagged > 0
    return {
        "verdict": {
            "side": "above" if some else "below",
            "figure": _share(found.share_anomalous),
            "caption": f"of {len(found):,} beats are anomalous",
            "headline": _headline(flagged),
            "lines": [runs(found, entry.duration), pauses(found, entry.duration), _expected(found, rate)],
            "where": where(found, entry.duration, in_lead),
            "facts": facts(found),
            "spoken": spoken(found, entry.duration),
        },
        "threshold": {
            "title": "Alarm threshold",
            "aside": f"validated at {words.percent(words.VALIDATED_RATE)}",
            "now": words.percent(rate),
            "rows": [
                ["Beats of normal class flagged, expected", words.percent(rate)],
                ["Beats flagged here", f"{flagged:,} ({_share(found.share_anomalous)})"],
                ["Runs of three or more", f"{len(found.runs):,}"],
            ],
        },
    }


def _share(share: float) -> str:
    percent = share * 100
    return f"{percent:.1f} %" if percent < 9.95 else f"{percent:.0f} %"


def _headline(flagged: int) -> str:
    if not flagged:
        return "No beat above the alarm threshold"
    return f"{flagged:,} beat{'s' * (flagged > 1)} above the alarm threshold"


def _expected(found: BeatDetections, rate: float) -> str:
    """Return what the share means: so many of normal beats lie above the threshold too."""
    usual = f"Of beats of the normal class, about {rate * 100:g} in 100 lie above this threshold too"
    if found.share_anomalous <= rate * 1.2:
        return f"{usual}: this share alone says nothing."
    return f"{usual}."


def runs(found: BeatDetections, total_s: float) -> str:
    """Return how many runs there are, and where the longest is."""
    if not found.runs:
        return "No run of three or more anomalous beats."
    longest = max(found.runs, key=lambda run: run.stop - run.start)
    n, beats = len(found.runs), longest.stop - longest.start
    at = words.clock(float(found.times_s[longest.start]), total_s)
    if n == 1:
        return f"1 run of {beats} anomalous beats, at {at}."
    return f"{n:,} runs of three or more anomalous beats; the longest has {beats:,}, at {at}."


def pauses(found: BeatDetections, total_s: float) -> str:
    """Return how many pauses there are, and where the longest is."""
    if not found.pauses:
        return "No pause."
    longest = max(found.pauses, key=lambda pause: pause.seconds)
    n, at = len(found.pauses), words.clock(float(found.times_s[longest.after]), total_s)
    if n == 1:
        return f"1 pause of {longest.seconds:.1f} s, at {at}."
    return f"{n:,} pauses; the longest lasts {longest.seconds:.1f} s, at {at}."


def where(found: BeatDetections, total_s: float, in_lead: NDArray[np.int64]) -> dict[str, Any]:
    """Return when anomalous beats come, and in which leads they deviate most.

    Parameters
    ----------
    in_lead : shape (n,), each beat's lead as its place among the recording's.
    """
    at = np.flatnonzero(found.anomalous)
    if not len(at):
        return {"title": "No beat is marked", "lines": []}
    lines = []
    if total_s > 180:
        each, unit = (3600.0, "hour") if total_s > 7200 else (60.0, "minute")
        counts = np.bincount((found.times_s[at] // each).astype(np.int64))
        which = int(counts.argmax())
        lines.append(f"most in {unit} {which + 1}: {counts[which]:,} of {len(at):,}")
    if len(found.leads) > 1:
        counts = np.bincount(in_lead[at], minlength=len(found.leads))
        most = [int(k) for k in np.argsort(-counts, kind="stable")[:3] if counts[k]]
        lines.append(f"deviate most in {', '.join(f'{found.leads[k]} ({counts[k]:,})' for k in most)}")
    own = int(np.count_nonzero(found.cluster[at] == 0))
    other = len(at) - own
    title = f"{other:,} of another shape, {own:,} of the dominant one"
    if not own or not other:
        title = "Of another shape than the dominant beat" if other else "Of the dominant shape"
    return {"title": title, "lines": lines}


def facts(found: BeatDetections) -> list[list[Any]]:
    """Return what there is to know of how sure it is: name, words, and whether it is a warning."""
    dominant = float((found.cluster == 0).mean()) if len(found) else 0.0
    level = "fitted to this recording" if found.recalibrated else "as validated"
    rows: list[list[Any]] = [
        ["Rate", f"{found.heart_rate:.0f} /min" if found.heart_rate else words.DASH, False],
        ["Dominant shape", f"{dominant * 100:.0f} % of beats", dominant < 0.5],
        ["Dominant beat", _dominant(found), found.dominant_unusual],
        ["Threshold", level, False],
    ]
    return rows


def _dominant(found: BeatDetections) -> str:
    if not np.isfinite(found.dominant_percentile):
        return words.DASH
    if found.dominant_percentile >= 99.95:
        return "more unusual than all normal ones"
    if found.dominant_percentile < 0.5:
        return "below percentile 1 of normal ones"
    return f"percentile {found.dominant_percentile:.0f} of normal ones"


def spoken(found: BeatDetections, total_s: float) -> str:
    """Return the verdict as a screen reader says it."""
    flagged = int(found.anomalous.sum())
    told = [found.notes[0]] if found.dominant_unusual and found.notes else []
    told.append(f"{_share(found.share_anomalous)} of {len(found):,} beats are anomalous. {_headline(flagged)}.")
    return " ".join([*told, runs(found, total_s), pauses(found, total_s)])


def provenance(found: BeatDetections) -> str:
    """Return what computed the page: model and checkpoint."""
    return f"{found.model} · {found.checkpoint[:12]}"


def working(entry: Entry, far: Progress) -> tuple[str, str]:
    """Return what is said while a recording's beats are compared: what is done, and how long it takes still."""
    minutes = entry.duration / 60
    length = f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
    if far.began is None:
        return f"Comparing the beats of {length}", "It begins when what was asked for before is done."
    doing = "Each beat is held against the patient's own dominant beat."
    if far.share <= 0.0:
        doing = "The detector is being loaded."
    elif entry.duration > LONG_S and far.share < LEARNING:
        doing = "The beats are found, and the patient's dominant beat is learnt."
    left = far.left_s()
    return f"Comparing the beats of {length}", f"{doing} About {duration(left)} left." if left is not None else doing


def replayed(player: Replay, total_s: float) -> str:
    """Return how far a replay is, and what was found in it; on the way to another place, what is done there."""

    def clock(seconds: float) -> str:
        return words.clock(seconds, max(total_s, 120.0))

    if player.goal_s is not None:
        return f"Going to {clock(player.goal_s)}: every beat on the way is scored, {clock(player.fed_s)} by now"
    at = f"{clock(player.at_s)} of {clock(total_s)}{', the end' if player.done else ''}"
    found = f"{player.anomalous:,} of {player.count:,} beats anomalous since {clock(player.learnt_s)}"
    return f"{at} · {found}, at {words.percent(player.rate)} false alarms"
