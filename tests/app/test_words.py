from __future__ import annotations

from dataclasses import replace

import pytest

from app import words
from ecg_core.detection import Detection, ScorePart, Segment
from ecg_core.records import Record


@pytest.fixture
def detection(fake_detector, record) -> Detection:
    found = fake_detector.AnomalyDetector("vae-bilstm").detect(record)
    assert found.score is not None
    return found


def scored(detection: Detection, n_higher: int, score: float = 3.0) -> Detection:
    return replace(detection, score=score, n_higher=n_higher, percentile=100.0 * (1 - n_higher / 914))


def test_tail(detection):
    said = words.verdict(scored(detection, 4), 2.0, 0.05)
    assert (said.side, said.figure, said.figure_suffix) == ("above", "99.6", "th")
    assert words.spoken(said) == (
        "99.6th percentile of normal ECGs. Above the alarm threshold. 1 in 230 normal ECGs scores this high."
    )


def test_under_the_90th_percentile_it_counts_of_100(detection):
    said = words.verdict(scored(detection, 384), 3.5, 0.05)
    assert words.spoken(said) == "42 of 100 normal ECGs score this high. Below the alarm threshold."
    assert (said.figure, said.figure_suffix) == ("42", " of 100")


def test_above_the_highest_normal_nothing_finer_is_claimed(detection):
    said = words.verdict(scored(detection, 0), 2.0, 0.05)
    assert words.spoken(said) == "Higher than all 914 normal ECGs. Above the alarm threshold."
    assert "99.9" not in repr(said)
    assert "100" not in said.figure


@pytest.mark.parametrize(("n_higher", "figure"), [(914, "100"), (913, "99"), (95, "10")])
def test_all_are_said_to_score_higher_only_where_all_do(detection, n_higher, figure):
    assert words.verdict(scored(detection, n_higher), 3.5, 0.05).figure == figure


def test_between_90_and_the_threshold_it_is_below(detection):
    said = words.verdict(scored(detection, 60, score=1.9), 2.0, 0.05)
    assert said.headline == "Below the alarm threshold"
    assert said.figure == "93.4"


def test_not_interpretable_claims_no_number(detection):
    blank = replace(
        detection,
        interpretable=False,
        reason="Five leads are too noisy to score",
        score=None,
        percentile=None,
        anomalous=None,
        parts={},
    )
    said = words.verdict(blank, None, 0.05)
    assert said.side == "technical"
    assert words.spoken(said) == "Not interpretable. Five leads are too noisy to score."
    assert said.figure == ""
    assert said.basis == ()


@pytest.mark.parametrize("n_higher", [0, 1, 30, 91, 92, 500, 914])
@pytest.mark.parametrize("threshold", [1.0, 9.0])
def test_a_record_is_never_called_normal_and_nothing_is_a_risk(detection, n_higher, threshold):
    said = words.spoken(words.verdict(scored(detection, n_higher), threshold, 0.05))
    for word in ("this ECG is", "is normal", "risk", "probab", "healthy"):
        assert word not in said


def test_the_threshold_decides_not_the_stored_verdict(detection):
    stored = replace(scored(detection, 40, score=2.0), anomalous=True)
    assert words.is_above(stored, 1.9, 0.1) is True
    assert words.is_above(stored, 2.0, 0.05) is False


def test_a_long_recording_states_its_share_and_no_percentile(detection):
    segments = tuple(Segment(5.0 * k, 5.0 * k + 10, 1.0 + k, None, None) for k in range(10))
    long = replace(detection, segments=segments, percentile=None, n_higher=None, score=10.0, anomalous_share=0.3)
    said = words.verdict(long, 7.5, 0.05)
    assert (said.figure, said.figure_suffix) == ("30", " %")
    assert said.figure_caption == "of 10 segments of 10 s above threshold"
    assert "5 % is expected of normal ECGs" in said.rarity
    assert "percentile" not in words.spoken(said)
    assert words.verdict(long, 10.5, 0.05).side == "below"


