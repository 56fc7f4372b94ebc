"""Time and memory of the beat detector: half an hour end to end, beats a second, 24 h from the command line."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.batch import WATCH_S, peak_mib
from ecg_core.ambulatory.detector import BeatDetector
from ecg_core.readers import read_record
from ecg_core.records import LEADS as STANDARD
from ecg_core.store import BEAT_DETECTOR
from ecg_core.synthetic_ambulatory import EXAMPLE, synthesize

LEADS, FS, GAIN = ("MLII", "V1"), 360, 200
HALF_HOUR_S, DAY_S = 1806.0, 86_400.0
LONG: tuple[tuple[str, float, tuple[str, ...], int], ...] = (
    ("24 h, `leadwise beats`", DAY_S, LEADS, FS),
    ("24 h of three leads", DAY_S, (*LEADS, "V5"), FS),
    ("2 h of twelve, 500 Hz", 7200.0, STANDARD, 500),
)
TARGET_HALF_HOUR_S, TARGET_BEATS_PER_S, TARGET_DAY_S, TARGET_MIB = 2.0, 2000.0, 60.0, 700.0


def write_recording(folder: Path, name: str, seconds: float, leads: tuple[str, ...] = LEADS, fs: int = FS) -> Path:
    """Write a recording of any length: the synthetic example again and again, scaled and noisier each time.

    Returns
    -------
    The header's path; samples are 16 bit, 5 uV a step; leads after the second are mixtures of the first two.
    """
    mixed = np.random.default_rng(1).normal(0, 0.6, (len(leads), 2))
    mixed[:2] = np.eye(2)
    part = mixed @ synthesize(replace(EXAMPLE, fs=fs))[0]
    n, rng = round(seconds * fs), np.random.default_rng(0)
    total = np.zeros(len(leads), np.int64)
    first: NDArray[np.int64] | None = None
    with (folder / f"{name}.dat").open("wb") as file:
        for start in range(0, n, part.shape[1]):
            noisy = rng.uniform(0.9, 1.1) * part + rng.normal(0, 0.01, part.shape)
            digital = np.round(GAIN * noisy[:, : n - start]).astype("<i2")
            first = digital[:, 0].astype(np.int64) if first is None else first
            total += digital.sum(axis=1, dtype=np.int64)
            file.write(digital.T.tobytes())
    assert first is not None
    lines = [f"{name} {len(leads)} {fs} {n}"]
    for lead, value, sums in zip(leads, first, total, strict=True):
        lines.append(f"{name}.dat 16 {GAIN}(0)/mV 16 0 {value} {int(sums) % 65536} 0 {lead}")
    header = folder / f"{name}.hea"
    header.write_text("\n".join(lines) + "\n")
    return header


def half_hour(path: Path, detector: BeatDetector, repeats: int) -> tuple[float, float, float, float]:
    """Return medians: seconds of reading and judging a file, of judging alone, beats a second, and processor time."""
    totals, alone, rates, spent = [], [], [], []
    for _ in range(repeats + 1):  # the first warms up
        start, processor = time.perf_counter(), time.process_time()
        record = read_record(path)
        read = time.perf_counter()
        found = detector.detect(record)
        totals.append(time.perf_counter() - start)
        alone.append(time.perf_counter() - read)
        rates.append(len(found) / alone[-1])
        spent.append(time.process_time() - processor)
    total, judging, rate, cpu = (statistics.median(column[1:]) for column in (totals, alone, rates, spent))
    return total, judging, rate, cpu


def command_line(path: Path, store: Path | None) -> tuple[float, float, float]:
    """Return wall time and processor time, s, and peak memory, MiB, of `leadwise beats FILE --json`.

    Raises
    ------
    subprocess.CalledProcessError
        If it fails.
    """
    command = [
        sys.executable,
        "-m",
        "ecg_core",
        "beats",
        str(path),
        "--json",
        *(["--store", str(store)] if store else []),
    ]
    start, before = time.perf_counter(), _processor_s()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, peak_mib(process.pid))
        time.sleep(WATCH_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - start, _processor_s() - before, peak


def _processor_s() -> float:
    """Return the processor time of the processes that were started and have ended, s."""
    spent = os.times()
    return spent.children_user + spent.children_system


def beats(store: Path | None, repeats: int) -> None:
    """Print all figures of the beat detector."""
    print(f"\nBeat by beat, {BEAT_DETECTOR}, two leads at {FS} Hz")
    with tempfile.TemporaryDirectory(prefix="leadwise-bench-") as name:
        folder = Path(name)
        path = write_recording(folder, "half-hour", HALF_HOUR_S)
        total, alone, rate, processor = half_hour(path, BeatDetector.from_store(store=store), repeats)
        print(
            f"30 min, file to verdict     {total:8.2f} s (target {TARGET_HALF_HOUR_S:g}), of it {alone:.2f} s judging; "
            f"{processor:.2f} s of processor time"
        )
        print(f"beats judged                {rate:8.0f} /s a core (target {TARGET_BEATS_PER_S:g})", flush=True)
        for name, seconds, leads, fs in LONG:
            path = write_recording(folder, "long", seconds, leads, fs)
            wall, processor, peak = command_line(path, store)
            target = f" (target {TARGET_DAY_S:g})" if leads is LEADS else ""
            print(f"{name:27} {wall:8.1f} s{target}, {processor:.1f} s of processor time")
            print(f"{'  peak memory':27} {peak:8.0f} MiB (target {TARGET_MIB:g})", flush=True)
