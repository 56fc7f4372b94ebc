"""Score every record below a folder in worker processes, into one Parquet file.

A row per record and model, in the order of the paths. Files that cannot be read, and files on which a process dies,
get a row with `error`; nothing stops the run. Memory stays flat: rows are written as they come.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ecg_core.plain import plain
from ecg_core.pool import Lost, WorkerPool
from ecg_core.readers import find_records
from ecg_core.records import LEADS
from ecg_core.score_file import Row, ScoreOptions, error_row

ROW_GROUP = 2000
SCORER = "ecg_core.score_file:make_scorer"
GROUP = 4
"""Records that a worker takes at a time: as many as go through a network together (`ecg_core.detector.BATCH`)."""

_PART = pa.struct({"value": pa.float64(), "percentile": pa.float64()})
_STRETCH = pa.struct(
    {"start_s": pa.float64(), "stop_s": pa.float64(), "peak": pa.float64(), "leads": pa.list_(pa.string())}
)
SCHEMA = pa.schema(
    {
        "path": pa.string(),
        "record": pa.string(),
        "model": pa.string(),
        "score": pa.float64(),
        "percentile": pa.float64(),
        "threshold": pa.float64(),
        "anomalous": pa.bool_(),
        "interpretable": pa.bool_(),
        "heart_rate": pa.float64(),
        "lead_scores": pa.struct({lead: pa.float64() for lead in LEADS}),
        "parts": pa.struct({"reconstruction": _PART, "latent": _PART}),
        "masked_leads": pa.list_(pa.string()),
        "quality": pa.struct({lead: pa.list_(pa.string()) for lead in LEADS}),
        "stretches": pa.list_(_STRETCH),
        "notes": pa.list_(pa.string()),
        "seconds": pa.float64(),
        "error": pa.string(),
        "sha256": pa.string(),
        "checkpoint": pa.string(),
        "false_alarm_rate": pa.float64(),
        "n_normals": pa.int64(),
        "anomalous_share": pa.float64(),
        "expected_share": pa.float64(),
    }
)
"""Columns of the Parquet file: `path` is relative to the folder, `error` says why a record has no verdict, `stretches`
holds the strongest one, `quality` what is wrong with each lead."""


def batch_paths(folder: Path, options: ScoreOptions) -> list[Path]:
    """Return the records below a folder in their order; CSV files only when they are described.

    Raises
    ------
    RecordError
        If there is no such folder.
    """
    return find_records(folder, csv=options.described)


def default_workers() -> int:
    """Return how many processes can run at once here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def score_paths(
    paths: Sequence[Path], folder: Path, options: ScoreOptions, workers: int | None = None
) -> Iterator[list[Row]]:
    """Yield the rows of each path, in order; close the iterator to stop the workers.

    Parameters
    ----------
    paths : records, from `batch_paths`.
    folder : what the rows' `path` is relative to.
    options : models, store and description.
    workers : processes; one for each core by default.

    Raises
    ------
    ECGError
        If a checkpoint cannot be loaded.
    """
    setup = {**asdict(options), "store": str(Path(options.store).resolve()) if options.store else None}
    with WorkerPool(SCORER, setup, workers or default_workers(), group=GROUP) as pool:
        for path, result in zip(paths, pool.map([str(path.absolute()) for path in paths]), strict=True):
            lost = isinstance(result, Lost)
            rows = [error_row(path, model, result.reason) for model in options.models] if lost else result
            where = plain(path.relative_to(folder).as_posix())
            yield [{"path": where, **row} for row in rows]


def write_parquet(rows: Iterable[Row], out: Path) -> None:
    """Write rows as they come; `out` appears when it is complete, and an interrupted run leaves nothing."""
    stream = iter(rows)
    with _replacing(out) as part, pq.ParquetWriter(part, SCHEMA, compression="zstd") as writer:
        while group := list(islice(stream, ROW_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=SCHEMA))


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
