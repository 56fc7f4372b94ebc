"""What a checkpoint is given: at most 10 s, preprocessed, with its quality and heartbeats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ecg_core.beats import Beats, detect_beats
from ecg_core.calibration import FULL_S, SHORTEST_S, Condition, condition_for
from ecg_core.detection import Explanation
from ecg_core.errors import RecordError
from ecg_core.measurements import Measurements, measure_prepared
from ecg_core.measurements.pacing import has_spikes
from ecg_core.preprocessing import MODEL_FS, preprocess
from ecg_core.quality import Quality, assess_with_beats
from ecg_core.records import INDEPENDENT_LEADS, LEADS, Record, eight_from_twelve, twelve_from_eight, twelve_leads
from ecg_core.scoring import Inputs, beat_phase, inputs_of

F32 = NDArray[np.float32]

STRIDE_S = 5.0
MIN_BEATS = 2
SEGMENT_TOLERANCE_S = 0.5
"""A record up to half a second over 10 s is one segment; longer ones are several."""


@dataclass(frozen=True)
class SegmentScore:
    """What a checkpoint says of a segment.

    Attributes
    ----------
    parts : of its score, on their own scales.
    explain : its maps, if any, on demand.
    latent : (n_features,), what a probe reads; None of a checkpoint without a network.
    """

    parts: dict[str, float]
    explain: Callable[[], Explanation | None]
    latent: F32 | None = None


@dataclass(frozen=True, eq=False)
class SegmentInput:
    """One segment of a record, ready for every checkpoint: what they share is worked out once.

    Attributes
    ----------
    x : (12, n), mV at 100 Hz.
    usable : (8,), independent leads that are not masked.
    start_s : seconds from the record's start.
    reason : why it cannot be scored; None where it can.
    recorded : the stretch as recorded, in which pacemaker spikes are looked for; None where it is not at hand.
    scored : what it was scored with, by the weights' sha256.
    """

    x: F32
    usable: NDArray[np.bool_]
    quality: Quality
    beats: Beats
    start_s: float
    reason: str | None
    recorded: Record | None = None
    scored: dict[str, SegmentScore] = field(default_factory=dict, repr=False)

    @cached_property
    def measurements(self) -> Measurements:
        """What a cardiologist measures of it."""
        usable = tuple(lead for lead, ok in zip(INDEPENDENT_LEADS, self.usable, strict=True) if ok)
        recorded = self.recorded
        paced = recorded is not None and has_spikes(recorded.signal, recorded.fs, self.beats.times_s)
        return measure_prepared(self.x, self.beats, usable, paced)

    @cached_property
    def inputs(self) -> Inputs:
        """What the networks are given of it, a batch of one."""
        phase = beat_phase(self.beats.samples, self.x.shape[-1])
        return inputs_of(self.eight[None], self.usable[None], phase[None])

    @property
    def eight(self) -> F32:
        """The independent leads, (8, n)."""
        return eight_from_twelve(self.x)

    @property
    def stop_s(self) -> float:
        """Seconds from the record's start."""
        return self.start_s + self.x.shape[-1] / MODEL_FS

    def shorten(self, n_samples: int) -> SegmentInput:
        """Return the first `n_samples`."""
        kept = self.beats.samples < n_samples
        shifts = self.beats.shifts[kept] if len(self.beats.shifts) == len(kept) else self.beats.shifts
        beats = Beats(self.beats.samples[kept], self.beats.leads, self.beats.fs, shifts)
        return replace(self, x=np.ascontiguousarray(self.x[:, :n_samples]), beats=beats, scored={})


def usable_leads(bad_leads: Iterable[str]) -> NDArray[np.bool_]:
    """Return which of the eight independent leads are not bad, (8,)."""
    bad = set(bad_leads)
    return np.array([lead not in bad for lead in INDEPENDENT_LEADS])


def masked_indices(usable: NDArray[np.bool_]) -> tuple[int, ...]:
    """Return the indices of masked leads among the eight, ascending: the key of a calibration condition."""
    return tuple(int(k) for k in np.flatnonzero(~usable))


