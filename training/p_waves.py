"""Hold the search for P waves against rhythms as stated, and against beats put so close that P begins on the last T.

``python -m training.p_waves --data PREPARED [--ptbxl FOLDER] [--most 500]``, on PTB-XL's folds 1-8: how many records of
a rhythm get no P wave; and, of slow records with a P well away from T, the error of PR once their beats are repeated so
fast that P begins some ms before T ends, or after it. P, QRS and T are then real and PR is known. ``--first`` leaves
out the second look (`ecg_core.measurements.delineation`).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import ECGError
from ecg_core.measurements.delineation import Fiducials, find_points_in, plausible, shifted
from ecg_core.measurements.median_beat import BEFORE, EIGHT, GRID_FS, median_beat
from ecg_core.measurements.p_wave import above_chord
from ecg_core.records import LEADS, twelve_from_eight
from ecg_core.segments import beats_of_eight, usable_leads
from training.reasons import statements
from training.signals import Prepared, load_prepared

Array = NDArray[np.float64]

RHYTHMS = {
    "normal": ("NORM",),
    "first-degree block": ("1AVB",),
    "sinus tachycardia": ("STACH",),
    "premature beats, sinus arrhythmia": ("PVC", "PAC", "SARRH"),
    "fibrillation": ("AFIB",),
    "flutter": ("AFLT",),
}
"""A record is of the last rhythm here that is stated of it."""

LAPS_MS = (-40, -10, 10, 30, 50, 70)
"""By how many ms P begins before T ends."""

SLOW_S, STEADY, SURE = 0.75, 0.05, 1.5
LONGEST_QT_MS, LONGEST_P_MS, FAR_MS, EDGE_MS = 470.0, 200.0, 30.0, 14.0
STEP = 0.006
"""By how much RR alternates in the beats put together, over RR."""


@dataclass(frozen=True)
class OneBeat:
    """P, QRS and T of a slow record: (8, n) mV from `first` on, its PR and QT, and what its beats differ by."""

    x: Array
    first: int
    pr_ms: float
    qt_ms: float
    rest: NDArray[np.float32]


def pr_of(points: Fiducials) -> float:
    """Return PR, ms."""
    return points.qrs_onset - points.p_onset


def one_beat(x: Array, windows: NDArray[np.float32], rr_s: Array) -> OneBeat | None:
    """Return the beat of a slow, steady record whose P is sure and far from T; None of any other."""
    rr = float(np.median(rr_s)) if len(rr_s) > 4 else 0.0
    if rr < SLOW_S or float(np.median(np.abs(np.diff(rr_s)))) > STEADY * rr:
        return None
    found = find_points_in(x, windows, rr_s, limb=False)
    if found is None or found.p_evidence < SURE:
        return None
    p = shifted(found.points)
    qt = p.t_end - p.qrs_onset
    if not plausible(p) or p.p_offset - p.p_onset >= LONGEST_P_MS or not qt <= LONGEST_QT_MS:
        return None
    first, last = (round(BEFORE + ms * GRID_FS / 1000.0) for ms in (p.p_onset - EDGE_MS, p.t_end + EDGE_MS))
    if p.p_onset - (p.t_end - 1000.0 * rr) < FAR_MS or first < 0 or last >= x.shape[1]:
        return None
    wave = above_chord(x[:, first : last + 1])
    return OneBeat(wave, first, pr_of(p), qt, (windows - x).astype(np.float32))


def repeated(beat: OneBeat, lap_ms: float) -> tuple[Array, NDArray[np.float32], Array]:
    """Return median beat, beats and RR of a beat repeated so fast that P begins `lap_ms` before the last T ends."""
    n = beat.rest.shape[-1]
    step = round((beat.pr_ms + beat.qt_ms - lap_ms) * GRID_FS / 1000.0)
    x = np.zeros((len(beat.x), n))
    for k in range(-3, 4):
        start = beat.first + k * step
        lo, hi = max(start, 0), min(start + beat.x.shape[1], n)
        if lo < hi:
            x[:, lo:hi] += beat.x[:, lo - start : hi - start]
    rr = step / GRID_FS * (1.0 + STEP * np.resize([1.0, -1.0], 12))
    return x, (x + beat.rest).astype(np.float32), rr


def errors(beats: Sequence[OneBeat], lap_ms: float, limb: bool = True) -> Array:
    """Return PR as measured less PR as it is, ms; NaN where no P is trusted."""
    apart = np.full(len(beats), np.nan)
    for k, beat in enumerate(beats):
        found = find_points_in(*repeated(beat, lap_ms), limb)
        if found is not None and found.p_present and plausible(shifted(found.points)):
            apart[k] = pr_of(shifted(found.points)) - beat.pr_ms
    return apart


def medians(
    prepared: Prepared, rows: NDArray[np.int64]
) -> Iterator[tuple[int, tuple[Array, NDArray[np.float32], Array] | None]]:
    """Yield row by row the median beat with its beats and RR; None without one in all eight leads."""
    for row, lost in zip(rows, prepared.bad_leads(rows), strict=True):
        x, usable = np.array(prepared.signals[row]), usable_leads(lost)
        beats = beats_of_eight(x, usable)
        made = median_beat(twelve_from_eight(x), beats, np.ones(len(LEADS), bool)) if usable.all() else None
        if made is None:
            yield int(row), None
            continue
        yield int(row), (made[0].x[EIGHT].astype(np.float64), made[1], beats.rr_ms / 1000.0)


def rows_by_rhythm(prepared: Prepared, codes: Sequence[frozenset[str]], most: int) -> dict[str, NDArray[np.int64]]:
    """Return at most so many training records of each rhythm, drawn with a fixed seed."""
    of: dict[str, list[int]] = {name: [] for name in RHYTHMS}
    for row in prepared.rows("train"):
        stated = [name for name, named in RHYTHMS.items() if not codes[row].isdisjoint(named)]
        if stated:
            of[stated[-1]].append(int(row))
    rng = np.random.default_rng(0)
    return {name: np.sort(rng.permutation(rows)[:most]).astype(np.int64) for name, rows in of.items()}


def report(prepared: Prepared, codes: Sequence[frozenset[str]], most: int, limb: bool) -> None:
    """Print both tables."""
    slow: list[OneBeat] = []
    print(f"{'rhythm as stated, folds 1-8':36} {'n':>5} {'no P':>6}")
    for name, rows in rows_by_rhythm(prepared, codes, most).items():
        n = absent = 0
        for _, made in medians(prepared, rows):
            found = find_points_in(*made, limb) if made else None
            if made is None or found is None:
                continue
            n, absent = n + 1, absent + int(not found.p_present or not plausible(shifted(found.points)))
            beat = one_beat(*made) if name in ("normal", "first-degree block") else None
            slow += [beat] if beat else []
        print(f"{name:36} {n:5d} {absent / max(n, 1):6.3f}")
    print(f"\n{len(slow)} slow records repeated faster: error of PR, ms, by how long P begins before T ends")
    print(f"{'ms':>5} {'no P':>6} {'median':>7} {'mean size':>10} {'over +15':>9} {'under -15':>10}")
    for lap in LAPS_MS if slow else ():
        apart = errors(slow, lap, limb)
        e = apart[np.isfinite(apart)]
        shares = f"{(e > 15).mean():9.3f} {(e < -15).mean():10.3f}"
        print(f"{lap:5d} {np.isnan(apart).mean():6.3f} {np.median(e):7.1f} {np.abs(e).mean():10.1f} {shares}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.p_waves", description="P waves by rhythm, and on T.")
    parser.add_argument("--data", required=True, help="prepared folder")
    parser.add_argument("--ptbxl", type=Path, help="PTB-XL's folder (default: where the records were read from)")
    parser.add_argument("--most", type=int, default=500, help="records of each rhythm (default 500)")
    parser.add_argument("--first", action="store_true", help="without the second look")
    options = parser.parse_args(argv)
    try:
        prepared = load_prepared(options.data)
        report(prepared, statements(prepared.records, options.ptbxl), options.most, not options.first)
    except (ECGError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
