"""What is said of the kinds that beats resemble: how often it is right, and that it is a hint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ecg_core.ambulatory.detections import BeatDetections

HINT = "A hint, not a diagnosis."
HOW = (
    "Read off what the network sees, the intervals and the distance from the dominant beat by a linear probe; it has "
    "no part in the score or the verdict."
)


def figures_of(kind: Mapping[str, Any]) -> str:
    """Return a kind's sensitivity and PPV: "sensitivity 94 % (87-98), PPV 85 % (76-94)"."""
    return f"sensitivity {_percent(kind['sensitivity'])}, PPV {_percent(kind['ppv'])}"


def _percent(figure: Mapping[str, float] | None) -> str:
    if figure is None:
        return "not known"
    value, low, high = (round(100 * figure[key]) for key in ("value", "low", "high"))
    return f"{value} % ({low}-{high})"


def about(found: BeatDetections) -> str:
    """Return how often what beats resemble is right on other patients; empty where nothing can be said."""
    if not found.kinds:
        return ""
    told = "; ".join(f"{name}: {figures_of(kind)}" for name, kind in found.kinds.items())
    return (
        f"Resembles: {HINT[0].lower()}{HINT[1:]} On other patients ({found.kinds_measured_on}), of beats above the "
        f"threshold, with 95 % intervals: {told}. Of no other kind is anything said."
    )
