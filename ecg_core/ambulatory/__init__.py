"""Beat by beat: recordings of one lead or more, each beat against the patient's own dominant beat.

What needs torch is imported when it is first asked for: results and their export do without.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ecg_core.ambulatory.annotations import annotation_bytes
from ecg_core.ambulatory.detections import BeatDetections, Pause, Run

if TYPE_CHECKING:
    from ecg_core.ambulatory.detector import BeatDetector, detect_beats
    from ecg_core.ambulatory.stream import BeatStream, ScoredBeat

_LATER = {"BeatDetector": "detector", "detect_beats": "detector", "BeatStream": "stream", "ScoredBeat": "stream"}

__all__ = [
    "BeatDetections",
    "BeatDetector",
    "BeatStream",
    "Pause",
    "Run",
    "ScoredBeat",
    "annotation_bytes",
    "detect_beats",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"ecg_core.ambulatory.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
