"""What was measured, on the report's page and in the exported scores."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from ecg_core import wording
from ecg_core.colours import PRINT
from ecg_core.detection import Detection
from ecg_core.detector import AnomalyDetector as Detector
from ecg_core.export import scores_csv, scores_json
from ecg_core.measurements import NAMED, REGISTRY
from ecg_core.paper import Layout
from ecg_core.readers import read_record
from ecg_core.records import LEADS, Record
from ecg_core.report import Reading, View, report_pdf
from ecg_core.superclasses import Resemblance
from ecg_core.synthetic import EXAMPLES, make_record
from tests.app.fake_detector import AnomalyDetector
from tests.pages import Drawn, Sheet, read_page

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def record() -> Record:
    return make_record(next(spec for spec in EXAMPLES if spec.kind == "pvc"))


@pytest.fixture(scope="module")
def detection(record: Record) -> Detection:
    return AnomalyDetector("consensus").detect(record)


@pytest.fixture(scope="module")
def consensus() -> Detector:
    return Detector.from_store("consensus")


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


def band_outlines(sheet: Sheet) -> list[Drawn]:
    """Return the bands of normal median beats, one for each lead: wide filled areas low on the page."""
    grey = tuple(int(PRINT["normals"][k : k + 2], 16) for k in (1, 3, 5))
    return [d for d in sheet.drawn if d.fill == grey and len(d.points) > 50]


def assert_whole(sheet: Sheet) -> None:
    """Require all median beats with their bands, below the ECG and above the foot, at the ECG's true scale."""
    assert (sheet.width, sheet.height) == (pytest.approx(297, abs=0.01), pytest.approx(210, abs=0.01))
    assert "Median beats" in sheet.line
    assert "5th to 95th percentile" in sheet.line
    assert wording.INTENDED_USE[1] in sheet.line
    bands = band_outlines(sheet)
    assert len(bands) == len(LEADS)
    grid = max(sheet.stroked(PRINT["grid-minor"]), key=lambda d: len(d.points)).points
    feet = [d.points[:, 1] for d in sheet.stroked(PRINT["border"]) if np.ptp(d.points[:, 0]) > 260.0]
    foot = min(y.min() for y in feet if y.min() > 190.0)
    named = grid[:, 1].max() + 2.5
    heights = [d.points[:, 1] for d in sheet.stroked(PRINT["muted"]) if len(d.points) == 2 and d.width < 0.12]
    assert all(named < y.min() and y.max() < foot for y in heights)
    across = np.diff(np.unique(np.round(grid[:, 0], 2)))
    assert across == pytest.approx(1.0, abs=0.02), "a millimetre is a millimetre"


def test_median_beats_are_drawn_over_the_band_however_tall_the_ecg_is(record: Record, detection: Detection) -> None:
    for factor in (0.4, 1.0, 1.9, 4.0):
        assert_whole(page(replace(record, signal=(factor * record.signal).astype(np.float32)), detection))


@pytest.mark.parametrize("layout", ["3x4", "6x2", "12x1"])
def test_median_beats_have_room_on_the_fullest_page(record: Record, detection: Detection, layout: Layout) -> None:
    assert detection.reasons
    long = tuple(
        replace(detection.reasons[0], text=f"{detection.reasons[0].text}, {'and so on ' * k}") for k in range(5)
    )
    flat = dict.fromkeys(LEADS[6:10], ("flat",))
    full = replace(
        detection,
        reasons=long,
        warnings=("Suspected right arm/left leg electrode reversal", "Suspected dextrocardia"),
        notes=tuple(f"Note {k} about something that was done to the recording when it was read." for k in range(60)),
        quality={**detection.quality, **flat},
        masked_leads=tuple(flat),
    )
    tall = replace(record, signal=(1.9 * record.signal).astype(np.float32))
    others = [Reading.of(name, AnomalyDetector(name).detect(record)) for name in ("cae", "vae-bilstm")]
    moved = Reading("Consensus", full, 1.0, 0.1)
    sheet = read_page(report_pdf(tall, moved, AT, View(layout=layout), others=others))
    assert_whole(sheet)
    assert "Threshold moved by the reader" in sheet.line
    assert "more notes in the app" in sheet.line
    for reason in long[:1]:
        assert reason.text.strip(", ") in sheet.line


def test_every_example_carries_its_median_beats(consensus: Detector) -> None:
    for spec in EXAMPLES:
        made = make_record(spec)
        found = consensus.detect(made)
        if found.interpretable:
            assert_whole(read_page(report_pdf(made, Reading.of("Consensus", found), AT)))


def test_every_recorded_ecg_carries_its_median_beats(consensus: Detector, ptbxl500: Path) -> None:
    paths = sorted(ptbxl500.rglob("*.hea"))
    assert len(paths) == 64
    for path in paths:
        made = read_record(path)
        found = consensus.detect(made)
        assert found.interpretable
        assert_whole(read_page(report_pdf(made, Reading.of("Consensus", found), AT)))


def test_a_record_with_a_lead_that_cannot_be_read_is_drawn_without_it(record: Record, detection: Detection) -> None:
    assert detection.measurements is not None
    assert detection.measurements.beat is not None
    x = detection.measurements.beat.x.copy()
    x[8] = 0.0
    found = replace(detection.measurements, beat=replace(detection.measurements.beat, x=x))
    flat = replace(record, signal=(0.4 * record.signal).astype(np.float32))
    assert "Median beats" in page(flat, replace(detection, measurements=found, reasons=())).line


def test_what_the_record_resembles_stands_after_the_verdict(record: Record, detection: Detection) -> None:
    likely = Resemblance("MI", 0.8, sensitivity=0.6, ppv=0.7)
    line = page(record, replace(detection, resembles=(likely,))).line
    assert line.index("alarm threshold") < line.index("Resembles: myocardial infarction (of ECGs told so, 70 %")
    assert line.index("Resembles:") < line.index("Measured, most unusual first")
    assert "Resembles" not in page(record, replace(detection, resembles=())).line


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
