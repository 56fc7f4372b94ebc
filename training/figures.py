"""Pictures of an evaluation: ROC, precision against recall, and how scores are distributed."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ecg_core.metrics import auprc, auroc, pr_curve, roc_curve

Array = NDArray[np.float64]

INK, MUTED, GRID, PAPER = "#14171B", "#5C636B", "#DEDDD7", "#FFFCFA"
MODEL, ANOMALY, NORMALS = "#0B66B0", "#8A5200", "#B8B7B0"
LINES = (MODEL, "#0A6B50", "#7A2E8A", "#5C636B", "#87B8DF", "#5CC6A0", "#D9A3F0", "#B8B7B0")
DPI = 150

mpl.use("Agg")


def plain_axes(axes: Axes, x: str, y: str) -> None:
    """Give axes the house style."""
    axes.set_xlabel(x, color=MUTED)
    axes.set_ylabel(y, color=MUTED)
    axes.tick_params(colors=MUTED, labelsize=8)
    axes.grid(color=GRID, linewidth=0.5)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)


def _save(figure: Figure, path: Path) -> None:
    """Write a figure without a date, so that the same figures make the same file."""
    figure.savefig(path, dpi=DPI, metadata={"Software": None} if path.suffix == ".png" else {"CreationDate": None})


def draw_curves(abnormal: NDArray[np.bool_], scores: dict[str, Array], roc: Path, pr: Path) -> None:
    """Draw the ROC and the precision-recall curve of each set of scores."""
    for path, kind in ((roc, "roc"), (pr, "pr")):
        figure = Figure(figsize=(5.2, 5.0), layout="constrained", facecolor="white")
        axes = figure.subplots()
        for k, (title, values) in enumerate(scores.items()):
            if kind == "roc":
                x, y, _ = roc_curve(abnormal, values)
                area = auroc(abnormal, values)
            else:
                x, y, _ = pr_curve(abnormal, values)
                area = auprc(abnormal, values)
            style = "--" if "untrained" in title else "-"
            axes.plot(x, y, style, color=LINES[k % len(LINES)], linewidth=1.4, label=f"{title}  {area:.3f}")
        if kind == "roc":
            axes.plot([0, 1], [0, 1], color=GRID, linewidth=0.8)
            plain_axes(axes, "1 - specificity", "sensitivity")
        else:
            axes.axhline(float(np.mean(abnormal)), color=GRID, linewidth=0.8)
            plain_axes(axes, "sensitivity", "ppv (line: prevalence)")
        axes.set(xlim=(0, 1), ylim=(0, 1.005), aspect="equal")
        legend = axes.legend(loc="lower right" if kind == "roc" else "lower left", frameon=False, fontsize=8)
        for text in legend.get_texts():
            text.set_parse_math(False)
        _save(figure, path)


def draw_scores(abnormal: NDArray[np.bool_], score: Array, threshold: float | None, title: str, path: Path) -> None:
    """Draw how the scores of normal and abnormal records are distributed, and where the threshold lies."""
    figure = Figure(figsize=(6.4, 3.2), layout="constrained", facecolor="white")
    axes = figure.subplots()
    low, high = np.quantile(score, [0.0, 0.995])
    bins = np.linspace(low, max(high, low + 1e-6), 60)
    for kind, colour, name in ((~abnormal, NORMALS, "normal"), (abnormal, ANOMALY, "abnormal")):
        label = f"{name} ({int(kind.sum())})"
        clipped = np.clip(score[kind], bins[0], bins[-1])
        weights = np.full(len(clipped), 1.0 / max(len(clipped), 1))
        axes.hist(clipped, bins, weights=weights, color=colour, alpha=0.6, label=label)
    if threshold is not None:
        axes.axvline(threshold, color=INK, linewidth=1.0, linestyle=":", label="threshold")
    plain_axes(axes, "record score", "share of records")
    axes.set_title(title, fontsize=10, color=INK, parse_math=False, loc="left")
    axes.legend(frameon=False, fontsize=8)
    _save(figure, path)
