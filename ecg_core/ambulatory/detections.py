"""What a beat detector says of a recording: a score for every beat, the patient's dominant beat, runs and pauses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import ConfigError

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]

RUN_BEATS = 3
"""So many anomalous beats in a row are a run."""


@dataclass(frozen=True)
class Run:
    """Beats `start` to `stop` - 1, three or more anomalous ones in a row ("ectopic-like")."""

    start: int
    stop: int


@dataclass(frozen=True)
class Pause:
    """A pause of `seconds` after beat `after`."""

    after: int
    seconds: float


@dataclass(frozen=True)
class Origin:
    """What was judged, and by what.

    Attributes
    ----------
    record, sha256 : the record's name and the digest of its source.
    model : name in the store; checkpoint : sha256 of the weights.
    leads, fs, duration_s : of the recording.
    """

    record: str
    sha256: str
    model: str
    checkpoint: str
    leads: tuple[str, ...]
    fs: float
    duration_s: float


@dataclass(frozen=True, eq=False)
class BeatDetections(Origin):
    """A detector's verdict on every beat of one recording.

    Attributes
    ----------
    times_s : shape (n,), R peaks, seconds from the start.
    lead : per beat, the lead in which it deviates most from the dominant beat.
    rr_s : shape (n,), seconds since the beat before; NaN for the first.
    score : shape (n,), higher = more anomalous.
    percentile : shape (n,), percent of normal beats that score lower.
    parts : evidence by part, each (n,); their sum is the score.
    anomalous : shape (n,), score > threshold.
    cluster : shape (n,), 0 = the dominant beat, then by size.
    threshold : at `false_alarm_rate`.
    recalibrated : whether the threshold was moved to fit this record's own beats.
    heart_rate : beats per minute (median RR); None below two beats.
    share_anomalous : among all beats.
    dominant : shape (n_leads, w), mV, the dominant beat, from `dominant_start_s` around the R peak at `dominant_fs` Hz.
    dominant_percentile : percent of normal people's dominant beats that are less unusual.
    dominant_unusual : then the first note says so.
    second_dominant : as `dominant`, the second dominant shape, such as of a bundle branch block that comes and goes;
        None where there is none. A note says so.
    second_share : of the beats that are nearer to it, and were compared with it.
    nearer : shape (n,), 0 where a beat was compared with the dominant beat, 1 with the second dominant shape.
    runs, pauses : of beats.
    notes : plain sentences.
    seconds : time spent.
    rates, levels : shape (m,), false-alarm rates, ascending, and this record's score level at each: what `at` looks up.
    resembles : per beat, the class that it resembles in words, or None: a hint that is meant for anomalous beats alone
        (`hint` says it of those), kept of all so that another threshold needs no other. Empty without a probe.
    kinds : by these words, the probe's sensitivity and PPV on other patients ({value, low, high} each), of every class
        that can be said.
    kinds_measured_on : whose beats they were.
    """

    times_s: F64
    lead: tuple[str, ...]
    rr_s: F64
    score: F64
    percentile: F64
    parts: Mapping[str, F64]
    anomalous: NDArray[np.bool_]
    cluster: NDArray[np.int64]
    threshold: float
    false_alarm_rate: float
    recalibrated: bool
    heart_rate: float | None
    share_anomalous: float
    dominant: F32
    dominant_start_s: float
    dominant_fs: float
    dominant_percentile: float
    dominant_unusual: bool
    runs: tuple[Run, ...]
    pauses: tuple[Pause, ...]
    notes: tuple[str, ...]
    seconds: float
    rates: F64
    levels: F64
    resembles: tuple[str | None, ...] = ()
    kinds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    kinds_measured_on: str = ""
    second_dominant: F32 | None = None
    second_share: float = 0.0
    nearer: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        """Return the number of beats."""
        return len(self.times_s)

    def at(self, false_alarm_rate: float) -> BeatDetections:
        """Return the same beats, thresholded at another false-alarm rate; nothing is scored again.

        Raises
        ------
        ConfigError
            If the rate is outside what the normal beats can show.
        """
        threshold = level_at(self.rates, self.levels, false_alarm_rate)
        anomalous = self.score > threshold
        return replace(
            self,
            threshold=threshold,
            false_alarm_rate=false_alarm_rate,
            anomalous=anomalous,
            share_anomalous=float(anomalous.mean()) if len(anomalous) else 0.0,
            runs=find_runs(anomalous),
        )

    def hint(self, beat: int) -> str | None:
        """Return what an anomalous beat resembles; None of others, and where nothing is said."""
        return self.resembles[beat] if self.resembles and self.anomalous[beat] else None

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain JSON types; times in seconds of the R peak."""
        hints = [self.hint(k) for k in range(len(self))]
        columns = (self.times_s, self.lead, self.rr_s, self.score, self.percentile, self.anomalous, self.cluster, hints)
        return {
            "record": self.record,
            "leads": list(self.leads),
            "fs": self.fs,
            "heart_rate": self.heart_rate,
            "beats": [
                {
                    "time": round(float(time), 4),
                    "lead": lead,
                    "rr": None if np.isnan(rr) else round(float(rr), 4),
                    "score": round(float(score), 4),
                    "percentile": round(float(percentile), 3),
                    "anomalous": bool(anomalous),
                    "cluster": int(cluster),
                    "resembles": hint,
                }
                for time, lead, rr, score, percentile, anomalous, cluster, hint in zip(*columns, strict=True)
            ],
            "notes": list(self.notes),
            "seconds": self.seconds,
            "sha256": self.sha256,
            "model": self.model,
            "checkpoint": self.checkpoint,
            "duration_s": self.duration_s,
            "threshold": self.threshold,
            "false_alarm_rate": self.false_alarm_rate,
            "recalibrated": self.recalibrated,
            "share_anomalous": self.share_anomalous,
            "dominant_percentile": self.dominant_percentile,
            "dominant_unusual": self.dominant_unusual,
            "second_dominant": self.second_dominant is not None,
            "second_share": self.second_share,
            "runs": [vars(run) for run in self.runs],
            "pauses": [vars(pause) for pause in self.pauses],
            "kinds": {name: dict(figures) for name, figures in self.kinds.items()},
            "kinds_measured_on": self.kinds_measured_on,
        }


def level_at(rates: F64, levels: F64, false_alarm_rate: float) -> float:
    """Return the score level that this share of normal beats exceeds, between tabulated rates log-linearly.

    Raises
    ------
    ConfigError
        If the rate is outside the table.
    """
    if not rates[0] <= false_alarm_rate <= rates[-1]:
        raise ConfigError(
            f"Expected a false-alarm rate from {rates[0]:g} to {rates[-1]:g}, which the normal beats can show; "
            f"found {false_alarm_rate:g}."
        )
    return float(np.interp(np.log(false_alarm_rate), np.log(rates), levels))


def find_runs(anomalous: NDArray[np.bool_]) -> tuple[Run, ...]:
    """Return where three or more beats in a row are anomalous."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], anomalous, [False])).astype(np.int8)))
    spans = zip(edges[::2], edges[1::2], strict=True)
    return tuple(Run(int(start), int(stop)) for start, stop in spans if stop - start >= RUN_BEATS)
