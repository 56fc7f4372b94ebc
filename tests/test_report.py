"""The printed page: true scale, one A4 sheet whatever the record says of itself, the same bytes for the same input."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
import pytest

from ecg_core import wording
from ecg_core.colours import PRINT
from ecg_core.detection import Detection
from ecg_core.errors import ConfigError
from ecg_core.paper import GUTTER_MM
from ecg_core.records import LEADS, Record
from ecg_core.report import Reading, View, report_pdf, report_png
from ecg_core.report.page import LEFT_MM
from ecg_core.report.pen import text_mm
from ecg_core.synthetic import EXAMPLES, make_record
from tests.app.fake_detector import AnomalyDetector
from tests.pages import Sheet, read_page

AT = datetime(2026, 11, 21, 12, 50, tzinfo=UTC)
CLOSE = 0.01
"""mm: the PDF's coordinates have two decimals of a point."""


@pytest.fixture(scope="module")
def record() -> Record:
    return make_record(next(spec for spec in EXAMPLES if spec.kind == "pvc"))


@pytest.fixture(scope="module")
def detection(record) -> Detection:
    found = AnomalyDetector("vae-bilstm").detect(record)
    assert found.explanation
    assert found.explanation.stretches
    return found


def reading(detection: Detection, threshold: float | None = 1.0, rate: float = 0.05) -> Reading:
    return Reading("VAE-BiLSTM", detection, threshold, rate)


def page(record: Record, detection: Detection, **view) -> Sheet:
    return read_page(report_pdf(record, reading(detection), AT, View(**view)))


