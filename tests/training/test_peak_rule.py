"""The published rule for R peaks of 187-sample beats."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.marked import write_mitbih
from training.peak_rule import Found, main, published_peaks


def test_it_finds_maxima_above_nine_tenths_of_their_ten_seconds():
    t = np.arange(2500) / 125
    at = np.arange(0.5, 20, 1.0)
    height = np.where(np.arange(20) % 2, 1.0, 0.85)
    x = sum(h * np.exp(-0.5 * ((t - a) / 0.02) ** 2) for h, a in zip(height, at, strict=True)).astype(np.float32)
    assert np.allclose(published_peaks(x) / 125, at[1::2], atol=0.01)
    assert len(published_peaks(np.zeros(2500, np.float32))) == 0


def test_the_command_says_how_many(tmp_path, capsys):
    write_mitbih(tmp_path, ("100",))
    assert main(["--mitbih", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    rule, own = said.split("; Leadwise finds ")
    assert "published rule finds" in rule and "PPV" in rule
    found, _, marked = own.split(" beats")[0].split()
    assert int(found) >= 0.98 * int(marked) > 0
    assert main(["--mitbih", str(tmp_path / "none")]) == 1


def test_counts_are_of_beats_of_ventricular_ones_and_of_what_was_found():
    found = Found()
    found.add(np.array([1.0, 2.0, 3.0]), np.array(["N", "V", "V"]), np.array([1.1, 2.0, 3.4, 4.0]))
    assert str(found) == "2 of 3 beats, sensitivity 0.6667, PPV 0.5000, ventricular 0.5000 of 2"


@pytest.mark.parametrize("n", [1, 2])
def test_a_signal_too_short_has_none(n):
    assert len(published_peaks(np.arange(n, dtype=np.float32))) == 0
