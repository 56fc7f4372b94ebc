"""One page per record and model: recorded and reconstruction per lead, score trace, error map, attention map."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecg_core.detection import Attention, Detection, Explanation

MM = 1 / 25.4
WIDTH, HEIGHT = 297.0, 210.0
LEFT, PAPER_WIDTH = 24.0, 250.0
MM_PER_S, MM_PER_MV = 25.0, 10.0
ROW_MM = 9.0
ABOVE_MM, BELOW_MM = 11.0, 6.0

INK, MUTED, BORDER, PAPER = "#14171B", "#5C636B", "#DEDDD7", "#FFFCFA"
MINOR, MAJOR = "#F7EBE7", "#EACFC9"
MODEL, AMBER, HIGHLIGHT, PLUM = "#0B66B0", "#8A5200", "#F2B03045", "#7A2E8A"
ERROR_STEPS = ("#F7F3EC", "#F8E7C4", "#F6D491", "#EDB550", "#D18E1F", "#A36208", "#6B3A00")
ERROR_LEVELS = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
ATTENTION_STEPS = ("#F3F6F8", "#DCE9F4", "#B9D5EC", "#87B8DF", "#4E94CB", "#1F6FB0", "#0B4478")
NOT_A_DIAGNOSIS = "Research use. A score says how unusual an ECG is among normal ones; it is not a diagnosis."


def _ordinal(percentile: float) -> str:
    """Return 99.6 as "99.6th" and 41.0 as "41st"."""
    text = f"{percentile:.1f}" if percentile >= 90 else f"{percentile:.0f}"
    last = text[-1] if "." not in text and text[-2:] not in ("11", "12", "13") else ""
    return text + {"1": "st", "2": "nd", "3": "rd"}.get(last, "th")


def verdict_of(detection: Detection) -> str:
    """Return the verdict in one line; never that an ECG is normal."""
    if not detection.interpretable or detection.score is None or detection.threshold is None:
        return detection.reason or "Not interpretable."
    side = "Above" if detection.anomalous else "Below"
    alarm = f"{side} the alarm threshold ({detection.false_alarm_rate:.0%} false alarms)."
    numbers = f"Score {detection.score:.2f}, threshold {detection.threshold:.2f}."
    if detection.percentile is None:
        shares = (detection.anomalous_share, detection.expected_share)
        if None not in shares:
            numbers = f"{shares[0]:.0%} of the segments above it; {shares[1]:.0%} expected of a normal record."
        return f"{alarm} {numbers}"
    if detection.n_higher == 0:
        place = f"Higher than all {detection.n_normals} normal ECGs."
    else:
        place = f"{_ordinal(detection.percentile)} percentile of normal ECGs."
    return f"{place} {alarm} {numbers}"


def _say(figure: Figure, x: float, y: float, text: str, **style: object) -> None:
    """Write at millimetres from the top left, as it stands (a $ begins no formula)."""
    figure.text(x / WIDTH, 1 - y / HEIGHT, text, va="top", parse_math=False, **style)  # type: ignore[arg-type]


def _axes(figure: Figure, top: float, height: float) -> Axes:
    """Return axes over the paper's width, `top` and `height` in mm."""
    box = (LEFT / WIDTH, 1 - (top + height) / HEIGHT, PAPER_WIDTH / WIDTH, height / HEIGHT)
    axes = figure.add_axes(box)
    axes.set_xlim(0, PAPER_WIDTH)
    axes.tick_params(length=0, labelsize=7, colors=MUTED)
    for spine in axes.spines.values():
        spine.set_color(BORDER)
    return axes


def _grid(axes: Axes, height: float) -> None:
    """Draw the paper: 1 mm and 5 mm squares."""
    for step, colour in ((1, MINOR), (5, MAJOR)):
        xs, ys = np.arange(0, PAPER_WIDTH + 1, step), np.arange(0, height + 1, step)
        lines = [((x, 0), (x, height)) for x in xs] + [((0, y), (PAPER_WIDTH, y)) for y in ys]
        axes.add_collection(LineCollection(lines, colors=colour, linewidths=0.3, zorder=0))


def draw_leads(axes: Axes, e: Explanation, height: float) -> None:
    """Draw the twelve leads at 25 mm/s and 10 mm/mV, the reconstruction and its SD over them."""
    axes.set_facecolor(PAPER)
    _grid(axes, height)
    x = np.arange(e.signal.shape[1]) / e.fs * MM_PER_S
    for stretch in e.stretches:
        span = ((t - e.start_s) * MM_PER_S for t in (stretch.start_s, stretch.stop_s))
        axes.axvspan(*span, color=HIGHLIGHT, linewidth=0, zorder=1)
    for k, lead in enumerate(e.leads):
        zero = height - ABOVE_MM - k * ROW_MM
        left_out = e.lead_scores.get(lead) is None
        if not left_out:
            y, sd = zero + MM_PER_MV * e.reconstruction[k], MM_PER_MV * e.reconstruction_sd[k]
            axes.fill_between(x, y - sd, y + sd, color=MODEL, alpha=0.13, linewidth=0, zorder=2)
            axes.plot(x, y, color=MODEL, linewidth=0.7, zorder=3)
        axes.plot(x, zero + MM_PER_MV * e.signal[k], color=PLUM if left_out else INK, linewidth=0.7, zorder=4)
    axes.set_ylim(0, height)
    axes.set_xticks([])
    marks = [height - ABOVE_MM - k * ROW_MM for k in range(len(e.leads))]
    axes.set_yticks(marks, [f"{lead}*" if e.lead_scores.get(lead) is None else lead for lead in e.leads])


