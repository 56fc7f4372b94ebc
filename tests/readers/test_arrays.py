from __future__ import annotations

import hashlib
import io
import pickle
import re
import zipfile

import numpy as np
import pytest

from ecg_core.errors import RecordError
from ecg_core.readers import Upload, needs_description, read_record
from ecg_core.records import LEADS
from tests.readers.signals import digital

GIVEN = {"fs": 500, "unit": "mV", "leads": LEADS}
SIGNAL = (digital() / 1000).T


def npy(array) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def read(data: bytes, suffix: str = "npy", **given):
    return read_record([Upload(f"r.{suffix}", data)], **(GIVEN | given))


def refused(data: bytes, *words: str, suffix: str = "npy", **given):
    with pytest.raises(RecordError) as caught:
        read(data, suffix, **given)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", ">f8", "<f2", "<i2", ">i2", "<i4", "u2", "i8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_types_and_orders(dtype, order):
    values = (SIGNAL * 1000 + 2000).round().astype(dtype, order=order)
    record = read(npy(values), unit="uV")
    np.testing.assert_allclose(record.signal, values.astype(float) / 1000, rtol=1e-6)
    assert record.signal.flags.c_contiguous
    assert not record.signal.flags.writeable
    assert record.signal.dtype == np.float32
    assert record.notes == ("Turned from uV into mV.",)


def test_from_a_path_and_from_an_upload(tmp_path):
    data = npy(SIGNAL.astype(np.float32))
    (tmp_path / "r.npy").write_bytes(data)
    record = read_record(tmp_path / "r.npy", **GIVEN)
    assert record.sha256 == read(data).sha256 == hashlib.sha256(data).hexdigest()
    np.testing.assert_array_equal(record.signal, SIGNAL.astype(np.float32))
    assert (record.name, record.fs, record.leads, record.notes) == ("r", 500, LEADS, ())
    assert (record.age, record.sex) == (None, None)


@pytest.mark.parametrize("missing", ["fs", "unit", "leads"])
@pytest.mark.parametrize("suffix", ["npy", "npz"])
def test_rate_unit_and_leads_are_never_guessed(missing, suffix):
    data = npy(SIGNAL) if suffix == "npy" else npz(signal=SIGNAL)
    refused(data, missing, "(12, 3000)", suffix=suffix, **{missing: None})
    assert needs_description(f"r.{suffix}")


def test_transposed_arrays_are_refused_with_their_shape():
    refused(npy(SIGNAL.T), "(3000, 12)", "transposed", "(n_leads, n_samples)")
    refused(npy(SIGNAL[:8]), "(8, 3000)", "12 leads")
    refused(npy(SIGNAL[None]), "(1, 12, 3000)")
    refused(npy(SIGNAL[0]), "(3000,)")
    refused(npy(np.float32(1)), "()")


def test_nothing_is_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "opened"), "w"))

    refused(npy(np.array([Bomb()], dtype=object)), "pickled")
    refused(pickle.dumps(Bomb()), "pickle")
    refused(npz(signal=np.array([Bomb()], dtype=object)), "pickled", suffix="npz")
    refused(npy(np.zeros((12, 3000), dtype=[("a", "O")])), "pickled")
    assert not (tmp_path / "opened").exists()


@pytest.mark.parametrize("dtype", ["bool", "c8", "S4", "M8[s]", "f4,f4"])
def test_other_types(dtype):
    refused(npy(np.zeros((12, 3000), dtype)), "integers or floats")


def test_header_and_data_that_disagree():
    data = npy(SIGNAL)
    refused(data[:-1], "disagree")
    refused(data + b"0", "disagree")
    refused(data.replace(b"(12, 3000)", b"(12, 9999)"), "disagree")
    refused(re.sub(rb"\(12, 3000\), }    ", b"(12, 3000000000), }", data)[:5000], "disagree")
    refused(data[:40], "damaged")
    refused(b"", "empty")
    refused(b"\x93NUMPY", "NumPy")


def test_gaps_constants_and_infinities():
    x = SIGNAL.copy()
    x[1, 100:150] = np.nan
    x[7, 5] = np.inf
    x[2, :3] = np.nan
    record = read(npy(x))
    assert record.notes == ("Bridged 54 missing samples by interpolation (II 50, III 3, V2 1; longest gap 100 ms).",)
    line = np.linspace(x[1, 99], x[1, 150], 52)
    np.testing.assert_allclose(record.signal[1, 99:151], line, rtol=1e-5)
    np.testing.assert_allclose(record.signal[2, :3], x[2, 3], rtol=1e-6)
    x[1, 150] = np.nan
    refused(npy(x), "102 ms of lead II from 0.20 s")
    refused(npy(np.full((12, 3000), np.nan)), "constant")
    refused(npy(np.zeros((12, 0))), "empty")
    refused(npy(np.zeros((12, 3000))), "constant")
    refused(npy(SIGNAL[:, :2000]), "at least 5 s")


def test_a_unit_that_cannot_be():
    refused(npy(SIGNAL * 1000), "unit", "mV in its median lead")
    refused(npy(SIGNAL), "unit", unit="V")
    refused(npy(SIGNAL), "mV, uV or V", unit="volts/10")
    assert read(npy(SIGNAL * 1e-3), unit="V").notes == ("Turned from V into mV.",)


def test_npz_takes_the_only_array_or_the_one_called_signal():
    record = read(npz(anything=SIGNAL), "npz")
    np.testing.assert_allclose(record.signal, SIGNAL, rtol=1e-6)
    assert read(npz(signal=SIGNAL, fs=np.array(100)), "npz").notes == ("Left out other arrays of the file: fs.",)
    refused(npz(a=SIGNAL, b=SIGNAL), "a, b", suffix="npz")
    refused(npz(), "one array", suffix="npz")
    refused(b"PK\x03\x04", "damaged", suffix="npz")


def test_zip_bombs_are_refused_by_their_declared_size(monkeypatch):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("signal.npy", npy(SIGNAL))
    data = bytearray(file.getvalue())
    where = data.rindex(b"PK\x01\x02") + 24
    data[where : where + 4] = (4_000_000_000).to_bytes(4, "little")
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_, **__: pytest.fail("unpacked before the size was checked"))
    refused(bytes(data), "4,000,000,000 bytes", "limit", suffix="npz")


def test_an_archive_that_holds_more_than_it_declares():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("signal.npy", npy(SIGNAL))
    data = bytearray(file.getvalue())
    where = data.rindex(b"PK\x01\x02") + 24
    data[where : where + 4] = (1000).to_bytes(4, "little")
    refused(bytes(data), "damaged", suffix="npz")


def test_declared_sizes_over_the_limit(monkeypatch):
    monkeypatch.setattr("ecg_core.readers.limits.MAX_SAMPLES", 20000)
    refused(npy(SIGNAL), "at most 20,000 values")
