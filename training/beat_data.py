"""The prepared folder of marked beats: one filtered lead a record, one table of all beats, and the two protocols.

`training.prepare --mitbih DIR --out PREPARED` writes PREPARED/beats: SOURCE-RECORD.npy (float32, mV, 360 Hz,
below 40 Hz), beats.parquet (one row a beat) and meta.json. Killed at any moment, the same command goes on with the next
record.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt
from tqdm import tqdm

from ecg_core.errors import ConfigError, RecordError
from ecg_core.models.beat_windows import (
    AROUND,
    DRIFT_ORDER,
    FROM_R,
    HALF_S,
    HIGH_HZ,
    SMALLEST_SD,
    cut,
    from_r,
    local_rr,
    low_pass,
    resampled,
    z_scored,
)
from training.mitbih import annotated_stems, lead_of, part_of, read_annotated

SOURCES = ("mitbih", "incart", "svdb")
FORMAT = 1
SPLIT = (0.70, 0.15, 0.15)
SPLIT_SEED = 0
PROTOCOLS = ("random", "interpatient")
SCALES = ("window", "record")
"""Drift and scale are taken off each window by itself, as in use, or off the whole record, as published."""

BAND_HZ, BAND_ORDER = (0.5, 40.0), 4
"""What is kept of a whole record (Butterworth, forwards and backwards): published with the Beat-CAE."""

COLUMNS = ("source", "record", "patient", "part", "lead", "fs", "sample", "at", "symbol", "aami", "alone")

F32 = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class BeatData:
    """Prepared beats.

    Attributes
    ----------
    signals : by "source-record", (n,), mV at 360 Hz; memory maps when they come from a folder.
    table : a row a beat: `sample` is the R peak at the file's rate, `at` at 360 Hz; `alone` says that no beat of
        another AAMI class lies in its 2 s window.
    meta : sources and preprocessing.
    """

    signals: Mapping[str, F32]
    table: pd.DataFrame
    meta: dict[str, Any]


@dataclass(frozen=True)
class Protocol:
    """Rows of the table by what they are for; no row is in two of them."""

    name: str
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def alone_in_window(at: NDArray[np.int64], classes: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Return which beats have none but beats of class N in their 2 s window."""
    abnormal = at[classes != "N"]
    after, before = AROUND.n_samples - AROUND.before, AROUND.before
    return np.asarray(np.searchsorted(abnormal, at + after) == np.searchsorted(abnormal, at - before, side="right"))


def _one(source: str, stem: Path) -> tuple[F32, pd.DataFrame]:
    """Return the lead and the beats of one record."""
    marked = read_annotated(stem)
    lead = lead_of(marked.record)
    fs = marked.record.fs
    x = low_pass(resampled(marked.record.lead(lead), fs, AROUND.fs), AROUND.fs)
    at = np.minimum(np.round(marked.samples * (AROUND.fs / fs)).astype(np.int64), len(x) - 1)
    table = pd.DataFrame({"sample": marked.samples, "at": at, "symbol": marked.symbols, "aami": marked.classes})
    table = table.assign(source=source, record=stem.name, patient=marked.patient, lead=lead, fs=fs)
    table = table.assign(part=part_of(source, stem.name), alone=alone_in_window(at, marked.classes))
    return x, table[list(COLUMNS)]


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def _npy(x: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, x)
    return buffer.getvalue()


def _plan(stems: list[tuple[str, Path]]) -> str:
    """Return a digest of what the prepared folder depends on."""
    digest = hashlib.sha256(json.dumps([FORMAT, HIGH_HZ, HALF_S, AROUND.fs]).encode())
    for source, stem in stems:
        digest.update(f"{source}/{stem.name}".encode())
        for suffix in (".hea", ".atr"):
            digest.update(stem.with_suffix(suffix).read_bytes())
    return digest.hexdigest()


def prepare_beats(roots: Mapping[str, str | Path], out: str | Path, *, quiet: bool = False) -> dict[str, Any]:
    """Prepare every marked record of every source into `out`/beats; return the content of meta.json.

    Raises
    ------
    RecordError
        If a folder has no marked records, or one of them cannot be read.
    """
    folder = Path(out) / "beats"
    folder.mkdir(parents=True, exist_ok=True)
    stems = [(source, stem) for source, root in roots.items() for stem in annotated_stems(root)]
    plan = _plan(stems)
    meta_path = folder / "meta.json"
    if meta_path.is_file() and json.loads(meta_path.read_text())["plan"] == plan:
        meta: dict[str, Any] = json.loads(meta_path.read_text())
        return meta
    meta_path.unlink(missing_ok=True)
    tables = []
    for source, stem in tqdm(stems, "beats", unit="record", disable=quiet):
        rows = folder / f"{source}-{stem.name}-{plan[:8]}.parquet.part"
        if not rows.is_file():
            x, table = _one(source, stem)
            _write(folder / f"{source}-{stem.name}.npy", _npy(x))
            buffer = io.BytesIO()
            table.to_parquet(buffer, index=False)
            _write(rows, buffer.getvalue())
        tables.append(pd.read_parquet(rows))
    table = pd.concat(tables, ignore_index=True)
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    _write(folder / "beats.parquet", buffer.getvalue())
    meta = {
        "format": FORMAT,
        "plan": plan,
        "sources": {s: {"records": sum(source == s for source, _ in stems)} for s in roots},
        "preprocessing": {"high_hz": HIGH_HZ, "drift_order": DRIFT_ORDER, "fs": AROUND.fs, "unit": "mV"},
        "beats": {str(k): int(n) for k, n in table["aami"].value_counts().items()},
    }
    _write(meta_path, json.dumps(meta, indent=1).encode())
    for left in folder.glob("*.parquet.part"):
        left.unlink()
    return meta


