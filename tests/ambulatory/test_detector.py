"""The beat detector: planted beats stand out, and scores depend on the heart alone, not on how it was recorded."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from ecg_core.ambulatory import BeatDetections, BeatDetector, Run, annotation_bytes
from ecg_core.ambulatory.detections import find_runs
from ecg_core.ambulatory.detector import KEPT
from ecg_core.ambulatory.unusual import measures
from ecg_core.checkpoints.beats import load_beat_checkpoint, save_beat_checkpoint
from ecg_core.errors import CheckpointError, ConfigError, RecordError
from ecg_core.records import LEADS, Record
from ecg_core.synthetic_ambulatory import Ambulatory, make_record, synthesize
from tests.beat_stand_in import make_checkpoint, usual_dominant
from training.mitbih import match

EVENTS = (
    *((21.0, "ventricular"), (36.0, "supraventricular"), (52.0, "ventricular"), (63.0, "supraventricular")),
    *((77.0, "pair"), (92.0, "run"), (108.0, "pause"), (121.0, "ventricular"), (133.0, "supraventricular")),
)
SPEC = Ambulatory("planted", EVENTS, heart_rate=66.0, seed=5, duration_s=150.0, fs=360)


@pytest.fixture(scope="module")
def detector() -> BeatDetector:
    return BeatDetector(make_checkpoint())


@pytest.fixture(scope="module")
def record() -> Record:
    return make_record(SPEC)


@pytest.fixture(scope="module")
def found(detector: BeatDetector, record: Record) -> BeatDetections:
    return detector.detect(record)


def kinds(found: BeatDetections) -> np.ndarray:
    """Return where each detected beat came from; "none" for a false one."""
    made = synthesize(SPEC)[1]
    out = np.full(len(found), "none", dtype="U20")
    belongs = match(np.array([beat.time_s for beat in made]), found.times_s)
    for beat, k in zip(made, belongs, strict=True):
        if k >= 0:
            out[k] = beat.kind
    return out


def test_planted_beats_stand_out(found: BeatDetections):
    kind = kinds(found)
    sinus = found.score[kind == "sinus"]
    assert (found.score[kind == "ventricular"] > np.quantile(sinus, 0.97)).all()
    assert (found.score[kind == "supraventricular"] > np.quantile(sinus, 0.9)).all()
    assert found.anomalous[kind == "ventricular"].all()


def test_parts_add_up_and_belong_to_the_kinds(found: BeatDetections):
    kind = kinds(found)
    np.testing.assert_allclose(sum(found.parts.values()), found.score)
    early, wide = kind == "supraventricular", kind == "ventricular"
    assert np.median(found.parts["timing"][early]) > 3 * np.median(found.parts["timing"][kind == "sinus"])
    assert np.median(found.parts["shape"][wide]) > 3 * np.median(found.parts["shape"][kind == "sinus"])


def test_the_verdict_describes_the_recording(found: BeatDetections, record: Record):
    kind = kinds(found)
    assert found.heart_rate == pytest.approx(66, abs=5)
    assert found.dominant.shape == (2, 252)
    assert found.dominant[0].argmax() == pytest.approx(90, abs=4)
    assert [pause.seconds > 2.0 for pause in found.pauses] == [True]
    assert found.times_s[found.pauses[0].after] == pytest.approx(108, abs=3)
    assert any((kind[run.start : run.stop] == "ventricular").sum() >= 5 for run in found.runs)
    assert set(found.cluster[kind == "sinus"]) == {0}
    assert 0 not in found.cluster[kind == "ventricular"]
    assert np.isnan(found.rr_s[0])
    np.testing.assert_allclose(found.rr_s[1:], np.diff(found.times_s))
    assert found.duration_s == pytest.approx(record.duration)
    assert ((found.percentile >= 0) & (found.percentile <= 100)).all()
    assert set(found.lead) <= set(record.leads)


def test_another_rate_moves_the_threshold_and_nothing_else(found: BeatDetections):
    strict = found.at(0.005)
    assert strict.threshold > found.threshold
    assert strict.anomalous.sum() <= found.anomalous.sum()
    np.testing.assert_array_equal(strict.anomalous, strict.score > strict.threshold)
    assert strict.score is found.score
    assert found.at(found.false_alarm_rate).threshold == pytest.approx(found.threshold)
    with pytest.raises(ConfigError, match=r"Expected a false-alarm rate from 0\.001 to 0\.999"):
        found.at(1e-5)


def test_runs_are_three_or_more():
    anomalous = np.array([1, 1, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1], bool)
    assert find_runs(anomalous) == (Run(3, 6), Run(8, 12))


def test_gain_does_not_matter(detector: BeatDetector, record: Record, found: BeatDetections):
    other = detector.detect(replace(record, signal=(2.0 * record.signal).astype(np.float32)))
    np.testing.assert_array_equal(other.times_s, found.times_s)
    assert np.corrcoef(other.score, found.score)[0, 1] > 0.999
    assert np.median(np.abs(other.score - found.score)) < 0.1


def test_the_order_of_leads_does_not_matter(detector: BeatDetector, record: Record, found: BeatDetections):
    turned = replace(record, signal=record.signal[::-1].copy(), leads=record.leads[::-1])
    other = detector.detect(turned)
    assert len(other) == len(found)
    np.testing.assert_allclose(other.score, found.score, atol=1e-6)
    assert other.lead == found.lead


@pytest.mark.parametrize("fs", [250, 1000])
def test_the_sampling_rate_hardly_matters(detector: BeatDetector, found: BeatDetections, fs: int):
    other = detector.detect(make_record(replace(SPEC, fs=fs)))
    belongs = match(found.times_s, other.times_s, 0.02)
    assert (belongs >= 0).mean() > 0.98
    kind = kinds(found)
    planted = (kind == "ventricular") & (belongs >= 0)
    assert other.anomalous[belongs[planted]].all()


def test_a_shift_in_time_moves_the_beats(detector: BeatDetector, record: Record, found: BeatDetections):
    shifted = replace(record, signal=np.ascontiguousarray(record.signal[:, 36 * 100 :]))
    other = detector.detect(shifted)
    inside = found.times_s > 12.0
    belongs = match(found.times_s[inside] - 10.0, other.times_s, 0.003)
    assert (belongs >= 0).mean() > 0.98
    assert np.corrcoef(other.score[belongs[belongs >= 0]], found.score[inside][belongs >= 0])[0, 1] > 0.98


def test_one_lead_is_enough_and_a_lead_of_noise_does_not_hurt(detector: BeatDetector, record: Record):
    one = detector.detect(replace(record, signal=record.signal[:1].copy(), leads=("MLII",)))
    noise = np.random.default_rng(0).normal(size=(1, record.n_samples)).astype(np.float32)
    two = detector.detect(replace(record, signal=np.concatenate((record.signal[:1], noise)), leads=("MLII", "V1")))
    for found in (one, two):
        assert found.anomalous[kinds(found) == "ventricular"].mean() > 0.9


def test_long_recordings_are_gone_through_twice_with_the_same_beats(
    detector: BeatDetector, record: Record, found: BeatDetections, monkeypatch: pytest.MonkeyPatch
):
    assert len(found) < KEPT
    monkeypatch.setattr("ecg_core.ambulatory.detector.KEPT", 90)
    thinned = detector.detect(record)
    np.testing.assert_array_equal(thinned.times_s, found.times_s)
    assert np.corrcoef(thinned.score, found.score)[0, 1] > 0.98


def test_memory_does_not_grow_with_a_recording_of_twelve_leads(
    detector: BeatDetector, record: Record, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ecg_core.ambulatory.detector.KEPT", 100)
    monkeypatch.setattr("ecg_core.ambulatory.detector.AT_ONCE", 64)
    block = replace(record, leads=LEADS, signal=np.resize(record.signal, (12, record.n_samples)))
    peaks = []
    for n in (3, 9):
        tracemalloc.start()
        found = detector.detect_blocks(lambda n=n: (block for _ in range(n)))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(found) > 150 * n
    assert peaks[1] < peaks[0] + 2e6, "a beat of twelve leads takes 17 kB while it is judged, a score a few bytes"


def test_marked_beats_are_scored_as_they_are_marked(detector: BeatDetector, record: Record, found: BeatDetections):
    judge, judged = detector.score_marked(record, np.round(found.times_s * record.fs).astype(int))
    np.testing.assert_array_equal(judged.at, np.round(found.times_s * 360))
    np.testing.assert_allclose(judged.score, found.score, atol=1e-6)
    assert judge.recalibrated == found.recalibrated


def test_a_dominant_beat_unlike_normal_ones_is_said_first(record: Record):
    plain = BeatDetector(make_checkpoint()).detect(record)
    centre = np.mean([measures(row) for row in plain.dominant], axis=0)
    assert plain.notes == record.notes
    usual = BeatDetector(make_checkpoint(dominant=usual_dominant(measures(plain.dominant[0])))).detect(
        replace(record, signal=record.signal[:1].copy(), leads=("MLII",))
    )
    assert not usual.dominant_unusual
    unusual = BeatDetector(make_checkpoint(dominant=usual_dominant(centre + 2.0))).detect(record)
    assert unusual.dominant_unusual
    assert unusual.notes[0].startswith("The dominant beat of this recording is itself unlike normal beats")
    assert unusual.notes[1:] == record.notes


@pytest.mark.parametrize("network", ["Beat-CAE", "Beat-CAE-187", "Beat-CNN-LSTM"])
def test_every_network_has_its_part(record: Record, network: str):
    detector = BeatDetector(make_checkpoint(network))
    found = detector.detect(record)
    assert set(found.parts) == {"shape", "timing", "network"}
    np.testing.assert_allclose(sum(found.parts.values()), found.score)
    x_hat, start, fs = detector.reconstruct(record, 40)
    assert x_hat.shape == (detector.network.config.n_samples,)
    assert np.isfinite(x_hat).all()
    assert start <= found.times_s[40] <= start + len(x_hat) / fs


def test_what_cannot_be_judged_is_refused_in_one_sentence(detector: BeatDetector, record: Record):
    with pytest.raises(RecordError, match=r"Expected at least 10 heartbeats, .*; found \d in planted; record longer"):
        detector.detect(record.crop(0, 7))
    with pytest.raises(RecordError, match=r"Expected at least 5 s of ECG; planted has 3\.0 s; record longer\."):
        detector.detect(record.crop(0, 3))
    with pytest.raises(RecordError, match=r"Expected the leads MLII, V1 throughout planted; found V1, MLII from 75 s"):
        half = record.crop(75, 150)
        detector.detect_blocks(lambda: [record.crop(0, 75), replace(half, leads=("V1", "MLII"))])
    with pytest.raises(CheckpointError, match="has no network, so there is no reconstruction"):
        detector.reconstruct(record, 0)
    with pytest.raises(ConfigError, match="Expected a false-alarm rate"):
        detector.detect(record, false_alarm_rate=0.0)


def test_a_checkpoint_comes_back_as_it_was_written(tmp_path, record: Record):
    folder = tmp_path / "stand-in"
    config = save_beat_checkpoint(made := make_checkpoint("Beat-CAE"), folder)
    again = BeatDetector(load_beat_checkpoint(folder))
    assert again.checkpoint == config.weights_sha256
    np.testing.assert_array_equal(again.detect(record).score, BeatDetector(made).detect(record).score)
    (folder / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(CheckpointError, match=r"stand-in/model\.safetensors has sha256"):
        load_beat_checkpoint(folder)
    with pytest.raises(CheckpointError, match="There is no beat detector other"):
        BeatDetector.from_store("other", tmp_path)
    with pytest.raises(CheckpointError, match="Expected the name of a beat detector"):
        BeatDetector.from_store("../stand-in", tmp_path)


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # wfdb with pandas 3.1
def test_annotations_read_back(found: BeatDetections, tmp_path):
    wfdb = pytest.importorskip("wfdb")
    (tmp_path / "planted.lw").write_bytes(annotation_bytes(found))
    marks = wfdb.rdann(str(tmp_path / "planted"), "lw")
    beats = np.array(marks.symbol) != '"'
    assert marks.fs == found.fs
    np.testing.assert_array_equal(marks.sample[beats], np.round(found.times_s * found.fs))
    np.testing.assert_array_equal(np.array(marks.symbol)[beats] == "?", found.anomalous)
    notes = np.array(marks.aux_note)[beats]
    assert all(("score" in note) == flag for note, flag in zip(notes, found.anomalous, strict=True))
    assert "not a diagnosis" in "".join(np.array(marks.aux_note)[~beats])
    # a gap longer than the format's step of 1,023 samples
    late = replace(found, times_s=found.times_s + 1000.0)
    (tmp_path / "late.lw").write_bytes(annotation_bytes(late))
    marks = wfdb.rdann(str(tmp_path / "late"), "lw")
    assert marks.sample[-1] == round((found.times_s[-1] + 1000.0) * found.fs)
