"""A recording played in real time: seconds go through the stream as they would from a monitor, and beats come back.

Nothing is shown that has not gone through the stream. A jump forward takes all that lies between through it first,
some tenths of a second of work at each tick; a jump back shows the beats as they were scored when they first passed.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

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

SWEEP_S = 8.0
"""Seconds that the sweep holds: sent at a jump, so that it is not empty."""

SCORED_S = 1.45
"""After its R peak a beat is scored within so many seconds of signal (see `BeatStream`)."""

PIECE_S, BUSY_S = 30.0, 0.35
"""On the way to a place that was jumped to: seconds that are pushed at once, and seconds of work at a tick."""

BINS = 240
"""Parts of the recording in which anomalous beats are counted for the position control."""


class Stream(Protocol):
    """What takes samples as they come, and returns the beats that it has scored since."""

    def push(self, samples: NDArray[np.float32]) -> Sequence[Any]:
        """Take samples, shape (n_leads, n), mV."""
        ...

    def finish(self) -> Sequence[Any]:
        """End the recording."""
        ...


class Played(NamedTuple):
    """A scored beat as the browser takes it; seconds, `rr` None where it is not known."""

    time: float
    score: float
    anomalous: bool
    rr: float | None


def playable(duration_s: float) -> bool:
    """Return whether enough of a recording is left after what the dominant beat is learnt from."""
    return duration_s >= LEAST_S


def learnt_s(duration_s: float) -> float:
    """Return how much of a recording its dominant beat is learnt from, s."""
    return min(LEARN_S, duration_s / 2.0)


class Replay:
    """One recording on its way through a stream.

    Parameters
    ----------
    rate : the stream's false-alarm rate, to be told.
    clock : seconds, to know how long was worked at a tick.

    Attributes
    ----------
    learnt_s : the replay begins here, s from the start.
    """

    def __init__(
        self,
        record: Record,
        stream: Stream,
        name: tuple[str, ...],
        *,
        rate: float = 0.05,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.record, self.stream, self.name, self.rate = record, stream, name, rate
        self.learnt_s = learnt_s(record.duration)
        self._clock = clock
        self._at = self._fed = round(self.learnt_s * record.fs)
        self._goal: int | None = self._at  # a sweep begins with the seconds before
        self._jumped = False
        self._turn = 0
        self._last: float | None = None
        self._packet = b""
        self._beats: list[Played] = []
        self._known: list[int] = []  # the sample at which each was known
        self._above: list[int] = []  # how many were anomalous by then
        self._bins = np.zeros(BINS, dtype=np.int64)
        stream.push(record.signal[:, : self._at])

    @property
    def at_s(self) -> float:
        """How far it has been played, s from the start."""
        return self._at / self.record.fs

    @property
    def fed_s(self) -> float:
        """How much has gone through the stream, s from the start."""
        return self._fed / self.record.fs

    @property
    def goal_s(self) -> float | None:
        """Where a jump leads that is under way; None while there is none."""
        return None if self._goal is None else self._goal / self.record.fs

    @property
    def done(self) -> bool:
        """Whether all of it has been played."""
        return self._at >= self.record.n_samples

    @property
    def count(self) -> int:
        """Beats scored up to where it is played, without those that were learnt from."""
        return bisect_right(self._known, self._at)

    @property
    def anomalous(self) -> int:
        """How many of them are anomalous."""
        return self._above[self.count - 1] if self.count else 0

    def seek(self, to_s: float) -> None:
        """Go to a place: back at once, forward when all that lies between has gone through the stream."""
        to = round(min(max(to_s, self.learnt_s), self.record.duration) * self.record.fs)
        self._goal = min(to, self.record.n_samples)

    def tick(self, now_s: float, speed: float) -> bytes:
        """Play what has come due since the last tick, and return it with the beats scored, for the browser.

        Parameters
        ----------
        now_s : the time on a clock that never goes back, s.
        speed : of the playing, 1 in real time; 0 stands still.
        """
        passed = 0.0 if self._last is None else min(max(now_s - self._last, 0.0), LATE_S)
        self._last = now_s
        start = self._at
        if self._goal is not None:
            self._go_on()
            if not self._jumped:
                return self._send(start, start, speed)
            start = max(0, self._at - round(SWEEP_S * self.record.fs))
        else:
            stop = min(self._at + round(passed * speed * self.record.fs), self.record.n_samples)
            if stop <= self._at and self._packet:
                return self._packet
            self._feed(stop)
            self._at = stop
        return self._send(start, self._at, speed)

    def _go_on(self) -> None:
        """Take a piece of what lies before the goal through the stream, and be there if that was the last."""
        assert self._goal is not None
        until = self._clock() + BUSY_S
        while self._fed < self._goal:
            self._feed(min(self._goal, self._fed + round(PIECE_S * self.record.fs)))
            if self._clock() >= until:
                break
        if self._fed >= self._goal:
            self._at, self._goal, self._jumped = self._goal, None, True

    def _feed(self, stop: int) -> None:
        """Take samples through the stream that have not been through it."""
        if stop <= self._fed:
            return
        before = self._fed
        found = list(self.stream.push(self.record.signal[:, before:stop]))
        self._fed = stop
        if stop >= self.record.n_samples:
            found += self.stream.finish()
        for beat in found:
            if beat.time_s < self.learnt_s:  # those learnt from come late, at once
                continue
            rr = round(float(beat.rr_s), 3) if np.isfinite(beat.rr_s) else None
            own = Played(round(float(beat.time_s), 3), round(float(beat.score), 2), bool(beat.anomalous), rr)
            self._beats.append(own)
            self._known.append(max(before + 1, min(stop, round((own.time + SCORED_S) * self.record.fs))))
            self._above.append((self._above[-1] if self._above else 0) + own.anomalous)
            self._bins[min(BINS - 1, int(own.time / self.record.duration * BINS))] += own.anomalous

    def _send(self, start: int, stop: int, speed: float) -> bytes:
        """Return these samples, and the beats that came to be known in them."""
        first, last = (bisect_right(self._known, at) for at in (start, stop))
        chunk = self.record.signal[:SHOWN_LEADS, start:stop]
        self._turn += 1
        header = {
            "part": "replay",
            "turn": self._turn,
            "name": "|".join(self.name),
            "leads": list(self.record.leads[:SHOWN_LEADS]),
            "fs": self.record.fs,
            "start_s": start / self.record.fs,
            "n": int(chunk.shape[1]),
            "speed": speed,
            "jump": self._jumped,
            "beats": [beat._asdict() for beat in self._beats[first:last]],
            "learnt_s": self.learnt_s,
            "duration_s": self.record.duration,
            "fed_s": self.fed_s,
            "goal_s": self.goal_s,
            "bins": self._bins.tolist(),
        }
        self._jumped = False
        self._packet = pack(header, {"signal": chunk})
        return self._packet
