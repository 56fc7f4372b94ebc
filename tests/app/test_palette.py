from __future__ import annotations

import re
import tomllib

import pytest

from app import palette

PAIRS = [
    ("text", "page"),
    ("text", "surface"),
    ("text", "chosen"),
    ("muted", "page"),
    ("muted", "surface"),
    ("muted", "paper"),
    ("anomaly", "surface"),
    ("anomaly", "paper"),
    ("warn", "page"),
    ("warn", "surface"),
    ("warn", "paper"),
    ("ok", "surface"),
    ("reconstruction", "paper"),
    ("on-primary", "primary"),
    ("on-anomaly", "anomaly"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("pair", PAIRS, ids="-on-".join)
def test_text_is_legible(pair, scheme):
    assert palette.contrast(palette.colour(pair[0], scheme), palette.colour(pair[1], scheme)) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_on_cells_is_legible(scheme):
    for cell in palette.steps(palette.CELL_STEPS, scheme):
        assert palette.contrast(palette.colour("text", scheme), cell) >= 4.5


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("scale", [palette.ERROR_STEPS, palette.ATTENTION_STEPS], ids=["error", "attention"])
def test_maps_run_one_way(scale, scheme):
    """Luminance is monotonic: a map still reads in grey."""
    light = [palette._luminance(c) for c in palette.steps(scale, scheme)]
    assert light == sorted(light, reverse=scheme == "light")
    assert len(set(light)) == 7


def test_contrast_is_what_wcag_defines():
    assert palette.contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert palette.contrast("#777777", "#FFFFFF") == pytest.approx(4.478, abs=0.001)


def test_the_theme_has_the_palettes_colours(root):
    theme = tomllib.loads((root / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    for scheme in ("light", "dark"):
        assert theme[scheme]["backgroundColor"] == palette.colour("page", scheme)
        assert theme[scheme]["secondaryBackgroundColor"] == palette.colour("soft", scheme)
        assert theme[scheme]["textColor"] == palette.colour("text", scheme)
        assert theme[scheme]["borderColor"] == palette.colour("border", scheme)
        assert theme[scheme]["primaryColor"] == palette.colour("primary", scheme)


def test_no_other_file_of_the_app_names_a_colour(root):
    files = [p for p in (root / "app").rglob("*") if p.suffix in (".py", ".js", ".css") and p.name != "palette.py"]
    assert len(files) > 10
    named = [p.name for p in files if re.search(r"#[0-9A-Fa-f]{6}\b|rgba?\(", p.read_text(encoding="utf-8"))]
    assert named == []


def test_variables_that_styles_use_exist(root):
    known = set(re.findall(r"--([a-z0-9-]+):", palette.css_variables()))
    for path in (root / "app" / "components").rglob("*.*ss"):
        used = set(re.findall(r"var\(--([a-z0-9-]+)\)", path.read_text(encoding="utf-8")))
        assert used <= known, path.name


def test_nothing_is_fetched_from_outside(root):
    for path in (root / "app").rglob("*"):
        if path.suffix in (".py", ".js", ".css", ".svg", ".toml"):
            text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert "http://" not in text, path
            assert "https://" not in text, path
