"""A live signal: the scores of a file, each within a second of the beat's end, in memory that does not grow."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from ecg_core.ambulatory import BeatDetector, BeatStream, ScoredBeat
from ecg_core.errors import RecordError
from ecg_core.records import Record
from ecg_core.synthetic_ambulatory import Ambulatory, make_record
from tests.beat_stand_in import make_checkpoint

TEMPLATE_S, AFTER_R_S = 60.0, 0.45
SPEC = Ambulatory(
    "live", ((33.0, "ventricular"), (66.0, "ventricular"), (81.0, "run"), (95.0, "pause")), seed=9, duration_s=110.0
)


@pytest.fixture(scope="module")
def record() -> Record:
    return make_record(SPEC)


def pushed(detector: BeatDetector, record: Record, sizes: tuple[int, ...]) -> tuple[list[ScoredBeat], list[float]]:
    """Return the scored beats, and how long after its R peak each beat after the template came out, s."""
    stream = BeatStream(detector, record.leads, record.fs, template_s=TEMPLATE_S)
    found: list[ScoredBeat] = []
    delays: list[float] = []
    start = k = 0
    while start < record.n_samples:
        stop = min(start + sizes[k % len(sizes)], record.n_samples)
        new = stream.push(record.signal[:, start:stop])
        learnt_before = bool(found)
        found += new
        start, k = stop, k + 1
        delays += [stop / record.fs - beat.time_s for beat in new if learnt_before]
    return found + stream.finish(), delays


@pytest.mark.parametrize("sizes", [(1,), (1000, 17, 5), (90,)])
@pytest.mark.parametrize("network", [None, "Beat-CAE"])
def test_a_stream_has_the_scores_of_the_file(record: Record, network: str | None, sizes: tuple[int, ...]):
    detector = BeatDetector(make_checkpoint(network))
    whole = detector.detect(record, template_s=TEMPLATE_S)
    beats, delays = pushed(detector, record, sizes)
    np.testing.assert_array_equal([beat.time_s for beat in beats], whole.times_s)
    np.testing.assert_allclose([beat.score for beat in beats], whole.score, atol=1e-4)
    np.testing.assert_array_equal([beat.anomalous for beat in beats], whole.anomalous)
    np.testing.assert_allclose([beat.rr_s for beat in beats], whole.rr_s)
    assert tuple(beat.lead for beat in beats) == whole.lead
    assert len(delays) > 40
    assert max(delays) <= AFTER_R_S + 1.0 + max(sizes) / record.fs


def test_a_file_of_five_minutes_learns_from_all_of_it(record: Record):
    detector = BeatDetector(make_checkpoint())
    short = detector.detect(record, template_s=300.0)
    np.testing.assert_allclose(short.score, detector.detect(record).score, atol=1e-6)


def test_memory_does_not_grow(record: Record):
    stream = BeatStream(BeatDetector(make_checkpoint()), record.leads, record.fs, template_s=30.0)
    held = []
    tracemalloc.start()
    for _ in range(6):
        for start in range(0, record.n_samples, 2500):
            stream.push(record.signal[:, start : start + 2500])
        held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert held[-1] < held[1] + 300_000


def test_what_is_not_the_stream_s_is_refused():
    stream = BeatStream(BeatDetector(make_checkpoint()), ("MLII", "V1"), 360.0)
    with pytest.raises(RecordError, match=r"Expected samples of shape \(2, n\); found \(3, 5\); push all leads\."):
        stream.push(np.zeros((3, 5), np.float32))
    with pytest.raises(RecordError, match="Expected samples that are all numbers"):
        stream.push(np.full((2, 5), np.nan, np.float32))
    assert stream.push(np.zeros((2, 0), np.float32)) == []
    assert stream.finish() == []
    assert stream.judge is None
