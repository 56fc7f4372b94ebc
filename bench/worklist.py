"""A worklist of many records for the bench: few signals, shared by many headers, with varied copies of their scores."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from bench.records import write_records
from ecg_core.readers import read_record
from ecg_core.score_file import FileScorer, ScoreOptions, rows_of
from ecg_core.worklist import Worklist, runner

MODELS = ("cae", "vae-bilstm", "vae-bilstm-mha")
SIGNALS = 8
VISITED = 60
"""Records of the top of the list, whose digests are read from the files: they can be opened and decided on."""


def make_job(data: Path, root: Path, n: int) -> str:
    """Put a finished job of `n` records into a data folder; return its id."""
    write_records(root, SIGNALS, np.random.default_rng(0))
    headers = sorted((root / "000").glob("*.hea"))
    scored = rows_of(FileScorer(ScoreOptions(models=MODELS)))([str(path) for path in headers])
    for k in range(n - SIGNALS):
        source = headers[k % SIGNALS]
        first, rest = source.read_text().split("\n", 1)
        name = f"{k + SIGNALS:05d}"
        (root / "000" / f"{name}.hea").write_text(f"{name} {first.split(' ', 1)[1]}\n{rest}")
    with Worklist(data, root=root) as worklist:
        job = worklist.create_job_from_folder("", MODELS, 0.05, name="Bench")
        with mock.patch.object(runner, "score_paths", _varied(scored)):
            runner.run(worklist)
    return job.id


def _varied(scored: list[list[dict[str, Any]]]) -> Any:
    def rows(
        paths: Sequence[Path], folder: Path, options: Any, workers: int | None = None
    ) -> Iterator[list[dict[str, Any]]]:
        for k, path in enumerate(paths):
            sha256 = read_record(path).sha256 if k < VISITED else hashlib.sha256(path.name.encode()).hexdigest()
            percentile = 99.9 - 99.0 * k / len(paths)
            made = {"record": path.stem, "sha256": sha256, "percentile": percentile, "anomalous": percentile > 95.0}
            yield [{**row, **made} for row in scored[k % len(scored)]]

    return rows
