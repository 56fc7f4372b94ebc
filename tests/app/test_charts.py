from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from app import charts, palette
from ecg_core.records import LEADS


def test_all_leads_share_one_time_axis_and_send_no_times(record):
    figure = charts.signals(record.signal, record.fs, LEADS, reconstruction=np.zeros((12, 1000), np.float32))
    assert len(figure.data) == 24
    for trace in figure.data:
        assert trace.x is None
        assert len(trace.y) * trace.dx == pytest.approx(10.0)
        assert np.asarray(trace.y).dtype == np.float32
    assert list(figure.layout.yaxis.ticktext) == list(LEADS)


def test_rows_stand_in_report_order_from_the_top(record):
    ticks = charts.signals(record.signal, record.fs, LEADS).layout.yaxis.tickvals
    assert list(ticks) == sorted(ticks, reverse=True)


def test_a_row_too_few_is_refused(record):
    with pytest.raises(ValueError, match="12"):
        charts.signals(record.signal[:8], record.fs, LEADS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_come_from_the_palette(record, scheme):
    figure = charts.signals(record.signal, record.fs, LEADS, scheme=scheme)
    assert {trace.line.color for trace in figure.data} == {palette.colour("trace", scheme)}
    assert figure.layout.paper_bgcolor == palette.colour("surface", scheme)


def test_the_mark_level_is_drawn_at_one():
    figure = charts.score_trace(np.linspace(0, 2, 1000, dtype=np.float32), 100.0)
    assert [shape.y0 for shape in figure.layout.shapes] == [1.0]


def test_leads_left_out_stay_empty_in_the_error_map():
    error = np.full((12, 100), 8.0, dtype=np.float32)
    error[3] = np.nan
    heat = charts.error_map(error, 100.0, LEADS).data[0]
    assert np.isnan(heat.z[3]).all()
    assert heat.z[0] == pytest.approx(np.full(100, 3.0))
    assert not heat.hoverongaps


def test_the_attention_map_is_scaled_to_its_largest_weight():
    weights = np.zeros((8, 25), dtype=np.float32)
    weights[2, 7] = 0.25
    heat = charts.attention_map(weights, 0.4, LEADS[:8]).data[0]
    assert heat.zmax == pytest.approx(0.25)
    assert heat.dx == pytest.approx(0.4)


def test_charts_do_not_know_streamlit(root: Path):
    tree = ast.parse((root / "app" / "charts.py").read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert "streamlit" not in names
