"""Reasons and places in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ecg_core.detection import Detection, Explanation, Stretch
from ecg_core.findings import (
    NOTHING_OUTSIDE,
    PATTERN,
    rarity,
    resembles_line,
    rhythm_lines,
    rhythm_of,
    where,
    without_reasons,
)
from ecg_core.measurements.reasons import Reason
from ecg_core.records import LEADS
from ecg_core.superclasses import Resemblance
from tests.fakes import block_record, fake_detection


def reason(**other: Any) -> Reason:
    said: dict[str, Any] = {
        "text": "QRS 152 ms (normal 78 to 112)", "names": ("qrs_ms",), "name": "qrs_ms", "value": 152.0, "unit": "ms",
        "low": 78.0, "high": 112.0, "percentile": 99.84, "n": 2210, "group": "women, 40 to 59 years", "side": "high",
        "leads": (), "part": "QRS", "start_ms": -50.0, "stop_ms": 102.0, "z": 3.1,
    }  # fmt: skip
    return Reason(**(said | other))


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({}, "higher than in 99.8 % of normal ECGs of women, 40 to 59 years"),
        ({"percentile": 1.3, "side": "low"}, "lower than in 98.7 % of normal ECGs of women, 40 to 59 years"),
        ({"group": "60 to 74 years"}, "higher than in 99.8 % of normal ECGs at 60 to 74 years"),
        ({"percentile": 100.0}, "higher than in all 2,210 normal ECGs of women, 40 to 59 years"),
        ({"percentile": 0.0, "side": "low", "group": "all normal ECGs"}, "lower than in all 2,210 normal ECGs"),
        ({"value": None, "percentile": 0.4, "group": "all normal ECGs"}, "so in 0.4 % of normal ECGs"),
    ],
)
def test_how_rare_a_reason_is(other: dict[str, Any], told: str) -> None:
    assert rarity(reason(**other)) == told


def test_a_record_above_the_threshold_without_reasons_is_rare_as_a_pattern() -> None:
    assert (without_reasons(True), without_reasons(False)) == (PATTERN, NOTHING_OUTSIDE)


def explained(stretches: tuple[Stretch, ...] = (), **other: Any) -> Explanation:
    empty = np.zeros((12, 10), np.float32)
    scores: dict[str, float | None] = dict.fromkeys(LEADS, 1.0)
    return Explanation(0.0, 100.0, LEADS, empty, empty, empty, empty, empty[0], stretches, scores, **other)


def detected(model: str, **other: Any) -> Detection:
    return replace(fake_detection(block_record(), model, 4.0, 0.05), explanation=explained(**other))


def test_what_a_record_resembles_is_told_with_how_often_that_is_right() -> None:
    assert resembles_line(detected("cae")) == ""
    told = replace(detected("cae"), resembles=(Resemblance("CD", 0.9, 0.68, 0.714), Resemblance("HYP", 0.3, 0.66, 0.5)))
    assert resembles_line(told) == (
        "Resembles: conduction disturbance (of ECGs told so, 71 % were; finds 68 % of them), "
        "hypertrophy (of ECGs told so, 50 % were; finds 66 % of them). A hint, not a diagnosis."
    )


def test_beats_that_come_early_or_not_at_all_are_told_with_their_times() -> None:
    assert rhythm_lines(None) == []
    assert rhythm_lines(explained()) == []
    assert rhythm_lines(explained(early_s=(3.2,))) == ["A beat comes early, at 3.20\N{NO-BREAK SPACE}s"]
    told = rhythm_lines(explained(early_s=(1.0, 2.0, 3.0, 4.0, 5.0, 6.0), missing_s=(7.0, 65.0)))
    assert told == ["6 beats come early, at 1.00, 2.00, 3.00, 4.00 and 2 more", "2 beats are missing, at 7.00, 1:05.0"]


def test_of_the_expected_ecg_the_territory_comes_first_and_no_other_is_named() -> None:
    stretch = Stretch(3.0, 3.4, 2.0, ("V2", "V3"))
    territory = "Every beat is most unusual in II, aVF: inferior leads."
    place, lines = where(detected("consensus", stretches=(stretch,), territory=territory, missing_s=(5.0,)))
    assert place == ""
    assert lines[0] == territory
    assert lines[1].startswith("1 stretch marked, strongest at 3.00")
    assert lines[2] == "A beat is missing, at 5.00\N{NO-BREAK SPACE}s"
    assert where(detected("consensus")) == ("", ["No stretch is above the mark level."])
    assert where(detected("consensus", territory=territory)) == ("", [territory])


def test_a_stretch_without_leads_is_named_for_what_the_rhythm_does() -> None:
    stretch = Stretch(3.0, 3.4, 2.0, ())
    assert rhythm_of(explained(early_s=(3.2,)), stretch) == "Early beat"
    assert rhythm_of(explained(early_s=(1.0,), missing_s=(3.4,)), stretch) == "Missing beat"
    assert rhythm_of(explained(early_s=(1.0,)), stretch) == ""
    assert where(detected("consensus", stretches=(stretch,)))[1][0].endswith("3.40 s.")


def test_of_a_reconstruction_the_strongest_stretch_names_the_place() -> None:
    place, lines = where(detected("cae", stretches=(Stretch(3.0, 3.4, 2.0, ("V1", "V2", "V3")),)))
    assert place == "Anteroseptal"
    assert lines[-1] == "1 stretch marked"
