"""What was measured, on the report's page and in the exported scores."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from ecg_core.detection import Detection
from ecg_core.export import scores_csv, scores_json
from ecg_core.measurements import NAMED, REGISTRY
from ecg_core.records import Record
from ecg_core.report import Reading, report_pdf
from ecg_core.synthetic import EXAMPLES, make_record
from tests.app.fake_detector import AnomalyDetector
from tests.pages import Sheet, read_page

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def record() -> Record:
    return make_record(next(spec for spec in EXAMPLES if spec.kind == "pvc"))


@pytest.fixture(scope="module")
def detection(record: Record) -> Detection:
    return AnomalyDetector("consensus").detect(record)


def page(record: Record, detection: Detection, *others: Detection) -> Sheet:
    beside = [Reading.of(other.model, other) for other in others]
    return read_page(report_pdf(record, Reading.of("Consensus", detection), AT, others=beside))


def test_the_page_says_why_with_value_range_and_rarity(record: Record, detection: Detection) -> None:
    line = page(record, detection).line
    assert "Measured, most unusual first" in line
    for reason in detection.reasons:
        assert reason.text in line
    assert "lower than in 9" in line
    assert "expected ECG" in line
    assert "Every beat is most unusual in V2, V3: anterior leads. A beat comes early, at" in line


def test_the_named_measurements_stand_beside_their_ranges(record: Record, detection: Detection) -> None:
    line = page(record, detection).line
    for name in NAMED:
        assert REGISTRY[name].title in line
    assert detection.measurements is not None
    assert f"{detection.measurements.values['heart_rate']:.0f} /min" in line
    assert "of men where that matters" in line


def test_what_is_withheld_is_said_to_be(record: Record, detection: Detection) -> None:
    assert detection.measurements is not None
    values = {k: v for k, v in detection.measurements.values.items() if k != "pr_ms"}
    withheld = detection.measurements.withheld | {"pr_ms": "no P wave was found before each beat"}
    found = replace(detection.measurements, values=values, withheld=withheld)
    assert "PR interval withheld" in page(record, replace(detection, measurements=found)).line


def test_median_beats_are_drawn_over_the_band_where_they_fit(record: Record, detection: Detection) -> None:
    flat = replace(record, signal=(0.4 * record.signal).astype(np.float32))
    line = page(flat, replace(detection, reasons=())).line
    assert "Median beats" in line
    assert "5th to 95th percentile" in line
    tall = replace(record, signal=(1.9 * record.signal).astype(np.float32))
    assert "Median beats" not in page(tall, detection).line


def test_a_record_with_a_lead_that_cannot_be_read_is_drawn_without_it(record: Record, detection: Detection) -> None:
    assert detection.measurements is not None
    assert detection.measurements.beat is not None
    x = detection.measurements.beat.x.copy()
    x[8] = 0.0
    found = replace(detection.measurements, beat=replace(detection.measurements.beat, x=x))
    flat = replace(record, signal=(0.4 * record.signal).astype(np.float32))
    assert "Median beats" in page(flat, replace(detection, measurements=found, reasons=())).line


def test_a_detector_that_does_not_measure_has_the_page_as_before(record: Record) -> None:
    line = page(record, AnomalyDetector("cae").detect(record)).line
    assert "Measured" not in line
    assert "Median beats" not in line
    assert "reconstruction by" in line


def test_the_parts_of_the_consensus_are_told_once(record: Record, detection: Detection) -> None:
    assert "Parts, as percentiles of normal ECGs: Measurements" in page(record, detection).line
    line = page(record, detection, AnomalyDetector("cae").detect(record)).line
    assert "Parts, as percentiles" not in line
    assert "of 1 above: cae" in line, "the consensus is not one of those it is made of"


def test_early_beats_are_marked_below_the_rhythm_strip(record: Record, detection: Detection) -> None:
    assert detection.explanation is not None
    quiet = replace(detection, reasons=(), explanation=replace(detection.explanation, early_s=()))
    assert " early" in page(record, detection).line
    assert " early" not in page(record, quiet).line


def test_scores_carry_measurements_reasons_and_ranges(detection: Detection) -> None:
    found = json.loads(scores_json(Reading.of("Consensus", detection), AT))
    assert found["version"] == 2
    assert found["detection"]["measurements"]["heart_rate"] == pytest.approx(detection.heart_rate, abs=8)
    assert found["detection"]["reasons"][0]["text"] == detection.reasons[0].text
    qrs = found["normal_ranges"]["qrs_ms"]
    assert qrs["low"] < qrs["high"]
    assert (qrs["group"], qrs["n"]) == ("men", 600)
    assert "t_mv_V5" in found["normal_ranges"]
    table = dict(csv.reader(io.StringIO(scores_csv(Reading.of("Consensus", detection), AT).decode())))
    assert float(table["normal_ranges.qrs_ms.high"]) == qrs["high"]
    assert table["detection.reasons.1.text"] == detection.reasons[0].text
    assert "detection.measurements.amplitudes_mv.t_mv.V5" in table


def test_scores_of_an_autoencoder_have_no_ranges(record: Record) -> None:
    found = json.loads(scores_json(Reading.of("CAE", AnomalyDetector("cae").detect(record)), AT))
    assert found["normal_ranges"] is None
    assert found["detection"]["measurements"] is None
