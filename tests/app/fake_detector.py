"""A detector for tests of the app: plausible detections without a network, the same for the same record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ecg_core import wording
from ecg_core.beats import detect_beats
from ecg_core.calibration import Condition
from ecg_core.detection import Attention, Detection, Explanation, ScorePart, Segment, Stretch
from ecg_core.errors import CheckpointError
from ecg_core.preprocessing import preprocess
from ecg_core.quality import assess_quality
from ecg_core.records import INDEPENDENT_LEADS, LEADS, Record
from ecg_core.segments import Prepared
from ecg_core.superclasses import Resemblance
from tests.app.fake_norms import measured

N_NORMALS = 914
BIAS = {"consensus": 0.1, "measurements": 0.2, "cae": -0.3, "vae-bilstm": 0.0, "vae-bilstm-mha": 0.3}
PARTS = {
    "consensus": ("measurements", "cae", "vae-bilstm", "vae-bilstm-mha"),
    "measurements": ("density", "signs"),
}
RESEMBLES = {
    "left-bundle-branch-block": (Resemblance("CD", 0.93, 0.68, 0.71), Resemblance("MI", 0.41, 0.73, 0.7)),
    "normal-72": (Resemblance("HYP", 0.26, 0.66, 0.504),),
}
"""What some of the synthetic examples are said to resemble."""
NORMALS = np.sort(np.random.default_rng(1).gamma(4.0, 0.5, N_NORMALS)).astype(np.float32)


class AnomalyDetector:
    """Same face as the real one; the score grows with the difference of beats from their median."""

    def __init__(self, name: str) -> None:
        self.name, self.title = name, wording.TITLES[name]
        self.checkpoint = hashlib.sha256(name.encode()).hexdigest()[:12]

    @classmethod
    def from_store(cls, name: str, store: Path | None = None) -> AnomalyDetector:
        if store is not None and not (store / name).is_dir():
            raise CheckpointError(f"Expected a checkpoint {name} in {store.name}; found none; train or copy one there.")
        return cls(name)

    @property
    def operating_points(self) -> list[dict[str, float]]:
        rates = [0.005, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.15, 0.2]
        points = []
        for rate in rates:
            found = 0.35 + 0.45 * (rate / 0.2) ** 0.35
            points.append(
                {"false_alarm_rate": rate, "threshold": self.threshold(rate), "specificity": 1 - rate}
                | {"specificity_low": 1 - rate * 1.3, "specificity_high": 1 - rate * 0.7}
                | {"sensitivity": found, "sensitivity_low": found - 0.03, "sensitivity_high": found + 0.03}
            )
        return points

    @property
    def weights(self) -> dict[str, float]:
        return {
            part: 1.0 / (k + 1) for k, part in enumerate(PARTS.get(self.name, ("reconstruction", "latent", "signs")))
        }

    def threshold(self, false_alarm_rate: float = 0.05, condition: object = None) -> float:
        rank = int(np.ceil((N_NORMALS + 1) * (1 - false_alarm_rate) - 1e-9))
        return float(NORMALS[rank - 1])

    def calibration_scores(self, condition: object = None) -> np.ndarray:
        return NORMALS if condition in (None, Condition()) else 1.1 * NORMALS

    @property
    def members(self) -> tuple[str, ...]:
        return PARTS["consensus"] if self.name == "consensus" else ()

    @staticmethod
    def detect_together(
        detectors: Sequence[AnomalyDetector], blocks: Iterable[Record], false_alarm_rate: float = 0.05
    ) -> list[Detection]:
        held = list(blocks)
        whole = np.concatenate([block.signal for block in held], axis=1)
        return [detector.detect(replace(held[0], signal=whole), false_alarm_rate) for detector in detectors]

    def detect_prepared(self, records: Sequence[Prepared], false_alarm_rate: float = 0.05) -> list[Detection]:
        return [self.detect(prepared.record, false_alarm_rate) for prepared in records]

    def detect(self, record: Record, false_alarm_rate: float = 0.05, explain: bool = True) -> Detection:
        quality = assess_quality(record.signal, record.fs)
        shown = record if record.duration <= 10.0 else record.crop(0.0, 10.0)
        x = preprocess(shown.signal, shown.fs)
        beats = detect_beats(x, quality.usable_leads)
        common = {
            "record": record.name,
            "sha256": record.sha256,
            "model": self.name,
            "checkpoint": self.checkpoint,
            "false_alarm_rate": false_alarm_rate,
            "population": "PTB-XL fold 9",
            "warnings": (quality.reversal,) if quality.reversal else (),
            "notes": record.notes,
            "heart_rate": beats.heart_rate,
            "rr_sd_ms": beats.rr_sd_ms,
            "rmssd_ms": beats.rmssd_ms,
            "beats_s": tuple(float(t) for t in beats.times_s),
            "quality": dict(quality.faults),
        }
        if not quality.interpretable:
            reason = f"{len(quality.bad_leads)} leads are too noisy to score. Repeat the recording"
            return Detection(
                interpretable=False,
                reason=reason,
                score=None,
                percentile=None,
                n_normals=0,
                n_higher=None,
                threshold=None,
                anomalous=None,
                parts={},
                masked_leads=quality.bad_leads,
                explanation=None,
                **common,
            )
        explanation = self._explain(x, beats.samples, quality.bad_leads, shown.start_s)
        worst = float(np.quantile(explanation.sample_scores, 0.99))
        score = max(0.05, 2.6 * worst + BIAS.get(self.name, 0.0))
        higher = int((score <= NORMALS).sum())
        threshold = self.threshold(false_alarm_rate)
        percentile = 100.0 * (1 - higher / N_NORMALS)
        long = record.duration > 10.5
        segments = self._segments(record, score, threshold) if long else ()
        share = float(np.mean([bool(s.anomalous) for s in segments])) if segments else None
        band = ("60 to 79 years", 0.071) if record.age is not None and 60 <= record.age < 80 else None
        return Detection(
            interpretable=True,
            reason=None,
            score=score,
            percentile=None if long else percentile,
            n_normals=N_NORMALS,
            n_higher=None if long else higher,
            threshold=threshold,
            anomalous=(share or 0) > false_alarm_rate if long else score > threshold,
            parts={
                part: ScorePart(score / (k + 2), max(0.0, percentile - 1.3 + k))
                for k, part in enumerate(PARTS.get(self.name, ("reconstruction", "latent", "signs")))
            },
            masked_leads=quality.bad_leads,
            explanation=explanation,
            age_band_false_alarm_rate=band,
            segments=segments,
            anomalous_share=share,
            expected_share=0.05 if long else None,
            resembles=() if long or self.name == "measurements" else RESEMBLES.get(record.name, ()),
            **self._measured(shown),
            **common,
        )

    def _measured(self, shown: Record) -> dict[str, object]:
        return vars(measured(shown)) if self.name in PARTS else {}

    def _segments(self, record: Record, score: float, threshold: float) -> tuple[Segment, ...]:
        starts = np.arange(0.0, record.duration - 9.99, 5.0)
        scores = [max(0.05, score * (0.5 + 0.5 * np.cos(k))) for k in range(len(starts))]
        return tuple(
            Segment(float(a), float(a) + 10.0, float(s), None, bool(s > threshold))
            for a, s in zip(starts, scores, strict=True)
        )

    def _explain(self, x: np.ndarray, peaks: np.ndarray, bad: tuple[str, ...], start_s: float) -> Explanation:
        n = x.shape[1]
        made = np.zeros_like(x)
        cuts = [(p - 35, p + 55) for p in peaks if p - 35 >= 0 and p + 55 <= n]
        if len(cuts) > 2:
            beat = np.median(np.stack([x[:, a:b] for a, b in cuts]), axis=0)
            window = np.hanning(90)
            for a, b in cuts:
                made[:, a:b] += beat * np.minimum(1.0, 2.5 * window)
        made *= 0.94 + 0.05 * BIAS.get(self.name, 0.0)
        sd = np.full_like(x, 0.05) + 0.05 * np.abs(made)
        error = ((x - made) / sd) ** 2 / 3.0
        smooth = np.stack([np.convolve(row, np.ones(20) / 20, "same") for row in error])
        usable = np.array([lead not in bad for lead in LEADS])
        trace = np.log1p(smooth[usable].mean(axis=0)).astype(np.float32) / 2.4
        smooth[~usable] = np.nan
        scores = {lead: float(smooth[i].mean()) if usable[i] else None for i, lead in enumerate(LEADS)}
        return Explanation(
            start_s=start_s,
            fs=100.0,
            leads=LEADS,
            signal=x,
            reconstruction=made.astype(np.float32),
            reconstruction_sd=sd.astype(np.float32),
            error=smooth.astype(np.float32),
            sample_scores=trace,
            stretches=self._stretches(trace, np.nan_to_num(smooth), start_s),
            lead_scores=scores,
            **(self._of_every_beat(peaks, start_s) if self.name in PARTS else {}),
        )

    def _of_every_beat(self, peaks: np.ndarray, start_s: float) -> dict[str, object]:
        rr = np.diff(peaks) / 100
        usual = float(np.median(rr)) if len(rr) else 1.0
        early = tuple(start_s + float(peaks[k + 1]) / 100 for k in np.flatnonzero(rr < 0.8 * usual))
        missing = tuple(start_s + float(peaks[k]) / 100 + usual for k in np.flatnonzero(rr > 1.6 * usual))
        told = "Every beat is most unusual in V2, V3: anterior leads."
        return {"territory": told, "early_s": early, "missing_s": missing}

    def _stretches(self, trace: np.ndarray, error: np.ndarray, start_s: float) -> tuple[Stretch, ...]:
        above = np.flatnonzero(np.diff(np.concatenate([[0], (trace > 1).astype(int), [0]])))
        found = []
        for a, b in zip(above[::2], above[1::2], strict=True):
            share = error[:, a:b].mean(axis=1)
            order = [LEADS[i] for i in np.argsort(-share) if share[i] > 0.4 * share.max()]
            found.append(Stretch(start_s + a / 100, start_s + b / 100, float(trace[a:b].max()), tuple(order)))
        return tuple(sorted(found, key=lambda s: -s.peak))

    def attention(self, record: Record, start_s: float = 0.0) -> Attention:
        x = preprocess(record.crop(start_s, min(start_s + 10, record.duration)).signal, record.fs)
        x = x[[LEADS.index(lead) for lead in INDEPENDENT_LEADS]]
        tokens = x.shape[1] // 10
        energy = np.abs(np.diff(x, axis=1))[:, : tokens * 10 - 1]
        energy = np.pad(energy, ((0, 0), (0, 1))).reshape(8, tokens, 10).mean(axis=2) + 1e-3
        time = energy.sum(axis=0)
        return Attention(
            INDEPENDENT_LEADS,
            (energy / energy.sum(axis=0)).astype(np.float32),
            (time / time.sum()).astype(np.float32),
            0.1,
        )
