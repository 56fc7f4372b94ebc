"""What the tests of the worklist share: a data folder, a store without networks, records of a few bytes."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ecg_core.readers import read_record
from ecg_core.worklist import Job, Worklist
from ecg_core.worklist.runner import run
from tests.worklist_scorer import CHECKPOINT, row

MODELS = ("cae", "vae-bilstm", "vae-bilstm-mha")
RUNNER = (
    "import sys; from ecg_core import batch; batch.SCORER = 'tests.worklist_scorer:make_scorer'; batch.GROUP = 1; "
    "from ecg_core.worklist.__main__ import main; sys.exit(main(sys.argv[1:]))"
)
PATIENCE_S = 240.0


def make_store(folder: Path, checkpoint: str = CHECKPOINT) -> Path:
    """Make a store of checkpoints that have a hash, and nothing else."""
    for model in MODELS:
        (folder / model).mkdir(parents=True, exist_ok=True)
        (folder / model / "config.json").write_text(json.dumps({"weights_sha256": checkpoint + "0" * 52}))
    return folder


def make_worklist(folder: Path) -> Worklist:
    """Open a worklist with a data folder, a root and a store below one folder."""
    (folder / "root").mkdir(exist_ok=True)
    return Worklist(folder / "data", root=folder / "root", store=make_store(folder / "store"))


def put(folder: Path, *names: str) -> None:
    """Write records of a few bytes, each its own; the first byte follows from its place: scores from 0 up."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, name in enumerate(names):
        (folder / f"{name}.npy").write_bytes(bytes([k * 37 % 256]) + name.encode())


def scored_here(paths: Sequence[Path], folder: Path, options: Any, workers: int | None = None) -> Iterator[list[dict]]:
    """Stand in for `ecg_core.batch.score_paths`, without processes."""
    for path in paths:
        rows = [row(path, model, k) for k, model in enumerate(options.models)]
        if path.suffix == ".hea":
            rows = [{**one, "sha256": read_record(path).sha256} for one in rows]
        yield rows


def finished(worklist: Worklist, job: Job) -> Job:
    """Run all jobs in this process and return one of them as it is then."""
    run(worklist)
    return worklist.job(job.id)


def until(condition: Callable[[], Any]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def runner_command(data: Path, root: Path) -> list[str]:
    """Return the command of a runner with the scorer of the tests."""
    return [sys.executable, "-c", RUNNER, "run", "--data", str(data), "--root", str(root), "--workers", "1"]
