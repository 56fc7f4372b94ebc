"""From scored beats to what is said of a recording."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from ecg_core.ambulatory.cleaning import FS
from ecg_core.ambulatory.clusters import by_size
from ecg_core.ambulatory.detections import BeatDetections, Origin, Pause, find_runs, level_at
from ecg_core.ambulatory.dominant import BEFORE
from ecg_core.ambulatory.normals import RATES
from ecg_core.ambulatory.stream import Judge, Judged
from ecg_core.ambulatory.unusual import UNUSUAL_PERCENTILE, DominantBeats

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

PAUSE_S, PAUSE_RATIO = 2.0, 1.4
"""An interval of 2 s or more is a pause where it is also this much longer than the record's median."""


def verdict(
    origin: Origin, notes: tuple[str, ...], judge: Judge, judged: Judged, rate: float, started: float
) -> BeatDetections:
    """Return everything that is said of a recording.

    Parameters
    ----------
    notes : the recording's own.
    rate : false-alarm rate.
    started : when the work began, by `time.perf_counter`.

    Raises
    ------
    ConfigError
        If normal beats cannot show the rate.
    """
    threshold = level_at(RATES, judge.levels, rate)
    anomalous = judged.score > threshold
    template = judge.patient.template
    templates = judge.patient.templates
    percentile, *others = (_percentile(judge.normals.dominant, one, origin.leads) for one in templates)
    unusual = percentile >= UNUSUAL_PERCENTILE
    share = float((judged.nearer > 0).mean())
    said = (*_about_dominant(percentile, unusual), *(_about_second(share, other) for other in others))
    intervals = np.diff(judged.at) / FS
    return BeatDetections(
        **vars(origin),
        times_s=judged.at / FS,
        lead=tuple(origin.leads[k] for k in judged.lead),
        rr_s=np.concatenate(([np.nan], intervals)),
        score=judged.score,
        percentile=judged.percentile,
        parts=judged.parts,
        anomalous=anomalous,
        cluster=by_size(judged.shape),
        resembles=judge.probe.words(judged.kind) if judge.probe else (),
        kinds=judge.probe.figures() if judge.probe else {},
        kinds_measured_on=judge.probe.measured_on if judge.probe else "",
        threshold=threshold,
        false_alarm_rate=rate,
        recalibrated=judge.recalibrated,
        heart_rate=float(60.0 / np.median(intervals)) if len(intervals) else None,
        share_anomalous=float(anomalous.mean()),
        dominant=template,
        dominant_start_s=-BEFORE / FS,
        dominant_fs=float(FS),
        dominant_percentile=percentile,
        dominant_unusual=unusual,
        runs=find_runs(anomalous),
        pauses=_pauses(intervals),
        second_dominant=templates[1] if others else None,
        second_share=share,
        nearer=judged.nearer,
        notes=(*said, *notes),
        seconds=time.perf_counter() - started,
        rates=RATES,
        levels=judge.levels,
    )


def _percentile(normal: DominantBeats | None, template: F32, leads: tuple[str, ...]) -> float:
    return normal.percentile(template, leads) if normal else float("nan")


def _pauses(intervals: F64) -> tuple[Pause, ...]:
    if not len(intervals):
        return ()
    long = (intervals >= PAUSE_S) & (intervals >= PAUSE_RATIO * np.median(intervals))
    return tuple(Pause(int(k), float(intervals[k])) for k in np.flatnonzero(long))


def _about_dominant(percentile: float, unusual: bool) -> tuple[str, ...]:
    """Return the sentence that stands before all others where most beats are themselves unlike normal ones."""
    if not unusual:
        return ()
    return (
        "The dominant beat of this recording is itself unlike normal beats "
        f"(more unusual than {min(percentile, 99.9):.1f} % of those of normal ECGs): beats like it count as usual "
        "here, so few or no anomalous beats do not mean a normal ECG.",
    )


def _about_second(share: float, percentile: float) -> str:
    """Return the sentences that tell of a second dominant shape.

    Parameters
    ----------
    share : of the beats that are nearer to it.
    percentile : of normal people's dominant beats that are less unusual than it; NaN where they were not measured.
    """
    unusual = ""
    if percentile >= UNUSUAL_PERCENTILE:
        unusual = f" It is itself unlike normal beats (more unusual than {min(percentile, 99.9):.1f} % of them)."
    return (
        f"This recording has two dominant shapes; {100.0 * share:.0f} % of the beats are nearer to the second. Each "
        f"beat is compared with the nearer one, so that beats of either count as usual here.{unusual} The second may "
        "be abnormal, for example a bundle branch block that comes and goes: look at it."
    )
