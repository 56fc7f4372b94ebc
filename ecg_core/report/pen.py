"""A pen for one page: millimetres from the top left, our fonts, and text that fits whatever it says."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from ecg_core.plain import plain

POINTS = 72.0 / 25.4
"""Points in a millimetre."""

FONTS = Path(__file__).parent / "fonts"
REGULAR, BOLD = "Inter-Regular", "Inter-SemiBold"
"""Inter 4.1 (npm inter-ui), reduced to Latin, Greek and Cyrillic, with tabular numerals in place of the others."""

ELLIPSIS = "…"
Anchor = Literal["start", "middle", "end"]


@lru_cache(maxsize=1)
def _register() -> frozenset[int]:
    """Make the fonts known to reportlab, once a process; return the characters that both have."""
    rl_config.useA85 = 0  # streams as bytes: as text they take longer to write than the page to draw
    known = []
    for name in (REGULAR, BOLD):
        font = TTFont(name, str(FONTS / f"{name}.ttf"))
        pdfmetrics.registerFont(font)
        known.append(frozenset(font.face.charToGlyph))
    return frozenset.intersection(*known)


def printable(text: str) -> str:
    """Return text that the page can show: what the font lacks is written out, as control characters are."""
    known = _register()
    return "".join(c if ord(c) in known else c.encode("unicode_escape").decode() for c in plain(text))


class Pen:
    """Draws one page of a PDF.

    Parameters
    ----------
    width_mm, height_mm : of the page.
    title, subject : for the file's metadata.
    at : when the page is made; in the metadata too, so that the same input gives the same bytes.
    """

    def __init__(self, width_mm: float, height_mm: float, title: str, subject: str, at: datetime) -> None:
        _register()
        self.width, self.height = width_mm, height_mm
        self._out = io.BytesIO()
        self._canvas = Canvas(
            self._out, pagesize=(width_mm * POINTS, height_mm * POINTS), invariant=1, pageCompression=1, lang="en"
        )
        self._canvas.setTitle(printable(title))
        self._canvas.setSubject(printable(subject))
        self._canvas.setAuthor("Leadwise")
        self._canvas.setCreator("Leadwise")
        self._canvas.setDateFormatter(lambda *_: at.strftime("D:%Y%m%d%H%M%S+00'00'"))
        self._canvas.setViewerPreference("PrintScaling", "None")
        self._canvas.setLineJoin(1)

    def finish(self) -> bytes:
        """Return the file."""
        self._canvas.showPage()
        self._canvas.save()
        return self._out.getvalue()

    def lines(self, segments: NDArray[np.float64], colour: str, width_mm: float, dash_mm: Sequence[float] = ()) -> None:
        """Draw straight lines, shape (n, 4): x1, y1, x2, y2 in mm."""
        self._stroke(colour, width_mm, dash_mm)
        self._canvas.addLiteral(" ".join(self._path(ends) for ends in segments.reshape(-1, 2, 2)) + " S")

    def line(
        self, x1: float, y1: float, x2: float, y2: float, colour: str, width_mm: float, dash_mm: Sequence[float] = ()
    ) -> None:
        """Draw one straight line."""
        self.lines(np.array([[x1, y1, x2, y2]]), colour, width_mm, dash_mm)

    def traces(self, traces: Sequence[NDArray[np.floating[Any]]], colour: str, width_mm: float) -> None:
        """Draw open lines through points, each of shape (n, 2), mm; NaN breaks a line."""
        self._stroke(colour, width_mm)
        self._canvas.addLiteral(" ".join(self._path(run) for trace in traces for run in _unbroken(trace)) + " S")

    def area(self, outline: NDArray[np.floating[Any]], colour: str) -> None:
        """Fill a closed outline, shape (n, 2), mm."""
        if len(outline) < 3:
            return
        self._canvas.setFillColor(HexColor(colour, hasAlpha=len(colour) == 9))
        self._canvas.addLiteral(self._path(outline) + " h f")

    def box(
        self,
        x: float,
        y: float,
        wide: float,
        tall: float,
        *,
        fill: str | None = None,
        line: str | None = None,
        width_mm: float = 0.15,
        dash_mm: Sequence[float] = (),
        round_mm: float = 0.0,
    ) -> None:
        """Draw a rectangle by its top left corner."""
        if fill:
            self._canvas.setFillColor(HexColor(fill, hasAlpha=len(fill) == 9))
        if line:
            self._stroke(line, width_mm, dash_mm)
        at = (x * POINTS, (self.height - y - tall) * POINTS, wide * POINTS, tall * POINTS)
        how = {"stroke": int(line is not None), "fill": int(fill is not None)}
        if round_mm:
            self._canvas.roundRect(*at, round_mm * POINTS, **how)
        else:
            self._canvas.rect(*at, **how)

    def disc(self, x: float, y: float, radius: float, fill: str, line: str, width_mm: float = 0.25) -> None:
        """Draw a circle."""
        self._canvas.setFillColor(HexColor(fill))
        self._stroke(line, width_mm)
        self._canvas.circle(x * POINTS, (self.height - y) * POINTS, radius * POINTS, stroke=1, fill=1)

    def hatch(self, x: float, y: float, wide: float, tall: float, colour: str, step_mm: float = 1.0) -> None:
        """Fill a rectangle with slanting lines: the second cue of what is technical."""
        with self.clip(x, y, wide, tall):
            starts = np.arange(-tall, wide, step_mm)
            self.lines(
                np.stack(
                    [x + starts, np.full_like(starts, y + tall), x + starts + tall, np.full_like(starts, y)], axis=1
                ),
                colour,
                0.18,
            )

    @contextmanager
    def clip(self, x: float, y: float, wide: float, tall: float) -> Iterator[None]:
        """Draw nothing outside a rectangle."""
        self._canvas.saveState()
        path = self._canvas.beginPath()
        path.rect(x * POINTS, (self.height - y - tall) * POINTS, wide * POINTS, tall * POINTS)
        self._canvas.clipPath(path, stroke=0, fill=0)
        try:
            yield
        finally:
            self._canvas.restoreState()

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        colour: str,
        *,
        bold: bool = False,
        anchor: Anchor = "start",
        most_mm: float | None = None,
    ) -> float:
        """Write one line on the baseline y; return its width in mm. Beyond `most_mm` it ends in an ellipsis.

        Parameters
        ----------
        size : in points.
        """
        shown = printable(words)
        if most_mm is not None:
            shown = fitted(shown, size, most_mm, bold=bold)
        wide = text_mm(shown, size, bold=bold)
        left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
        self._canvas.setFillColor(HexColor(colour))
        self._canvas.setFont(BOLD if bold else REGULAR, size)
        self._canvas.drawString(left * POINTS, (self.height - y) * POINTS, shown)
        return wide

    def paragraph(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        colour: str,
        *,
        most_mm: float,
        most_lines: int,
        lead: float,
        bold: bool = False,
    ) -> float:
        """Write lines of at most `most_mm` from the baseline y on, `lead` mm apart; return the next baseline."""
        for line in wrapped(words, size, most_mm, most_lines, bold=bold):
            self.text(x, y, line, size, colour, bold=bold)
            y += lead
        return y

    def _stroke(self, colour: str, width_mm: float, dash_mm: Sequence[float] = ()) -> None:
        self._canvas.setStrokeColor(HexColor(colour, hasAlpha=len(colour) == 9))
        self._canvas.setLineWidth(width_mm * POINTS)
        self._canvas.setDash([d * POINTS for d in dash_mm])

    def _path(self, mm: NDArray[np.floating[Any]]) -> str:
        """Return a path as PDF writes it; reportlab's own takes a second for the samples of twelve leads."""
        points = np.asarray(mm, dtype=np.float64) * POINTS
        points[:, 1] = self.height * POINTS - points[:, 1]
        return ("%.2f %.2f m " + "%.2f %.2f l " * (len(points) - 1)) % tuple(points.ravel().tolist())


