from __future__ import annotations

import hashlib
import warnings
from pathlib import Path

import numpy as np
import pytest

from ecg_core.errors import RecordError
from ecg_core.readers import Upload, read_record
from ecg_core.records import LEADS, twelve_leads
from tests.readers.signals import digital

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # wfdb 4.3 uses what pandas 3.1 deprecates
    import wfdb

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


def reference(path: Path) -> np.ndarray:
    """Return what the wfdb package reads, shape (n_leads, n), mV."""
    return wfdb.rdrecord(str(path.with_suffix(""))).p_signal.T


@pytest.mark.parametrize("fmt", ["16", "24", "32", "80", "212", "508", "516", "524"])
@pytest.mark.parametrize("n", [3000, 3001])
def test_formats_equal_the_wfdb_package(tmp_path, fmt, n):
    values = digital(n, top=120 if fmt in {"80", "508"} else 2000)
    names = [lead.lower() for lead in LEADS]
    gains = [200.0, 204.8, 1000.0] * 4
    baselines = [0, 7, -12] * 4
    wfdb.wrsamp(
        "r",
        fs=250,
        units=["mV"] * 12,
        sig_name=names,
        d_signal=values,
        fmt=[fmt] * 12,
        adc_gain=gains,
        baseline=baselines,
        write_dir=str(tmp_path),
    )
    record = read_record(tmp_path / "r.hea")
    np.testing.assert_allclose(record.signal, reference(tmp_path / "r.hea"), rtol=1e-6)
    assert record.signal.shape == (12, n)
    assert record.leads == LEADS


