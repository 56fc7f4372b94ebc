"""Scores as JSON and CSV: everything that was found, in numbers that a program reads and cells that compute nothing."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from ecg_core.detection import Detection
from ecg_core.export import file_name, over_time_csv, scores_csv, scores_json
from ecg_core.records import LEADS, Record
from ecg_core.report import Reading
from ecg_core.synthetic import EXAMPLES, make_record
from tests.app.fake_detector import AnomalyDetector

AT = datetime(2026, 11, 21, 12, 50, tzinfo=UTC)


@pytest.fixture(scope="module")
def record() -> Record:
    return make_record(next(spec for spec in EXAMPLES if spec.kind == "pvc"))


@pytest.fixture(scope="module")
def detection(record) -> Detection:
    return AnomalyDetector("cae").detect(record)


@pytest.fixture(scope="module")
def reading(detection) -> Reading:
    return Reading("CAE", detection, 2.0, 0.1)


def table(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode())))


def test_json_has_all_of_the_detection_and_what_it_was_held_against(reading, detection):
    found = json.loads(scores_json(reading, AT))
    assert set(found["detection"]) == set(detection.to_dict())
    assert found["detection"]["score"] == detection.score
    assert found["alarm"] == {
        "above": detection.score > 2.0, "threshold": 2.0, "false_alarm_rate": 0.1, "validated_false_alarm_rate": 0.05,
    }  # fmt: skip
    assert (found["format"], found["version"], found["made"]) == ("leadwise-scores", 2, "2026-11-21T12:50:00Z")
    assert "It does not diagnose" in found["intended_use"]


def test_every_field_is_described(reading, root):
    page = (root / "docs" / "exports.md").read_text(encoding="utf-8")
    found = json.loads(scores_json(reading, AT))
    names = [*found, *found["alarm"], *found["over_time"]]
    assert not [name for name in names if f"`{name}`" not in page]


def test_json_has_score_and_error_of_every_lead_over_time(reading, detection):
    found = json.loads(scores_json(reading, AT))["over_time"]
    assert found["score"] == pytest.approx(detection.explanation.sample_scores.tolist(), rel=1e-4)
    assert list(found["error"]) == list(LEADS)
    assert found["error"]["V5"] == pytest.approx(detection.explanation.error[10].tolist(), rel=1e-4)
    assert (found["start_s"], found["fs"]) == (0.0, 100.0)


def test_json_has_null_where_a_lead_was_left_out(record):
    signal = record.signal.copy()
    signal[LEADS.index("V5")] = 0.0
    found = AnomalyDetector("cae").detect(replace(record, signal=signal))
    data = scores_json(Reading.of("CAE", found), AT)
    assert json.loads(data)["over_time"]["error"]["V5"] is None
    assert b"NaN" not in data


def test_the_table_of_scores_is_the_json_without_its_traces(reading, detection):
    head, *rows = table(scores_csv(reading, AT))
    assert head == ["field", "value"]
    found = dict(rows)
    assert len(found) == len(rows)
    assert float(found["detection.score"]) == detection.score
    assert float(found["detection.lead_scores.V1"]) == pytest.approx(detection.lead_scores["V1"])
    assert float(found["detection.stretches.1.start_s"]) == detection.explanation.stretches[0].start_s
    assert found["alarm.above"] in {"true", "false"}
    assert not [name for name in found if name.startswith("over_time")]


def test_the_table_over_time_has_a_row_for_each_hundredth_of_a_second(reading, detection):
    head, *rows = table(over_time_csv(reading))
    assert head == ["time_s", "score", *(f"error_{lead}" for lead in LEADS)]
    assert len(rows) == len(detection.explanation.sample_scores)
    values = np.array(rows, dtype=float)
    assert values[:, 0] == pytest.approx(np.arange(len(rows)) / 100)
    assert values[:, 1] == pytest.approx(detection.explanation.sample_scores, rel=1e-4)
    assert values[:, 2:] == pytest.approx(detection.explanation.error.T, rel=1e-4)


def test_a_record_without_a_score_has_files_too(record):
    rng = np.random.default_rng(0)
    noisy = replace(record, signal=rng.normal(0, 1.5, record.signal.shape).astype(np.float32))
    none = Reading.of("CAE", AnomalyDetector("cae").detect(noisy))
    found = json.loads(scores_json(none, AT))
    assert found["verdict"].startswith("Not interpretable")
    assert (found["alarm"]["above"], found["over_time"]) == (None, None)
    assert table(over_time_csv(none)) == [["time_s", "score"]]
    assert dict(table(scores_csv(none, AT)))["detection.score"] == ""


@pytest.mark.parametrize("name", ['=HYPERLINK("http://x")', "+1", "-1+2", "@SUM(A1)", "\t=1", '=1,"\n=2'])
def test_no_cell_of_a_hostile_record_computes(reading, detection, name):
    hostile = replace(reading, detection=replace(detection, record=name, notes=(name,), population=name))
    for row in table(scores_csv(hostile, AT)):
        for cell in row:
            number = cell.lstrip("-").replace(".", "").replace("e", "").replace("-", "").isdigit()
            assert number or not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ptbxl/12618", "ptbxl-12618-report.pdf"),
        ("../../etc/passwd", "etc-passwd-report.pdf"),
        ("a\x00\n\u202eb", "a-b-report.pdf"),
        ("心電図", "record-report.pdf"),
        ("", "record-report.pdf"),
        ("...", "record-report.pdf"),
        ("x" * 400, "x" * 60 + "-report.pdf"),
    ],
)
def test_file_names_are_plain(name, expected):
    assert file_name(name, "report.pdf") == expected
