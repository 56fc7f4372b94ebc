"""Score every record below a folder in worker processes.

A row per record and model, in the order of the paths. Files that cannot be read, and files on which a process dies,
get a row with `error`; nothing stops the run.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import asdict
from pathlib import Path

from ecg_core.plain import plain
from ecg_core.pool import Lost, WorkerPool
from ecg_core.readers import find_records
from ecg_core.score_file import Row, ScoreOptions, error_row

SCORER = "ecg_core.score_file:make_scorer"
GROUP = 4
"""Records that a worker takes at a time: as many as go through a network together (`ecg_core.detector.BATCH`)."""


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
) -> Generator[list[Row]]:
    """Return the rows of each path, in order; the workers start at once, and stop when the generator is closed.

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
    pool = WorkerPool(SCORER, setup, workers or default_workers(), group=GROUP)
    rows = _scored(pool, paths, folder, options)
    next(rows)  # to where the workers load: the caller has time to load what it needs
    return rows


def _scored(pool: WorkerPool, paths: Sequence[Path], folder: Path, options: ScoreOptions) -> Generator[list[Row]]:
    with pool:
        if paths:
            pool.start()
        yield []
        for path, result in zip(paths, pool.map([str(path.absolute()) for path in paths]), strict=True):
            lost = isinstance(result, Lost)
            rows = [error_row(path, model, result.reason) for model in options.models] if lost else result
            where = plain(path.relative_to(folder).as_posix())
            yield [{"path": where, **row} for row in rows]
