"""The verdict on a recording longer than 10 s: how many of its segments are above the threshold, and which most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ecg_core.detection import Detection, Explanation, Measured, ScorePart, Segment
from ecg_core.errors import RecordError
from ecg_core.records import LEADS
from ecg_core.segments import SegmentInput


class LongVerdict:
    """Collects segments as they are scored; holds no signal but the strongest segment's maps and measurements."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.highest = -np.inf
        self.parts: dict[str, ScorePart] = {}
        self.explanation: Explanation | None = None
        self.measured: Measured | None = None
        self._beats: list[float] = []
        self._faults: dict[str, tuple[int, set[str]]] = {}
        self._reversals: dict[str, int] = {}
        self._reason: str | None = None

    def add(
        self,
        segment: SegmentInput,
        score: float | None = None,
        percentile: float | None = None,
        anomalous: bool | None = None,
    ) -> bool:
        """Take a segment in; return whether it is the strongest so far."""
        self.segments.append(Segment(segment.start_s, segment.stop_s, score, percentile, anomalous))
        last = self._beats[-1] if self._beats else -np.inf
        times = segment.start_s + segment.beats.times_s
        self._beats.extend(float(t) for t in times if t > last + 0.15)  # segments overlap: each beat once
        for lead, words in segment.quality.faults.items():
            count, known = self._faults.get(lead, (0, set()))
            self._faults[lead] = (count + 1, known | set(words))
        if segment.quality.reversal:
            self._reversals[segment.quality.reversal] = self._reversals.get(segment.quality.reversal, 0) + 1
        self._reason = segment.reason or self._reason
        if score is None or score <= self.highest:
            return False
        self.highest = score
        return True

    def detection(self, blank: Detection, rate: float) -> Detection:
        """Return the verdict, filled into `blank`.

        Raises
        ------
        RecordError
            If there was no segment.
        """
        if not self.segments:
            raise RecordError(f"Expected at least 10 s of ECG in {blank.record}; found less; choose another file.")
        scored = [s for s in self.segments if s.score is not None]
        rr = np.diff(self._beats)
        rr = rr[(rr > 0.2) & (rr < 4.0)]
        common = {
            "segments": tuple(self.segments),
            "beats_s": tuple(self._beats),
            "heart_rate": float(60.0 / np.median(rr)) if len(rr) else None,
            "rr_sd_ms": float(1000 * rr.std(ddof=1)) if len(rr) > 1 else None,
            "rmssd_ms": float(1000 * np.sqrt(np.mean(np.diff(rr) ** 2))) if len(rr) > 1 else None,
            "masked_leads": tuple(lead for lead in LEADS if lead in self._faults),
            "quality": {lead: tuple(sorted(self._faults[lead][1])) for lead in LEADS if lead in self._faults},
            "warnings": tuple(word for word, n in self._reversals.items() if n > len(self.segments) / 2),
            "notes": (*blank.notes, *self._notes(len(scored))),
        }
        if not scored:
            return replace(blank, interpretable=False, reason=self._reason, **common)  # type: ignore[arg-type]
        share = sum(bool(s.anomalous) for s in scored) / len(scored)
        return replace(
            blank,
            interpretable=True,
            score=float(self.highest),
            parts=self.parts,
            explanation=self.explanation,
            measurements=self.measured.measurements if self.measured else None,
            reasons=self.measured.reasons if self.measured else (),
            norms=self.measured.norms if self.measured else None,
            anomalous=share > rate,
            anomalous_share=share,
            expected_share=rate,
            **common,  # type: ignore[arg-type]
        )

    def _notes(self, n_scored: int) -> list[str]:
        n = len(self.segments)
        notes = [f"Scored in {n_scored} overlapping segments of 10 s; a percentile belongs to 10 s, so there is none."]
        if n_scored < n:
            notes.append(f"{n - n_scored} of {n} segments are not interpretable and left out.")
        for lead in LEADS:
            if lead in self._faults:
                count, words = self._faults[lead]
                notes.append(f"{lead} left out in {count} of {n} segments ({', '.join(sorted(words))}).")
        return notes
