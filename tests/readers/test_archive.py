from __future__ import annotations

import io
import struct
import zipfile

import pytest

from ecg_core.errors import RecordError
from ecg_core.readers import Upload, archive, group_uploads, missing_files, read_part, read_record, unpack


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as out:
        for name, data in members:
            out.writestr(name, data)
    return buffer.getvalue()


def refusal(data: bytes, name: str = "records.zip") -> str:
    with pytest.raises(RecordError) as caught:
        unpack(data, name)
    said = str(caught.value)
    assert name in said
    assert "\n" not in said
    return said


def test_nested_folders_are_kept_apart_and_what_is_no_record_is_named(write_pair):
    head = write_pair()
    both = [(head.name, head.read_bytes()), ("rec.dat", head.with_suffix(".dat").read_bytes())]
    members = [(f"{folder}/{name}", data) for folder in ("a/b", "c") for name, data in both]
    noise = [("a/table.csv", b"1,2"), ("LICENSE", b"-"), ("__MACOSX/a/._rec.hea", b"-"), ("a/.hidden.npy", b"-")]
    found = unpack(zipped(*members, *noise), "records.zip")
    assert [upload.name for upload in found.uploads] == ["a/b/rec.hea", "a/b/rec.dat", "c/rec.hea", "c/rec.dat"]
    assert found.left_out == ("a/table.csv", "LICENSE")
    assert read_record(found.uploads[:2]).n_samples == read_record(head).n_samples


def test_csv_alone_is_taken():
    assert [u.name for u in unpack(zipped(("t.csv", b"1,2"), ("readme.txt", b"")), "records.zip").uploads] == ["t.csv"]


@pytest.mark.parametrize("path", ["../rec.dat", "a/../../rec.dat", "/etc/rec.dat", "C:\\rec.dat", "..\\rec.dat"])
def test_a_path_out_of_the_archive_is_refused(path):
    assert "outside itself" in refusal(zipped(("rec.hea", b"-"), (path, b"-")))


def test_a_link_is_refused():
    link = zipfile.ZipInfo("rec.dat")
    link.external_attr = 0o120777 << 16
    assert "holds a link (rec.dat)" in refusal(zipped((link, b"/etc/passwd")))


def test_a_bomb_is_refused_by_what_it_declares(monkeypatch):
    def read(*_):
        raise AssertionError("read before it was checked")

    monkeypatch.setattr(archive, "_read", read)
    monkeypatch.setattr(archive, "MAX_ARCHIVE_MEMBER_BYTES", 1000)
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 1500)
    assert "declares 1,001 bytes for a.dat, at most 1,000" in refusal(zipped(("a.dat", bytes(1001))))
    data = zipped(("a.dat", bytes(900)), ("b.dat", bytes(900)))
    assert "declares 1,800 bytes once unpacked, at most 1,500" in refusal(data)


def test_a_member_that_holds_more_than_it_declares_is_refused():
    data = bytearray(zipped(("a.dat", bytes(range(200)) * 10), packing=zipfile.ZIP_STORED))
    at = data.index(b"PK\x01\x02")
    assert struct.unpack_from("<I", data, at + 24) == (2000,)
    struct.pack_into("<I", data, at + 24, 10)
    assert "records.zip" in refusal(bytes(data))


def test_too_many_files_are_refused_before_they_are_listed(monkeypatch):
    data = zipped(*[(f"{k}.dat", b"") for k in range(9)])
    monkeypatch.setattr(archive, "MAX_ARCHIVE_MEMBERS", 8)
    assert "at most 8 files" in refusal(data)
    monkeypatch.setattr(archive, "MAX_ARCHIVE_MEMBERS", 4)

    def listed(*_):
        raise AssertionError("listed before it was counted")

    monkeypatch.setattr(archive.zipfile, "ZipFile", listed)
    assert "at most 4 files" in refusal(data)


def test_an_encrypted_archive_is_refused():
    data = bytearray(zipped(("rec.dat", b"secret")))
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<H", data, at + 8, struct.unpack_from("<H", data, at + 8)[0] | 1)
    assert "is encrypted" in refusal(bytes(data))


def test_foreign_packing_is_refused():
    assert "packed in a way that is not read" in refusal(zipped(("rec.dat", b"x" * 99), packing=zipfile.ZIP_LZMA))


@pytest.mark.parametrize("cut", [0, 1, 40, -30])
def test_a_damaged_archive_is_refused(cut):
    data = zipped(("rec.dat", bytes(1000)))
    assert "damaged" in refusal(data[:cut] if cut else b"no archive at all")


def test_damaged_data_are_refused():
    data = bytearray(zipped(("rec.dat", bytes(range(250)) * 4), packing=zipfile.ZIP_STORED))
    data[60] ^= 0xFF
    assert "damaged" in refusal(bytes(data))


def test_an_archive_without_records_is_refused():
    assert "holds no record" in refusal(zipped(("inner.zip", b"PK"), ("notes.txt", b"-")))


def test_two_members_of_one_name_are_refused():
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = zipped(("rec.dat", b"1"), ("rec.dat", b"2"))
    assert "two files of one name" in refusal(data)


def test_what_a_group_waits_for(write_pair):
    head = Upload("rec.hea", write_pair().read_bytes())
    data = Upload("rec.dat", b"")
    assert missing_files([head]) == ("rec.dat",)
    assert missing_files([data]) == ("rec.hea",)
    assert missing_files([head, data]) == ()
    assert missing_files([Upload("x.npy", b"")]) == ()
    assert missing_files([Upload("x.hea", b"no header")]) == ()
    assert group_uploads([data, head]) == [[head, data]]


def test_a_part_of_a_recording(write_pair):
    head = write_pair()
    whole = read_record(head)
    part = read_part(head, 0.4, 5.6)
    assert part.start_s == 0.4
    assert (part.signal == whole.signal[:, 200:2800]).all()
    assert read_part(head, 1.0, 99.0).n_samples == whole.n_samples - 500
    with pytest.raises(RecordError, match="at least 5 s"):
        read_part(head, 2.0, 99.0)
