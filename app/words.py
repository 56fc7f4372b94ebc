"""What the app says, in words; what the report says as well is `ecg_core.wording`'s."""

from __future__ import annotations

from collections.abc import Sequence

from ecg_core.detection import Detection
from ecg_core.wording import (
    DASH,
    INTENDED_USE,
    VALIDATED_RATE,
    Side,
    Verdict,
    is_above,
    lead_list,
    one_in,
    part,
    patient,
    percent,
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
    "DASH", "INTENDED_USE", "VALIDATED_RATE", "Side", "Verdict", "example", "expected_at", "is_above", "lead_list",
    "one_in", "part", "patient", "percent", "provenance", "quality", "recording", "seconds", "share_above", "span",
    "spoken", "territories", "verdict",
]  # fmt: skip

EXAMPLES: dict[str, tuple[str, str]] = {
    "normal-55": ("Sinus rhythm, 55 /min", "for comparison"),
    "normal-72": ("Sinus rhythm, 72 /min", "for comparison"),
    "normal-95": ("Sinus rhythm, 95 /min", "for comparison"),
    "premature-ventricular-beat": ("Premature ventricular beat", "one wide beat, early"),
    "atrial-fibrillation": ("Atrial fibrillation", "irregular, no P waves"),
    "st-elevation-anterior": ("ST elevation", "anterior leads"),
    "left-bundle-branch-block": ("Left bundle branch block", "wide QRS"),
    "low-voltage": ("Low voltage", "small waves in all leads"),
}
"""What the generator made under each name: title and one line."""


def example(name: str) -> tuple[str, str]:
    """Return an example's title and one line on it."""
    return EXAMPLES.get(name, (name.replace("-", " ").capitalize(), ""))


def printed(speed: float, gain: tuple[float, float], fs: float, filters: str, gain_by_itself: bool) -> str:
    """Return what stands at the paper's foot: "25 mm/s, 10 mm/mV, 500 Hz, no filter"."""
    limb, chest = gain
    told = f"{limb:g} mm/mV" if limb == chest else f"limb {limb:g}, chest {chest:g} mm/mV"
    if limb != chest and gain_by_itself:
        told += " (chest leads would overlap at 10)"
    shown = f"display filter {filters}" if filters else "no filter"
    return f"{speed:g} mm/s, {told}, {fs:g} Hz, {shown}"


def progress(total_s: float, title: str, share: float) -> str:
    """Return how far the scoring of a long recording is."""
    return f"Scoring {total_s / 60:.0f} min with {title}: {share * 100:.0f} %"


def clock(value: float, total_s: float) -> str:
    """Return a time of a long recording: "12:05", from an hour on "1:02:05"; under two minutes "65.0 s"."""
    if total_s < 120:
        return f"{value:.1f} s"
    whole = round(value)
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{second:02d}" if total_s >= 3600 else f"{minutes}:{second:02d}"


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