def draw_trace(axes: Axes, e: Explanation) -> None:
    """Draw the score trace in units of the mark level."""
    x = np.arange(e.sample_scores.size) / e.fs * MM_PER_S
    axes.fill_between(x, e.sample_scores, color="#EDB550", alpha=0.5, linewidth=0)
    axes.plot(x, e.sample_scores, color=AMBER, linewidth=0.7)
    axes.axhline(1.0, color=MUTED, linewidth=0.6, linestyle=":")
    axes.set_ylim(0, max(1.5, float(np.nanmax(e.sample_scores, initial=0.0)) * 1.05))
    axes.set_xticks([])
    axes.set_yticks([1.0], ["mark"])


def draw_error(axes: Axes, e: Explanation) -> None:
    """Draw the error map: leads x time, in units of the normals' error; leads left out are hatched."""
    colours = ListedColormap(ERROR_STEPS).with_extremes(over=ERROR_STEPS[-1], bad="white")
    norm = BoundaryNorm(ERROR_LEVELS, colours.N)
    _map(axes, e.error, e.error.shape[1] / e.fs, e.leads, colours, norm)
    for k in np.flatnonzero(np.isnan(e.error).all(axis=1)):
        axes.axhspan(k - 0.5, k + 0.5, facecolor="none", edgecolor=PLUM, hatch="////", linewidth=0)


def draw_attention(axes: Axes, a: Attention) -> None:
    """Draw which leads the network weighed at each token, against all leads alike."""
    even = 1.0 / len(a.leads)
    colours = ListedColormap(ATTENTION_STEPS)
    norm = BoundaryNorm(np.linspace(0.0, 2.0 * even, len(ATTENTION_STEPS) + 1), colours.N, clip=True)
    _map(axes, a.lead_weights, a.lead_weights.shape[1] * a.token_s, a.leads, colours, norm)


def _map(
    axes: Axes,
    values: NDArray[np.float32],
    seconds: float,
    leads: tuple[str, ...],
    colours: ListedColormap,
    norm: BoundaryNorm,
) -> None:
    extent = (0.0, seconds * MM_PER_S, len(leads) - 0.5, -0.5)
    axes.imshow(values, cmap=colours, norm=norm, aspect="auto", interpolation="nearest", extent=extent)
    axes.set_xlim(0, PAPER_WIDTH)
    axes.set_xticks([])
    axes.set_yticks(range(len(leads)), leads, fontsize=5)


def draw_page(detection: Detection, title: str, attention: Attention | None = None, label: str = "") -> Figure:
    """Return the page of one record, A4 landscape.

    Parameters
    ----------
    title : the model, for people.
    attention : of VAE-BiLSTM-MHA.
    label : what the data set calls the record.
    """
    figure = Figure(figsize=(WIDTH * MM, HEIGHT * MM), facecolor="white")
    said = ", ".join(filter(None, (detection.record, label and f"labelled {label}", title)))
    _say(figure, LEFT, 6, said, fontsize=11, weight="bold", color=INK)
    _say(figure, LEFT, 12, " ".join((*detection.warnings, verdict_of(detection))), fontsize=9, color=INK)
    e = detection.explanation
    if e is None:
        _say(figure, LEFT, 30, "No maps: there is no score.", fontsize=9, color=MUTED)
    else:
        height = ABOVE_MM + ROW_MM * (len(e.leads) - 1) + BELOW_MM
        draw_leads(_axes(figure, 22, height), e, height)
        key = "recorded (ink), restored from around each 0.48 s block (blue, band: SD), marked stretches (amber)"
        about = f"25 mm/s, 10 mm/mV, 0.5-40 Hz, from {e.start_s:g} s: {key}"
        _say(figure, LEFT, 18, about, fontsize=7, color=MUTED)
        draw_trace(_axes(figure, 22 + height + 2, 13), e)
        draw_error(_axes(figure, 22 + height + 17, 26), e)
        if attention is not None:
            draw_attention(_axes(figure, 22 + height + 45, 12.5), attention)
    notes = [f"* {', '.join(detection.masked_leads)} left out" if detection.masked_leads else ""]
    notes.append("below: score trace; error by lead, 1-64 times the normals'" if e else "")
    notes.append("attention by lead: where the model looked, not why" if attention is not None else "")
    _say(figure, LEFT, 199, "; ".join(filter(None, notes)), fontsize=7, color=MUTED)
    _say(figure, LEFT, 203, NOT_A_DIAGNOSIS, fontsize=7, color=MUTED)
    return figure
