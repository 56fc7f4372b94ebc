"""Whatever the bytes, a reader answers with a record or with one sentence."""

from __future__ import annotations

import io

import numpy as np
import pytest

from ecg_core.errors import ECGError
from ecg_core.readers import Upload, group_uploads, read_record
from ecg_core.records import LEADS, Record
from tests.readers.signals import digital

TOKENS = [
    b"/",
    b"..",
    b"1e309",
    b"-1",
    b"99999999999999999999",
    b"\x00",
    b"\xff\xfe",
    b"'",
    b"(",
    b"~",
    b"x",
    b"+",
    b":",
]


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Return `data` cut, with bytes changed, moved, or tokens put in."""
    out = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        k = int(rng.integers(0, max(len(out), 1)))
        kind = rng.integers(0, 6)
        if kind == 0:
            del out[k:]
        elif kind == 1 and out:
            out[k % len(out)] = int(rng.integers(0, 256))
        elif kind == 2:
            out[k:k] = TOKENS[rng.integers(0, len(TOKENS))]
        elif kind == 3:
            del out[k : k + int(rng.integers(1, 30))]
        elif kind == 4:
            out[k:k] = out[k : k + int(rng.integers(1, 60))]
        else:
            digits = [i for i, c in enumerate(out[:3000]) if 48 <= c <= 57]
            if digits:
                out[digits[rng.integers(0, len(digits))]] = 48 + int(rng.integers(0, 10))
    return bytes(out)


def read_or_refuse(files: dict[str, bytes], **given) -> bool:
    """Return whether the files were read; any other failure than an ECGError fails the test."""
    try:
        record = read_record(files, **given)
    except ECGError as error:
        assert str(error)
        assert "\n" not in str(error)
        return False
    assert isinstance(record, Record)
    assert np.isfinite(record.signal).all()
    assert record.signal.shape == (len(record.leads), record.n_samples)
    return True


@pytest.mark.parametrize("fmt", [16, 212, 310, 8])
def test_mutated_wfdb(write_pair, fmt):
    rng = np.random.default_rng(fmt)
    path = write_pair(comments=("Age: 59", "Sex: Female", "synthetic: Leadwise"))
    header = path.read_bytes().replace(b" 16 1000", f" {fmt} 1000".encode())
    data = path.with_suffix(".dat").read_bytes()
    if fmt != 16:
        header = b"\n".join(b" ".join(line.split()[:6]) for line in header.split(b"\n")[:13])
        data = data[: {212: 54000, 310: 48000, 8: 36000}[fmt]]
    read = read_or_refuse({"rec.hea": header, "rec.dat": data}, max_gap_s=60)
    assert read
    kept = sum(read_or_refuse({"rec.hea": mutated(header, rng), "rec.dat": data}) for _ in range(300))
    assert kept < 290
    for _ in range(20):
        read_or_refuse({"rec.hea": header, "rec.dat": mutated(data, rng)})
        group_uploads([Upload("rec.hea", mutated(header, rng)), Upload("rec.dat", data)])


def array_bytes(suffix: str) -> bytes:
    """Return a valid file of that kind."""
    values = (digital() / 1000).astype(np.float32)
    file = io.BytesIO()
    if suffix == "npy":
        np.save(file, values.T)
    elif suffix == "npz":
        np.savez_compressed(file, signal=values.T, fs=np.array(500))
    else:
        np.savetxt(file, values, delimiter=",", fmt="%.3f", header=",".join(LEADS), comments="")
    return file.getvalue()


@pytest.mark.parametrize("suffix", ["npy", "npz", "csv"])
def test_mutated_arrays_and_tables(suffix):
    rng = np.random.default_rng(3)
    given = {"fs": 500, "unit": "mV", "leads": LEADS}
    data = array_bytes(suffix)
    assert read_or_refuse({f"r.{suffix}": data}, **given)
    head = {"npy": 128, "npz": len(data), "csv": 2000}[suffix]
    for _ in range(150):
        start = 0 if suffix != "npz" or rng.integers(0, 2) else len(data) - 200  # the directory is at the end
        part = mutated(data[start : start + head], rng)
        read_or_refuse({f"r.{suffix}": data[:start] + part + data[start + head :]}, **given)
    for _ in range(20):
        read_or_refuse({f"r.{suffix}": rng.bytes(int(rng.integers(0, 4000)))}, **given)


@pytest.mark.parametrize(
    "given",
    [
        {"fs": float("nan")},
        {"fs": float("inf")},
        {"fs": -500},
        {"fs": "fast"},
        {"unit": "furlong"},
        {"unit": ""},
        {"leads": []},
        {"leads": ["I"] * 12},
        {"leads": "I,II"},
        {"leads": [""] * 13},
    ],
)
def test_impossible_descriptions(given):
    assert not read_or_refuse({"r.npy": array_bytes("npy")}, **({"fs": 500, "unit": "mV", "leads": LEADS} | given))