def _unbroken(trace: NDArray[np.floating[Any]]) -> Iterator[NDArray[np.floating[Any]]]:
    """Yield the runs of at least two points without NaN."""
    lost = np.flatnonzero(~np.isfinite(trace).all(axis=1))
    for run in np.split(trace, lost):
        kept = run[np.isfinite(run).all(axis=1)]
        if len(kept) > 1:
            yield kept


def text_mm(words: str, size: float, *, bold: bool = False) -> float:
    """Return how wide printable words are, mm."""
    _register()
    return float(pdfmetrics.stringWidth(words, BOLD if bold else REGULAR, size)) / POINTS


def fitted(words: str, size: float, most_mm: float, *, bold: bool = False) -> str:
    """Return printable words, cut so that they fit."""
    if text_mm(words, size, bold=bold) <= most_mm:
        return words
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if text_mm(words[:middle].rstrip() + ELLIPSIS, size, bold=bold) <= most_mm:
            low = middle
        else:
            high = middle - 1
    return words[:low].rstrip() + ELLIPSIS


def wrapped(words: str, size: float, most_mm: float, most_lines: int, *, bold: bool = False) -> list[str]:
    """Return words as lines that fit; the last one that may stand ends in an ellipsis where more would follow."""
    lines: list[str] = []
    rest = printable(words).split()
    while rest and len(lines) < most_lines - 1:
        line = [rest.pop(0)]
        while rest and text_mm(" ".join([*line, rest[0]]), size, bold=bold) <= most_mm:
            line.append(rest.pop(0))
        lines.append(fitted(" ".join(line), size, most_mm, bold=bold))
    if rest:
        lines.append(fitted(" ".join(rest), size, most_mm, bold=bold))
    return lines
