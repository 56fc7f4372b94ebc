"""The detector: one record in, one Detection out, by the same path everywhere."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.calibration import FULL_S, Condition, NormalScores, combine
from ecg_core.checkpoints import Checkpoint, default_store, load_checkpoint
from ecg_core.checkpoints.base import condition_of
from ecg_core.detection import Attention, Detection, ScorePart
from ecg_core.errors import CheckpointError, RecordError
from ecg_core.long_recording import LongVerdict
from ecg_core.records import LEADS, Record, twelve_leads
from ecg_core.scoring import usable_in_map
from ecg_core.segments import (
    Prepared,
    SegmentInput,
    SegmentScore,
    cut_segments,
    prepare_record,
    prepare_segment,
    segment_of_eight,
    usable_leads,
)
from ecg_core.store import default_model

F32 = NDArray[np.float32]

VALIDATED_RATE = 0.05

BATCH = 4
"""Records that go through the network together. At this size a record takes the least time, and the convolutions
still add up in the order in which they do for one record alone: its score is the same in any company."""


@dataclass(frozen=True)
class ScoredBatch:
    """Scores of prepared arrays: `score` (n,), and the evidence of each part by name, (n,)."""

    score: NDArray[np.float64]
    parts: dict[str, NDArray[np.float64]]


class AnomalyDetector:
    """A checkpoint, ready to judge records.

    Parameters
    ----------
    checkpoint : what `ecg_core.checkpoints.load_checkpoint` returned.

    Attributes
    ----------
    name, title : in the store, and for people.
    checkpoint : first 12 hex digits of the weights' sha256.
    config : everything in config.json.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint
        self.config = checkpoint.config
        self.name = checkpoint.config.name
        self.title = checkpoint.config.title
        self.checkpoint = checkpoint.config.weights_sha256[:12]

    @classmethod
    def from_store(cls, name: str | None = None, store: str | Path | None = None) -> AnomalyDetector:
        """Load a model by its name in a store: the consensus and the shipped store unless told otherwise.

        Raises
        ------
        CheckpointError
            If it is missing, damaged, foreign or newer.
        """
        folder = Path(store) if store else default_store()
        name = default_model(folder) if name is None else name
        if not name or Path(name).name != name:
            raise CheckpointError(f"Expected the name of a checkpoint in {folder}; found {name!r}.")
        return cls(load_checkpoint(folder / name))

    @property
    def operating_points(self) -> tuple[dict[str, Any], ...]:
        """Sensitivity and specificity on fold 10, with intervals, over a range of false-alarm rates."""
        return self.config.operating_points

    @property
    def has_attention(self) -> bool:
        """Whether `attention` has weights to return."""
        return self._checkpoint.has_attention

    @property
    def members(self) -> tuple[str, ...]:
        """Names in the store of the detectors that it is made of; none but for the consensus."""
        return tuple(self.config.architecture.get("members", ()))

    @property
    def weights(self) -> dict[str, float]:
        """By how much each part's evidence counts in the score."""
        return dict(self.config.scoring.weights)

    def threshold(self, false_alarm_rate: float = VALIDATED_RATE, condition: Condition | None = None) -> float:
        """Return the record score above which a record is anomalous at this false-alarm rate.

        Parameters
        ----------
        condition : masked leads and length; a complete 10 s record if None.

        Raises
        ------
        ConfigError
            If the calibration normals cannot show so small a rate.
        """
        return self._checkpoint.table(condition or Condition()).threshold(false_alarm_rate)

    def calibration_scores(self, condition: Condition | None = None) -> F32:
        """Return the record scores of the calibration normals, ascending: what the percentile is of.

        Parameters
        ----------
        condition : masked leads and length; a complete 10 s record if None.
        """
        return self._checkpoint.table(condition or Condition()).score

    def detect(self, record: Record, false_alarm_rate: float = VALIDATED_RATE, *, explain: bool = True) -> Detection:
        """Judge one record.

        Parameters
        ----------
        record : at least the eight independent leads, 5 s or longer.
        false_alarm_rate : share of normal ECGs that may exceed the threshold.
        explain : whether to draw the maps (`Detection.explanation`).

        Raises
        ------
        RecordError
            If leads are missing or the record is shorter than 5 s.
        ConfigError
            If the normals cannot show so small a false-alarm rate.
        """
        started = time.perf_counter()
        (detection,) = self.detect_prepared([prepare_record(record)], false_alarm_rate, explain=explain)
        return replace(detection, seconds=time.perf_counter() - started)

    def detect_prepared(
        self, records: Sequence[Prepared], false_alarm_rate: float = VALIDATED_RATE, *, explain: bool = True
    ) -> list[Detection]:
        """Judge several records; the verdicts are those of `detect`, and each costs less.

        Parameters
        ----------
        records : from `ecg_core.segments.prepare_record`, which every model can share.

        Raises
        ------
        ConfigError
            If the normals cannot show so small a false-alarm rate.
        """
        found: dict[int, Detection] = {}
        by_length: dict[float, list[int]] = {}
        for k, prepared in enumerate(records):
            if prepared.segment is None:
                (found[k],) = self.detect_together([self], [prepared.record], false_alarm_rate, explain=explain)
            elif prepared.condition is None:
                found[k] = self._blank(prepared, false_alarm_rate)
            else:
                by_length.setdefault(prepared.condition.duration_s, []).append(k)
        for alike in by_length.values():
            for lo in range(0, len(alike), BATCH):
                rows = alike[lo : lo + BATCH]
                judged = self._detect_batch([records[k] for k in rows], false_alarm_rate, explain)
                found.update(zip(rows, judged, strict=True))
        return [found[k] for k in range(len(records))]

    def detect_blocks(self, blocks: Iterable[Record], false_alarm_rate: float = VALIDATED_RATE) -> Detection:
        """Judge a long recording that arrives in blocks (`ecg_core.readers.read_blocks`), in flat memory.

        Raises
        ------
        RecordError
            If leads are missing or there is nothing of 10 s in it.
        """
        (detection,) = self.detect_together([self], blocks, false_alarm_rate)
        return detection

    @staticmethod
    def detect_together(
        detectors: Sequence[AnomalyDetector],
        blocks: Iterable[Record],
        false_alarm_rate: float = VALIDATED_RATE,
        *,
        explain: bool = True,
    ) -> list[Detection]:
        """Judge a long recording by several detectors in one pass; the verdicts are those of each alone.

        It is read once, each segment prepared once, and seen once by a network that several of them share, as the
        consensus and its members do.

        Parameters
        ----------
        detectors : in the order in which their verdicts are returned.
        blocks : as `detect_blocks` takes them; a whole recording is one.

        Raises
        ------
        RecordError
            If leads are missing or there is nothing of 10 s in it.
        ConfigError
            If a detector's normals cannot show so small a false-alarm rate.
        """
        started = time.perf_counter()
        twelve = (twelve_leads(block) for block in blocks)
        first = next(twelve, None)
        if first is None:
            raise RecordError("Expected a recording with samples; found none; choose another file.")
        verdicts = [(detector, LongVerdict()) for detector in detectors]
        for batch in _batched(cut_segments(itertools.chain([first], twelve)), BATCH):
            for detector, verdict in verdicts:
                detector._add_segments(verdict, batch, first, false_alarm_rate, explain)
        whole = Prepared(first, first.duration, None, None, None)
        found = [
            verdict.detection(detector._blank(whole, false_alarm_rate), false_alarm_rate)
            for detector, verdict in verdicts
        ]
        seconds = (time.perf_counter() - started) / len(found)
        return [replace(detection, seconds=seconds) for detection in found]

    def attention(self, record: Record, start_s: float = 0.0) -> Attention:
        """Return the attention weights over the 10 s (or less) that begin at `start_s`.

        Raises
        ------
        CheckpointError
            If the model has no attention.
        """
        record = twelve_leads(record)
        segment = prepare_segment(record.crop(start_s, min(start_s + FULL_S, record.duration)))
        found = self._checkpoint.attention(segment)
        if found is None:
            raise CheckpointError(f"{self.title} has no attention; choose VAE-BiLSTM-MHA.")
        return found

    def score_prepared(self, x: F32, bad_leads: list[tuple[str, ...]] | None = None) -> ScoredBatch:
        """Score prepared arrays, as training and evaluation hold them, by the path of `detect`.

        Parameters
        ----------
        x : (n, 8, n_samples), mV at 100 Hz; 10 s, or a length that was calibrated.
        bad_leads : leads to mask, per record. Whether a record is interpretable is the caller's to know: one with more
            than four masked leads is refused.
        """
        names = bad_leads or [()] * len(x)
        scores: list[float] = []
        parts: list[dict[str, float]] = []
        for lo in range(0, len(x), BATCH):
            rows = range(lo, min(lo + BATCH, len(x)))
            segments = [segment_of_eight(np.ascontiguousarray(x[k]), usable_leads(names[k])) for k in rows]
            for segment, found in zip(segments, self._checkpoint.score(segments), strict=True):
                evidence = self._checkpoint.table(condition_of(segment)).evidence(found.parts)
                parts.append({name: float(value) for name, value in evidence.items()})
                scores.append(float(combine(evidence, self.config.scoring.weights)))
        by_part = {name: np.array([one[name] for one in parts]) for name in self.config.scoring.weights}
        return ScoredBatch(np.array(scores), by_part)

    def _evidence(self, table: NormalScores, found: SegmentScore) -> tuple[float, dict[str, ScorePart]]:
        """Return the record score and its parts as shown."""
        evidence = table.evidence(found.parts)
        shown = {
            name: ScorePart(
                float(evidence[name]), 100.0 * float(np.searchsorted(normals, np.float32(found.parts[name]))) / table.n
            )
            for name, normals in ((name, table.parts[name]) for name in self.config.scoring.weights)
        }
        return float(combine(evidence, self.config.scoring.weights)), shown

    def _detect_batch(self, records: list[Prepared], rate: float, explain_it: bool) -> list[Detection]:
        """Judge at most `BATCH` records of one length."""
        started = time.perf_counter()
        found = self._checkpoint.score([r.segment for r in records if r.segment is not None])
        judged = [self._judge(r, one, rate, explain_it) for r, one in zip(records, found, strict=True)]
        seconds = (time.perf_counter() - started) / len(records)
        return [replace(detection, seconds=seconds) for detection in judged]

    def _judge(self, prepared: Prepared, found: SegmentScore, rate: float, explain_it: bool) -> Detection:
        """Return the verdict on a scored record."""
        assert prepared.segment is not None
        assert prepared.condition is not None
        score, shown = self._evidence(table := self._checkpoint.table(prepared.condition), found)
        threshold = table.threshold(rate)
        blank = self._blank(prepared, rate)
        measured = self._checkpoint.measure(prepared.segment, prepared.record)
        return replace(
            blank,
            score=score,
            percentile=table.percentile(score),
            n_normals=table.n,
            n_higher=table.n_higher(score),
            threshold=threshold,
            anomalous=score > threshold,
            parts=shown,
            notes=(*blank.notes, *_length_notes(prepared.duration, prepared.condition)),
            explanation=found.explain() if explain_it else None,
            measurements=measured.measurements if measured else None,
            reasons=measured.reasons if measured else (),
            norms=measured.norms if measured else None,
            resembles=self._checkpoint.resembles(found) if prepared.condition.duration_s == FULL_S else (),
        )

    def _add_segments(
        self, verdict: LongVerdict, batch: list[SegmentInput], record: Record, rate: float, explain_it: bool
    ) -> None:
        """Score at most `BATCH` segments of a long recording, of which `record` is the beginning."""
        scored = [segment for segment in batch if not segment.reason]
        found = iter(self._checkpoint.score(scored) if scored else ())
        for segment in batch:
            if segment.reason:
                verdict.add(segment)
                continue
            one = next(found)
            table = self._checkpoint.table(condition_of(segment))
            score, shown = self._evidence(table, one)
            if verdict.add(segment, score, table.percentile(score), score > table.threshold(rate)):
                verdict.parts = shown
                verdict.measured = self._checkpoint.measure(segment, record)
                if explain_it:
                    verdict.explanation = one.explain()

    def _blank(self, prepared: Prepared, rate: float) -> Detection:
        """Return a Detection with all that is known before a score: not interpretable if it stays so."""
        record, segment = prepared.record, prepared.segment
        calibration = self.config.calibration
        beats = segment.beats if segment else None
        masked = segment.quality.bad_leads if segment else ()
        return Detection(
            record=record.name,
            sha256=record.sha256,
            model=self.name,
            checkpoint=self.checkpoint,
            interpretable=prepared.condition is not None,
            reason=prepared.reason,
            score=None,
            percentile=None,
            n_normals=calibration.n_normals,
            n_higher=None,
            threshold=None,
            false_alarm_rate=rate,
            anomalous=None,
            parts={},
            population=calibration.population,
            masked_leads=masked,
            warnings=(segment.quality.reversal,) if segment and segment.quality.reversal else (),
            notes=(*record.notes, *(_masked_notes(segment) if segment else ())),
            heart_rate=beats.heart_rate if beats else None,
            rr_sd_ms=beats.rr_sd_ms if beats else None,
            rmssd_ms=beats.rmssd_ms if beats else None,
            beats_s=tuple(float(t) for t in beats.times_s) if beats else (),
            explanation=None,
            age_band_false_alarm_rate=self._age_band(record.age),
            quality=dict(segment.quality.faults) if segment else {},
        )

    def _age_band(self, age: float | None) -> tuple[str, float] | None:
        """Return the record's age band and the false-alarm rate measured in it at the validated threshold."""
        if age is None:
            return None
        for band in self.config.metrics.get("age_bands", ()):
            if band["from"] <= age < band["to"]:
                return str(band["name"]), float(band["false_alarm_rate"])
        return None


def _batched(segments: Iterator[SegmentInput], size: int) -> Iterator[list[SegmentInput]]:
    while batch := list(itertools.islice(segments, size)):
        yield batch


def _masked_notes(segment: SegmentInput) -> tuple[str, ...]:
    faults = segment.quality.faults
    if not faults or segment.reason:
        return ()
    named = [f"{lead} ({', '.join(words)})" for lead, words in faults.items()]
    notes = [f"Left out of the score: {', '.join(named)}."]
    derived = [
        lead for lead, ok in zip(LEADS, usable_in_map(segment.usable), strict=True) if not ok and lead not in faults
    ]
    if derived:
        notes.append(f"Left out of the maps: {', '.join(derived)}, which are derived from leads left out.")
    if not segment.usable.all():
        notes.append("Compared with normal ECGs that lack the same leads.")
    return tuple(notes)


def _length_notes(duration: float, condition: Condition) -> tuple[str, ...]:
    notes = []
    if duration > condition.duration_s:
        notes.append(f"Scored on the first {condition.duration_s:g} s of {duration:g} s.")
    if condition.duration_s < FULL_S:
        notes.append(f"Compared with normal ECGs of {condition.duration_s:g} s.")
    return tuple(notes)
