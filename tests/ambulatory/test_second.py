"""A second dominant shape: taken where it comes in long stretches and on time, and not where it is ectopic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecg_core.ambulatory import BeatDetections, BeatDetector, BeatStream
from ecg_core.ambulatory.cutting import BeatCutter, Cut, join
from ecg_core.ambulatory.detector import TOGETHER
from ecg_core.ambulatory.dominant import find_dominant
from ecg_core.ambulatory.patient import learn
from ecg_core.ambulatory.second import FEWEST, STRETCH, WIDEST, find_second, in_stretches, width
from ecg_core.records import Record
from ecg_core.synthetic_ambulatory import Ambulatory, make_record
from tests.beat_stand_in import make_checkpoint

SPEC = Ambulatory(
    "block",
    ((33.0, "ventricular"), (66.0, "ventricular"), (130.0, "ventricular")),
    heart_rate=75.0,
    seed=3,
    duration_s=160.0,
    fs=360,
)
BLOCKED = ((20.0, 55.0), (80.0, 112.0))
"""Stretches in which the record has its other shape, s."""


def turned(record: Record, stretches: tuple[tuple[float, float], ...]) -> Record:
    """Return a record whose complexes point the other way in stretches, as in V1 with a bundle branch block."""
    signal = record.signal.copy()
    for start, stop in stretches:
        signal[:, round(start * record.fs) : round(stop * record.fs)] *= -1
    return replace(record, signal=signal)


def inside(found: BeatDetections, stretches: tuple[tuple[float, float], ...]) -> np.ndarray:
    return np.any([(found.times_s > start + 1) & (found.times_s < stop - 1) for start, stop in stretches], axis=0)


@pytest.fixture(scope="module")
def record() -> Record:
    return turned(make_record(SPEC), BLOCKED)


@pytest.fixture(scope="module")
def detector() -> BeatDetector:
    return BeatDetector(make_checkpoint())


@pytest.fixture(scope="module")
def found(detector: BeatDetector, record: Record) -> BeatDetections:
    return detector.detect(record)


def without_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecg_core.ambulatory.patient.find_second", lambda *_: None)


def cut_of(record: Record) -> Cut:
    cutter = BeatCutter(len(record.leads), record.fs)
    return join([cutter.push(record.signal), cutter.finish()])


def second_of(record: Record) -> np.ndarray | None:
    own = learn(cut_of(record), None, None)[0].own
    return own[1].template if len(own) > 1 else None


def test_beats_of_the_second_shape_are_compared_with_it(
    detector: BeatDetector, record: Record, found: BeatDetections, monkeypatch: pytest.MonkeyPatch
):
    blocked = inside(found, BLOCKED)
    assert (found.nearer[blocked] == 1).mean() > 0.97
    assert (found.nearer[~blocked] == 0).mean() > 0.9
    assert found.second_dominant is not None
    assert np.corrcoef(found.second_dominant[0, 70:120], -found.dominant[0, 70:120])[0, 1] > 0.95
    without_second(monkeypatch)
    alone = detector.detect(record)
    assert alone.second_dominant is None
    assert not alone.nearer.any()
    np.testing.assert_array_equal(alone.times_s, found.times_s)
    assert np.median(found.parts["shape"][blocked]) < 0.3 * np.median(alone.parts["shape"][blocked])


def test_ectopic_beats_stand_out_beside_two_shapes(found: BeatDetections):
    usual = np.quantile(found.score, 0.9)
    for at, _ in SPEC.events:
        near = np.abs(found.times_s - at) < 1.5
        assert found.score[near].max() > usual


def test_it_is_said_and_written(found: BeatDetections):
    share = inside(found, BLOCKED).mean()
    assert found.second_share == pytest.approx(share, abs=0.05)
    assert found.notes[0].startswith("This recording has two dominant shapes; ")
    assert f"{100 * found.second_share:.0f} % of the beats" in found.notes[0]
    assert "The second may be abnormal" in found.notes[0]
    written = found.to_dict()
    assert written["second_dominant"] is True
    assert written["second_share"] == found.second_share
    assert found.notes[0] in written["notes"]
    assert (found.cluster[inside(found, BLOCKED)] == 1).mean() > 0.95  # a shape of its own, the largest of the others


def test_one_shape_is_no_second(detector: BeatDetector):
    plain = detector.detect(make_record(SPEC))
    assert plain.second_dominant is None
    assert plain.second_share == 0.0
    assert not any("dominant" in note for note in plain.notes)
    assert plain.to_dict()["second_dominant"] is False


@pytest.mark.parametrize("every", [2, 3])
def test_premature_beats_that_alternate_are_no_second_shape(every: int):
    early = tuple((4.0 + every * 0.8 * k, "ventricular") for k in range(int(150 / (every * 0.8))))
    cut = cut_of(make_record(replace(SPEC, events=early)))
    template = find_dominant(cut.beats).template
    unlike = np.mean([np.abs(cut.beats[:, 0, 18:-18] - template[0]).max(axis=1) > 0.5])
    assert unlike > 0.15  # or there would be nothing to refuse
    assert second_of(make_record(replace(SPEC, events=early))) is None


def test_short_stretches_and_early_beats_are_refused(record: Record):
    assert second_of(record) is not None
    short = tuple((5.0 + 6.4 * k, 5.0 + 6.4 * k + 3.2) for k in range(24))  # four beats at a time
    assert second_of(turned(make_record(SPEC), short)) is None
    few = ((20.0, 35.0),)
    assert second_of(turned(make_record(SPEC), few)) is None
    cut = cut_of(record)
    features = learn(cut, None, None)[1]
    likeness = np.where(features.nearer == 1, -0.5, 0.99)
    first = find_dominant(cut.beats[features.nearer == 0]).template
    assert find_second(cut, first, likeness) is not None
    early = replace(cut, before=np.where(features.nearer == 1, 0.6 * cut.local, cut.before))
    assert find_second(early, first, likeness) is None
    assert find_second(cut, first, np.ones(len(cut))) is None


def test_a_far_wider_shape_is_refused(record: Record):
    cut = cut_of(record)
    features = learn(cut, None, None)[1]
    likeness = np.where(features.nearer == 1, -0.5, 0.99)
    wide = replace(cut, beats=np.where((features.nearer == 1)[:, None, None], _slow(cut.beats), cut.beats))
    first = find_dominant(cut.beats[features.nearer == 0]).template
    assert width(find_dominant(wide.beats[features.nearer == 1]).template) > WIDEST * width(first)
    assert find_second(wide, first, likeness) is None


def _slow(beats: np.ndarray) -> np.ndarray:
    """Return beats with one broad wave of 0.28 s in place of the QRS complex."""
    t = (np.arange(beats.shape[2]) - 108) / 360
    wave = np.where(np.abs(t) < 0.14, np.cos(np.pi * t / 0.28), 0.0)  # steepest at its two ends
    noise = np.random.default_rng(0).normal(0, 0.01, beats.shape)
    return (wave + noise).astype(np.float32)


def test_stretches():
    members = np.zeros(40, bool)
    members[2 : 2 + STRETCH] = members[20 : 20 + STRETCH - 1] = members[30:] = True
    held = in_stretches(members)
    assert held[2 : 2 + STRETCH].all()
    assert held[30:].all()
    assert held.sum() == STRETCH + 10
    assert FEWEST >= STRETCH


def test_a_stream_knows_what_its_first_minutes_had(detector: BeatDetector, record: Record):
    template_s = 110.0
    whole = detector.detect(record, template_s=template_s)
    assert whole.second_dominant is not None
    stream = BeatStream(detector, record.leads, record.fs, template_s=template_s)
    beats = []
    for start in range(0, record.n_samples, 777):
        beats += stream.push(record.signal[:, start : start + 777])
    beats += stream.finish()
    np.testing.assert_allclose([beat.score for beat in beats], whole.score, atol=1e-4)
    assert stream.judge is not None
    assert len(stream.judge.patient.own) == 2
    later = detector.detect(record, template_s=18.0)
    assert later.second_dominant is None
    assert np.median(later.parts["shape"][inside(later, BLOCKED)]) > 3 * np.median(
        whole.parts["shape"][inside(whole, BLOCKED)]
    )


def test_a_long_recording_is_thinned_in_stretches(
    detector: BeatDetector, found: BeatDetections, record: Record, monkeypatch: pytest.MonkeyPatch
):
    assert TOGETHER > STRETCH
    assert len(found) > 150
    monkeypatch.setattr("ecg_core.ambulatory.detector.KEPT", 150)
    monkeypatch.setattr("ecg_core.ambulatory.detector.TOGETHER", 16)
    thinned = detector.detect(record)
    assert thinned.second_dominant is not None
    assert (thinned.nearer == found.nearer).mean() > 0.97
