"""Measure what a user waits for: python -m bench (or make bench).

Prints, for each model, the time from a file to a Detection (median after warm-up) and where it goes, then the
throughput and the peak memory of `leadwise batch`, then the beat detector's, then what is waited for in the browser.
Nothing here passes or fails: targets stand beside the figures.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from bench.batch import Run, measure_batch
from bench.beats import beats
from bench.beats_page import beats_page
from bench.browser import browser
from bench.records import write_records
from ecg_core import scoring, segments
from ecg_core.checkpoints import autoencoder as networks
from ecg_core.checkpoints import measurements as measured
from ecg_core.detector import AnomalyDetector
from ecg_core.readers import read_record
from ecg_core.synthetic import example_paths

TARGET_MS = {"cae": 25.0, "vae-bilstm": 40.0, "vae-bilstm-mha": 40.0, "consensus": 80.0}
TARGET_PER_S = {"cae": 100.0, "vae-bilstm-mha": 40.0, "consensus": 25.0}
TARGET_MEASURED_MS = 15.0
TARGET_MIB = 700.0
STAGES: dict[str, list[tuple[Any, str]]] = {
    "preprocess": [(segments, "preprocess")],
    "quality, beats": [(segments, "assess_with_beats")],
    "networks": [(scoring, "restore_and_describe")],
    "measurements": [(segments, "measure_prepared")],
    "reasons": [(measured, "reasons_of")],
    "maps": [(networks, "explain"), (measured, "explain_expected")],
}


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Time from file to verdict, batch throughput, and waits in the browser."
    )
    parser.add_argument("--repeats", type=int, default=20, help="timed repeats of one record (default 20)")
    parser.add_argument("--records", type=int, default=1000, help="records of the batch (default 1000)")
    parser.add_argument("--workers", type=int, default=2, help="processes of the batch (default 2)")
    parser.add_argument(
        "--browser-repeats", type=int, default=9, help="timed repeats in the browser (default 9; 0: none)"
    )
    parser.add_argument("--rows", type=int, default=10_000, help="rows of the worklist's grid (default 10,000)")
    parser.add_argument(
        "--beat-repeats", type=int, default=5, help="timed repeats of half an hour (default 5; 0: none)"
    )
    parser.add_argument("--only", choices=("scoring", "beats", "browser"), help="measure one part alone")
    parser.add_argument("--store", type=Path, help="folder of models (default: the packaged one)")
    args = parser.parse_args()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{machine}, load {os.getloadavg()[0]:.1f}", flush=True)
    if args.only in (None, "scoring"):
        latency(args.store, args.repeats)
        throughput(args.store, args.records, args.workers)
    if args.only in (None, "beats") and args.beat_repeats:
        beats(args.store, args.beat_repeats)
    if args.only in (None, "browser") and args.browser_repeats:
        browser(args.browser_repeats, args.rows)
        beats_page(args.browser_repeats)


def latency(store: Path | None, repeats: int) -> None:
    """Print the median time from file to Detection of one 10 s record at 500 Hz, and its stages."""
    path = example_paths()[0]
    print(f"\nFile to Detection, {path.stem} (10 s, 500 Hz), median of {repeats} after warm-up, ms")
    print(f"(measurements: target {TARGET_MEASURED_MS:g})")
    print(f"{'model':16}{'total':>8}{'target':>8}  " + "".join(f"{name:>15}" for name in ("read", *STAGES, "score")))
    for name, target in TARGET_MS.items():
        detector = AnomalyDetector.from_store(name, store)
        totals = [sum(once(path, detector)) for _ in range(repeats + 5)][5:]
        profile = stages(path, detector, repeats)
        cells = "".join(f"{profile[stage]:15.2f}" for stage in ("read", *STAGES, "score"))
        print(f"{name:16}{1000 * statistics.median(totals):8.1f}{target:8.0f}  {cells}", flush=True)


def once(path: Path, detector: AnomalyDetector) -> tuple[float, float]:
    """Return the seconds that reading and detecting took."""
    start = time.perf_counter()
    record = read_record(path)
    read = time.perf_counter()
    detector.detect(record)
    return read - start, time.perf_counter() - read


def stages(path: Path, detector: AnomalyDetector, repeats: int) -> dict[str, float]:
    """Return the median of each stage in ms; "score" is what the others leave of the whole."""
    rows: list[dict[str, float]] = []
    for _ in range(repeats):
        with clocks() as spent:
            read, detect = once(path, detector)
        rows.append({"read": read, **spent, "score": detect - sum(spent.values())})
    return {name: 1000 * statistics.median(row[name] for row in rows) for name in rows[0]}


@contextmanager
def clocks() -> Iterator[dict[str, float]]:
    """Put a clock around the function of each stage."""
    spent = dict.fromkeys(STAGES, 0.0)
    with ExitStack() as stack:
        for stage, functions in STAGES.items():
            for module, name in functions:
                stack.enter_context(mock.patch.object(module, name, clocked(getattr(module, name), spent, stage)))
        yield spent


def clocked(function: Callable[..., Any], spent: dict[str, float], stage: str) -> Callable[..., Any]:
    """Return `function` with its time added to `spent`."""

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            spent[stage] += time.perf_counter() - start

    return wrapper


def throughput(store: Path | None, n_records: int, workers: int) -> None:
    """Print the rate and the peak memory of `leadwise batch`."""
    with tempfile.TemporaryDirectory(prefix="leadwise-bench-") as folder:
        write_records(Path(folder), n_records, np.random.default_rng(0))
        what = f"{n_records:,} records (10 s, 500 Hz), {workers} processes, their start included"
        print(f"\nleadwise batch, {what}", flush=True)
        print(f"{'model':16}{'seconds':>8}{'records/s':>11}{'target':>8}{'peak MiB':>10}{'target':>8}")
        for name, target in TARGET_PER_S.items():
            run: Run = measure_batch(Path(folder), name, store, workers)
            rate = f"{n_records / run.seconds:11.1f}{target:8.0f}"
            print(f"{name:16}{run.seconds:8.1f}{rate}{run.peak_mib:10.0f}{TARGET_MIB:8.0f}", flush=True)


if __name__ == "__main__":
    main()
