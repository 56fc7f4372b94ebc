"""What is drawn of one lead, and of the normals a record is compared with, on a shipped checkpoint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ecg_core.calibration import Condition
from ecg_core.detector import AnomalyDetector
from ecg_core.explanation import lead_trace
from ecg_core.readers import read_record
from ecg_core.records import LEADS, Record
from ecg_core.synthetic import example_paths


@pytest.fixture(scope="module")
def detector() -> AnomalyDetector:
    return AnomalyDetector.from_store("cae")


@pytest.fixture(scope="module")
def record() -> Record:
    return next(read_record(path) for path in example_paths() if "premature" in path.stem)


def test_the_trace_of_the_record_is_the_highest_of_its_leads(detector, record):
    explanation = detector.detect(record).explanation
    traces = np.stack([lead_trace(explanation, lead) for lead in LEADS])
    assert np.allclose(traces.max(axis=0), explanation.sample_scores, atol=1e-5)
    assert (traces.min(axis=0) < explanation.sample_scores).all()


def test_a_lead_left_out_has_no_trace(detector, record):
    signal = record.signal.copy()
    signal[LEADS.index("V6")] = 0.0
    explanation = detector.detect(replace(record, signal=signal)).explanation
    assert np.isnan(lead_trace(explanation, "V6")).all()
    assert np.isfinite(lead_trace(explanation, "V5")).all()


@pytest.mark.parametrize("condition", [Condition(), Condition(10.0, (7,)), Condition(7.5)])
def test_the_normals_shown_are_those_the_percentile_is_of(detector, record, condition):
    signal = record.signal.copy()
    for k in condition.masked:
        signal[(0, 1, 6, 7, 8, 9, 10, 11)[k]] = 0.0
    found = detector.detect(replace(record, signal=signal).crop(0.0, condition.duration_s))
    normals = detector.calibration_scores(condition)
    assert (np.diff(normals) >= 0).all()
    assert 100.0 * float((normals < np.float32(found.score)).mean()) == pytest.approx(found.percentile)
