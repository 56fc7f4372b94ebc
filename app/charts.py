"""Figures to explore with: arrays in, plotly figures out. No streamlit here; colours only from the palette."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app import palette
from app.palette import Scheme
from ecg_core.detection import Detection
from ecg_core.records import Record

F32 = NDArray[np.float32]
ROW_GAP_MV = 2.0


def _layout(scheme: Scheme, height: int) -> dict[str, object]:
    ink, paper = palette.colour("text", scheme), palette.colour("surface", scheme)
    return {
        "height": height,
        "margin": {"l": 56, "r": 16, "t": 16, "b": 40},
        "paper_bgcolor": paper,
        "plot_bgcolor": paper,
        "font": {"family": "Inter, system-ui, sans-serif", "size": 12, "color": ink},
        "hovermode": "x unified",
        "legend": {"orientation": "h", "y": 1.06},
    }


def _axis(scheme: Scheme, title: str | None = None) -> dict[str, object]:
    line = palette.colour("border", scheme)
    return {"title": title, "gridcolor": line, "zerolinecolor": line, "linecolor": line}


def _line(name: str, y: F32, x0: float, fs: float, colour: str) -> go.Scatter:
    """Return a line without x values: `x0` and `dx` halve what is sent."""
    values = np.asarray(y, dtype=np.float32)
    return go.Scatter(y=values, x0=x0, dx=1.0 / fs, name=name, mode="lines", line={"color": colour, "width": 1.2})


def signals(
    signal: F32,
    fs: float,
    leads: Sequence[str],
    *,
    reconstruction: F32 | None = None,
    reconstruction_fs: float = 100.0,
    start_s: float = 0.0,
    scheme: Scheme = "light",
) -> go.Figure:
    """Return all leads below each other on one time axis, to zoom and pan together.

    Parameters
    ----------
    signal : shape (n_leads, n_samples), mV.
    reconstruction : shape (n_leads, n), mV, at `reconstruction_fs` Hz.
    """
    if signal.shape[0] != len(leads):
        raise ValueError(f"Expected one row per lead ({len(leads)}); found {signal.shape}.")
    figure = go.Figure(layout=_layout(scheme, 90 * len(leads) + 80))
    shifts = [-ROW_GAP_MV * i for i in range(len(leads))]
    for i, shift in enumerate(shifts):
        recorded = _line(
            "recorded", signal[i] - np.median(signal[i]) + shift, start_s, fs, palette.colour("trace", scheme)
        )
        figure.add_trace(
            recorded.update(legendgroup="recorded", showlegend=i == 0, hovertemplate=f"{leads[i]} %{{y:.2f}}")
        )
        if reconstruction is not None:
            blue = palette.colour("reconstruction", scheme)
            made = _line("reconstruction", reconstruction[i] + shift, start_s, reconstruction_fs, blue)
            figure.add_trace(made.update(legendgroup="made", showlegend=i == 0, hoverinfo="skip"))
    figure.update_xaxes(**_axis(scheme, "seconds"))
    figure.update_yaxes(**_axis(scheme), tickvals=shifts, ticktext=list(leads))
    return figure


def explore(shown: Record, view: Detection | None, leads: Sequence[str], scheme: Scheme) -> go.Figure:
    """Return what is on view to zoom and pan: the chosen leads with their reconstruction, where there is one.

    Parameters
    ----------
    shown : the seconds on view, as displayed.
    view : their detection.
    """
    rows = [shown.leads.index(lead) for lead in leads]
    explanation = view.explanation if view else None
    figure = signals(
        shown.signal[rows],
        shown.fs,
        leads,
        reconstruction=explanation.reconstruction[rows] if explanation else None,
        start_s=shown.start_s,
        scheme=scheme,
    )
    # the zoom stays when the model is flipped, and starts anew with other seconds or leads
    return figure.update_layout(uirevision=f"{shown.sha256}|{shown.start_s:.3f}|{'+'.join(leads)}", dragmode="pan")


def score_trace(sample_scores: F32, fs: float, *, start_s: float = 0.0, scheme: Scheme = "light") -> go.Figure:
    """Return the anomaly score over time; 1 is the level at which a stretch is marked."""
    figure = go.Figure(layout=_layout(scheme, 220))
    figure.add_trace(_line("anomaly score", sample_scores, start_s, fs, palette.colour("trace", scheme)))
    figure.add_hline(y=1.0, line={"color": palette.colour("anomaly", scheme), "dash": "dash", "width": 1})
    figure.update_xaxes(**_axis(scheme, "seconds"))
    figure.update_yaxes(**_axis(scheme, "1 = mark level"), rangemode="tozero")
    return figure


def error_map(
    error: F32, fs: float, leads: Sequence[str], *, start_s: float = 0.0, scheme: Scheme = "light"
) -> go.Figure:
    """Return the lead x time map of the error, in units of the normals' error; leads left out stay empty."""
    steps = palette.steps(palette.ERROR_STEPS, scheme)
    return _map(np.log2(np.maximum(error, 1.0)), fs, leads, steps, start_s, scheme, (0.0, 7.0), "log2 of error")


def attention_map(
    weights: F32, token_s: float, leads: Sequence[str], *, start_s: float = 0.0, scheme: Scheme = "light"
) -> go.Figure:
    """Return the lead x time map of attention: where the model looked, not why."""
    steps = palette.steps(palette.ATTENTION_STEPS, scheme)
    top = float(np.nanmax(weights)) or 1.0
    return _map(weights, 1.0 / token_s, leads, steps, start_s, scheme, (0.0, top), "weight")


def _map(
    values: F32,
    fs: float,
    leads: Sequence[str],
    steps: Sequence[str],
    start_s: float,
    scheme: Scheme,
    limits: tuple[float, float],
    title: str,
) -> go.Figure:
    scale = [[k / len(steps), c] for k, c in enumerate(steps)] + [
        [(k + 1) / len(steps), c] for k, c in enumerate(steps)
    ]
    figure = go.Figure(layout=_layout(scheme, 24 * len(leads) + 90))
    figure.add_trace(
        go.Heatmap(
            z=np.asarray(values, dtype=np.float32),
            x0=start_s,
            dx=1.0 / fs,
            y=list(leads),
            zmin=limits[0],
            zmax=limits[1],
            colorscale=sorted(scale, key=lambda pair: pair[0]),
            colorbar={"title": title, "thickness": 10},
            hoverongaps=False,
        )
    )
    figure.update_xaxes(**_axis(scheme, "seconds"))
    figure.update_yaxes(autorange="reversed")
    return figure
