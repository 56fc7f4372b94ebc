"""What a detector says of a record: the Detection, and how it reads as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ecg_core.measurements import Measurements
    from ecg_core.measurements.norms import Norms
    from ecg_core.measurements.reasons import Reason
    from ecg_core.superclasses import Resemblance

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Measured:
    """What was measured of a record, what of it is most unusual for the record's sex and age, and who is normal."""

    measurements: Measurements
    reasons: tuple[Reason, ...]
    norms: Norms


@dataclass(frozen=True)
class ScorePart:
    """One of the parts of a record's score.

    Attributes
    ----------
    value : its evidence, -log of the share of normals above it (higher = more anomalous).
    percentile : share of calibration normals below it, in percent.
    """

    value: float
    percentile: float


@dataclass(frozen=True)
class Stretch:
    """A run of time in which the score trace is above the mark level.

    Attributes
    ----------
    start_s, stop_s : seconds from the record's start.
    peak : highest score in it, in units of the mark level (1 = the level).
    leads : the leads that carry it, strongest first.
    """

    start_s: float
    stop_s: float
    peak: float
    leads: tuple[str, ...]


@dataclass(frozen=True)
class Segment:
    """One 10 s segment of a long recording: its place, score and verdict."""

    start_s: float
    stop_s: float
    score: float | None
    percentile: float | None
    anomalous: bool | None


@dataclass(frozen=True)
class Explanation:
    """Where a segment is unusual, at 100 Hz over the 10 s on view (arrays the app draws).

    Attributes
    ----------
    start_s : where the arrays begin, seconds from the record's start.
    fs : 100 Hz.
    leads : row names of the arrays, the twelve in report order.
    signal : shape (12, n), mV: the record as the model sees it (0.5-40 Hz).
    reconstruction : shape (12, n), mV: restored from what surrounds each 0.48 s block.
    reconstruction_sd : shape (12, n), mV: the model's standard deviation, or the normals' error
        at that lead and phase of the beat where a model has no variance.
    error : shape (12, n): squared error in units of the normals' at that lead and phase of the beat;
        NaN in leads left out.
    sample_scores : shape (n,): the trace, the root of the 50 ms mean of `error` in the highest lead, in units of the
        mark level (1 = a stretch is marked).
    stretches : strongest first.
    lead_scores : mean error per lead, None for leads left out.
    mark_level : the 50 ms mean of `error` at which a stretch is marked; `sample_scores` is the root of its multiples.
    territory : of the expected ECG, the leads that are unusual in every beat, in words; empty of an autoencoder.
    early_s, missing_s : of the expected ECG, beats that come early, and where a beat was due and none came, seconds
        from the record's start.
    """

    start_s: float
    fs: float
    leads: tuple[str, ...]
    signal: FloatArray
    reconstruction: FloatArray
    reconstruction_sd: FloatArray
    error: FloatArray
    sample_scores: FloatArray
    stretches: tuple[Stretch, ...]
    lead_scores: dict[str, float | None]
    mark_level: float = 1.0
    territory: str = ""
    early_s: tuple[float, ...] = ()
    missing_s: tuple[float, ...] = ()


@dataclass(frozen=True)
class Attention:
    """Weights of the attention layers of VAE-BiLSTM-MHA, averaged over heads.

    Attributes
    ----------
    leads : names of the eight leads the network reads.
    lead_weights : shape (8, n_tokens): attention each lead receives at each token; sums to 1 over leads.
    time_weights : shape (n_tokens,): attention each token receives from all; sums to 1.
    token_s : duration of a token in seconds.
    """

    leads: tuple[str, ...]
    lead_weights: FloatArray
    time_weights: FloatArray
    token_s: float


