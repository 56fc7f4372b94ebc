"""The beat detector: one recording in, a score for every beat out, by the path that live signals take."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecg_core.ambulatory.cleaning import FS
from ecg_core.ambulatory.cutting import BeatCutter, Cut, gathered, join
from ecg_core.ambulatory.detections import BeatDetections, Origin
from ecg_core.ambulatory.kinds import BeatProbe
from ecg_core.ambulatory.network import reconstruction
from ecg_core.ambulatory.normals import RATE, Normals
from ecg_core.ambulatory.source import Blocks, Source
from ecg_core.ambulatory.stream import AT_ONCE, FEWEST_BEATS, Judge, Judged, Session, join_judged
from ecg_core.ambulatory.verdict import verdict
from ecg_core.checkpoints.beats import BeatCheckpoint, beat_folder, load_beat_checkpoint
from ecg_core.errors import CheckpointError, RecordError
from ecg_core.records import Record
from ecg_core.store import BEAT_DETECTOR

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
INT = NDArray[np.int64]

KEPT = 4096
"""Beats that are kept to learn from; a longer recording is thinned evenly and gone through twice."""

TOGETHER = 32
"""So many beats in a row are kept together: stretches of one shape must stay stretches."""

NETWORK_LEADS = ("MLII", "II", "ML2", "I")
"""The network sees the first of these that a recording has, by name; else its first lead."""


def network_lead(leads: tuple[str, ...]) -> int:
    """Return the row that a network of one lead sees."""
    return next((leads.index(lead) for lead in NETWORK_LEADS if lead in leads), 0)


class BeatDetector:
    """A checkpoint of beats, ready to judge recordings of one lead or more.

    Parameters
    ----------
    checkpoint : what `ecg_core.checkpoints.beats.load_beat_checkpoint` returned.

    Attributes
    ----------
    name, title : in the store, and for people.
    checkpoint : sha256 of the weights.
    config : everything in beats.json.
    probe : says what beats resemble; None in a checkpoint without.
    """

    def __init__(self, checkpoint: BeatCheckpoint) -> None:
        self.config = checkpoint.config
        self.name, self.title = checkpoint.config.name, checkpoint.config.title
        self.checkpoint = checkpoint.config.weights_sha256
        self.network = checkpoint.network
        self.normals = Normals.from_arrays(
            checkpoint.arrays, checkpoint.config.weights, checkpoint.config.recalibration
        )
        self.probe = BeatProbe.from_checkpoint(
            checkpoint.arrays,
            checkpoint.config.kinds,
            checkpoint.config.metrics,
            self.network.config.n_latents if self.network is not None else 0,
        )

    @classmethod
    def from_store(cls, name: str = BEAT_DETECTOR, store: str | Path | None = None) -> BeatDetector:
        """Load a detector by its name in a store, the shipped one unless told otherwise.

        Raises
        ------
        CheckpointError
            If it is missing, damaged, foreign or newer.
        """
        return cls(load_beat_checkpoint(beat_folder(name, store)))

    def cutter(self, leads: tuple[str, ...], fs: float, marked: INT | None = None) -> BeatCutter:
        """Return what cuts beats from the samples of these leads, at R peaks found or marked (samples at 360 Hz)."""
        return BeatCutter(len(leads), fs, network_lead(leads) if self.network is not None else None, marked)

    def session(self, leads: tuple[str, ...], fs: float, template_s: float) -> Session:
        """Return what scores the samples of a live recording (see `BeatStream`)."""
        return Session(self.normals, self.network, self.cutter(leads, fs), template_s, self.probe)

    def detect(self, record: Record, template_s: float | None = None, false_alarm_rate: float = RATE) -> BeatDetections:
        """Judge every beat of a recording.

        Parameters
        ----------
        record : one lead or more, 5 s or longer.
        template_s : learn the dominant beat from so many seconds, as a live monitor does; None for all of it.
        false_alarm_rate : share of normal beats that may be called anomalous.

        Raises
        ------
        RecordError
            If it is too short, or has fewer than ten beats.
        ConfigError
            If normal beats cannot show the false-alarm rate.
        """
        return self.detect_blocks(lambda: (record,), template_s, false_alarm_rate)

    def detect_blocks(
        self, blocks: Blocks, template_s: float | None = None, false_alarm_rate: float = RATE
    ) -> BeatDetections:
        """Judge every beat of a recording that comes in consecutive blocks, in flat memory.

        Parameters
        ----------
        blocks : returns the blocks from the start each time it is called; it is called twice for long recordings.

        Raises
        ------
        RecordError, ConfigError
            As `detect`.
        """
        started = time.perf_counter()
        source = Source(blocks)
        if template_s is None:
            judge, judged = self._learn_from_all(source)
        else:
            judge, judged = self._learn_from_first(source, template_s)
        assert source.first is not None
        return verdict(self._origin(source), source.first.notes, judge, judged, false_alarm_rate, started)

    def score_marked(
        self, record: Record, marked: NDArray[np.integer], template_s: float | None = None
    ) -> tuple[Judge, Judged]:
        """Return the scores of beats whose R peaks are known, one for each, by the path of `detect`.

        Parameters
        ----------
        marked : (n,), R peaks, samples at the record's rate, ascending.
        template_s : learn from the beats of so many seconds; None for all.

        Returns
        -------
        What was learnt of the patient (`levels` are his score levels at `ecg_core.ambulatory.normals.RATES`; those of
        the training patients are `normals.levels`), and the scored beats.

        Raises
        ------
        RecordError
            If fewer than ten beats are marked.
        """
        at = np.round(np.asarray(marked) * (FS / record.fs)).astype(np.int64)
        source = Source(lambda: (record,))
        if template_s is None:
            return self._learn_from_all(source, at)
        return self._learn_from_first(source, template_s, at)

    def reconstruct(self, record: Record, k: int, marked: INT | None = None) -> tuple[F32, float, float]:
        """Return what the network makes of the window around beat k, in the lead that it sees.

        Parameters
        ----------
        k : number of the beat among those that `detect` returns, from 0.
        marked : R peaks where the beats were known, samples at 360 Hz.

        Returns
        -------
        The reconstruction, mV, (n_samples,); where it begins, seconds from the record's start; its rate, Hz.

        Raises
        ------
        CheckpointError
            If the detector has no network.
        RecordError
            If there is no such beat.
        """
        if self.network is None:
            raise CheckpointError(f"{self.title} has no network, so there is no reconstruction; choose another.")
        count = 0
        for cut in Source(lambda: (record,)).cuts(partial(self.cutter, marked=marked)):
            if k < count + len(cut):
                one = cut.rows(slice(k - count, k - count + 1))
                x_hat, start, fs = reconstruction(self.network, one)
                return x_hat, float(one.at[0]) / FS + start, fs
            count += len(cut)
        raise RecordError(f"Expected the number of a beat below {count}; found {k}; choose another.")

    def _learn_from_first(self, source: Source, template_s: float, at: INT | None = None) -> tuple[Judge, Judged]:
        session: Session | None = None
        found: list[Judged | None] = []
        for piece in source.read():
            if session is None:
                cutter = self.cutter(piece.leads, piece.fs, at)
                session = Session(self.normals, self.network, cutter, template_s, self.probe)
            found.append(session.push(piece.signal))
        assert session is not None
        found.append(session.finish())
        if session.judge is None:
            raise _too_few(source, session.count)
        return session.judge, join_judged([judged for judged in found if judged is not None])

    def _learn_from_all(self, source: Source, at: INT | None = None) -> tuple[Judge, Judged]:
        kept: list[tuple[Cut, INT]] = []
        found: list[INT] = []
        step, count = 1, 0
        for cut in source.cuts(partial(self.cutter, marked=at)):
            found.append(cut.at)
            kept += _thinned([(cut, np.arange(count, count + len(cut)))], step)
            count += len(cut)
            if sum(len(number) for _, number in kept) > KEPT:
                step *= 2
                kept = _thinned(kept, step)
        if count < FEWEST_BEATS:
            raise _too_few(source, count)
        learnt = join([cut for cut, _ in kept])
        kept.clear()
        judge = Judge(self.normals, self.network, learnt, self.probe)
        del learnt
        if step == 1:
            return judge, judge.learnt()
        judge.forget()
        again = source.cuts(partial(self.cutter, marked=np.concatenate(found)))  # the peaks are known by now
        return judge, join_judged([judge.judge(cut) for cut in gathered(again, AT_ONCE)])

    def _origin(self, source: Source) -> Origin:
        first = source.first
        assert first is not None
        duration_s = source.n_samples / first.fs
        return Origin(first.name, first.sha256, self.name, self.checkpoint, first.leads, first.fs, duration_s)


def _thinned(kept: list[tuple[Cut, INT]], step: int) -> list[tuple[Cut, INT]]:
    """Return the beats, with their numbers, that are in every so-many-th block of beats in a row."""
    chosen = ((cut, number, number // TOGETHER % step == 0) for cut, number in kept)
    return [(cut.rows(rows), number[rows]) for cut, number, rows in chosen if rows.any()]


def _too_few(source: Source, count: int) -> RecordError:
    """Return what to say of a recording in which nothing can be learnt."""
    name = source.first.name if source.first else "the recording"
    return RecordError(
        f"Expected at least {FEWEST_BEATS} heartbeats, of which most say what is usual; found {count} in {name}; "
        "record longer, or choose a lead with clear QRS complexes."
    )


def detect_beats(record: Record) -> F64:
    """Return the times of the R peaks of a recording of one lead or more, seconds from its start, (n,).

    Raises
    ------
    RecordError
        If it is shorter than 5 s.
    """
    cuts = Source(lambda: (record,)).cuts(lambda leads, fs: BeatCutter(len(leads), fs))
    return np.concatenate([cut.at for cut in cuts]) / FS