def steps(sheet: Sheet, colour: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the distances between neighbouring upright and level grid lines, mm."""
    (grid,) = (d for d in sheet.stroked(PRINT[colour]) if len(d.points) > 40)
    ends = grid.points.reshape(-1, 2, 2)
    upright = ends[np.abs(ends[:, 0, 0] - ends[:, 1, 0]) < CLOSE][:, 0, 0]
    level = ends[np.abs(ends[:, 0, 1] - ends[:, 1, 1]) < CLOSE][:, 0, 1]
    return np.diff(np.sort(upright)), np.diff(np.sort(level))


def test_the_page_is_one_a4_sheet(record, detection):
    sheet = page(record, detection)
    assert (sheet.width, sheet.height) == (pytest.approx(297, abs=CLOSE), pytest.approx(210, abs=CLOSE))


def test_a_millimetre_of_the_grid_is_a_millimetre(record, detection):
    sheet = page(record, detection)
    for colour, mm in (("grid-minor", 1.0), ("grid-major", 5.0)):
        for distances in steps(sheet, colour):
            assert len(distances) > 10
            assert distances == pytest.approx(mm, abs=CLOSE)


@pytest.mark.parametrize("gain", [5.0, 10.0, 20.0])
def test_a_millivolt_is_as_high_as_the_gain_says_on_pulse_and_trace(record, detection, gain):
    square = np.zeros_like(record.signal)
    square[:, 2500:2600] = 1.0
    sheet = page(replace(record, signal=square), detection, gain=(gain, gain), reconstruction=False, marks=False)
    pulse = next(d for d in sheet.stroked(PRINT["trace"]) if d.moves.sum() < 10)
    assert np.ptp(pulse.points[:6, 1]) == pytest.approx(gain, abs=CLOSE)
    assert np.ptp(pulse.points[:6, 0]) == pytest.approx(5.0, abs=CLOSE)
    assert np.abs(np.diff(pulse.points[:6, 0])).max() == pytest.approx(3.0, abs=CLOSE)
    rhythm = strips(sheet)[-1]
    assert np.ptp(rhythm[:, 1]) == pytest.approx(gain, abs=CLOSE)


@pytest.mark.parametrize("speed", [25.0, 50.0])
def test_a_second_is_as_wide_as_the_speed_says(record, detection, speed):
    sheet = page(record, detection, speed=speed)
    rhythm = strips(sheet)[-1]
    assert len(rhythm) == round(250 / speed * record.fs)
    assert rhythm[0, 0] == pytest.approx(LEFT_MM + GUTTER_MM, abs=CLOSE)
    assert rhythm[500, 0] - rhythm[0, 0] == pytest.approx(500 / record.fs * speed, abs=CLOSE)


def strips(sheet: Sheet) -> list[np.ndarray]:
    """Return the recorded traces, one for each strip."""
    traces = max(sheet.stroked(PRINT["trace"]), key=lambda d: len(d.points))
    return np.split(traces.points, np.flatnonzero(traces.moves)[1:])


@pytest.mark.parametrize(("layout", "count"), [("3x4", 13), ("6x2", 12), ("12x1", 12)])
def test_every_layout_has_all_leads_inside_the_page(record, detection, layout, count):
    tall = replace(record, signal=record.signal * 4)
    sheet = page(tall, detection, layout=layout, gain=(10.0, 10.0))
    assert len(strips(sheet)) == count
    assert set(LEADS) <= set(sheet.words.split())
    grid = next(d for d in sheet.stroked(PRINT["grid-minor"]))
    assert grid.points[:, 1].max() < 200.0
    assert grid.points[:, 0].max() < 282.0


def test_the_page_says_what_the_screen_says(record, detection):
    said = wording.verdict(detection, 1.0, 0.05)
    line = page(record, detection).line
    for words in (
        said.headline, said.rarity, record.name, wording.patient(record), wording.recording(record), "VAE-BiLSTM",
        detection.checkpoint, detection.sha256[:12], "2026-11-21 12:50 UTC", "PTB-XL fold 9", *wording.INTENDED_USE,
        f"{detection.heart_rate:.0f} /min", "25 mm/s, 10 mm/mV, 500 Hz, no filter", "reconstruction", "latent",
    ):  # fmt: skip
        assert words in line
    first = detection.explanation.stretches[0]
    assert wording.span(first.start_s, first.stop_s) in line
    assert wording.lead_list(first.leads) in line
    assert "normal." not in line.replace("rule out", "")
    assert " risk" not in line


def page_fonts(pdf: bytes) -> Iterator[str]:
    """Yield the font of each run of text."""
    document = pypdfium2.PdfDocument(pdf)
    for run in document[0].get_objects(filter=[pdfium.FPDF_PAGEOBJ_TEXT], max_depth=2):
        name = pdfium.create_string_buffer(80)
        pdfium.FPDFFont_GetBaseFontName(pdfium.FPDFTextObj_GetFont(run.raw), name, 80)
        yield name.value.decode().split("+")[-1]


def test_fonts_are_embedded_and_numerals_are_of_one_width(record, detection):
    pdf = report_pdf(record, reading(detection), AT)
    assert set(re.findall(rb"/BaseFont /([A-Za-z+-]+)", pdf)) <= {
        b"AAAAAA+Inter-Regular",
        b"AAAAAA+Inter-SemiBold",
        b"Helvetica",
    }

    for bold in (False, True):
        assert len({round(text_mm(digit, 10, bold=bold), 6) for digit in "0123456789"}) == 1


def test_the_file_names_the_record_and_no_patient(record, detection):
    document = pypdfium2.PdfDocument(report_pdf(replace(record, age=47, sex="female"), reading(detection), AT))
    told = document.get_metadata_dict(skip_empty=True)
    assert told["Title"] == f"ECG report: {record.name}"
    assert told["CreationDate"].startswith("D:20261121125000")
    assert not {"female", "Female", "47"} & set(" ".join(told.values()).replace(",", " ").split())


def test_the_same_input_gives_the_same_bytes(record, detection):
    first, second = (report_pdf(record, reading(detection), AT) for _ in range(2))
    assert first == second
    assert report_pdf(record, reading(detection), AT.replace(minute=51)) != first
    assert report_png(first) == report_png(first)


def test_overlay_and_marks_can_be_switched_off(record, detection):
    shown, bare = page(record, detection), page(record, detection, reconstruction=False, marks=False)
    assert shown.stroked(PRINT["reconstruction"])
    assert not bare.stroked(PRINT["reconstruction"])
    assert "marked stretch" in shown.line
    assert "marked stretch" not in bare.line


def marks(sheet: Sheet, colour: str) -> int:
    rgb = tuple(int(PRINT[colour][k : k + 2], 16) for k in (1, 3, 5))
    return sum(d.fill == rgb and d.stroke is None for d in sheet.drawn)


def test_marks_are_filled_above_and_hollow_below_the_threshold(record, detection):
    above = read_page(report_pdf(record, reading(detection, detection.score - 1), AT, View(layout="12x1")))
    below = read_page(report_pdf(record, reading(detection, detection.score + 1), AT, View(layout="12x1")))
    assert marks(above, "highlight") > 1
    assert marks(below, "highlight") == 0
    assert "Above the alarm threshold" in above.line
    assert "Below the alarm threshold" in below.line
    assert "record below threshold" in below.line


def test_a_moved_threshold_is_said(record, detection):
    moved = read_page(report_pdf(record, reading(detection, 1.0, 0.1), AT)).line
    assert "Threshold moved by the reader: 10 % false alarms, validated at 5 %." in moved
    assert "moved" not in page(record, detection).line
    assert "(5 % false alarms, validated)" in page(record, detection).line


def test_display_filters_are_named_and_change_the_trace_alone(record, detection):
    plain, smooth = page(record, detection), page(record, detection, filters=("low-40", "notch-50"))
    assert "display filter 40 Hz low-pass + 50 Hz notch" in smooth.line
    assert not np.array_equal(strips(plain)[-1], strips(smooth)[-1])
    assert "Score" in smooth.line


def test_other_models_stand_beside_the_verdict(record, detection):
    others = [replace(reading(detection), title="CAE"), replace(reading(detection, 1e9), title="VAE-BiLSTM-MHA")]
    line = read_page(report_pdf(record, reading(detection), AT, others=others)).line
    assert "2 of 3 above" in line


def test_a_record_that_cannot_be_read_has_no_score_and_keeps_its_trace(record):
    rng = np.random.default_rng(0)
    noisy = replace(record, signal=rng.normal(0, 1.5, record.signal.shape).astype(np.float32))
    found = AnomalyDetector("vae-bilstm").detect(noisy)
    assert not found.interpretable
    sheet = read_page(report_pdf(noisy, reading(found, None), AT))
    assert "Not interpretable" in sheet.line
    assert found.reason.split(".")[0] in sheet.line
    for absent in ("percentile", "Threshold", "marked", "Anomaly score"):
        assert absent not in sheet.line
    assert not sheet.stroked(PRINT["reconstruction"])
    assert len(sheet.stroked(PRINT["trace"])) >= 12


def test_a_lead_left_out_has_no_reconstruction_and_is_named(record):
    signal = record.signal.copy()
    signal[LEADS.index("V5")] = 0.0
    flat = replace(record, signal=signal)
    found = AnomalyDetector("vae-bilstm").detect(flat)
    assert found.masked_leads == ("V5",)
    sheet = page(flat, found)
    (model,) = (d for d in sheet.stroked(PRINT["reconstruction"]) if len(d.points) > 100)
    assert model.moves.sum() == 12
    assert "V5 flat" in sheet.line


def test_a_long_recording_shows_its_segments_and_the_seconds_asked_for(record):
    long = replace(record, signal=np.tile(record.signal, (1, 6)))
    found = AnomalyDetector("vae-bilstm").detect(long)
    sheet = read_page(report_pdf(long, reading(found), AT, View(start_s=30.0)))
    assert "Score of each 10 s of the recording" in sheet.line
    assert wording.verdict(found, 1.0, 0.05).headline in sheet.line
    assert len(strips(sheet)[-1]) == 5000
    part = read_page(report_pdf(long.crop(30.0, 40.0), reading(found), AT, View(start_s=30.0), duration_s=60.0))
    assert strips(part)[-1] == pytest.approx(strips(sheet)[-1])
    assert "12 leads, 60 s" in part.line


def test_a_short_record_is_drawn_as_long_as_it_is(record, detection):
    short = record.crop(0.0, 6.0)
    sheet = page(short, AnomalyDetector("vae-bilstm").detect(short))
    assert np.ptp(strips(sheet)[-1][:, 0]) == pytest.approx(150.0, abs=0.1)


HOSTILE = [
    "\x00\x1b[31m\u202eevil\u2066\n\r\t", "<b>&amp;</b>)(\\) Tj ET", "Å" * 5000, "心電図 \U0001f600", "", " ", "\ud800",
    "%PDF-1.4 endstream endobj", "a " * 3000,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_no_name_or_note_breaks_the_page(record, detection, name):
    named = replace(record, name=name)
    found = replace(
        detection, record=name, warnings=(name, name), notes=(name,) * 50, population=name, checkpoint=name[:40]
    )
    sheet = read_page(report_pdf(named, reading(found), AT))
    assert (sheet.width, sheet.height) == (pytest.approx(297, abs=CLOSE), pytest.approx(210, abs=CLOSE))
    assert wording.INTENDED_USE[1] in sheet.line
    assert not any(ord(c) < 32 and c not in "\r\n" for c in sheet.words)
    assert len(strips(sheet)) == 13


def test_notes_that_have_no_room_are_counted(record, detection):
    many = replace(detection, notes=tuple(f"Note number {k} about something that was done." for k in range(80)))
    line = page(record, many).line
    assert "Note number 0" in line
    (left,) = re.findall(r"And (\d+) more notes", line)
    assert f"Note number {79 - int(left)} about" in line
    assert f"Note number {80 - int(left)} about" not in line


def test_the_picture_has_the_pages_size_and_scale(record, detection):
    picture = report_png(report_pdf(record, reading(detection), AT), 200)
    assert struct.unpack(">II", picture[16:24]) == (2339, 1654)
    per_metre = struct.unpack(">II", picture[picture.index(b"pHYs") + 4 :][:8])
    assert per_metre == pytest.approx((200 / 0.0254,) * 2, abs=1)


def test_a_close_up_is_no_report(record, detection):
    with pytest.raises(ConfigError, match="3x4, 6x2, 12x1"):
        page(record, detection, layout="closeup")
