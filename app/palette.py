"""Every colour, once: for light and dark, the page, the paper, plotly and the PDF.

Ink is the patient. Blue is what a model made. Amber is anomaly, and nothing else. Plum (with a hatch) is technical.
Each colour has a second cue beside it on the page: filled, hollow or hatched square, bracket and number, or words.
"""

from __future__ import annotations

from typing import Literal

Scheme = Literal["light", "dark"]

COLOURS: dict[str, tuple[str, str]] = {
    "page": ("#FAFAF8", "#0F1114"),
    "surface": ("#FFFFFF", "#15181C"),
    "soft": ("#F0F0EC", "#1A1D21"),
    "chosen": ("#E3E3DE", "#2B3036"),
    "border": ("#DEDDD7", "#2B3036"),
    "text": ("#1B1F24", "#E4E7EA"),
    "muted": ("#5C636B", "#9BA3AB"),
    "paper": ("#FFFCFA", "#131619"),
    "grid-minor": ("#F7EBE7", "#1C2024"),
    "grid-major": ("#EACFC9", "#2E353C"),
    "trace": ("#14171B", "#ECEFF1"),
    "reconstruction": ("#0B66B0", "#63B3F7"),
    "band": ("#0B66B021", "#63B3F721"),
    "highlight": ("#F2B03045", "#E0A0302B"),
    "anomaly": ("#8A5200", "#F4B850"),
    "anomaly-fill": ("#D9982B", "#875E17"),
    "on-anomaly": ("#FFFFFF", "#15181C"),
    "ok": ("#0A6B50", "#5CC6A0"),
    "warn": ("#7A2E8A", "#D9A3F0"),
    "normals": ("#E3E3DE", "#2B3036"),
    "primary": ("#1B1F24", "#E4E7EA"),
    "on-primary": ("#FFFFFF", "#15181C"),
}
"""Name -> (light, dark); `#RRGGBB` or `#RRGGBBAA`."""

ERROR_STEPS: tuple[tuple[str, ...], tuple[str, ...]] = (
    ("#F7F3EC", "#F8E7C4", "#F6D491", "#EDB550", "#D18E1F", "#A36208", "#6B3A00"),
    ("#171A1D", "#33291A", "#54401C", "#7C5B1D", "#AC7E22", "#DCA738", "#FCE3A4"),
)
"""Seven steps of the error map, low to high: (light, dark)."""

ATTENTION_STEPS: tuple[tuple[str, ...], tuple[str, ...]] = (
    ("#F3F6F8", "#DCE9F4", "#B9D5EC", "#87B8DF", "#4E94CB", "#1F6FB0", "#0B4478"),
    ("#15191D", "#1B2B3A", "#214461", "#2B638E", "#3D86BC", "#6FB2E6", "#C5E4FB"),
)
"""Seven steps of the attention map, low to high: (light, dark)."""

CELL_STEPS: tuple[tuple[str, ...], tuple[str, ...]] = (
    ("#F0F0EC", "#F8E7C4", "#F6D491", "#EDB550", "#D9982B"),
    ("#1A1D21", "#33291A", "#54401C", "#6E511A", "#875E17"),
)
"""Five steps for cells that carry text; none so strong that the text on it falls below AA."""


def colour(name: str, scheme: Scheme) -> str:
    """Return one colour as hex."""
    light, dark = COLOURS[name]
    return light if scheme == "light" else dark


def steps(pair: tuple[tuple[str, ...], tuple[str, ...]], scheme: Scheme) -> tuple[str, ...]:
    """Return the steps of one scale in one scheme."""
    return pair[0] if scheme == "light" else pair[1]


def css_variables() -> str:
    """Return declarations `--name: light-dark(a, b);` for all colours and steps."""
    pairs = dict(COLOURS)
    for prefix, scale in (("error", ERROR_STEPS), ("attention", ATTENTION_STEPS), ("cell", CELL_STEPS)):
        pairs |= {f"{prefix}-{i}": pair for i, pair in enumerate(zip(*scale, strict=True))}
    return "".join(f"--{name}:light-dark({light},{dark});" for name, (light, dark) in pairs.items())


def contrast(one: str, other: str) -> float:
    """Return the WCAG 2 contrast ratio of two opaque colours."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(hex_colour: str) -> float:
    channels = [int(hex_colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
