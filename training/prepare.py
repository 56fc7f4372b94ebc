"""Turn data sets into one prepared folder: every record read, checked and preprocessed once.

    python -m training.prepare --ptbxl DIR [--mimic DIR] --out PREPARED
    python -m training.prepare --folder DIR --labels labels.csv --out PREPARED
    python -m training.prepare --mitbih DIR [--incart DIR] [--svdb DIR] --out PREPARED
    python -m training.prepare --config prepare.toml

PREPARED then holds `signals.npy` (n, 8, 1000; mV at 100 Hz, the eight independent leads), `records.parquet` (one row
per signal), `skipped.csv` (what could not be read, and why) and `meta.json`; recordings with marked beats go to
PREPARED/beats (`training.beat_data`). Killed at any moment, the same command goes on where it stopped, to the same
bytes.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.errors import ConfigError, ECGError, RecordError
from ecg_core.preprocessing import HIGH_HZ, LOW_HZ, MODEL_FS, ORDER
from ecg_core.records import INDEPENDENT_LEADS
from training.beat_data import SOURCES, prepare_beats
from training.config import load_config
from training.datasets import check_patients, folder_table, mimic_table, ptbxl_table
from training.partfile import PartFile, row_of
from training.signals import Prepared, Reading, SignalOptions, read_prepared_record

FORMAT = 1
CHUNK = 256
QUALITY_COLUMNS = ("bad_leads", "reversal", "interpretable", "duration_s")


@dataclass(frozen=True)
class PrepareConfig:
    """What to prepare, and how.

    Attributes
    ----------
    out : the prepared folder.
    ptbxl, mimic, folder : roots of the sources.
    mitbih, incart, svdb : roots of recordings with marked beats; at least one source of either kind.
    fs : PTB-XL at 100 or 500 Hz.
    labels : CSV of the folder's records, `labels.csv` in it unless given.
    folder_fs, folder_unit, folder_leads : describe .npy and CSV files of the folder.
    clean_nans : fill missing samples beyond 100 ms instead of skipping the record.
    workers : processes.
    limit : only the first records of each source (to try things out).
    """

    out: str
    ptbxl: str | None = None
    mimic: str | None = None
    folder: str | None = None
    mitbih: str | None = None
    incart: str | None = None
    svdb: str | None = None
    fs: int = 100
    labels: str | None = None
    folder_fs: float | None = None
    folder_unit: str | None = None
    folder_leads: tuple[str, ...] | None = None
    clean_nans: bool = False
    workers: int = 1
    limit: int | None = None

    def options(self) -> SignalOptions:
        """Return what reading one record needs to know."""
        return SignalOptions(self.folder_fs, self.folder_unit, self.folder_leads, self.clean_nans)

    def marked(self) -> dict[str, str]:
        """Return the roots of recordings with marked beats, by source."""
        return {source: root for source in SOURCES if (root := getattr(self, source))}

    @property
    def only_marked(self) -> bool:
        """Whether there are no 10 s ECGs to prepare."""
        return bool(self.marked()) and not (self.ptbxl or self.mimic or self.folder)


def list_records(config: PrepareConfig, *, need_split: bool = True) -> pd.DataFrame:
    """Return the table of all records of all sources, patients checked.

    Raises
    ------
    ConfigError
        If no source is given.
    RecordError
        For a table that cannot be used.
    """
    tables = []
    if config.ptbxl:
        tables.append(ptbxl_table(config.ptbxl, config.fs))
    if config.mimic:
        tables.append(mimic_table(config.mimic))
    if config.folder:
        tables.append(folder_table(config.folder, config.labels, need_split=need_split))
    if not tables:
        raise ConfigError("Expected a source: give --ptbxl, --mimic, --folder, --mitbih, --incart or --svdb.")
    table = pd.concat([t.head(config.limit) if config.limit else t for t in tables], ignore_index=True)
    check_patients(table)
    return table


# reading, in this process or several --------------------------------------------------------------------------------


def _exit_with_parent(parent: int) -> None:
    """End this worker when the process that started it is gone (kill -9 leaves no other sign)."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    os.environ["OMP_NUM_THREADS"] = "1"
    threading.Thread(target=watch, daemon=True).start()


