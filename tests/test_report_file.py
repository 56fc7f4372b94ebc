"""`leadwise report`: one page of one file, and what it says when there is none."""

from __future__ import annotations

import pytest

from ecg_core import cli, report, report_file, score_file
from ecg_core.cli import main
from tests.app.fake_detector import AnomalyDetector
from tests.fakes import MODELS, write_wfdb
from tests.pages import read_page


@pytest.fixture(autouse=True)
def _fake_detectors(monkeypatch):
    monkeypatch.setattr(score_file, "load_detector", lambda name, store: AnomalyDetector(name))
    monkeypatch.setattr(cli, "list_checkpoints", lambda store=None: list(MODELS))


def written(tmp_path, *argv: str, ending: str = "pdf") -> bytes:
    out = tmp_path / f"out.{ending}"
    assert main(["report", *argv, "--out", str(out)]) == 0
    return out.read_bytes()


@pytest.fixture
def ecg(tmp_path, root) -> str:
    return str(root / "ecg_core" / "examples" / "premature-ventricular-beat.hea")


def test_a_file_becomes_a_page(ecg, tmp_path, capsys):
    line = read_page(written(tmp_path, ecg)).line
    assert "premature-ventricular-beat" in line
    assert "Model CAE" in line  # the first of a store without a consensus
    assert capsys.readouterr().out == ""


def test_a_picture_when_the_name_says_so(ecg, tmp_path):
    assert written(tmp_path, ecg, ending="png").startswith(b"\x89PNG")


def test_all_models_stand_on_the_default_models_page(ecg, tmp_path):
    line = read_page(written(tmp_path, ecg, "--model", "all")).line
    assert "of 3 above: " in line
    assert "Model CAE" in line


def test_rate_and_layout_are_taken(ecg, tmp_path):
    line = read_page(written(tmp_path, ecg, "--false-alarm-rate", "0.1", "--layout", "12x1", "--model", "cae")).line
    assert "Threshold moved by the reader: 10 % false alarms" in line
    assert "Model CAE" in line


def test_a_recording_too_long_to_hold_is_read_where_it_is_drawn(tmp_path, monkeypatch):
    header = write_wfdb(tmp_path, "long", seconds=40)
    monkeypatch.setattr(score_file, "MAX_WHOLE_S", 20.0)
    monkeypatch.setattr(report_file, "MAX_WHOLE_S", 20.0)
    monkeypatch.setattr(report_file, "read_record", lambda *_, **__: pytest.fail("read whole"))
    assert "12 leads, 40 s, 100 Hz" in read_page(written(tmp_path, str(header))).line


def test_a_file_that_cannot_be_scored_leaves_no_page(tmp_path, capsys):
    out = tmp_path / "o.pdf"
    assert main(["report", str(tmp_path / "gone.hea"), "--out", str(out)]) == 1
    assert "gone.hea" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("out", ["o.txt", "/no/such/folder/o.pdf", "o"])
def test_only_pages_can_be_written(ecg, out, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["report", ecg, "--out", out])
    assert stop.value.code == 2
    assert "ends in .pdf or .png" in capsys.readouterr().err


def test_the_command_line_offers_the_reports_layouts():
    assert cli.LAYOUTS == report.LAYOUTS
