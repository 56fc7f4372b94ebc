"""Beats scored as they come: the dominant beat is learnt from the first minutes, then each beat is held against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecg_core.ambulatory.cleaning import FS
from ecg_core.ambulatory.clusters import Shapes
from ecg_core.ambulatory.cutting import BeatCutter, Cut, join
from ecg_core.ambulatory.detections import level_at
from ecg_core.ambulatory.dominant import QRS, moved
from ecg_core.ambulatory.kinds import NOTHING, BeatProbe
from ecg_core.ambulatory.normals import RATE, RATES, Normals, percentile_of
from ecg_core.ambulatory.patient import (
    PARTS,
    Features,
    evidence_by_lead,
    features_of,
    learn,
    parts_of,
    scaled,
)
from ecg_core.errors import RecordError
from ecg_core.models.beat_registry import BeatModel

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
INT = NDArray[np.int64]

TEMPLATE_S = 300.0
FEWEST_BEATS = 10
"""Fewer beats have no dominant one."""

AT_ONCE = 512
"""Beats that are worked on at once."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Scored beats: R peaks in samples at 360 Hz, row of the most deviating lead, shapes numbered as they came up.

    `kind` is the number of the class that each resembles (see `ecg_core.ambulatory.kinds.BeatProbe.tell`), `nearer`
    that of the dominant shape that it was compared with.
    """

    at: INT
    before: F64
    score: F64
    percentile: F64
    parts: Mapping[str, F64]
    lead: INT
    shape: INT
    kind: INT
    nearer: INT

    def __len__(self) -> int:
        """Return the number of beats."""
        return len(self.at)


@dataclass(frozen=True)
class ScoredBeat:
    """One beat of a stream, with the fields of `BeatDetections`; clusters are numbered as their shapes came up.

    `resembles` is None of a beat below the threshold.
    """

    time_s: float
    lead: str
    rr_s: float
    score: float
    percentile: float
    parts: Mapping[str, float]
    anomalous: bool
    cluster: int
    resembles: str | None = None


class Judge:
    """Scores beats of one patient against what was learnt of him.

    Parameters
    ----------
    normals : what is known of normal beats.
    network : None where there is none.
    cut : the beats that he is learnt from.
    probe : says what beats resemble; None where nothing does.

    Attributes
    ----------
    patient : what was learnt.
    levels : score levels at `RATES`, moved to fit his own beats.
    recalibrated : whether they were moved.
    """

    def __init__(self, normals: Normals, network: BeatModel | None, cut: Cut, probe: BeatProbe | None = None) -> None:
        self.normals, self._network, self.probe = normals, network, probe
        self.patient, self._features = learn(cut, network, normals.spread)
        self._learnt = cut
        leads = self.patient.leads_of(self._features)
        parts = parts_of(scaled(self._features, self.patient), leads, normals.groups, normals.weights)
        shift = normals.recalibration.shift(_total(parts))
        self.levels = normals.levels + shift
        self.recalibrated = shift != 0.0
        templates = np.stack(self.patient.templates)
        self._shapes = Shapes(templates[..., QRS], self.patient.own[0].leads)

    def learnt(self) -> Judged:
        """Return the scores of the beats that the patient was learnt from; they are forgotten then."""
        cut, features = self._learnt, self._features
        self.forget()
        return self._judge(cut, features)

    def forget(self) -> None:
        """Let go of the beats that the patient was learnt from."""
        none = np.zeros(0, np.int64)  # not a slice, which would hold all of them
        self._learnt = self._learnt.rows(none)
        self._features = Features(*(part[none] for part in vars(self._features).values()))

    def judge(self, cut: Cut) -> Judged:
        """Return the scores of further beats."""
        patient = self.patient
        pieces = [cut.rows(slice(k, k + AT_ONCE)) for k in range(0, max(len(cut), 1), AT_ONCE)]
        return join_judged(
            [self._judge(p, features_of(p, patient.templates, patient.usual, self._network)) for p in pieces]
        )

    def _judge(self, cut: Cut, features: Features) -> Judged:
        own = scaled(features, self.patient)
        leads = self.patient.leads_of(features)
        parts = parts_of(own, leads, self.normals.groups, self.normals.weights)
        score = _total(parts)
        lead = evidence_by_lead(own, self.normals.groups).argmax(axis=1)
        shape = self._shapes.assign(self._complexes(cut, features))
        kind = self.probe.tell(features, self.patient) if self.probe else np.full(len(cut), NOTHING)
        percentile = percentile_of(score, self.levels)
        return Judged(cut.at, cut.before, score, percentile, parts, lead, shape, kind, features.nearer)

    @staticmethod
    def _complexes(cut: Cut, features: Features) -> F32:
        """Return QRS complexes laid on that of the dominant shape that each is nearer to, (n, n_leads, n_samples)."""
        return np.stack([moved(cut.beats[:, k], lag)[:, QRS] for k, lag in enumerate(features.lag.T)], axis=1)


def _total(parts: Mapping[str, F64]) -> F64:
    return np.sum([parts[name] for name in PARTS if name in parts], axis=0)


def join_judged(pieces: Sequence[Judged]) -> Judged:
    """Return scored beats in one piece; at least one piece must be given."""

    def column(name: str) -> NDArray[np.generic]:
        return np.concatenate([getattr(piece, name) for piece in pieces])

    parts = {name: np.concatenate([piece.parts[name] for piece in pieces]) for name in pieces[0].parts}
    names = ("at", "before", "score", "percentile", "lead", "shape", "kind", "nearer")
    values = {name: column(name) for name in names}
    return Judged(parts=parts, **values)  # type: ignore[arg-type]


class Session:
    """Beats of one recording from its samples, learnt from the first minutes: what streams and files share.

    Parameters
    ----------
    normals, network : the detector's.
    cutter : takes the samples.
    template_s : the dominant beat is learnt from so many seconds, or from ten beats where these take longer.
    probe : the detector's.

    Attributes
    ----------
    count : beats cut so far; once the patient is learnt, those that he was learnt from.
    judge : what was learnt; None before it is.
    """

    def __init__(
        self,
        normals: Normals,
        network: BeatModel | None,
        cutter: BeatCutter,
        template_s: float = TEMPLATE_S,
        probe: BeatProbe | None = None,
    ) -> None:
        self._normals, self._network, self._cutter, self._probe = normals, network, cutter, probe
        self._template_s = template_s
        self._waiting: list[Cut] = []
        self.count = 0
        self.judge: Judge | None = None

    def push(self, x: F32) -> Judged | None:
        """Take samples in, (n_leads, n), mV; return the beats that are scored by now."""
        return self._take(self._cutter.push(x), last=False)

    def finish(self) -> Judged | None:
        """End the recording; return the beats that were waiting; None where there were too few to learn from."""
        return self._take(self._cutter.finish(), last=True)

    def _take(self, cut: Cut, last: bool) -> Judged | None:
        if self.judge is not None:
            return self.judge.judge(cut) if len(cut) else None
        if len(cut):
            self._waiting.append(cut)
            self.count += len(cut)
        enough = self.count > FEWEST_BEATS and len(cut) and cut.at[-1] >= self._template_s * FS
        if not (enough or (last and self.count >= FEWEST_BEATS)):
            return None
        held = join(self._waiting)
        self._waiting = []
        n = max(int(np.searchsorted(held.at, self._template_s * FS)), FEWEST_BEATS)
        self.judge = Judge(self._normals, self._network, held.rows(slice(n)), self._probe)
        first = self.judge.learnt()
        return join_judged([first, self.judge.judge(held.rows(slice(n, None)))]) if len(held) > n else first


class Detector(Protocol):
    """What a stream asks of a detector."""

    def session(self, leads: tuple[str, ...], fs: float, template_s: float) -> Session:
        """Return what takes the samples of a recording with these leads."""


class BeatStream:
    """Scores each beat of a live signal within 1 s of its end (1.45 s after its R peak).

    The first five minutes, from which the dominant beat is learnt, are scored when they are over. Memory does not grow.

    Parameters
    ----------
    detector : a `BeatDetector`.
    leads : names of the rows of what is pushed.
    fs : of what is pushed, Hz.
    template_s : how long the dominant beat is learnt, s.
    false_alarm_rate : share of normal beats that may be called anomalous.
    """

    def __init__(
        self,
        detector: Detector,
        leads: Sequence[str],
        fs: float,
        *,
        template_s: float = TEMPLATE_S,
        false_alarm_rate: float = RATE,
    ) -> None:
        self.leads = tuple(leads)
        self.fs = fs
        self._session = detector.session(self.leads, fs, template_s)
        self._rate = false_alarm_rate

    @property
    def judge(self) -> Judge | None:
        """What was learnt; None before it is."""
        return self._session.judge

    def push(self, samples: F32) -> list[ScoredBeat]:
        """Take samples in, shape (n_leads, n), mV; return the beats that are scored by now, in order of time.

        Raises
        ------
        RecordError
            If the samples are not of these leads, or not all are numbers.
        """
        x = np.asarray(samples, dtype=np.float32)
        if x.ndim != 2 or len(x) != len(self.leads):
            raise RecordError(f"Expected samples of shape ({len(self.leads)}, n); found {x.shape}; push all leads.")
        if not np.isfinite(x).all():
            raise RecordError("Expected samples that are all numbers; found NaN or infinity; bridge or repeat them.")
        return self._beats(self._session.push(x))

    def finish(self) -> list[ScoredBeat]:
        """End the recording; return the beats that were waiting."""
        return self._beats(self._session.finish())

    def _beats(self, judged: Judged | None) -> list[ScoredBeat]:
        judge = self._session.judge
        if judged is None or judge is None:
            return []
        threshold = level_at(RATES, judge.levels, self._rate)
        resembles = judge.probe.words(judged.kind) if judge.probe else (None,) * len(judged)
        return [
            ScoredBeat(
                time_s=float(judged.at[k]) / FS,
                lead=self.leads[judged.lead[k]],
                rr_s=float(judged.before[k]),
                score=float(judged.score[k]),
                percentile=float(judged.percentile[k]),
                parts={name: float(part[k]) for name, part in judged.parts.items()},
                anomalous=bool(judged.score[k] > threshold),
                cluster=int(judged.shape[k]),
                resembles=resembles[k] if judged.score[k] > threshold else None,
            )
            for k in range(len(judged))
        ]