def _read_chunk(job: tuple[list[str], SignalOptions]) -> list[Reading]:
    """Read the records of one chunk."""
    paths, options = job
    return [read_prepared_record(path, options) for path in paths]


def read_chunks(
    table: pd.DataFrame, options: SignalOptions, workers: int, first: int = 0
) -> Iterator[tuple[int, list[Reading]]]:
    """Yield (first row, readings) of every chunk from row `first` on, in order."""
    paths = table["path"].tolist()
    starts = range(first, len(paths), CHUNK)
    jobs = [(paths[i : i + CHUNK], options) for i in starts]
    if workers <= 1:
        yield from zip(starts, map(_read_chunk, jobs), strict=True)
        return
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, initializer=_exit_with_parent, initargs=(os.getpid(),)) as pool:
        yield from zip(starts, pool.map(_read_chunk, jobs), strict=True)


def _write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that it is either the old or the new one."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def _plan_of(config: PrepareConfig, table: pd.DataFrame) -> str:
    """Return a digest of everything the prepared folder depends on."""
    digest = hashlib.sha256(json.dumps([FORMAT, LOW_HZ, HIGH_HZ, ORDER, MODEL_FS, CHUNK]).encode())
    digest.update(json.dumps(dataclasses.asdict(config.options())).encode())
    digest.update(table.to_csv(index=False).encode())
    return digest.hexdigest()