def beats_of_eight(x: F32, usable: NDArray[np.bool_]) -> Beats:
    """Return the heartbeats of prepared leads, (8, n); the other four are derived when I and II are usable."""
    good = {lead for lead, ok in zip(INDEPENDENT_LEADS, usable, strict=True) if ok}
    if usable[0] and usable[1]:
        good |= set(LEADS[2:6])
    return detect_beats(twelve_from_eight(x), tuple(lead for lead in LEADS if lead in good))


def prepare_segment(record: Record) -> SegmentInput:
    """Preprocess a stretch of at most 10 s of a twelve-lead record and look at its quality.

    Parameters
    ----------
    record : the twelve leads in report order.
    """
    x = preprocess(record.signal, record.fs)
    quality, beats = assess_with_beats(record.signal, record.fs, x)
    usable = usable_leads(quality.bad_leads)
    reason = None
    if not quality.interpretable:
        reason = f"Not interpretable. {quality.words()} Repeat the recording."
    elif len(beats.samples) < MIN_BEATS:
        reason = "Not interpretable. No heartbeats were found in lead II or the chest leads. Repeat the recording."
    return SegmentInput(x, usable, quality, beats, record.start_s, reason, record)


def segment_of_eight(x: F32, usable: NDArray[np.bool_]) -> SegmentInput:
    """Return prepared leads as a segment, as training and evaluation hold them.

    Parameters
    ----------
    x : (8, n), mV at 100 Hz.
    usable : (8,), independent leads that are not masked.
    """
    faults: dict[str, tuple[str, ...]] = {
        lead: ("left out",) for lead, ok in zip(INDEPENDENT_LEADS, usable, strict=True) if not ok
    }
    return SegmentInput(twelve_from_eight(x), usable, Quality(faults), beats_of_eight(x, usable), 0.0, None)


@dataclass(frozen=True)
class Prepared:
    """A record with everything that is the same for every model: worked out once, scored by each.

    Attributes
    ----------
    record : the twelve leads in report order.
    duration : seconds.
    segment : what the networks are given; None for a record of several segments.
    condition : what normals it is compared with; None where it cannot be scored, or has several segments.
    reason : why it is not interpretable; None where it is.
    """

    record: Record
    duration: float
    segment: SegmentInput | None
    condition: Condition | None
    reason: str | None


def prepare_record(record: Record) -> Prepared:
    """Preprocess a record and look at its quality, up to what the models differ in.

    Raises
    ------
    RecordError
        If leads are missing or the record is shorter than 5 s.
    """
    record = twelve_leads(record)
    duration = round(record.n_samples * MODEL_FS / record.fs) / MODEL_FS
    if duration < SHORTEST_S:
        raise RecordError(
            f"Expected at least {SHORTEST_S:g} s of ECG; {record.name} has {duration:.1f} s; record longer."
        )
    if duration >= FULL_S + SEGMENT_TOLERANCE_S:
        return Prepared(record, duration, None, None, None)
    segment = prepare_segment(record.crop(0.0, min(duration, FULL_S)))
    if segment.reason:
        return Prepared(record, duration, segment, None, segment.reason)
    try:
        condition = condition_for(duration, masked_indices(segment.usable))
    except RecordError as error:  # short, and too many leads masked for its length
        return Prepared(record, duration, segment, None, f"Not interpretable. {error}")
    return Prepared(record, duration, segment.shorten(round(condition.duration_s * MODEL_FS)), condition, None)


def cut_segments(blocks: Iterable[Record]) -> Iterator[SegmentInput]:
    """Yield overlapping 10 s segments, 5 s apart, of a recording that arrives in twelve-lead blocks.

    The last segment ends with the recording. Memory holds one block and the 10 s before it.
    """
    held: Record | None = None
    for block in blocks:
        held = block if held is None else _append(held, block)
        while held.duration >= FULL_S + STRIDE_S:
            yield prepare_segment(held.crop(0.0, FULL_S))
            held = held.crop(STRIDE_S, held.duration)
    if held is None:
        return
    if held.duration >= FULL_S:
        yield prepare_segment(held.crop(0.0, FULL_S))
        if held.duration > FULL_S + 0.5:
            yield prepare_segment(held.crop(held.duration - FULL_S, held.duration))


def _append(held: Record, block: Record) -> Record:
    signal = np.concatenate([held.signal, block.signal], axis=1)
    return Record(held.name, signal, held.leads, held.fs, held.sha256, held.notes, held.age, held.sex, held.start_s)