@pytest.mark.parametrize(
    ("fmt", "per_group", "n_bytes"), [(8, 1, 1), (61, 1, 2), (160, 1, 2), (310, 3, 4), (311, 3, 4)]
)
@pytest.mark.parametrize("n", [1500, 1501])
def test_formats_that_wfdb_reads_but_does_not_write(tmp_path, fmt, per_group, n_bytes, n):
    rng = np.random.default_rng(fmt)
    groups = -(-2 * n // per_group)
    raw = rng.integers(0, 256, (groups, n_bytes), dtype=np.uint8)
    if fmt == 311:
        raw[:, 3] &= 0x7F  # the wfdb package does not mask the two unused bits
        raw[:, 3] &= 0x3F
    (tmp_path / "r.dat").write_bytes(raw.tobytes())
    header = f"r 2 250 {n}\nr.dat {fmt} 200 16 0 5 \nr.dat {fmt} 100(3)/uV 16 0 -9\n"
    (tmp_path / "r.hea").write_text(header)
    expected = reference(tmp_path / "r.hea")
    expected[1] /= 1000
    np.testing.assert_allclose(read_record(tmp_path / "r.hea", max_gap_s=9).signal, _bridged(expected), rtol=1e-6)


def _bridged(x: np.ndarray) -> np.ndarray:
    for row in x:
        bad = np.isnan(row)
        row[bad] = np.interp(np.flatnonzero(bad), np.flatnonzero(~bad), row[~bad])
    return x


def test_several_files_offset_skew_frames_and_default_gain_equal_the_wfdb_package(tmp_path):
    rng = np.random.default_rng(1)
    a, b = (rng.integers(-900, 900, 2 * 2 * 1500).astype("<i2") for _ in range(2))
    (tmp_path / "a.dat").write_bytes(a.tobytes())
    (tmp_path / "b.mat").write_bytes(bytes(24) + b.tobytes())
    (tmp_path / "r.hea").write_text(
        "# first\nr 4 250 1500 12:00:00 01/02/2003\n\na.dat 16x2 0 12 100 0\na.dat 16x2:10 500(-3)/mV 12 0 0\n"
        "b.mat 16x2+24 1e3/mV 12 7 0\nb.mat 16x2+24 1000.0(0)/mV\n"
    )
    record = read_record(tmp_path / "r.hea")
    expected = np.array(wfdb.rdrecord(str(tmp_path / "r"), smooth_frames=False).e_p_signal)
    expected[1, -20:] = np.nan  # not recorded; the wfdb package takes it for digital zero
    assert record.fs == 500
    assert "Bridged" in record.notes[0]  # the end of the skewed signal
    np.testing.assert_allclose(record.signal, _bridged(expected), rtol=1e-6)


@pytest.mark.parametrize("unit", ["mV", "mv", "MV"])
def test_millivolts_however_written(write_pair, unit):
    assert read_record(write_pair(gain=f"1000(0)/{unit}")).notes == ()


@pytest.mark.parametrize(("unit", "factor"), [("uV", 1e-3), ("µV", 1e-3), ("V", 1e3)])
def test_other_units_are_turned_into_millivolts_and_noted(write_pair, unit, factor):
    values = digital()
    record = read_record(write_pair(values=values, gain=f"2(0)/{unit}"))
    np.testing.assert_allclose(record.signal, values.T / 2 * factor, rtol=1e-6)
    assert record.notes == (f"Turned from {unit} into mV.",)


def test_the_invalid_sample_is_missing_not_a_voltage(write_pair):
    values = digital()
    values[100:120, 3] = -32768
    record = read_record(write_pair(values=values))
    assert abs(record.signal).max() < 3
    assert record.notes == ("Bridged 20 missing samples by interpolation (aVR 20; longest gap 40 ms).",)


def test_what_a_record_is(write_pair):
    path = write_pair(comments=("Age: 59", "Sex: Female"))
    record = read_record(path)
    both = path.read_bytes() + path.with_suffix(".dat").read_bytes()
    assert record.sha256 == hashlib.sha256(both).hexdigest()
    assert (record.name, record.fs, record.age, record.sex) == ("rec", 500, 59, "female")
    assert record.signal.dtype == np.float32
    assert record.signal.flags.c_contiguous
    with pytest.raises(ValueError, match="read-only"):
        record.signal[0, 0] = 1


def test_path_stem_signal_file_and_upload_give_the_same(write_pair):
    path = write_pair()
    uploads = [
        Upload("C:\\fakepath\\rec.dat", path.with_suffix(".dat").read_bytes()),
        Upload("rec.hea", path.read_bytes()),
    ]
    first = read_record(path)
    for source in (
        str(path),
        path.with_suffix(""),
        path.with_suffix(".dat"),
        uploads,
        {u.name: u.data for u in uploads},
    ):
        other = read_record(source)
        assert other.sha256 == first.sha256
        assert other.name == "rec"
        np.testing.assert_array_equal(other.signal, first.signal)


def test_the_order_of_mimic_is_read_by_name(write_pair, shared):
    header = next((shared / "data/mimic_iv_ecg/headers").rglob("*.hea")).read_text().splitlines()
    leads = tuple(line.split()[-1] for line in header[1:13])
    assert leads.index("aVF") < leads.index("aVL")
    values = digital(n_leads=12)
    record = twelve_leads(read_record(write_pair(values=values, leads=leads, gain="200.0(0)/mV")))
    assert record.leads == LEADS
    assert "Leads put into report order." in record.notes
    for k, lead in enumerate(leads):
        np.testing.assert_allclose(record.lead(lead), values[:, k] / 200, rtol=1e-6)


def test_shared_formats(shared):
    folder = shared / "data/formats"
    for path in sorted((folder / "wfdb_mat").glob("*.hea")):
        record = read_record(path)
        np.testing.assert_allclose(record.signal, reference(path), rtol=1e-6)
        assert record.leads == LEADS
        assert record.age is not None
        assert record.sex is not None
    ptb = read_record(folder / "wfdb/s0010_re.hea")
    np.testing.assert_allclose(ptb.signal, reference(folder / "wfdb/s0010_re.hea"), rtol=1e-6)
    assert (ptb.age, ptb.sex, len(ptb.leads)) == (81, "female", 15)
    assert twelve_leads(ptb).notes[-1] == "Left out leads that are not among the twelve: vx, vy, vz."
    mit = read_record(folder / "wfdb/100.hea")
    assert (mit.leads, mit.age, mit.sex) == (("MLII", "V5"), 69, "male")
    np.testing.assert_allclose(mit.signal, reference(folder / "wfdb/100.hea"), rtol=1e-6)
    with pytest.raises(RecordError, match="lacks I, II, V1"):
        twelve_leads(mit)


def test_ptbxl_at_500_hz(ptbxl500):
    for path in sorted(ptbxl500.rglob("*.hea"))[::8]:
        record = read_record(path)
        assert record.leads == LEADS
        assert record.notes == ()
        np.testing.assert_allclose(record.signal, reference(path), rtol=1e-6)
