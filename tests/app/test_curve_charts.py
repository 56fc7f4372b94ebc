"""Figures of what was measured: what is drawn, in which units, told apart by more than colour."""

from __future__ import annotations

import numpy as np
import pytest

from app import curve_charts, palette
from ecg_core.curves import Curves, measure_curves

TITLES = ("CAE", "VAE-BiLSTM", "VAE-BiLSTM-MHA")


@pytest.fixture(scope="module")
def curves() -> dict[str, Curves]:
    rng = np.random.default_rng(0)
    abnormal = np.repeat([False, True], [80, 60])
    return {t: measure_curves(abnormal, rng.gamma(2.0, size=140) + abnormal, "x", n=30) for t in TITLES}


def named(figure, name):
    return [trace for trace in figure.data if trace.name == name]


@pytest.mark.parametrize("draw", [curve_charts.roc, curve_charts.pr])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_curve_is_drawn_over_its_band_in_percent(curves, draw, scheme) -> None:
    figure = draw(curves, scheme)
    lines = [trace for trace in figure.data if trace.mode == "lines" and trace.name]
    assert [trace.name for trace in lines] == list(TITLES)
    assert len({trace.line.dash for trace in lines}) == 3
    assert max(lines[0].y) == pytest.approx(100.0)
    band = next(trace for trace in figure.data if trace.fill == "toself")
    half = len(band.x) // 2
    assert (np.asarray(band.y[:half]) >= np.asarray(band.y[half:])[::-1]).all()
    assert figure.layout.font.color == palette.colour("text", scheme)


def test_five_models_are_told_apart_without_colour() -> None:
    styles = [curve_charts._style(index) for index in range(5)]
    assert len({dash for _, dash, _ in styles}) == len({symbol for _, _, symbol in styles}) == 5


def test_the_alarm_and_chance_are_marked(curves) -> None:
    assert 5.0 in [shape.x0 for shape in curve_charts.roc(curves, alarm=0.05).layout.shapes]
    figure = curve_charts.pr(curves)
    assert [shape.y0 for shape in figure.layout.shapes] == [pytest.approx(100 * 60 / 140)]
    assert "43 %" in figure.layout.annotations[0].text


def test_the_place_of_the_record_is_marked_hollow_below_the_threshold(curves) -> None:
    ticks = {t: [(3.0, "95")] for t in TITLES}
    here = {"CAE": (5.0, True), "VAE-BiLSTM": (1.0, False)}
    figure = curve_charts.distribution(curves, ticks, dict.fromkeys(TITLES, 3.0), here)
    marks = named(figure, "this record")
    assert [m.x[0] for m in marks] == [pytest.approx(np.arcsinh(5.0)), pytest.approx(np.arcsinh(1.0))]
    assert [m.marker.symbol for m in marks] == ["triangle-down", "triangle-down-open"]
    assert list(figure.layout.xaxis.ticktext) == ["95"]
    assert figure.layout.xaxis.tickvals[0] == pytest.approx(np.arcsinh(3.0))
    for trace in named(figure, "normal ECGs"):
        assert sum(trace.y) / 2 == pytest.approx(100.0)


def test_a_score_beyond_the_scale_is_marked_at_its_end(curves) -> None:
    ticks, nothing = dict.fromkeys(TITLES, ()), dict.fromkeys(TITLES)
    figure = curve_charts.distribution(curves, ticks, nothing, {"CAE": (1e6, True)})
    (mark,) = named(figure, "this record")
    assert mark.x[0] == pytest.approx(np.arcsinh(curves["CAE"].scores.edges[-1]))


def test_classes_are_told_apart_by_symbol_with_their_intervals() -> None:
    points = [
        {"model": t, "title": t, "class": c, "n": 9, "value": 0.6, "low": 0.5, "high": 0.9}
        for t in TITLES
        for c in ("Infarction", "Conduction")
    ]
    figure = curve_charts.by_class(points)
    assert len({trace.marker.symbol for trace in figure.data}) == 3
    assert list(figure.data[0].error_x.array) == [pytest.approx(30.0)] * 2
    assert list(figure.data[0].error_x.arrayminus) == [pytest.approx(10.0)] * 2
    assert list(figure.layout.yaxis.ticktext) == ["Infarction", "Conduction"]
    assert len({y for trace in figure.data for y in trace.y}) == 6


def test_no_models_make_an_empty_figure() -> None:
    assert not curve_charts.roc({}).data
    assert not curve_charts.pr({}).data
    assert not curve_charts.by_class([]).data
    assert not curve_charts.distribution({}, {}, {}, {}).data
