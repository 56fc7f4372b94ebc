"""Beat detectors measured on marked records: which records, what is matched, what counts as missed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ecg_core.ambulatory.normals import RATES
from ecg_core.errors import RecordError
from tests.training.marked import write_marked, write_mitbih
from training import beat_measure
from training.beat_measure import end_to_end, holds, measure_detector, run_detectors, stems_to_measure, text_of
from training.mitbih import annotated_stems, read_annotated

LEVELS = np.linspace(5.0, 0.0, len(RATES))


class KnownDetector:
    """Scores a marked beat by its sign, V being inverted, and finds all beats but the third, and one that is none."""

    name, checkpoint = "known", "0" * 64
    normals = SimpleNamespace(levels=LEVELS)
    probe = None

    def _score(self, record, at: np.ndarray) -> np.ndarray:
        return np.where(record.signal[0][np.round(at * record.fs).astype(int)] < 0, 9.0, 0.0)

    def score_marked(self, record, marked: np.ndarray, template_s: float | None = None):
        # a monitor that has learnt from five minutes alone scores everything alike
        score = self._score(record, marked / record.fs) if template_s is None else np.zeros(len(marked))
        return SimpleNamespace(levels=LEVELS), SimpleNamespace(score=score)

    def detect(self, record):
        marks = read_annotated(self.folder / record.name).samples / record.fs
        times = np.sort(np.append(np.delete(marks, 2), marks[5] + 0.3)) + 0.01
        score = self._score(record, times - 0.01)
        return SimpleNamespace(
            times_s=times, score=score, threshold=4.0, dominant_percentile=50.0, dominant_unusual=False
        )


@pytest.fixture
def detector(tmp_path: Path) -> KnownDetector:
    found = KnownDetector()
    found.folder = write_mitbih(tmp_path / "mitbih", ("100", "232", "101"))
    return found


def figures(result: dict) -> dict[str, float]:
    return {row["name"]: row["figure"]["value"] for row in result["rows"]}


def test_of_mit_bih_ds2_is_measured_and_of_another_folder_all(detector: KnownDetector, tmp_path: Path):
    stems, is_ds2 = stems_to_measure(annotated_stems(detector.folder))
    assert ([stem.name for stem in stems], is_ds2) == (["100", "232"], True)
    write_marked(tmp_path / "own", "x", 0)
    assert [
        len(stems_to_measure(annotated_stems(tmp_path / "own"))[0]),
        stems_to_measure(annotated_stems(tmp_path / "own"))[1],
    ] == [
        1,
        False,
    ]


def test_what_was_not_found_is_lowest_and_what_is_no_beat_counts_as_n(detector: KnownDetector):
    one = read_annotated(detector.folder / "100")
    scored, counts = end_to_end(detector, one)
    assert counts["found"] == counts["marked"] - 1 and counts["extra"] == 1
    assert len(scored.score) == len(one.samples) + 1
    assert scored.score[2] == -1.0 and scored.classes[-1] == "N"
    kept = np.delete(np.arange(len(one.samples)), 2)
    assert np.array_equal(scored.score[kept] == 9.0, one.classes[kept] == "V")


def test_figures_are_given_three_ways(detector: KnownDetector):
    result = measure_detector(detector, [detector.folder / name for name in ("100", "232")])
    found = figures(result)
    assert found["auroc"] == found["auroc_without_232"] == 1.0 and found["ventricular"] == 1.0
    assert found["auroc_first_minutes"] == 0.5
    assert 0.9 < found["auroc_end_to_end"] < 1.0
    assert found["false_alarms_fixed"] == 0.0
    n = sum(row["marked"] for row in result["found"])
    assert found["beats_found"] == pytest.approx((n - 2) / n)
    assert found["detections_right"] == pytest.approx((n - 2) / n)
    assert [row["record"] for row in result["records"]] == ["100", "232"]


def test_a_bar_holds_from_below_or_from_above():
    row = {"name": "auroc", "bar": 0.94, "figure": {"value": 0.94}}
    assert holds(row) and not holds({**row, "figure": {"value": 0.93}})
    assert holds({**row, "bar": None}) is None
    alarms = {"name": "false_alarms_fixed", "bar": 0.1, "figure": {"value": 0.09}}
    assert holds(alarms) and not holds({**alarms, "figure": {"value": 0.11}})


def test_detectors_are_measured_on_a_folder(detector: KnownDetector, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(beat_measure, "load_beat_checkpoint", lambda path: None)
    monkeypatch.setattr(beat_measure, "BeatDetector", lambda checkpoint: detector)
    (result,) = run_detectors([tmp_path / "known"], detector.folder, tmp_path / "out")
    assert (tmp_path / "out" / "known.json").is_file()
    assert "MIT-BIH DS2, 2 records" in text_of(result) and "falls short" in text_of(result)


def test_one_kind_alone_is_said(detector: KnownDetector, tmp_path: Path):
    write_marked(tmp_path / "calm", "a", 0, abnormal=0.0)
    detector.folder = tmp_path / "calm"
    with pytest.raises(RecordError, match="only one of the two kinds"):
        measure_detector(detector, [tmp_path / "calm" / "a"])
