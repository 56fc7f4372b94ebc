from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import pytest

from ecg_core.errors import RecordError
from ecg_core.readers import open_blocks, probe, read_blocks, read_record
from ecg_core.records import LEADS
from tests.readers.signals import digital


@pytest.mark.parametrize(("block_s", "overlap_s"), [(600, 0), (5, 0), (7, 2), (6.4, 0), (10, 5), (29, 0)])
def test_blocks_cover_the_recording(write_pair, block_s, overlap_s):
    values = digital(15000)
    path = write_pair(values=values)
    blocks = list(read_blocks(path, block_s, overlap_s=overlap_s))
    whole = read_record(path)
    seen = np.zeros(15000, int)
    for block in blocks:
        lo = round(block.start_s * 500)
        np.testing.assert_array_equal(block.signal, whole.signal[:, lo : lo + block.n_samples])
        seen[lo : lo + block.n_samples] += 1
        assert block.duration >= 5
        assert block.sha256 == whole.sha256
    assert seen.min() == 1
    for a, b in itertools.pairwise(blocks):
        assert a.start_s + a.duration - b.start_s == pytest.approx(overlap_s)


@pytest.mark.parametrize("fmt", [212, 310, 311, 24, 80])
def test_blocks_begin_anywhere_in_packed_formats(tmp_path, fmt):
    rng = np.random.default_rng(0)
    n = 3 * 5001
    n_bytes = {212: n * 3 // 2 + 1, 310: n // 3 * 4, 311: n // 3 * 4, 24: 3 * n, 80: n}[fmt]
    (tmp_path / "r.dat").write_bytes(rng.bytes(n_bytes))
    (tmp_path / "r.hea").write_text("r 3 250 5001\n" + f"r.dat {fmt} 200\n" * 3)
    whole = read_record(tmp_path / "r", max_gap_s=1)
    parts = [b.signal for b in read_blocks(tmp_path / "r", 5.004, max_gap_s=1)]
    assert len(parts) == 3
    joined = np.concatenate(parts, axis=1)
    same = np.isclose(joined, whole.signal).mean()  # a bridged gap may differ where a block begins in it
    assert same > 0.999


def test_damage_is_found_before_the_first_block(write_pair):
    path = write_pair(values=digital(15000))
    data = bytearray(path.with_suffix(".dat").read_bytes())
    data[-1] ^= 1
    path.with_suffix(".dat").write_bytes(data)
    with pytest.raises(RecordError, match="checksum of V6"):
        read_blocks(path, 10)


def test_blocks_are_read_again_without_checking_the_file_again(write_pair):
    path = write_pair(values=digital(15000))
    blocks = open_blocks(path, 10)
    first = list(blocks())
    path.with_suffix(".hea").unlink()
    again = list(blocks())
    assert [(b.start_s, b.sha256) for b in again] == [(b.start_s, b.sha256) for b in first]
    assert len(first) > 1
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.signal, other.signal)


def test_a_long_recording_is_never_in_memory_whole(write_pair):
    values = np.resize(digital(5000), (250 * 4000, 12))
    path = write_pair(values=values, fs="250")
    del values
    with pytest.raises(RecordError, match="read_blocks"):
        read_record(path)
    read_record(write_pair(name="small"))
    tracemalloc.start()
    seconds = sum(block.duration for block in read_blocks(path, 60))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds == 4000
    assert peak < 48e6  # the file takes 24 MB and the signal would take 48 MB more


def test_long_arrays_are_read_in_blocks_from_the_file(tmp_path):
    values = np.resize(digital(5000) / 1000, (50 * 4000, 12)).T.astype(np.float32)
    np.save(tmp_path / "r.npy", values)
    given = {"fs": 50, "unit": "mV", "leads": LEADS}
    with pytest.raises(RecordError, match="read_blocks"):
        read_record(tmp_path / "r.npy", **given)
    parts = [b.signal for b in read_blocks(tmp_path / "r.npy", **given)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), values)
    assert [p.shape[1] for p in parts] == [30000] * 6 + [20000]


def test_gaps_say_where_they_are(write_pair):
    values = digital(15000)
    values[12000:12200, 0] = -32768
    blocks = read_blocks(write_pair(values=values), 10)
    assert next(blocks).notes == ()
    next(blocks)
    with pytest.raises(RecordError, match=r"lead I from 24.00 s"):
        next(blocks)


@pytest.mark.parametrize(("block_s", "overlap_s"), [(1, 0), (10, 10), (10, -1), (float("nan"), 0)])
def test_impossible_blocks(write_pair, block_s, overlap_s):
    with pytest.raises(RecordError, match="blocks"):
        read_blocks(write_pair(values=digital(15000)), block_s, overlap_s=overlap_s)


def test_probe_reads_no_sample(write_pair, monkeypatch):
    path = write_pair(comments=("age: 40",))
    monkeypatch.setattr("ecg_core.readers.wfdb_reader.WFDBRecording.samples", lambda *_: pytest.fail("samples read"))
    found = probe(path)
    assert (found.name, found.n_leads, found.fs, found.duration_s, found.age) == ("rec", 12, 500, 6, 40)