@dataclass(frozen=True)
class Detection:
    """A detector's verdict on one record.

    Attributes
    ----------
    record, sha256 : the record's name and the digest of its source.
    model : name in the store; checkpoint : first 12 hex digits of the weights' sha256.
    interpretable : False when quality forbids a score; `reason` then says why and every score is None.
    score : the record score, the sum of the parts' -log survival probabilities (higher = more anomalous).
    percentile : percent of calibration normals that score lower; None for records over 10 s and not interpretable.
    n_normals : how many calibration normals (masked or cropped alike) the percentile rests on.
    n_higher : how many of them score at least as high: 0 reads "higher than all n_normals normal ECGs".
    threshold : the score above which a record is anomalous at `false_alarm_rate`.
    anomalous : score > threshold; None when not interpretable. For long recordings: whether the share of
        anomalous segments is more than a normal record would show.
    parts : "reconstruction" and "latent" of an autoencoder, "density" and "signs" of the measurements; of the consensus
        the detectors that it is made of, by name.
    population : who the normals were, in words.
    age_band_false_alarm_rate : measured share of normals of the record's age band above the threshold, with
        words for the band; None where age is unknown.
    masked_leads : leads left out of score and maps.
    warnings : said first in the verdict (suspected lead reversal).
    heart_rate : beats per minute, None where fewer than two beats were found.
    rr_sd_ms, rmssd_ms : RR variability in ms.
    beats_s : R peaks, seconds from the record's start.
    explanation : maps of the record, or of its strongest segment.
    segments : for records longer than 10 s, else empty.
    anomalous_share, expected_share : share of segments above the threshold, and of a normal record's.
    seconds : time spent from record to verdict.
    measurements : what a cardiologist measures, of the record or of a long one's strongest segment; None of a detector
        that does not measure, or where nothing was scored.
    reasons : the most unusual of the measurements in words, the most telling first.
    norms : the normals that the measurements are held against.
    resembles : classes of disease that an ECG of 10 s resembles, the likeliest first: a hint beside the verdict, which
        does not rest on it. Empty where the detector has no probe, none is reached, or nothing was scored.
    """

    record: str
    sha256: str
    model: str
    checkpoint: str
    interpretable: bool
    reason: str | None
    score: float | None
    percentile: float | None
    n_normals: int
    n_higher: int | None
    threshold: float | None
    false_alarm_rate: float
    anomalous: bool | None
    parts: dict[str, ScorePart]
    population: str
    masked_leads: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    heart_rate: float | None
    rr_sd_ms: float | None
    rmssd_ms: float | None
    beats_s: tuple[float, ...]
    explanation: Explanation | None
    age_band_false_alarm_rate: tuple[str, float] | None = None
    segments: tuple[Segment, ...] = ()
    anomalous_share: float | None = None
    expected_share: float | None = None
    seconds: float = 0.0
    quality: dict[str, tuple[str, ...]] = field(default_factory=dict)
    measurements: Measurements | None = None
    reasons: tuple[Reason, ...] = ()
    norms: Norms | None = None
    resembles: tuple[Resemblance, ...] = ()

    @property
    def lead_scores(self) -> dict[str, float | None]:
        """Mean error per lead in units of the normals'; None for leads left out."""
        return self.explanation.lead_scores if self.explanation else {}

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain JSON types, without the arrays."""
        return {
            "record": self.record,
            "model": self.model,
            "score": self.score,
            "percentile": self.percentile,
            "threshold": self.threshold,
            "anomalous": self.anomalous,
            "interpretable": self.interpretable,
            "heart_rate": self.heart_rate,
            "lead_scores": self.lead_scores,
            "parts": {name: {"value": p.value, "percentile": p.percentile} for name, p in self.parts.items()},
            "masked_leads": list(self.masked_leads),
            "quality": {lead: list(faults) for lead, faults in self.quality.items()},
            "notes": [n for n in (self.reason, *self.warnings, *self.notes) if n],
            "seconds": self.seconds,
            "sha256": self.sha256,
            "checkpoint": self.checkpoint,
            "false_alarm_rate": self.false_alarm_rate,
            "n_normals": self.n_normals,
            "anomalous_share": self.anomalous_share,
            "expected_share": self.expected_share,
            "measurements": self.measurements.as_json() if self.measurements else None,
            "reasons": [reason.as_json() for reason in self.reasons],
            "resembles": [one.as_json() for one in self.resembles],
            "segments": [vars(s) for s in self.segments],
            "stretches": [vars(s) for s in self.explanation.stretches] if self.explanation else [],
        }
