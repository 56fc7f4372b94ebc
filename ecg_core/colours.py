"""Colours on white: of the light page, of printed ECG paper, and of the maps.

Ink is the patient. Blue is what a model made. Amber is anomaly, and nothing else. Plum (with a hatch) is technical.
"""

from __future__ import annotations

LIGHT: dict[str, str] = {
    "page": "#FAFAF8",
    "surface": "#FFFFFF",
    "soft": "#F0F0EC",
    "chosen": "#E3E3DE",
    "border": "#DEDDD7",
    "text": "#1B1F24",
    "muted": "#5C636B",
    "paper": "#FFFCFA",
    "grid-minor": "#F7EBE7",
    "grid-major": "#EACFC9",
    "trace": "#14171B",
    "reconstruction": "#0B66B0",
    "band": "#0B66B021",
    "highlight": "#F2B03045",
    "anomaly": "#8A5200",
    "anomaly-fill": "#D9982B",
    "on-anomaly": "#FFFFFF",
    "ok": "#0A6B50",
    "warn": "#7A2E8A",
    "cell-good": "#C6CAD0",
    "normals": "#E3E3DE",
    "primary": "#1B1F24",
    "on-primary": "#FFFFFF",
}
"""Name -> `#RRGGBB` or `#RRGGBBAA`."""

PRINT: dict[str, str] = {**LIGHT, "paper": "#FFFFFF", "grid-minor": "#F3DCD5", "grid-major": "#E2AFA4"}
"""The same on paper: no ground to print, and a grid that a printer does not lose."""

ERROR_STEPS = ("#F7F3EC", "#F8E7C4", "#F6D491", "#EDB550", "#D18E1F", "#A36208", "#6B3A00")
"""Seven steps of the error map, low to high."""

ATTENTION_STEPS = ("#F3F6F8", "#DCE9F4", "#B9D5EC", "#87B8DF", "#4E94CB", "#1F6FB0", "#0B4478")
"""Seven steps of the attention map, low to high."""

CELL_STEPS = ("#F0F0EC", "#F8E7C4", "#F6D491", "#EDB550", "#D9982B")
"""Five steps for cells that carry text; none so strong that the text on it falls below AA."""
