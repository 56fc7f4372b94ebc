"""A detector of beats for tests of the app: plausible verdicts without a network, the same for the same record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import uniform_filter1d
from scipy.signal import find_peaks

from ecg_core.ambulatory.detections import BeatDetections, Pause, find_runs, level_at
from ecg_core.errors import RecordError
from ecg_core.records import Record

RATES = np.array([0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3])
LEVELS = np.array([12.0, 9.0, 7.0, 5.0, 3.5, 2.2, 1.5])
BEFORE_S, AFTER_S = 0.25, 0.45
KIND = {
    "sensitivity": {"value": 0.94, "low": 0.87, "high": 0.98},
    "ppv": {"value": 0.852, "low": 0.76, "high": 0.94},
}


@dataclass(frozen=True)
class Scored:
    """A beat as the stream returns it."""

    time_s: float
    rr_s: float
    score: float
    percentile: float
    anomalous: bool


def r_peaks(record: Record) -> np.ndarray:
    """Return R peaks of the first lead, s."""
    x = record.signal[0].astype(float)
    x -= uniform_filter1d(x, max(3, round(0.4 * record.fs)))
    size = np.abs(x)
    second = np.sort(size[: len(size) // round(record.fs) * round(record.fs)].reshape(-1, round(record.fs)).max(axis=1))
    level = 0.45 * second[len(second) // 2]
    peaks, _ = find_peaks(size, height=max(level, 0.05), distance=max(1, round(0.3 * record.fs)))
    return peaks / record.fs


class BeatDetector:
    """Same face as the real one; the score grows with the distance from the median beat and of RR from its median."""

    def __init__(self, name: str) -> None:
        self.name, self.checkpoint = name, "f" * 64

    @classmethod
    def from_store(cls, name: str = "beat-cae", store: str | Path | None = None) -> BeatDetector:
        return cls(name)

    def detect(self, record: Record, template_s: float | None = None) -> BeatDetections:
        if record.duration < 5.0:
            raise RecordError("Expected at least 5 s; choose a longer recording.")
        times = r_peaks(record)
        w = round((BEFORE_S + AFTER_S) * record.fs)
        at = np.round((times - BEFORE_S) * record.fs).astype(int)
        kept = (at >= 0) & (at + w <= record.n_samples)
        times, at = times[kept], at[kept]
        cut = np.stack([record.signal[:, a : a + w] for a in at]) if len(at) else np.zeros((0, len(record.leads), w))
        cut = cut - np.median(cut, axis=2, keepdims=True)
        dominant = np.median(cut, axis=0) if len(at) else np.zeros((len(record.leads), w))
        error = np.sqrt(np.mean((cut - dominant) ** 2, axis=2)) / max(float(np.std(dominant)), 1e-3)
        rr = np.diff(times, prepend=np.nan)
        timing = np.nan_to_num(np.abs(np.log(rr / np.nanmedian(rr)))) * 12.0 if len(times) > 1 else np.zeros(len(times))
        shape = 8.0 * error.max(axis=1, initial=0.0) if len(at) else np.zeros(0)
        score = shape + timing
        threshold = level_at(RATES, LEVELS, 0.05)
        anomalous = score > threshold
        cluster = np.where(shape > threshold, np.where(shape > 2 * threshold, 1, 2), 0).astype(np.int64)
        lead = tuple(record.leads[k] for k in error.argmax(axis=1)) if len(at) else ()
        unusual = "unusual" in record.name
        notes = ("The dominant beat is itself unlike normal beats: read its shape first.",) if unusual else ()
        kinds = np.where(cluster > 0, "ventricular ectopic", np.where(timing > 5.0, "supraventricular ectopic", ""))
        slow = np.flatnonzero(np.nan_to_num(rr) > 2.0)
        return BeatDetections(
            record=record.name,
            sha256=record.sha256,
            model=self.name,
            checkpoint=self.checkpoint,
            leads=record.leads,
            fs=record.fs,
            duration_s=record.duration,
            times_s=times,
            lead=lead,
            rr_s=rr,
            score=score,
            percentile=100 * (1 - np.exp(-score / 1.6)),
            parts={"shape": shape, "timing": timing},
            anomalous=anomalous,
            cluster=cluster,
            threshold=threshold,
            false_alarm_rate=0.05,
            recalibrated=True,
            heart_rate=float(60 / np.nanmedian(rr)) if len(times) > 1 else None,
            share_anomalous=float(anomalous.mean()) if len(times) else 0.0,
            dominant=dominant.astype(np.float32),
            dominant_start_s=-BEFORE_S,
            dominant_fs=record.fs,
            dominant_percentile=99.4 if unusual else 42.0,
            dominant_unusual=unusual,
            runs=find_runs(anomalous),
            pauses=tuple(Pause(int(k) - 1, float(rr[k])) for k in slow),
            notes=notes,
            seconds=0.1,
            rates=RATES,
            levels=LEVELS,
            resembles=tuple(kind or None for kind in kinds.tolist()),
            kinds={"ventricular ectopic": KIND, "supraventricular ectopic": {**KIND, "sensitivity": None}},
            kinds_measured_on="MIT-BIH DS2",
        )

    def detect_blocks(self, blocks: Callable[[], Iterable[Record]]) -> BeatDetections:
        parts = list(blocks())
        whole = replace(parts[0], signal=np.concatenate([part.signal for part in parts], axis=1))
        return self.detect(whole)

    network = "a network"

    def reconstruct(self, record: Record, k: int, marked: np.ndarray) -> tuple[np.ndarray, float, float]:
        start_s = max(0.0, marked[k] / 360.0 - 1.0)
        x = record.crop(start_s, min(start_s + 2.0, record.duration)).signal[0]
        return uniform_filter1d(x, 5).astype(np.float32), start_s, record.fs


class BeatStream:
    """Scores a beat a second after it, against the threshold alone."""

    def __init__(self, detector: BeatDetector, leads: tuple[str, ...], fs: float, **settings: float) -> None:
        self.detector, self.leads, self.fs = detector, leads, fs
        self.held = np.zeros((len(leads), 0), dtype=np.float32)
        self.told = 0.0

    def push(self, samples: np.ndarray) -> list[Scored]:
        self.held = np.concatenate([self.held, samples], axis=1)
        first = max(0, self.held.shape[1] - round(60 * self.fs))
        now = self.held.shape[1] / self.fs
        if self.held.shape[1] - first < 5 * self.fs:
            return []
        record = Record("held", self.held[:, first:], self.leads, self.fs, "0" * 64)
        found = self.detector.detect(record)
        new = []
        for k, time in enumerate(found.times_s + first / self.fs):
            if self.told < time <= now - 1.0:
                rr = float(found.rr_s[k])
                new.append(
                    Scored(float(time), rr, float(found.score[k]), float(found.percentile[k]), bool(found.anomalous[k]))
                )
                self.told = float(time)
        return new

    def finish(self) -> list[Scored]:
        return []
