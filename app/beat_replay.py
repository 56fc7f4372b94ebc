"""A recording played in real time: seconds go through the stream as they would from a monitor, and beats come back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from app.components.packets import pack
from ecg_core.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

LEARN_S = 300.0
"""The dominant beat is learnt from so much of a recording, or its first half: it is given to the stream at once."""

LEAST_S = 60.0
"""Shortest recording that is worth a replay, s."""

LATE_S = 3.0
"""A page that was away for longer goes on where it was, not where it would be by now."""

SPEEDS = {1: "1×", 4: "4×", 16: "16×"}
SHOWN_LEADS = 3


class Stream(Protocol):
    """What takes samples as they come, and returns the beats that it has scored since."""

    def push(self, samples: NDArray[np.float32]) -> Sequence[Any]:
        """Take samples, shape (n_leads, n), mV."""
        ...


def playable(duration_s: float) -> bool:
    """Return whether enough of a recording is left after what the dominant beat is learnt from."""
    return duration_s >= LEAST_S


def learnt_s(duration_s: float) -> float:
    """Return how much of a recording its dominant beat is learnt from, s."""
    return min(LEARN_S, duration_s / 2.0)


class Replay:
    """One recording on its way through a stream.

    Attributes
    ----------
    at_s : how far it has been played, s from the start.
    count, anomalous : beats scored since the replay began, and those above the threshold.
    """

    def __init__(self, record: Record, stream: Stream, name: tuple[str, ...]) -> None:
        self.record, self.stream, self.name = record, stream, name
        self.count = self.anomalous = self._turn = 0
        self._learnt_s = learnt_s(record.duration)
        self._at = round(self._learnt_s * record.fs)
        self._last: float | None = None
        self._packet = b""
        stream.push(record.signal[:, : self._at])

    @property
    def at_s(self) -> float:
        """How far it has been played, s from the start."""
        return self._at / self.record.fs

    @property
    def done(self) -> bool:
        """Whether all of it has been played."""
        return self._at >= self.record.n_samples

    def tick(self, now_s: float, speed: float) -> bytes:
        """Play what has come due since the last tick, and return it with the beats scored, for the browser.

        Parameters
        ----------
        now_s : the time on a clock that never goes back, s.
        speed : of the playing, 1 in real time; 0 stands still.
        """
        passed = 0.0 if self._last is None else min(max(now_s - self._last, 0.0), LATE_S)
        self._last = now_s
        stop = min(self._at + round(passed * speed * self.record.fs), self.record.n_samples)
        if stop <= self._at and self._packet:
            return self._packet
        chunk = self.record.signal[:, self._at : stop]
        found = self.stream.push(chunk) if chunk.shape[1] else ()
        beats = [
            _plain(beat) for beat in found if beat.time_s >= self._learnt_s
        ]  # those learnt from come late, at once
        self.count += len(beats)
        self.anomalous += sum(beat["anomalous"] for beat in beats)
        self._turn += 1
        header = {
            "part": "replay",
            "turn": self._turn,
            "name": "|".join(self.name),
            "leads": list(self.record.leads[:SHOWN_LEADS]),
            "fs": self.record.fs,
            "start_s": self._at / self.record.fs,
            "n": int(chunk.shape[1]),
            "speed": speed,
            "beats": beats,
        }
        self._at = stop
        self._packet = pack(header, {"signal": chunk[:SHOWN_LEADS]})
        return self._packet


def _plain(beat: Any) -> dict[str, Any]:
    """Return a scored beat as the browser takes it."""
    return {
        "time": round(float(beat.time_s), 3),
        "score": round(float(beat.score), 2),
        "percentile": round(float(beat.percentile), 2),
        "anomalous": bool(beat.anomalous),
        "rr": round(float(beat.rr_s), 3) if np.isfinite(beat.rr_s) else None,
    }