def source_versions(config: PrepareConfig, table: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Return version and provenance of each source, as the checkpoints quote them."""
    versions: dict[str, dict[str, Any]] = {}
    if config.ptbxl:
        path = Path(config.ptbxl) / "ptbxl_database.csv"
        n = int((table["source"] == "ptbxl").sum())
        version = {21799: "1.0.3", 21837: "1.0.1"}.get(n, f"{n} records")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        versions["ptbxl"] = {"version": version, "fs": config.fs, "table_sha256": digest, "doi": "10.13026/kfzx-aw45"}
    if config.mimic:
        digest = hashlib.sha256((Path(config.mimic) / "record_list.csv").read_bytes()).hexdigest()
        versions["mimic"] = {"version": "1.0", "fs": 500, "table_sha256": digest, "doi": "10.13026/4nqg-sb35"}
    if config.folder:
        labels = Path(config.labels) if config.labels else Path(config.folder) / "labels.csv"
        versions["folder"] = {"version": "own", "table_sha256": hashlib.sha256(labels.read_bytes()).hexdigest()}
    return versions


def _meta(config: PrepareConfig, table: pd.DataFrame, records: pd.DataFrame, plan: str) -> dict[str, Any]:
    """Return what `meta.json` says."""
    counts = records.groupby(["split", "label"]).size()
    return {
        "format": FORMAT,
        "plan": plan,
        "sources": source_versions(config, table),
        "preprocessing": {"low_hz": LOW_HZ, "high_hz": HIGH_HZ, "order": ORDER, "fs": MODEL_FS, "unit": "mV"},
        "leads": list(INDEPENDENT_LEADS),
        "n": len(records),
        "skipped": len(table) - len(records),
        "counts": {
            split: {str(label): int(n) for label, n in counts[split].items()}
            for split in ("train", "validation", "test")
            if split in counts.index.get_level_values(0)
        },
    }


def _finish(out: Path, part: PartFile, config: PrepareConfig, table: pd.DataFrame, plan: str) -> dict[str, Any]:
    """Write the tables, put the signals in place and remove the journal; `meta.json` comes last."""
    rows = pd.DataFrame(part.rows, index=table.index)
    readable = rows["error"].isna()
    columns = list(QUALITY_COLUMNS)
    records = pd.concat([table[readable], rows.loc[readable, columns]], axis=1).reset_index(drop=True)
    skipped = pd.concat([table.loc[~readable, ["record", "source", "path"]], rows.loc[~readable, "error"]], axis=1)
    if records.empty:
        raise RecordError(f"None of the {len(table)} records could be read; the first: {rows['error'].iloc[0]}")
    _write_records(out, records)
    _write_atomically(out / "skipped.csv", skipped.rename(columns={"error": "reason"}).to_csv(index=False).encode())
    part.finish(out / "signals.npy")
    meta = _meta(config, table, records, plan)
    _write_atomically(out / "meta.json", json.dumps(meta, indent=2).encode())
    part.journal.unlink()
    return meta


def _write_records(out: Path, records: pd.DataFrame) -> None:
    """Write `records.parquet` atomically, text columns as text even where all are empty."""
    text = ("record", "patient", "source", "path", "split", "label", "superclasses", "sex", "bad_leads", "reversal")
    typed = records.astype({**dict.fromkeys(text, "string"), "fold": "Int64", "age": float, "interpretable": bool})
    part = out / "records.parquet.part"
    typed.to_parquet(part, index=False)
    part.replace(out / "records.parquet")


def prepare(config: PrepareConfig, *, quiet: bool = False) -> dict[str, Any]:
    """Prepare the sources into `config.out`, taking up unfinished work; return the content of `meta.json`."""
    out = Path(config.out)
    out.mkdir(parents=True, exist_ok=True)
    table = list_records(config)
    plan = _plan_of(config, table)
    done = out / "meta.json"
    if done.is_file():
        meta: dict[str, Any] = json.loads(done.read_text())
        if meta.get("plan") == plan and (out / "signals.npy").is_file():
            return meta
        done.unlink()
    part = PartFile(out, plan)
    first = len(part.rows)
    with tqdm(total=len(table), initial=first, unit="record", desc="prepare", disable=quiet) as bar:
        for _, readings in read_chunks(table, config.options(), config.workers, first):
            part.append(readings)
            bar.update(len(readings))
            bar.set_postfix(skipped=len(part.rows) - part.n_read)
    return _finish(out, part, config, table, plan)


def prepare_in_memory(config: PrepareConfig, *, quiet: bool = False) -> tuple[Prepared, list[tuple[str, str]]]:
    """Prepare without writing anything, and return it with the (record, reason) of what was skipped."""
    table = list_records(config, need_split=False)
    readings: list[Reading] = []
    with tqdm(total=len(table), unit="record", desc="prepare", disable=quiet) as bar:
        for _, chunk in read_chunks(table, config.options(), config.workers):
            readings += chunk
            bar.update(len(chunk))
    rows = pd.DataFrame([row_of(r) for r in readings], index=table.index)
    readable = rows["error"].isna()
    skipped = list(zip(table.loc[~readable, "record"], rows.loc[~readable, "error"], strict=True))
    if not readable.any():
        raise RecordError(f"None of the {len(table)} records could be read; the first: {rows['error'].iloc[0]}")
    records = pd.concat([table[readable], rows.loc[readable, list(QUALITY_COLUMNS)]], axis=1).reset_index(drop=True)
    signals: NDArray[np.float32] = np.stack([r.x for r in readings if r.x is not None])
    return Prepared(signals, records, {"sources": source_versions(config, table), "n": len(records)}), skipped


def refresh_quality(out: str | Path, options: SignalOptions, workers: int = 1, *, quiet: bool = False) -> int:
    """Read the records of a prepared folder again and renew what quality says of them; signals stay.

    Returns
    -------
    The number of records with at least one bad lead.
    """
    out = Path(out)
    records = pd.read_parquet(out / "records.parquet")
    rows: list[dict[str, Any]] = []
    with tqdm(total=len(records), unit="record", desc="quality", disable=quiet) as bar:
        for _, readings in read_chunks(records, options, workers):
            rows += [row_of(r) for r in readings]
            bar.update(len(readings))
    renewed = pd.DataFrame(rows)
    lost = renewed["error"].notna()
    if lost.any():
        first = int(np.flatnonzero(lost)[0])
        raise RecordError(f"{records['record'][first]} cannot be read any more: {renewed['error'][first]}")
    for column in QUALITY_COLUMNS:
        records[column] = renewed[column]
    _write_records(out, records)
    return int((records["bad_leads"] != "").sum())


# command line ---------------------------------------------------------------------------------------------------------


def _parse(argv: Iterable[str] | None) -> tuple[PrepareConfig, bool]:
    """Return the configuration from TOML and command line (which wins), and whether only quality is renewed."""
    parser = argparse.ArgumentParser(prog="python -m training.prepare", description="Prepare ECG data for training.")
    parser.add_argument("--config", help="TOML with the same names as the options")
    parser.add_argument("--ptbxl", help="PTB-XL in PhysioNet's layout")
    parser.add_argument("--mimic", help="MIMIC-IV-ECG in PhysioNet's layout")
    parser.add_argument("--folder", help="records of your own")
    parser.add_argument("--mitbih", help="MIT-BIH: NAME.hea, NAME.dat and NAME.atr in one folder")
    parser.add_argument("--incart", help="the St Petersburg INCART database, likewise")
    parser.add_argument("--svdb", help="the MIT-BIH supraventricular database, likewise")
    parser.add_argument("--labels", help="their CSV: record, patient, label, split (default FOLDER/labels.csv)")
    parser.add_argument("--out", help="the prepared folder")
    parser.add_argument("--fs", type=int, choices=(100, 500), help="PTB-XL's rate in Hz (default 100)")
    parser.add_argument("--folder-fs", type=float, help="sampling rate of the folder's .npy and CSV files, Hz")
    parser.add_argument("--folder-unit", choices=("mV", "uV", "V"), help="their unit")
    parser.add_argument("--folder-leads", type=lambda text: tuple(text.split(",")), help="their leads: I,II,...")
    parser.add_argument("--clean-nans", action="store_true", default=None, help="fill missing samples over 100 ms")
    parser.add_argument("--workers", type=int, help="processes (default 1)")
    parser.add_argument("--limit", type=int, help="only the first records of each source")
    parser.add_argument("--refresh-quality", action="store_true", help="renew bad leads and reversal, keep the signals")
    options = vars(parser.parse_args(None if argv is None else list(argv)))
    refresh = options.pop("refresh_quality")
    path = options.pop("config")
    given = {name: value for name, value in options.items() if value is not None}
    if path is None:
        if "out" not in given:
            raise ConfigError("Expected --out, the folder to write, or --config.")
        return PrepareConfig(**given), refresh
    return dataclasses.replace(load_config(path, PrepareConfig), **given), refresh


def print_beats(out: str, meta: dict[str, Any]) -> None:
    """Say what was prepared of recordings with marked beats."""
    records = sum(source["records"] for source in meta["sources"].values())
    classes = ", ".join(f"{n} {name}" for name, n in meta["beats"].items())
    print(f"{out}/beats: {records} records, {sum(meta['beats'].values())} beats ({classes})")


def main(argv: Iterable[str] | None = None) -> int:
    """Run the command; return its exit code."""
    try:
        config, refresh = _parse(argv)
        if refresh:
            n = refresh_quality(config.out, config.options(), config.workers)
            print(f"{config.out}: quality renewed, {n} records with bad leads")
            return 0
        if config.marked():
            print_beats(config.out, prepare_beats(config.marked(), config.out))
        if config.only_marked:
            return 0
        meta = prepare(config)
    except ConfigError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except ECGError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"{config.out}: {meta['n']} records, {meta['skipped']} skipped")
    for split, counts in meta["counts"].items():
        print(f"  {split}: " + ", ".join(f"{n} {label}" for label, n in counts.items()))
    if meta["skipped"]:
        print(pd.read_csv(Path(config.out) / "skipped.csv")[["record", "reason"]].to_string(index=False, max_rows=20))
    return 0


if __name__ == "__main__":
    sys.exit(main())
