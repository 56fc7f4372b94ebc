"""Text made safe to hand on."""

from __future__ import annotations

import pytest

from ecg_core.plain import neutralised


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠a"])
def test_what_would_be_a_formula_becomes_text(cell):
    assert neutralised(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "record-1", "V1=high", "'=1", " 12", "éclair"])
def test_other_text_stays_as_it_is(cell):
    assert neutralised(cell) == cell
