"""Time and memory of the beat detector: half an hour end to end, beats a second, 24 h from the command line."""

from __future__ import annotations

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
from ecg_core.store import BEAT_DETECTOR
from ecg_core.synthetic_ambulatory import EXAMPLE, synthesize

LEADS, FS, GAIN = ("MLII", "V1"), 360, 200
HALF_HOUR_S, DAY_S = 1806.0, 86_400.0
TARGET_HALF_HOUR_S, TARGET_BEATS_PER_S, TARGET_DAY_S, TARGET_MIB = 2.0, 2000.0, 60.0, 700.0


def write_recording(folder: Path, name: str, seconds: float) -> Path:
    """Write a two-lead recording of any length: the synthetic example again and again, scaled and noisier each time.

    Returns
    -------
    The header's path; samples are 16 bit at 360 Hz, 5 uV a step.
    """
    part = synthesize(replace(EXAMPLE, fs=FS))[0]
    n, rng = round(seconds * FS), np.random.default_rng(0)
    total = np.zeros(2, np.int64)
    first: NDArray[np.int64] | None = None
    with (folder / f"{name}.dat").open("wb") as file:
        for start in range(0, n, part.shape[1]):
            noisy = rng.uniform(0.9, 1.1) * part + rng.normal(0, 0.01, part.shape)
            digital = np.round(GAIN * noisy[:, : n - start]).astype("<i2")
            first = digital[:, 0].astype(np.int64) if first is None else first
            total += digital.sum(axis=1, dtype=np.int64)
            file.write(digital.T.tobytes())
    assert first is not None
    lines = [f"{name} 2 {FS} {n}"]
    for lead, value, sums in zip(LEADS, first, total, strict=True):
        lines.append(f"{name}.dat 16 {GAIN}(0)/mV 16 0 {value} {int(sums) % 65536} 0 {lead}")
    header = folder / f"{name}.hea"
    header.write_text("\n".join(lines) + "\n")
    return header


def half_hour(path: Path, detector: BeatDetector, repeats: int) -> tuple[float, float, float]:
    """Return the median seconds of reading and judging a file, those of judging alone, and beats judged a second."""
    totals, alone, rates = [], [], []
    for _ in range(repeats + 1):  # the first warms up
        start = time.perf_counter()
        record = read_record(path)
        read = time.perf_counter()
        found = detector.detect(record)
        totals.append(time.perf_counter() - start)
        alone.append(time.perf_counter() - read)
        rates.append(len(found) / alone[-1])
    return statistics.median(totals[1:]), statistics.median(alone[1:]), statistics.median(rates[1:])


def command_line(path: Path, store: Path | None) -> tuple[float, float]:
    """Return wall time, s, and peak memory, MiB, of `leadwise beats FILE --json`.

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
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, peak_mib(process.pid))
        time.sleep(WATCH_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - start, peak


def beats(store: Path | None, repeats: int) -> None:
    """Print all figures of the beat detector."""
    print(f"\nBeat by beat, {BEAT_DETECTOR}, two leads at {FS} Hz")
    with tempfile.TemporaryDirectory(prefix="leadwise-bench-") as name:
        folder = Path(name)
        path = write_recording(folder, "half-hour", HALF_HOUR_S)
        total, alone, rate = half_hour(path, BeatDetector.from_store(store=store), repeats)
        print(
            f"30 min, file to verdict     {total:8.2f} s (target {TARGET_HALF_HOUR_S:g}), of it {alone:.2f} s judging"
        )
        print(f"beats judged                {rate:8.0f} /s a core (target {TARGET_BEATS_PER_S:g})", flush=True)
        seconds, peak = command_line(write_recording(folder, "day", DAY_S), store)
        print(f"24 h, `leadwise beats`      {seconds:8.1f} s (target {TARGET_DAY_S:g})")
        print(f"24 h, peak memory           {peak:8.0f} MiB (target {TARGET_MIB:g})", flush=True)
