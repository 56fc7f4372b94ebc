"""The menu of files: what it offers, and what is in them, in every state of the page."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pypdfium2
import pytest

from app import state
from app.components.export import ExportMenu
from app.exports import File
from app.state import Entry
from tests.app.page_parts import opened, send, verdict

LABELS = ["Report (PDF, A4)", "Report as a picture (PNG)", "Scores (JSON)", "Scores (CSV)", "Score over time (CSV)"]


@pytest.fixture
def offered(monkeypatch) -> dict[str, File]:
    """Return the files of the last run, by their keys."""
    found: dict[str, File] = {}
    fill = ExportMenu.fill

    def noting(self, files):
        found.clear()
        found.update({file.key: file for file in files})
        fill(self, files)

    monkeypatch.setattr(ExportMenu, "fill", noting)
    return found


def words_of(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    (page,) = list(document)
    return page.get_textpage().get_text_range()


def test_the_menu_offers_five_files_and_makes_none_of_them(app, monkeypatch):
    monkeypatch.setattr("app.exports.report_pdf", lambda *_, **__: pytest.fail("made before it was asked for"))
    opened(app)
    assert [button.proto.label for button in app.get("download_button")] == LABELS
    assert not app.exception


def test_the_report_says_what_the_page_says(app, offered):
    opened(app)
    said, words = verdict(app), words_of(offered["export_pdf"].make())
    for sentence in (said["headline"], said["rarity"]):
        assert sentence in words.replace("\r\n", " ")
    assert "premature-ventricular-beat" in words
    assert "Research use." in words
    assert "moved" not in words
    assert offered["export_pdf"].name == "premature-ventricular-beat-report.pdf"


def test_a_moved_threshold_stands_in_every_file(app, offered):
    opened(app)
    app.session_state[state.RATE] = 0.1
    app.run()
    assert "Threshold moved by the reader: 10 % false alarms" in words_of(offered["export_pdf"].make())
    alarm = json.loads(offered["export_json"].make())["alarm"]
    assert (alarm["false_alarm_rate"], alarm["validated_false_alarm_rate"]) == (0.1, 0.05)
    rows = dict(csv.reader(io.StringIO(offered["export_csv"].make().decode())))
    assert rows["alarm.false_alarm_rate"] == "0.1"


def test_layout_speed_gain_and_filters_are_the_pages(app, offered):
    opened(app)
    app.session_state[state.LAYOUT] = "6x2"
    app.session_state[state.SPEED] = 50
    app.session_state[state.GAIN] = "5"
    app.session_state[state.FILTERS] = ["low-40"]
    app.run()
    words = words_of(offered["export_pdf"].make())
    assert "50 mm/s, 5 mm/mV, 500 Hz, display filter 40 Hz low-pass" in words


def test_switched_off_reconstruction_is_not_printed(app, offered):
    opened(app)
    assert "expected ECG" in words_of(offered["export_pdf"].make())
    app.session_state[state.SHOW_RECONSTRUCTION] = False
    app.run()
    assert "expected ECG" not in words_of(offered["export_pdf"].make())
    app.session_state[state.SHOW_RECONSTRUCTION] = True
    app.session_state[state.MODEL] = "cae"
    app.run()
    assert "reconstruction by CAE" in words_of(offered["export_pdf"].make())


def test_a_record_that_cannot_be_read_has_a_report_without_a_score(app, offered, record):
    rng = np.random.default_rng(0)
    noisy = replace(record, signal=rng.normal(0, 1.5, record.signal.shape).astype(np.float32), sha256="e" * 64)
    send(app, Entry("noisy", noisy))
    words = words_of(offered["export_pdf"].make())
    assert "Not interpretable" in words
    assert "percentile" not in words
    assert json.loads(offered["export_json"].make())["over_time"] is None


def test_a_long_recording_prints_the_seconds_on_view(app, offered, record):
    long = replace(record, signal=np.tile(record.signal, (1, 6)), sha256="f" * 64)
    send(app, Entry("long", long))
    words = words_of(offered["export_pdf"].make()).replace("\r\n", " ")
    assert "Score of each 10 s of the recording" in words
    assert "60 s" in words


def test_a_name_makes_no_path_and_no_markup(app, offered, record):
    send(app, Entry("evil", replace(record, name="../../<b>*x*</b>\x00")))
    assert not app.exception
    for file in offered.values():
        assert set(file.name) <= set("abcdefghijklmnopqrstuvwxyz-.")
        assert not file.name.startswith(".")
    assert offered["export_png"].make().startswith(b"\x89PNG")
