from __future__ import annotations

import io

import numpy as np
import pytest

from ecg_core.errors import RecordError
from ecg_core.readers import Upload, read_blocks, read_record
from ecg_core.records import LEADS
from tests.readers.signals import digital

GIVEN = {"fs": 500, "unit": "mV", "leads": LEADS}
ROWS = digital() / 1000


def table(rows=ROWS, header="", delimiter=",", end="\n") -> bytes:
    file = io.StringIO()
    np.savetxt(file, rows, delimiter=delimiter, fmt="%.3f", header=header, comments="", newline=end)
    return file.getvalue().encode()


def read(data: bytes, **given):
    return read_record([Upload("r.csv", data)], **(GIVEN | given))


def refused(data: bytes, *words: str, **given):
    with pytest.raises(RecordError) as caught:
        read(data, **given)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        table(),
        table(header=",".join(LEADS)),
        table(header=", ".join(f'"Lead {lead}"' for lead in LEADS)),
        table(delimiter=";"),
        table(delimiter="\t"),
        table(delimiter="; "),
        table(end="\r\n"),
        table(delimiter=";").replace(b".", b","),
        b"\xef\xbb\xbf" + table(),
        b"# exported\n# by hand\n" + table() + b"\n\n",
        table()[:-1],
    ],
)
def test_ways_to_write_the_same_table(data):
    record = read(data)
    np.testing.assert_allclose(record.signal, ROWS.T, rtol=1e-6)
    assert record.leads == LEADS
    assert record.signal.flags.c_contiguous


def test_a_first_row_without_leads_is_left_out_and_noted():
    header = ",".join(f"channel {k}" for k in range(12))
    assert read(table(header=header)).notes == ("Left out the first row, which names no leads.",)


def test_a_first_row_that_contradicts_the_leads_given():
    swapped = ("II", "I", *LEADS[2:])
    refused(table(header=",".join(swapped)), "do not match", "I where the file says II")


@pytest.mark.parametrize("missing", ["fs", "unit", "leads"])
def test_rate_unit_and_leads_are_never_guessed(missing):
    refused(table(header=",".join(LEADS)), missing, "first row reads I, II", **{missing: None})


def test_shapes():
    refused(table(ROWS.T), "12 rows x 3000 columns", "transposed")
    refused(table(ROWS[:, :11]), "3000 rows x 11 columns")
    refused(table(np.column_stack([np.arange(3000), ROWS])), "13 columns", "time")
    refused(table(ROWS[:1000]), "at least 5 s")
    refused(b"", "empty")
    refused(b"\n\n# nothing\n", "empty")


def test_rows_that_are_damaged():
    lines = table().split(b"\n")
    for bad in (b"1,2,3", b"1,2,3,4,5,6,7,8,9,10,11,twelve", b"0," * 12 + b"0"):
        refused(b"\n".join([*lines[:2000], bad, *lines[2001:]]), "numbers")
    refused(b"\n".join([*lines[:2000], b'"', *lines[2001:]]))
    refused(table().decode().encode("utf-16"), "UTF-8")
    refused(b"\x93\xff,1\n" + table(), "UTF-8")
    refused(b"0" * 3_000_000, "bytes")


def test_empty_cells_are_missing_samples():
    lines = table().split(b"\n")
    for k in range(100, 120):
        cells = lines[k].split(b",")
        cells[6] = [b"", b"NaN", b"nan", b"NA"][k % 4]
        lines[k] = b",".join(cells)
    assert read(b"\n".join(lines)).notes == ("Bridged 20 missing samples by interpolation (V1 20; longest gap 40 ms).",)


def test_blocks_of_a_table_join_to_the_whole():
    rows = np.resize(ROWS, (20000, 12))
    upload = [Upload("r.csv", table(rows))]
    blocks = list(read_blocks(upload, 7.3, **GIVEN))
    np.testing.assert_allclose(np.concatenate([b.signal for b in blocks], axis=1), rows.T, rtol=1e-6)
    assert len({b.sha256 for b in blocks}) == 1


def test_size_limit(monkeypatch):
    monkeypatch.setattr("ecg_core.readers.read.MAX_CSV_BYTES", 1000)
    refused(table(), "at most 1,000 bytes")
