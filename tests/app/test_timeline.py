from __future__ import annotations

import numpy as np
import pytest

from app import timeline
from app.sheet import window
from ecg_core.detection import Segment


@pytest.mark.parametrize(
    ("total", "speed", "wanted", "expected"),
    [
        (10.0, 25.0, None, (0.0, 10.0, 0.0, 10.0)),
        (10.0, 50.0, None, (0.0, 10.0, 0.0, 5.0)),
        (10.0, 50.0, 7.0, (0.0, 10.0, 5.0, 10.0)),
        (10.0, 25.0, 7.0, (0.0, 10.0, 0.0, 10.0)),
        (10.3, 25.0, 7.0, (0.0, 10.0, 0.0, 10.0)),
        (7.0, 25.0, None, (0.0, 7.0, 0.0, 7.0)),
        (7.0, 50.0, 4.0, (0.0, 7.0, 2.0, 7.0)),
        (600.0, 25.0, None, (300.0, 310.0, 300.0, 310.0)),
        (600.0, 25.0, 12.0, (12.0, 22.0, 12.0, 22.0)),
        (600.0, 25.0, 599.0, (590.0, 600.0, 590.0, 600.0)),
        (600.0, 50.0, 597.0, (590.0, 600.0, 595.0, 600.0)),
    ],
)
def test_which_seconds_are_looked_at(total, speed, wanted, expected):
    seen = window(0.0, total, speed, wanted, 300.0)
    assert (seen.start_s, seen.stop_s, seen.sheet_s, seen.sheet_stop_s) == pytest.approx(expected)


def test_a_recording_that_begins_later_keeps_its_clock():
    seen = window(100.0, 600.0, 25.0, None, 400.0)
    assert seen.start_s == 400.0
    assert window(100.0, 600.0, 25.0, 20.0, 400.0).start_s == 100.0


@pytest.mark.parametrize(
    ("total", "first", "last"),
    [
        (10.0, "0", "10 s"),
        (60.0, "0", "60 s"),
        (360.0, "0:00", "6:00 min"),
        (600.0, "0", "10 min"),
        (3600.0, "0", "60 min"),
        (86400.0, "0:00", "24:00 h"),
    ],
)
def test_marks_of_the_time_axis(total, first, last):
    marks = timeline.ticks(0.0, total)
    assert (marks[0][1], marks[-1][1]) == (first, last)
    assert len(marks) <= timeline.MOST_TICKS + 1
    assert len({words for _, words in marks}) == len(marks)


def segments(n: int, score=lambda k: float(k)) -> tuple[Segment, ...]:
    return tuple(Segment(5.0 * k, 5.0 * k + 10, score(k), None, None) for k in range(n))


def test_many_segments_are_drawn_by_their_highest():
    peak = 12345
    made = segments(17279, lambda k: 50.0 if k == peak else (None if k < 40 else 1.0))
    shown, each = timeline.thin(made)
    assert len(shown) <= timeline.MOST_POINTS
    assert each == pytest.approx(5.0 * 12)
    assert max(s.score for s in shown if s.score is not None) == 50.0
    assert next(s for s in shown if s.score == 50.0).start_s == 5.0 * peak
    assert shown[0].score is None


def test_an_hour_is_drawn_segment_by_segment():
    shown, each = timeline.thin(segments(719))
    assert (len(shown), each) == (719, 5.0)


def test_words_count_what_is_above_and_what_is_lost(fake_detector, record):
    whole = fake_detector.AnomalyDetector("cae").detect(record)
    made = segments(20, lambda k: None if k < 2 else float(k))
    seen = window(0.0, 110.0, 25.0, 20.0, 0.0)
    data = timeline._of_segments(made, seen, 110.0, 16.5, whole, True)
    assert data["summary"] == "3 of 18 segments above the alarm threshold; 2 not interpretable (hatched)"
    assert data["n_above"] == 3
    assert data["values"][:3] == [None, None, 2.0]
    assert data["view_words"].startswith("20.0 s–30.0 s on the paper")
    assert data["view_words"].endswith("above the threshold")
    lost = timeline._of_segments(made, seen, 110.0, 16.5, whole, None)
    assert lost["view_words"].endswith("not interpretable")


def test_one_segment_is_a_strip_too():
    shown, each = timeline.thin(segments(1))
    assert (len(shown), each) == (1, 10.0)
    assert np.isfinite(each)
