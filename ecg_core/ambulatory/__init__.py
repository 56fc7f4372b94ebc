"""Beat by beat: recordings of one lead or more, each beat against the patient's own dominant beat."""

from ecg_core.ambulatory.detections import BeatDetections, Pause, Run

__all__ = ["BeatDetections", "Pause", "Run"]
