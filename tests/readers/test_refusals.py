"""What a WFDB record is refused for, and that nothing outside the folder or upload is opened for it."""

from __future__ import annotations

import os

import numpy as np
import pytest

from ecg_core.errors import RecordError
from ecg_core.readers import Upload, probe, read_record
from ecg_core.records import LEADS
from tests.readers.signals import digital


def refused(source, *words, **given):
    with pytest.raises(RecordError) as caught:
        read_record(source, **given)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message
    return message


@pytest.mark.parametrize(
    "file",
    [
        "/etc/passwd",
        "../rec.dat",
        "sub/rec.dat",
        "..",
        "~/rec.dat",
        "~root",
        "C:\\rec.dat",
        "\\\\host\\rec.dat",
        "http://127.0.0.1:9/rec.dat",
        "s3://bucket/rec.dat",
        "-",
    ],
)
def test_headers_that_name_files_outside(write_pair, monkeypatch, file):
    path = write_pair(file=file)
    opened = []
    monkeypatch.setattr("ecg_core.readers.files.FolderFiles.size", lambda self, name: opened.append(name) or 9)
    monkeypatch.setattr("ecg_core.readers.files.FolderFiles.read", lambda self, name: path.read_bytes())
    refused(path, "outside its folder", "rec.hea")
    assert set(opened) <= {"rec.hea"}
    monkeypatch.undo()
    refused([Upload("rec.hea", path.read_bytes()), Upload("rec.dat", b"")], "outside the upload")


def test_links_that_lead_out_of_the_folder(write_pair, tmp_path):
    outside = tmp_path / "outside"
    inside = tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    write_pair(folder=outside)
    path = write_pair(folder=inside)
    (inside / "rec.dat").unlink()
    (inside / "rec.dat").symlink_to(outside / "rec.dat")
    refused(path, "rec.dat", "link", "outside")


def test_a_stream_in_place_of_a_file(write_pair):
    path = write_pair()
    path.with_suffix(".dat").unlink()
    os.mkfifo(path.with_suffix(".dat"))
    refused(path, "not a regular file")


def test_missing_halves(write_pair):
    path = write_pair()
    header, data = path.read_bytes(), path.with_suffix(".dat").read_bytes()
    path.with_suffix(".dat").unlink()
    refused(path, "rec.dat is missing")
    refused([Upload("rec.hea", header)], "rec.dat is missing")
    path.unlink()
    path.with_suffix(".dat").write_bytes(data)
    refused(path.with_suffix(".dat"), "half", "rec.hea")
    refused([Upload("rec.dat", data)], "half", "rec.hea")
    refused([Upload("rec.mat", data)], "half", "rec.hea")
    refused([Upload("rec.hea", header), Upload("other.dat", data)], "rec.dat is missing")


def test_data_of_another_size(write_pair):
    path = write_pair()
    data = path.with_suffix(".dat").read_bytes()
    for other in (data[:-2], data[:-1], data + bytes(24), b""):
        path.with_suffix(".dat").write_bytes(other)
        refused(path, "disagree" if other else "")


def test_one_changed_sample(write_pair):
    path = write_pair()
    data = bytearray(path.with_suffix(".dat").read_bytes())
    data[24 * 700 + 2 * 7] ^= 1
    path.with_suffix(".dat").write_bytes(data)
    refused(path, "disagree", "checksum of V2")


@pytest.mark.parametrize("fs", ["49.9", "4001", "0", "1e300"])
def test_rates_outside_50_to_4000(write_pair, fs):
    refused(write_pair(fs=fs, values=digital(30000)), "50 to 4000 Hz")


@pytest.mark.parametrize("fs", ["50", "4000"])
def test_the_limits_of_the_rate_are_read(write_pair, fs):
    assert read_record(write_pair(fs=fs, values=digital(20000))).fs == float(fs)


def test_short_empty_and_constant(write_pair):
    refused(write_pair(values=digital(2400)), "at least 5 s", "4.8 s")
    assert read_record(write_pair(values=digital(2500))).duration == 5
    refused(write_pair(values=np.full((3000, 12), 7)), "constant")
    flat_but_one = np.zeros((3000, 12), int)
    flat_but_one[:, 4] = digital()[:, 4]
    assert read_record(write_pair(values=flat_but_one)).leads == LEADS
    path = write_pair()
    path.write_bytes(b"")
    refused(path, "empty")


def test_over_an_hour_is_told_to_be_read_in_blocks(write_pair):
    values = np.resize(digital(5000), (50 * 3601, 12))
    path = write_pair(values=values, fs="50")
    refused(path, "read_blocks", "1.00 h")
    assert probe(path).duration_s == 3601
    two = write_pair(name="two", values=values[:, :2], fs="50", leads=("MLII", "V5"))
    assert read_record(two).duration == 3601


