"""The threshold slider offers nothing that was not measured."""

from __future__ import annotations

import pytest

from app import state, words
from ecg_core.checkpoints import default_store, list_checkpoints, read_config


@pytest.mark.parametrize("name", list_checkpoints())
def test_every_rate_of_the_slider_was_measured_on_fold_10(name):
    points = read_config(default_store() / name).operating_points
    assert all(words.expected_at(points, rate) for rate in state.RATES)
