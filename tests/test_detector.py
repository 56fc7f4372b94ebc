"""From a record to a verdict, on the shipped checkpoints."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from ecg_core.calibration import Condition
from ecg_core.detector import AnomalyDetector
from ecg_core.errors import CheckpointError, ConfigError, RecordError
from ecg_core.readers import read_record
from ecg_core.records import LEADS, Record
from ecg_core.segments import prepare_record
from ecg_core.synthetic import example_paths

NAMES = ["cae", "vae-bilstm", "vae-bilstm-mha"]


@pytest.fixture(scope="module")
def detectors() -> dict[str, AnomalyDetector]:
    return {name: AnomalyDetector.from_store(name) for name in NAMES}


@pytest.fixture(scope="module")
def record() -> Record:
    return read_record(example_paths()[0])


def changed(record: Record, **leads: np.ndarray | float) -> Record:
    signal = record.signal.copy()
    for lead, value in leads.items():
        signal[LEADS.index(lead)] = value
    return replace(record, signal=signal)


def repeated(record: Record, times: int) -> Record:
    return replace(record, signal=np.tile(record.signal, times))


@pytest.mark.parametrize("name", NAMES)
def test_golden_scores(detectors, name):
    detector = detectors[name]
    assert set(detector.config.examples) == {path.stem for path in example_paths()}
    for path in example_paths():
        golden = detector.config.examples[path.stem]
        found = detector.detect(read_record(path))
        assert found.score == pytest.approx(golden["score"], abs=1e-4)
        assert found.anomalous == golden["anomalous"]
        assert found.percentile == pytest.approx(golden["percentile"], abs=0.2)


@pytest.mark.parametrize("name", NAMES)
def test_a_detection_is_whole(detectors, record, name):
    found = detectors[name].detect(record)
    e = found.explanation
    assert found.interpretable
    assert found.anomalous == (found.score > found.threshold)
    assert set(found.parts) == {"reconstruction", "latent", "signs"}
    assert e.leads == LEADS
    for array in (e.signal, e.reconstruction, e.reconstruction_sd, e.error):
        assert array.shape == (12, 1000)
        assert np.isfinite(array).all()
    assert e.sample_scores.shape == (1000,)
    assert (e.reconstruction_sd > 0).all()
    assert list(found.lead_scores) == list(LEADS)
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_record_scores_the_same_in_another_process(detectors, name):
    path = example_paths()[3]
    script = (
        "import sys; from ecg_core.detector import AnomalyDetector; from ecg_core.readers import read_record;"
        "print(repr(AnomalyDetector.from_store(sys.argv[1]).detect(read_record(sys.argv[2])).score))"
    )
    command = [sys.executable, "-c", script, name, str(path)]
    there = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    here = detectors[name].detect(read_record(path))
    assert there == pytest.approx(here.score, abs=1e-6)
    assert detectors[name].detect(read_record(path), explain=False).score == here.score


@pytest.mark.parametrize("name", NAMES)
def test_the_threshold_moves_the_verdict_and_nothing_else(detectors, record, name):
    detector = detectors[name]
    thresholds = [detector.threshold(rate) for rate in (0.005, 0.05, 0.2)]
    assert thresholds == sorted(thresholds, reverse=True)
    found = [detector.detect(record, rate, explain=False) for rate in (0.005, 0.05, 0.2)]
    assert len({d.score for d in found}) == 1
    assert [d.threshold for d in found] == thresholds
    with pytest.raises(ConfigError, match="cannot show"):
        detector.detect(record, 0.0001)


def test_masked_leads_leave_score_and_maps(detectors, record):
    noise = np.random.default_rng(0).normal(0, 2.0, record.n_samples)
    for detector in detectors.values():
        flat, noisy = (detector.detect(changed(record, V3=value)) for value in (0.0, noise))
        assert flat.masked_leads == ("V3",)
        assert noisy.masked_leads == ("V3",)
        assert flat.score == pytest.approx(noisy.score, abs=1e-5)  # what a masked lead holds does not count
        assert flat.lead_scores["V3"] is None
        assert np.isnan(flat.explanation.error[LEADS.index("V3")]).all()
        assert flat.n_normals == detector.config.calibration.n_masked
        assert any("V3" in note for note in flat.notes)
        assert flat.threshold == detector.threshold(0.05, Condition(10.0, (4,)))


@pytest.mark.parametrize("name", NAMES)
def test_a_record_scores_the_same_alone_and_in_company(detectors, record, name):
    records = [read_record(path) for path in example_paths()[:6]]
    records[1] = changed(records[1], V3=0.0)
    records[2] = records[2].crop(0.0, 8.0)
    records[3] = repeated(record, 3)
    records[4] = changed(records[4], V1=0.0, V2=0.0, V3=0.0, V4=0.0, V5=0.0)
    together = detectors[name].detect_prepared([prepare_record(r) for r in records])
    assert [found.record for found in together] == [r.name for r in records]
    for found, r in zip(together, records, strict=True):
        alone = detectors[name].detect(r)
        assert replace(found, seconds=0.0, explanation=None) == replace(alone, seconds=0.0, explanation=None)


@pytest.mark.parametrize("name", NAMES)
def test_a_lead_left_out_costs_its_own_evidence_alone(detectors, name):
    """What the other leads show must still count: a bundle branch block stays one without V3."""
    block = next(read_record(path) for path in example_paths() if path.stem == "left-bundle-branch-block")
    for lead in ("V3", "V6", "aVL"):
        found = detectors[name].detect(changed(block, **{lead: 0.0}), explain=False)
        assert found.masked_leads == (lead,)
        assert found.anomalous


def test_five_bad_leads_are_not_interpretable(detectors, record):
    found = detectors["cae"].detect(changed(record, V1=0.0, V2=0.0, V3=0.0, V4=0.0, V5=0.0))
    assert not found.interpretable
    assert found.score is None
    assert found.percentile is None
    assert found.anomalous is None
    assert found.explanation is None
    assert found.reason.startswith("Not interpretable.")
    assert found.to_dict()["interpretable"] is False


def test_three_bad_leads_in_a_short_record_are_not_interpretable(detectors, record):
    short = changed(record, V1=0.0, V2=0.0, V3=0.0).crop(0.0, 8.0)
    found = detectors["cae"].detect(short)
    assert not found.interpretable
    assert found.reason.startswith("Not interpretable. Expected at most 2 leads")
    assert detectors["cae"].detect(changed(record, V1=0.0, V2=0.0).crop(0.0, 8.0)).interpretable


@pytest.mark.parametrize(("seconds", "compared"), [(5.0, 5.0), (7.3, 7.0), (9.99, 9.5), (10.2, 10.0)])
def test_short_records_are_compared_with_normals_cropped_alike(detectors, record, seconds, compared):
    found = detectors["cae"].detect(repeated(record, 2).crop(0.0, seconds))
    assert found.explanation.sample_scores.shape == (round(100 * compared),)
    assert found.threshold == detectors["cae"].threshold(0.05, Condition(compared))
    assert any(f"{compared:g} s" in note for note in found.notes) == (compared != 10.0 or seconds != 10.0)


def test_too_short_and_too_few_leads(detectors, record):
    with pytest.raises(RecordError, match=r"at least 5 s of ECG; .* has 4\.0 s"):
        detectors["cae"].detect(record.crop(0.0, 4.0))
    two = replace(record, signal=record.signal[:2], leads=("I", "II"))
    with pytest.raises(RecordError, match="12-lead ECG"):
        detectors["cae"].detect(two)


def test_long_recordings_have_a_share_and_no_percentile(detectors, record):
    detector = detectors["cae"]
    found = detector.detect(repeated(record, 4))
    assert found.percentile is None
    assert [s.start_s for s in found.segments] == pytest.approx([0, 5, 10, 15, 20, 25, 30])
    assert found.expected_share == 0.05
    assert found.anomalous_share == sum(s.anomalous for s in found.segments) / 7
    assert found.score == max(s.score for s in found.segments)
    strongest = max(found.segments, key=lambda s: s.score)
    assert found.explanation.start_s == strongest.start_s
    assert all(b - a > 0.2 for a, b in pairwise(found.beats_s))  # overlapping segments, each beat once
    assert found.heart_rate == pytest.approx(detector.detect(record).heart_rate, rel=0.05)


def test_blocks_give_the_verdict_of_the_whole(detectors, record):
    whole = repeated(record, 6)
    blocks = (whole.crop(lo, lo + 17.0) for lo in (0.0, 17.0, 34.0, 51.0))
    one, two = detectors["cae"].detect(whole), detectors["cae"].detect_blocks(blocks)
    assert [s.start_s for s in two.segments] == pytest.approx([s.start_s for s in one.segments])
    assert [s.score for s in two.segments] == pytest.approx([s.score for s in one.segments], abs=1e-5)
    assert two.anomalous_share == one.anomalous_share


def test_attention_varies_with_the_record(detectors):
    detector = detectors["vae-bilstm-mha"]
    maps = [detector.attention(read_record(path)) for path in example_paths()[:2]]
    for attention in maps:
        assert attention.lead_weights.shape == (8, 125)
        assert np.allclose(attention.lead_weights.sum(0), 1.0, atol=1e-4)
        assert attention.time_weights.sum() == pytest.approx(1.0, abs=1e-4)
        assert attention.lead_weights.std(axis=1).max() > 1e-3  # varies over time
        assert attention.time_weights.std() > 1e-5
    assert np.abs(maps[0].lead_weights - maps[1].lead_weights).max() > 1e-3
    assert np.abs(maps[0].time_weights - maps[1].time_weights).max() > 1e-5
    with pytest.raises(CheckpointError, match="CAE has no attention"):
        detectors["cae"].attention(read_record(example_paths()[0]))


def test_500_hz_scores_like_100_hz(detectors, shared, ptbxl_at_100):
    for name, detector in detectors.items():
        apart = []
        for path in sorted((shared / "data" / "ptbxl500").glob("records500/*/*.hea")):
            high = detector.detect(read_record(path), explain=False)
            low = detector.detect(ptbxl_at_100(int(path.stem[:5])), explain=False)
            if high.percentile is not None and low.percentile is not None:
                apart.append(abs(high.percentile - low.percentile))
        assert len(apart) >= 60
        assert np.median(apart) <= 2.0, name