def test_declared_sizes_are_checked_before_anything_is_read(write_pair, monkeypatch):
    path = write_pair()
    text = path.read_text()
    for n in ("30000000", "99999999999999999"):
        path.write_text(text.replace("500 3000", f"4000 {n}"))
        refused(path, "disagree")  # the file is not that large
    # a sparse file as large as declared takes no disk and must take no memory
    path.write_text(text.replace("500 3000", "4000 30000000"))
    os.truncate(path.with_suffix(".dat"), 30000000 * 24)
    monkeypatch.setattr("ecg_core.readers.files.FolderFiles.read", _header_only)
    refused(path, "read_blocks")


def _header_only(self, name):
    assert name.endswith(".hea"), "signals were read before the size was checked"
    return (self.folder / name).read_bytes()


def test_sizes_over_the_limit_of_short_recordings(write_pair, monkeypatch):
    monkeypatch.setattr("ecg_core.readers.limits.MAX_SAMPLES", 20000)
    refused(write_pair(), "at most 20,000 values", "12 leads x 3,000")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rec 12 500", "rec 11 500", "declares 11 signals and describes 12"),
        ("rec 12 500", "rec 0 500", "expected 1 to"),
        ("rec 12 500", "rec twelve 500", "not a WFDB header"),
        ("rec 12 500 3000", "rec 12", "sampling rate"),
        ("rec 12 500", "rec/4 12 500", "4 segments"),
        ("rec 12 500", "rec 12 -500", "sampling rate"),
        ("500 3000", "500 -3000", "-3000"),
        ("500 3000", "500 many", "number of samples"),
        ("rec.dat 16 ", "rec.dat 16x0 ", "sample per frame"),
        ("rec.dat 16 ", "rec.dat 17 ", "format 17"),
        ("rec.dat 16 ", "rec.dat sixteen ", "storage format"),
        ("1000(0)/mV", "1000(0)/mmHg", "mmHg"),
        ("1000(0)/mV", "1e(0)/mV", "gain"),
        ("1000(0)/mV", "abc", "gain"),
        (" V6", " V5", "V5 twice"),
    ],
)
def test_damaged_headers(write_pair, old, new, words):
    path = write_pair()
    path.write_text(path.read_text().replace(old, new))
    refused(path, words)


def test_one_lead_that_is_no_voltage(write_pair):
    path = write_pair(leads=(*LEADS, "ABP"))
    text = path.read_text().splitlines()
    text[13] = text[13].replace("/mV", "/mmHg")
    path.write_text("\n".join(text))
    record = read_record(path)
    assert record.leads == LEADS
    assert record.notes == ("Left out signals that are no voltage: ABP (mmHg).",)


def test_long_gaps(write_pair):
    values = digital()
    values[500:551, 6] = -32768
    refused(write_pair(values=values), "102 ms of lead V1 from 1.00 s", "100 ms")
    values[550, 6] = 5
    assert "100 ms" in read_record(write_pair(values=values)).notes[0]
    values[:, 6] = -32768
    refused(write_pair(values=values), "lead V1")


def test_long_gaps_in_other_leads_leave_them_out(write_pair):
    values = digital(n_leads=13)
    values[500:1000, 12] = -32768
    record = read_record(write_pair(values=values, leads=(*LEADS, "vx")))
    assert record.leads == LEADS
    assert record.notes == ("Left out leads with long gaps: vx.",)


def test_other_things_than_records(tmp_path):
    refused(tmp_path / "none.hea", "none.hea was not found")
    refused(tmp_path / "none", "none", "not found")
    refused(tmp_path, "folder")
    (tmp_path / "a.edf").write_bytes(b"0")
    refused(tmp_path / "a.edf", "a.edf", "WFDB", ".npy", ".csv")
    refused([Upload("a.pdf", b"%PDF")], "a.pdf", "WFDB")
    refused([], "Nothing was uploaded")
    refused("a\0b.hea", "not a path")
    refused("x" * 5000 + ".hea", "could not be read")


def test_several_records_at_once(write_pair):
    data = write_pair().read_bytes()
    refused([Upload("a.hea", data), Upload("b.hea", data)], "one at a time", "a.hea")
    refused([Upload("a/r.hea", data), Upload("b/r.hea", data)], "two files called r.hea")


def test_wfdb_states_rate_units_and_leads_itself(write_pair):
    refused(write_pair(), "leave out fs, leads", fs=500, leads=LEADS)
