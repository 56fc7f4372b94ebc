from __future__ import annotations

import pytest

from ecg_core.errors import RecordError
from ecg_core.readers import Upload, find_records, group_uploads, read_record
from ecg_core.records import LEADS


def test_every_record_below_a_folder_once(write_pair, tmp_path):
    top = tmp_path / "top"
    deep = top / "b" / "c"
    deep.mkdir(parents=True)
    (top / ".cache").mkdir()
    write_pair(folder=deep)
    write_pair(name="z", folder=top)
    write_pair(folder=top / ".cache")
    for name in ("a.npy", "a.npz", "table.csv", "notes.txt", "._z.hea", "UPPER.NPY"):
        (top / name).write_bytes(b"0")
    found = [str(path.relative_to(top)) for path in find_records(top)]
    assert found == ["UPPER.NPY", "a.npy", "a.npz", "b/c/rec.hea", "table.csv", "z.hea"]
    assert "table.csv" not in [path.name for path in find_records(top, csv=False)]


def test_links_out_of_the_folder_are_not_followed(write_pair, tmp_path):
    top, outside = tmp_path / "top", tmp_path / "outside"
    top.mkdir()
    outside.mkdir()
    path = write_pair(folder=outside)
    (top / "link").symlink_to(outside)
    (top / "rec.hea").symlink_to(path)
    (top / "loop").symlink_to(top)
    assert find_records(top) == []


def test_no_folder(tmp_path):
    with pytest.raises(RecordError, match="not a folder"):
        find_records(tmp_path / "none")


def test_files_dropped_together_become_one_group_a_record(write_pair):
    pairs = [write_pair(name=name) for name in ("a", "b")]
    uploads = [Upload(p.with_suffix(s).name, p.with_suffix(s).read_bytes()) for s in (".dat", ".hea") for p in pairs]
    uploads += [Upload("c.npy", b"0"), Upload("lone.dat", b"0"), Upload("bad.hea", b"??"), Upload("bad.dat", b"0")]
    groups = [[u.name for u in group] for group in group_uploads(uploads)]
    assert groups == [["a.hea", "a.dat"], ["b.hea", "b.dat"], ["bad.hea", "bad.dat"], ["c.npy"], ["lone.dat"]]
    assert read_record(group_uploads(uploads)[1]).leads == LEADS
