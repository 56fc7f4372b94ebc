from __future__ import annotations

import pytest

from ecg_core.readers.comments import SYNTHETIC_COMMENT, SYNTHETIC_NOTE, read_comments


@pytest.mark.parametrize(
    ("comments", "age", "sex"),
    [
        (["age: 81", "sex: female"], 81, "female"),  # PTB
        (["Age: 59", "Sex: Male", "Dx: 426783006"], 59, "male"),  # Challenge 2021
        (["<age>: 71", "<sex>: F", "<diagnoses>:"], 71, "female"),  # LUDB
        (["<age>: 65  <sex>: M  <diagnoses> Coronary artery disease"], 65, "male"),  # INCART
        (["69 M 1085 1629 x1", "Aldomet, Inderal"], 69, "male"),  # MIT-BIH
        (["Age (years) = 40.5", "Gender: f"], 40.5, "female"),
        (["age: 6 months"], 0.5, None),
        (["Age: NaN", "Sex: Unknown"], None, None),
        (["age: n/a", "sex: n/a"], None, None),
        (
            ["Dosage (lytic agent): 30 mg", "ECG date: 01/10/1990", "Average 70", "Stage 3", "sexual history 5"],
            None,
            None,
        ),
        (["Percentage: 50", "Diagnoses: male pattern"], None, None),
        ([], None, None),
    ],
)
def test_age_and_sex(comments, age, sex):
    person = read_comments(comments)
    assert person.age == (pytest.approx(age) if age is not None else None)
    assert person.sex == sex


def test_the_age_that_stands_for_over_89():
    person = read_comments(["Age: 300"])
    assert person.age == 90
    assert "over 89" in person.notes[0]


def test_an_impossible_age_is_left_out_and_said():
    person = read_comments(["Age: -1"])
    assert person.age is None
    assert "-1" in person.notes[0]


def test_the_mark_of_a_synthetic_record():
    assert read_comments([SYNTHETIC_COMMENT]).notes == (SYNTHETIC_NOTE,)
    assert read_comments(["photosynthetic Leadwise"]).notes == ()