def test_population_and_age_band_are_named(detection):
    known = replace(detection, age_band_false_alarm_rate=("60 to 79 years", 0.071), population="PTB-XL fold 9")
    basis = " ".join(words.verdict(known, 1.0, 0.05).basis)
    assert "914 normal ECGs" in basis
    assert "PTB-XL fold 9" in basis
    assert "60 to 79 years" in basis
    assert "7.1 %" in basis


@pytest.mark.parametrize(
    ("leads", "said"),
    [
        (("V2", "V3", "V1", "V4", "V6", "I", "III", "aVL"), "Anteroseptal, Lateral"),
        (("II", "III", "aVF"), "Inferior"),
        (("V3", "V4"), "Anterior"),
        (("V1",), "Septal"),
        (("aVR",), ""),
    ],
)
def test_territories(leads, said):
    assert words.territories(leads) == said


def test_leads_stand_in_report_order_with_runs_joined():
    assert words.lead_list(("aVL", "V3", "V1", "V2", "V6", "I")) == "V1–V3, V6, I, aVL"


def test_small_words():
    assert words.percent(0.05) == "5 %"
    assert words.percent(0.005) == "0.5 %"
    assert words.percent(0.125) == "12.5 %"
    assert words.span(5.6, 6.04) == "5.60–6.04 s"
    assert words.span(61.0, 65.5) == "1:01.0–1:05.5"
    assert words.one_in(1, 914) == "1 in 910"
    assert words.one_in(45, 914) == "1 in 20"


def test_patient_and_recording(record):
    assert words.patient(record) == "Male, 58 y"
    assert words.patient(replace(record, age=None, sex=None)) == "age and sex not given"
    assert words.recording(record) == "12 leads, 10 s, 500 Hz"


def test_expected_at_never_interpolates():
    points = [{"false_alarm_rate": 0.05, "sensitivity": 0.6}]
    assert words.expected_at(points, 0.05) == points[0]
    assert words.expected_at(points, 0.06) is None


def test_parts_and_record_are_untouched(detection, record: Record):
    assert set(detection.parts) == {"reconstruction", "latent", "signs"}
    assert all(isinstance(part, ScorePart) for part in detection.parts.values())


@pytest.mark.parametrize(
    ("total", "share", "left", "expected"),
    [
        (10800.0, 0.0, None, "Scoring with CAE: minute 1 of 180"),
        (10800.0, 0.5, 44.0, "Scoring with CAE: minute 91 of 180, about 40 s left"),
        (10800.0, 1.0, 3.0, "Scoring with CAE: minute 180 of 180, a few seconds left"),
        (10800.0, 0.1, 300.0, "Scoring with CAE: minute 19 of 180, about 5 min left"),
        (60.0, 0.5, None, "Scoring with CAE: 50 %"),
    ],
)
def test_progress_says_what_is_done_of_all(total, share, left, expected):
    assert words.progress(total, "CAE", share, left, True) == expected


def test_progress_says_what_it_waits_for():
    assert words.progress(600.0, "CAE", 0.0, None, False) == "Scoring with CAE: waiting for another recording"


def test_notes_are_one_line_and_leads_left_out_alike_stand_together():
    said = [
        "Scored in 682 segments.",
        *[f"{lead} left out in 37 of 719 segments (noisy)." for lead in ("V1", "V2", "V3", "V5")],
        "II left out in 4 of 719 segments (flat).",
    ]
    assert words.notes(said) == (
        "Scored in 682 segments. V1\N{EN DASH}V3, V5 left out in 37 of 719 segments (noisy). "
        "II left out in 4 of 719 segments (flat)."
    )
    assert words.notes([]) == ""


def test_where_every_beat_is_unusual_a_list_without_stretches_says_so() -> None:
    assert "in every beat" in words.without_stretches(True)
    assert "in every beat" not in words.without_stretches(False)
    assert words.without_stretches(True).startswith(words.without_stretches(False))