def has_beats(folder: str | Path) -> bool:
    """Return whether `prepare_beats` has finished in a folder."""
    return (Path(folder) / "beats" / "meta.json").is_file()


def load_beats(prepared: str | Path) -> BeatData:
    """Open what `prepare_beats` wrote.

    Raises
    ------
    ConfigError
        If it is not there, or not finished.
    """
    folder = Path(prepared) / "beats"
    if not has_beats(prepared):
        raise ConfigError(
            f"Expected prepared beats in {folder}; found none; run python -m training.prepare --mitbih DIR --out "
            f"{prepared}."
        )
    table = pd.read_parquet(folder / "beats.parquet")
    keys = (table["source"] + "-" + table["record"]).unique()
    signals = {key: np.load(folder / f"{key}.npy", mmap_mode="r") for key in keys}
    return BeatData(signals, table, json.loads((folder / "meta.json").read_text()))


def beats_in_memory(folder: str | Path, source: str = "own") -> BeatData:
    """Read a WFDB folder with marks without writing anything: any rate, any leads."""
    signals, tables = {}, []
    for stem in tqdm(annotated_stems(folder), "beats", unit="record", disable=None):
        x, table = _one(source, stem)
        signals[f"{source}-{stem.name}"] = x
        tables.append(table)
    return BeatData(signals, pd.concat(tables, ignore_index=True), {"sources": {source: {"records": len(tables)}}})


# protocols --------------------------------------------------------------------------------------------------------


def protocol_of(data: BeatData, name: str) -> Protocol:
    """Return which beats train, validate and test; paced records are in neither.

    random : 70/15/15 of MIT-BIH's beats, as the field does it: every patient stands on all sides.
    interpatient : DS1 but for every fifth record trains, those validate, DS2 tests.

    Raises
    ------
    ConfigError
        For another name, or where MIT-BIH is not among the sources.
    """
    if name not in PROTOCOLS:
        raise ConfigError(f"Expected a protocol among {', '.join(PROTOCOLS)}; found {name!r}.")
    table = data.table
    used = np.flatnonzero((table["source"] == "mitbih") & (table["part"] != "paced"))
    if not len(used):
        raise ConfigError("Both protocols are of MIT-BIH; prepare it with --mitbih DIR.")
    if name == "random":
        shuffled = np.random.default_rng(SPLIT_SEED).permutation(used)
        first, second = round(SPLIT[0] * len(used)), round((SPLIT[0] + SPLIT[1]) * len(used))
        return Protocol(name, *(np.sort(part) for part in np.split(shuffled, [first, second])))
    part = table["part"].to_numpy()
    return Protocol(name, *(np.flatnonzero(part == p) for p in ("ds1", "ds1-validation", "ds2")))


def paced_test(data: BeatData) -> NDArray[np.int64]:
    """Return what the random protocol would test of the paced records: the last 15 % of their beats, shuffled.

    Published figures of random beats are of all 48 records of MIT-BIH, and count paced beats as abnormal.
    """
    paced = np.flatnonzero((data.table["source"] == "mitbih") & (data.table["part"] == "paced"))
    return np.sort(np.random.default_rng(SPLIT_SEED).permutation(paced)[round((1 - SPLIT[2]) * len(paced)) :])


def normals(data: BeatData, rows: NDArray[np.int64], *, alone: bool = True) -> NDArray[np.int64]:
    """Return the rows of class N, without those whose window holds an abnormal neighbour."""
    table = data.table.iloc[rows]
    kept = (table["aami"] == "N") & (table["alone"] if alone else True)
    if not kept.any():
        raise RecordError("Expected beats of class N to train on; found none.")
    return rows[kept.to_numpy()]


def whole_record(x: F32) -> F32:
    """Return a record, (n,), from 0.5 to 40 Hz and z-scored as a whole; a flat one stays flat."""
    y = sosfiltfilt(butter(BAND_ORDER, BAND_HZ, "bandpass", fs=AROUND.fs, output="sos"), x)
    return np.asarray((y - y.mean()) / max(float(y.std()), SMALLEST_SD), np.float32)


def windows_of(
    data: BeatData, rows: NDArray[np.int64], n_samples: int = AROUND.n_samples, scale: str = "window"
) -> F32:
    """Return what the networks see of the beats in `rows`, (n, n_samples): 720 z-scored, or 187 from 0 to 1.

    Parameters
    ----------
    scale : of `SCALES`, for 720 samples.
    """
    out = np.empty((len(rows), n_samples), np.float32)
    table = data.table
    keys = (table["source"] + "-" + table["record"]).to_numpy()
    at = table["at"].to_numpy(np.int64)
    for key in pd.unique(keys[rows]):
        here = np.flatnonzero(keys[rows] == key)
        mine = at[rows[here]]
        if n_samples == FROM_R.n_samples:
            every = np.flatnonzero(keys == key)
            ratio = FROM_R.fs / AROUND.fs
            rr = local_rr(at[every], AROUND.fs)[np.searchsorted(every, rows[here])] * ratio
            x = resampled(np.asarray(data.signals[key]), AROUND.fs, FROM_R.fs)
            out[here] = from_r(x, np.minimum(np.round(mine * ratio).astype(np.int64), len(x) - 1), rr)
        elif scale == "record":
            out[here] = cut(whole_record(np.asarray(data.signals[key])), mine, AROUND.before, n_samples)
        else:
            out[here] = z_scored(cut(data.signals[key], mine, AROUND.before, n_samples))
    return out
