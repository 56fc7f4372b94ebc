"""Every colour, once: the light ones from `ecg_core.colours`, which the PDF has too, and the dark ones beside them.

Ink is the patient. Blue is what a model made. Amber is anomaly, and nothing else. Plum (with a hatch) is technical.
Each colour has a second cue beside it on the page: filled, hollow or hatched square, bracket and number, or words.
"""

from __future__ import annotations

from typing import Literal

from ecg_core import colours

Scheme = Literal["light", "dark"]

DARK: dict[str, str] = {
    "page": "#0F1114",
    "surface": "#15181C",
    "soft": "#1A1D21",
    "chosen": "#2B3036",
    "border": "#2B3036",
    "text": "#E4E7EA",
    "muted": "#9BA3AB",
    "paper": "#131619",
    "grid-minor": "#1C2024",
    "grid-major": "#2E353C",
    "trace": "#ECEFF1",
    "reconstruction": "#63B3F7",
    "band": "#63B3F721",
    "highlight": "#E0A0302B",
    "anomaly": "#F4B850",
    "anomaly-fill": "#875E17",
    "on-anomaly": "#15181C",
    "ok": "#5CC6A0",
    "warn": "#D9A3F0",
    "cell-good": "#4A515A",
    "normals": "#2B3036",
    "primary": "#E4E7EA",
    "on-primary": "#15181C",
}

COLOURS: dict[str, tuple[str, str]] = {name: (light, DARK[name]) for name, light in colours.LIGHT.items()}
"""Name -> (light, dark); `#RRGGBB` or `#RRGGBBAA`."""

ERROR_STEPS: tuple[tuple[str, ...], tuple[str, ...]] = (
    colours.ERROR_STEPS,
    ("#171A1D", "#33291A", "#54401C", "#7C5B1D", "#AC7E22", "#DCA738", "#FCE3A4"),
)
"""Seven steps of the error map, low to high: (light, dark)."""

ATTENTION_STEPS: tuple[tuple[str, ...], tuple[str, ...]] = (
    colours.ATTENTION_STEPS,
    ("#15191D", "#1B2B3A", "#214461", "#2B638E", "#3D86BC", "#6FB2E6", "#C5E4FB"),
)
"""Seven steps of the attention map, low to high: (light, dark)."""

CELL_STEPS: tuple[tuple[str, ...], tuple[str, ...]] = (
    colours.CELL_STEPS,
    ("#1A1D21", "#33291A", "#54401C", "#6E511A", "#875E17"),
)
"""Five steps for cells that carry text; none so strong that the text on it falls below AA."""


def colour(name: str, scheme: Scheme) -> str:
    """Return one colour as hex."""
    light, dark = COLOURS[name]
    return light if scheme == "light" else dark


CLEAR = "rgba(0,0,0,0)"
"""No colour, as plotly takes it."""


def faded(name: str, scheme: Scheme, alpha: float) -> str:
    """Return a colour with an opacity, as plotly takes it."""
    value = colour(name, scheme)
    red, green, blue = (int(value[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


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
