"""What panels show at each place of the threshold slider."""

from __future__ import annotations

import pytest

from app.operating import at_each_rate, differences, place
from app.state import RATES
from tests.app.page_parts import changed

NOW = {"side": "above", "rows": [[1, 2], [3, 4]], "curve": {"alarm": 0.5, "heights": [0.1, 0.2]}}


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (NOW, []),
        (NOW | {"side": "below"}, [[["side"], "below"]]),
        (NOW | {"rows": [[1, 2], [3, 5]]}, [[["rows", 1, 1], 5]]),
        (NOW | {"rows": [[1, 2]]}, [[["rows"], [[1, 2]]]]),
        (NOW | {"curve": None}, [[["curve"], None]]),
        (NOW | {"curve": {"alarm": 0.7, "heights": [0.1, 0.2]}}, [[["curve", "alarm"], 0.7]]),
    ],
)
def test_only_what_differs_is_sent(other, expected):
    assert differences(NOW, other) == expected


def test_each_place_gives_what_was_made_for_it():
    def make(rate):
        return {"above": rate > 0.04, "words": [f"{rate}"] * (1 + (rate > 0.1))}

    data = at_each_rate(make, 0.05)
    assert {key: data[key] for key in ("above", "words")} == make(0.05)
    assert RATES[data["rate"]] == 0.05
    assert data["rates"][data["rate"]] == []
    assert [changed(data, k) for k in range(len(RATES))] == [make(rate) for rate in RATES]


def test_a_rate_has_its_place():
    assert [place(rate) for rate in RATES] == list(range(len(RATES)))
