"""A PDF page as it was drawn: its lines in millimetres, its words, its size."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium

MM = 72.0 / 25.4


@dataclass
class Drawn:
    """One stroked or filled path: points in mm from the top left, its stroke colour and width in mm."""

    points: np.ndarray
    moves: np.ndarray
    stroke: tuple[int, int, int] | None
    fill: tuple[int, int, int] | None
    width: float


@dataclass
class Sheet:
    """One page."""

    width: float
    height: float
    words: str
    drawn: list[Drawn] = field(default_factory=list)

    @property
    def line(self) -> str:
        """All words in one line."""
        return " ".join(self.words.split())

    def stroked(self, colour: str) -> list[Drawn]:
        rgb = tuple(int(colour[k : k + 2], 16) for k in (1, 3, 5))
        return [d for d in self.drawn if d.stroke == rgb]


def read_page(pdf: bytes) -> Sheet:
    """Return the only page of a PDF."""
    document = pypdfium2.PdfDocument(pdf)
    assert len(document) == 1
    page = document[0]
    width, height = page.get_size()
    sheet = Sheet(width / MM, height / MM, page.get_textpage().get_text_range())
    for shape in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=2):
        sheet.drawn.append(_path(shape.raw, height))
    document.close()
    return sheet


def _path(raw, height: float) -> Drawn:
    x, y, width = (pdfium.c_float() for _ in range(3))
    points, moves = [], []
    for k in range(pdfium.FPDFPath_CountSegments(raw)):
        segment = pdfium.FPDFPath_GetPathSegment(raw, k)
        pdfium.FPDFPathSegment_GetPoint(segment, x, y)
        points.append((x.value / MM, (height - y.value) / MM))
        moves.append(pdfium.FPDFPathSegment_GetType(segment) == pdfium.FPDF_SEGMENT_MOVETO)
    pdfium.FPDFPageObj_GetStrokeWidth(raw, width)
    mode, stroke = pdfium.c_int(), pdfium.c_int()
    pdfium.FPDFPath_GetDrawMode(raw, mode, stroke)
    return Drawn(
        np.array(points),
        np.array(moves),
        _colour(pdfium.FPDFPageObj_GetStrokeColor, raw) if stroke.value else None,
        _colour(pdfium.FPDFPageObj_GetFillColor, raw) if mode.value else None,
        width.value / MM,
    )


def _colour(get, raw) -> tuple[int, int, int]:
    red, green, blue, alpha = (pdfium.c_uint() for _ in range(4))
    get(raw, red, green, blue, alpha)
    return red.value, green.value, blue.value
