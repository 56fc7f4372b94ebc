"""Figures of what was measured on held-out records: plain arrays in, plotly figures out; colours from the palette."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from app import palette
from app.palette import Scheme
from ecg_core.curves import Band, Curves

STYLES: tuple[tuple[str, str, str], ...] = (
    ("text", "solid", "circle"),
    ("reconstruction", "dash", "diamond-open"),
    ("muted", "dot", "circle-open"),
    ("reconstruction", "longdash", "square-open"),
    ("text", "dashdot", "triangle-up-open"),
)
"""Colour, dash and symbol of the first to fifth model: told apart without colour too."""

BAND = 0.13
FONT = "Inter, system-ui, sans-serif"


def _style(index: int) -> tuple[str, str, str]:
    return STYLES[index % len(STYLES)]


def _layout(scheme: Scheme, height: int) -> dict[str, Any]:
    page, ink = palette.colour("page", scheme), palette.colour("text", scheme)
    return {
        "height": height,
        "margin": {"l": 52, "r": 12, "t": 8, "b": 44},
        "paper_bgcolor": page,
        "plot_bgcolor": page,
        "font": {"family": FONT, "size": 12, "color": ink},
        "hoverlabel": {"bgcolor": palette.colour("surface", scheme), "font": {"family": FONT, "color": ink}},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "bgcolor": palette.CLEAR},
    }


def _axis(scheme: Scheme, title: str) -> dict[str, Any]:
    line, muted = palette.colour("border", scheme), palette.colour("muted", scheme)
    return {
        "title": {"text": title, "font": {"size": 12, "color": muted}},
        "gridcolor": line,
        "linecolor": line,
        "zeroline": False,
        "tickfont": {"size": 11, "color": muted},
        "fixedrange": True,
    }


def _curve(figure: go.Figure, band: Band, title: str, index: int, scheme: Scheme, hover: str) -> None:
    """Add a curve over its band."""
    colour, dash, _ = _style(index)
    x, value, low, high = (100.0 * np.asarray(row) for row in (band.at, band.value, band.low, band.high))
    figure.add_trace(
        go.Scatter(
            x=np.concatenate([x, x[::-1]]),
            y=np.concatenate([high, low[::-1]]),
            fill="toself",
            fillcolor=palette.faded(colour, scheme, BAND),
            line={"width": 0},
            hoverinfo="skip",
            showlegend=False,
            legendgroup=title,
        )
    )
    figure.add_trace(
        go.Scatter(
            x=x,
            y=value,
            name=title,
            legendgroup=title,
            customdata=np.stack([low, high], axis=1),
            mode="lines",
            line={"color": palette.colour(colour, scheme), "dash": dash, "width": 1.8},
            hovertemplate=hover,
        )
    )


def roc(curves: Mapping[str, Curves], scheme: Scheme = "light", alarm: float | None = None) -> go.Figure:
    """Return the ROC curves by title: abnormals found over normals flagged, %.

    Parameters
    ----------
    alarm : the false-alarm rate in use, marked by a line.
    """
    figure = go.Figure(layout=_layout(scheme, 340))
    hover = "%{y:.0f} % found (%{customdata[0]:.0f}–%{customdata[1]:.0f}) at %{x:.1f} % flagged"
    for index, (title, one) in enumerate(curves.items()):
        _curve(figure, one.roc, title, index, scheme, hover)
    line = {"color": palette.colour("border", scheme), "width": 1}
    figure.add_shape(type="line", x0=0, y0=0, x1=100, y1=100, line=line, layer="below")
    if alarm is not None:
        _alarm(figure, 100 * alarm, scheme)
    figure.update_xaxes(**_axis(scheme, "Normal ECGs flagged, %"), range=[0, 100])
    figure.update_yaxes(**_axis(scheme, "Abnormal ECGs found, %"), range=[0, 101])
    return figure


def pr(curves: Mapping[str, Curves], scheme: Scheme = "light") -> go.Figure:
    """Return the precision-recall curves by title: how many of the flagged are abnormal, over abnormals found, %."""
    figure = go.Figure(layout=_layout(scheme, 340))
    hover = (
        "%{y:.0f} of 100 flagged are abnormal (%{customdata[0]:.0f}–%{customdata[1]:.0f}) where %{x:.0f} % are found"
    )
    for index, (title, one) in enumerate(curves.items()):
        _curve(figure, one.pr, title, index, scheme, hover)
    first = next(iter(curves.values()), None)
    if first is not None:
        prevalence = 100.0 * first.n_abnormal / (first.n_normal + first.n_abnormal)
        muted = palette.colour("muted", scheme)
        figure.add_hline(y=prevalence, line={"color": muted, "width": 1, "dash": "longdash"}, layer="below")
        words = f"flagged at random: {prevalence:.0f} %"
        place = {"x": 2, "y": prevalence, "yanchor": "bottom", "xanchor": "left", "showarrow": False}
        figure.add_annotation(text=words, font={"size": 11, "color": muted}, **place)
    figure.update_xaxes(**_axis(scheme, "Abnormal ECGs found, %"), range=[0, 100])
    figure.update_yaxes(**_axis(scheme, "Flagged ECGs that are abnormal, %"), range=[40, 101])
    return figure


def _alarm(figure: go.Figure, x: float, scheme: Scheme, **where: Any) -> None:
    colour = palette.colour("anomaly", scheme)
    figure.add_vline(x=x, line={"color": colour, "width": 1, "dash": "dash"}, layer="below", **where)


def by_class(points: Sequence[Mapping[str, Any]], scheme: Scheme = "light") -> go.Figure:
    """Return sensitivity at the alarm threshold by class of diagnosis, a mark and its interval per model.

    Parameters
    ----------
    points : `app.held_out.class_points`.
    """
    figure = go.Figure(layout=_layout(scheme, 300))
    titles = list(dict.fromkeys(p["title"] for p in points))
    classes = list(dict.fromkeys(p["class"] for p in points))
    for index, title in enumerate(titles):
        own = [p for p in points if p["title"] == title]
        colour, _, symbol = _style(index)
        shift = 0.2 * (index - (len(titles) - 1) / 2)
        value = np.array([100 * p["value"] for p in own])
        low, high = (np.array([100 * p[k] for p in own]) for k in ("low", "high"))
        line = palette.colour(colour, scheme)
        figure.add_trace(
            go.Scatter(
                x=value,
                y=[classes.index(p["class"]) + shift for p in own],
                name=title,
                mode="markers",
                marker={"symbol": symbol, "size": 9, "color": line, "line": {"width": 1.6, "color": line}},
                error_x={"array": high - value, "arrayminus": value - low, "color": line, "thickness": 1.2, "width": 0},
                customdata=[[p["class"], p["n"], 100 * p["low"], 100 * p["high"]] for p in own],
                hovertemplate="%{customdata[0]}: %{x:.0f} % (%{customdata[2]:.0f}–%{customdata[3]:.0f}) of "
                "%{customdata[1]} ECGs found",
            )
        )
    figure.update_xaxes(**_axis(scheme, "Abnormal ECGs found at the alarm threshold, %"))
    figure.update_yaxes(**_axis(scheme, ""), tickvals=list(range(len(classes))), ticktext=classes, autorange="reversed")
    figure.update_layout(margin={"l": 92})
    return figure


def distribution(
    curves: Mapping[str, Curves],
    ticks: Mapping[str, Sequence[tuple[float, str]]],
    alarms: Mapping[str, float | None],
    here: Mapping[str, tuple[float, bool]],
    scheme: Scheme = "light",
) -> go.Figure:
    """Return how normals and abnormals score, a row per model, each on its own scores, by title.

    Parameters
    ----------
    ticks : scores and the percentile of normal ECGs that lies there.
    alarms : the score of the alarm threshold.
    here : the score of the record on view, and whether its verdict is above the alarm threshold; it is marked.
    """
    titles = list(curves)
    figure = make_subplots(rows=max(1, len(titles)), cols=1, vertical_spacing=0.11)
    figure.update_layout(_layout(scheme, 60 + 120 * max(1, len(titles))))
    for row, title in enumerate(titles, start=1):
        _scores(figure, row, curves[title], scheme)
        edges = np.arcsinh(np.asarray(curves[title].scores.edges))
        at = {"row": row, "col": 1}
        alarm = alarms.get(title)
        if alarm is not None:
            _alarm(figure, float(np.arcsinh(alarm)), scheme, **at)
        if title in here:
            score, above = here[title]
            top = (float(np.clip(np.arcsinh(score), edges[0], edges[-1])), _highest(curves[title]))
            _here(figure, top, above, scheme, at)
        axis = {"range": [edges[0], edges[-1]], "showgrid": False}
        axis |= {"tickvals": [float(np.arcsinh(v)) for v, _ in ticks[title]], "ticktext": [w for _, w in ticks[title]]}
        last = "Percentile of normal ECGs at that score" if row == len(titles) else ""
        figure.update_xaxes(**_axis(scheme, last) | axis, **at)
        figure.update_yaxes(**_axis(scheme, "% of ECGs") | {"rangemode": "tozero", "nticks": 4}, **at)
        name = {"text": title, "x": 1, "xref": "x domain", "y": 1, "yref": "y domain", "xanchor": "right"}
        figure.add_annotation(**name, yanchor="bottom", showarrow=False, font={"size": 12, "weight": 600}, **at)
    return figure


def _scores(figure: go.Figure, row: int, curves: Curves, scheme: Scheme) -> None:
    edges = np.arcsinh(np.asarray(curves.scores.edges))
    kinds = (
        ("normal ECGs", "muted", "solid", curves.scores.normal),
        ("abnormal ECGs", "anomaly", "dash", curves.scores.abnormal),
    )
    for name, colour, dash, counts in kinds:
        share = 100.0 * np.asarray(counts) / max(1, sum(counts))
        trace = go.Scatter(
            x=np.repeat(edges, 2)[1:-1],
            y=np.repeat(share, 2),
            name=name,
            legendgroup=name,
            showlegend=row == 1,
            mode="lines",
            fill="tozeroy",
            fillcolor=palette.faded(colour, scheme, 0.22),
            line={"color": palette.colour(colour, scheme), "width": 1.3, "dash": dash},
            hovertemplate=f"%{{y:.1f}} % of {name}<extra></extra>",
        )
        figure.add_trace(trace, row=row, col=1)


def _highest(curves: Curves) -> float:
    """Return the largest share of a bin, %."""
    kinds = (curves.scores.normal, curves.scores.abnormal)
    return max(100.0 * max(counts) / max(1, sum(counts)) for counts in kinds)


def _here(figure: go.Figure, top: tuple[float, float], above: bool, scheme: Scheme, at: dict[str, int]) -> None:
    """Mark the record on view: a filled triangle above the alarm threshold, a hollow one below."""
    x, y = top
    colour = palette.colour("anomaly" if above else "text", scheme)
    figure.add_vline(x=x, line={"color": colour, "width": 1.6}, **at)
    marker = {"symbol": "triangle-down" if above else "triangle-down-open", "size": 11, "color": colour}
    trace = go.Scatter(x=[x], y=[y], name="this record", mode="markers", marker=marker, hoverinfo="name")
    figure.add_trace(trace.update(showlegend=at["row"] == 1, legendgroup="here"), **at)
