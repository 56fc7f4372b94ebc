"""Hold intervals, R peaks and P waves against cardiologists' marks, and 100 Hz against 500 Hz.

``python -m training.intervals --ludb DIR [--ptbxl500 DIR --ptbxl DIR]``. LUDB as in `training.ludb`; of each record the
median over its beats. Mean and standard deviation of the difference leave out the four largest. The constants by which
points are shifted are fitted on every other record and judged on the rest, both ways.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ecg_core.beats import Beats, detect_beats
from ecg_core.errors import ECGError
from ecg_core.measurements import measure, measure_prepared
from ecg_core.measurements.delineation import SHIFTS, Fiducials, Found, find_points, shifted
from ecg_core.measurements.median_beat import GRID_FS, median_beat
from ecg_core.measurements.pacing import has_spikes
from ecg_core.preprocessing import preprocess
from ecg_core.readers import read_record
from ecg_core.records import LEADS, Record
from training.ludb import MarkedRecord, read_ludb

Array = NDArray[np.float64]
Intervals = dict[str, float]

NAMES = ("p_ms", "pr_ms", "qrs_ms", "qt_ms")
BARS = {"p_ms": (5.0, 8.0), "pr_ms": (3.0, 6.0), "qrs_ms": (3.0, 10.0), "qt_ms": (6.0, 14.0)}
"""Mean and standard deviation of the difference that are aimed at; IEC 60601-2-25 allows 10/15, 10/10, 10/10, 25/30."""

LEFT_OUT = 4
FOLDS = 2
SAME_R_MS = 150.0
MARKED = ("p_onset", "p_offset", "qrs_onset", "qrs_offset", "t_end")


@dataclass(frozen=True)
class Observed:
    """What was found in a record with marks: points before their shifts, R of the beats (ms), and the beats."""

    marked: MarkedRecord
    found: Found | None
    r_ms: Array
    beats: Beats
    paced: bool

    def gives_p(self) -> bool:
        """Whether a P wave would be stated."""
        return self.found is not None and self.found.p_present and not self.paced


def observe(marked: MarkedRecord) -> Observed:
    """Find the points of one record."""
    record = marked.record
    x = preprocess(record.signal, record.fs)
    beats = detect_beats(x, LEADS)
    made = median_beat(x, beats, np.ones(len(LEADS), bool))
    paced = has_spikes(record.signal, record.fs, beats.times_s)
    if made is None:
        return Observed(marked, None, np.zeros(0), beats, paced)
    beat, windows = made
    return Observed(
        marked,
        find_points(beat, windows, beats.rr_ms / 1000.0),
        beat.positions * 1000.0 / GRID_FS,
        beats,
        paced,
    )


def reference(marked: MarkedRecord) -> Intervals:
    """Return the intervals as marked, medians over beats, ms; P and PR are NaN without a P in half of the beats."""
    at = {name: np.array([getattr(beat, name) for beat in marked.beats]) for name in MARKED}
    spans = {
        "p_ms": at["p_offset"] - at["p_onset"],
        "pr_ms": at["qrs_onset"] - at["p_onset"],
        "qrs_ms": at["qrs_offset"] - at["qrs_onset"],
        "qt_ms": at["t_end"] - at["qrs_onset"],
    }
    known = {name: span[np.isfinite(span)] for name, span in spans.items()}
    if not marked.has_p:
        known["p_ms"] = known["pr_ms"] = np.zeros(0)
    return {name: float(np.median(span)) if len(span) else np.nan for name, span in known.items()}


def intervals_of(points: Fiducials) -> Intervals:
    """Return the intervals between points, ms."""
    return {
        "p_ms": points.p_offset - points.p_onset,
        "pr_ms": points.qrs_onset - points.p_onset,
        "qrs_ms": points.qrs_offset - points.qrs_onset,
        "qt_ms": points.t_end - points.qrs_onset,
    }


def offsets(observed: Observed) -> dict[str, float]:
    """Return by how much each point is marked later than it was found, ms, median over the beats."""
    late: dict[str, float] = dict.fromkeys(MARKED, np.nan)
    if observed.found is None or not len(observed.r_ms):
        return late
    for name in MARKED:
        apart = []
        for beat in observed.marked.beats:
            r = observed.r_ms[np.abs(observed.r_ms - beat.r).argmin()]
            if abs(r - beat.r) < SAME_R_MS and np.isfinite(getattr(beat, name)):
                apart.append(getattr(beat, name) - r - getattr(observed.found.points, name))
        late[name] = float(np.median(apart)) if apart else np.nan
    return late


def trimmed(values: Sequence[float] | Array, left_out: int = LEFT_OUT) -> tuple[int, float, float]:
    """Return the number of finite values, and mean and standard deviation without the largest in size."""
    v = np.asarray(values, dtype=np.float64)
    v = v[np.isfinite(v)]
    kept = v[np.argsort(np.abs(v))][: max(len(v) - left_out, 1)]
    return len(v), float(kept.mean()), float(kept.std(ddof=1)) if len(kept) > 1 else 0.0


def fit_shifts(observed: Sequence[Observed]) -> Fiducials:
    """Return what is to be added to each point, ms: the mean without the tenth farthest from the median."""
    late = [offsets(one) for one in observed]
    shifts = {}
    for name in MARKED:
        v = np.array([one[name] for one in late])
        v = v[np.isfinite(v)]
        near = v[np.argsort(np.abs(v - np.median(v)))][: max(round(0.9 * len(v)), 1)]
        shifts[name] = round(float(near.mean()), 1)
    return Fiducials(**{f.name: shifts.get(f.name, 0.0) for f in fields(Fiducials)})


def differences(observed: Sequence[Observed], shifts: Fiducials) -> dict[str, list[float]]:
    """Return measured less marked for each interval and record, ms; NaN where one of them is missing."""
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    for one in observed:
        marked = reference(one.marked)
        ours = intervals_of(shifted(one.found.points, shifts)) if one.found else dict.fromkeys(NAMES, np.nan)
        for name in NAMES:
            found[name].append(ours[name] - marked[name])
    return found


def cross_validated(observed: Sequence[Observed], folds: int = FOLDS) -> dict[str, list[float]]:
    """Return `differences` in the records' order, each judged with shifts that were fitted on the other folds."""
    found: dict[str, list[float]] = {name: [np.nan] * len(observed) for name in NAMES}
    for fold in range(folds):
        own = list(range(fold, len(observed), folds))
        shifts = fit_shifts([one for k, one in enumerate(observed) if k % folds != fold])
        apart = differences([observed[k] for k in own], shifts)
        for name in NAMES:
            for k, value in zip(own, apart[name], strict=True):
                found[name][k] = value
    return found


def r_peaks(observed: Sequence[Observed]) -> tuple[int, int, int]:
    """Return found, missed and extra beats; nothing is counted before the first and after the last marked beat."""
    hits = misses = extra = 0
    for one in observed:
        at, marked = one.beats.times_s * 1000.0, np.array([beat.r for beat in one.marked.beats])
        near = np.abs(marked[:, None] - at[None]).min(axis=1) <= SAME_R_MS if len(at) else np.zeros(len(marked), bool)
        inside = at[(at >= marked[0] - SAME_R_MS) & (at <= marked[-1] + SAME_R_MS)]
        hits, misses = hits + int(near.sum()), misses + int((~near).sum())
        extra += int((np.abs(inside[:, None] - one.marked.any_r[None]).min(axis=1) > SAME_R_MS).sum())
    return hits, misses, extra


def p_waves(observed: Sequence[Observed]) -> tuple[int, int, int, int]:
    """Return of how many records with and without P it is found or not: found, with, not found, without."""
    present = [one.gives_p() for one in observed if one.marked.has_p]
    absent = [not one.gives_p() for one in observed if not one.marked.has_p]
    return sum(present), len(present), sum(absent), len(absent)


def pair_differences(pairs: Iterable[tuple[Record, Record]]) -> dict[str, Array]:
    """Return the intervals of the first less those of the second record of each pair, ms; NaN where one is missing."""
    found: dict[str, list[float]] = {name: [] for name in NAMES}
    for one, other in pairs:
        a, b = measure(one).values, measure(other).values
        for name in NAMES:
            found[name].append(a.get(name, np.nan) - b.get(name, np.nan))
    return {name: np.array(values) for name, values in found.items()}


def read_pairs(at_500: Path, at_100: Path) -> list[tuple[Record, Record]]:
    """Return the same PTB-XL records at 100 and at 500 Hz."""
    pairs = []
    for header in sorted(at_500.rglob("*_hr.hea")):
        name = header.stem.removesuffix("_hr")
        low = at_100 / "records100" / header.parent.name / f"{name}_lr.hea"
        if low.is_file():
            pairs.append((read_record(low), read_record(header)))
    return pairs


def _ms(work: Callable[[], object], repeat: int = 3) -> float:
    """Return the processor's time in ms, the best of some."""
    best = np.inf
    for _ in range(repeat):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best * 1000.0


def timing(records: Sequence[Record]) -> tuple[float, float]:
    """Return ms of processor time a record: from samples, and from the filtered signal with its beats."""
    ready = [(x, detect_beats(x, LEADS)) for x in (preprocess(record.signal, record.fs) for record in records)]
    whole = [_ms(lambda record=record: measure(record)) for record in records]
    part = [_ms(lambda x=x, beats=beats: measure_prepared(x, beats, LEADS)) for x, beats in ready]
    return float(np.median(whole)), float(np.median(part))


def _print_intervals(title: str, apart: dict[str, list[float]]) -> None:
    print(f"\n{title}\n{'':8} {'n':>4} {'mean':>6} {'SD':>6}   bar")
    for name in NAMES:
        n, mean, sd = trimmed(apart[name])
        good = abs(mean) <= BARS[name][0] and sd <= BARS[name][1]
        bar = "{:.0f} / {:.0f}".format(*BARS[name])
        print(f"{name:8} {n:4d} {mean:6.1f} {sd:6.1f}   {bar}{'' if good else '   MISSED'}")


def _given(observed: Sequence[Observed], apart: dict[str, list[float]]) -> dict[str, list[float]]:
    """Return the differences of what would be given: P and PR where P is stated, QRS and QT where not paced."""
    given = {}
    for name in NAMES:
        ok = [one.gives_p() if name in ("p_ms", "pr_ms") else not one.paced for one in observed]
        given[name] = [value if keep else np.nan for value, keep in zip(apart[name], ok, strict=True)]
    return given


def report(ludb: Path, pairs: list[tuple[Record, Record]]) -> None:
    """Print everything."""
    records = read_ludb(ludb)
    observed = [observe(marked) for marked in records]
    apart = cross_validated(observed)
    print(f"{len(records)} records of LUDB, measured less marked, ms; without the {LEFT_OUT} largest")
    _print_intervals(f"Cross-validated, {FOLDS} folds, every record that is marked", apart)
    _print_intervals("The same, what is not withheld", _given(observed, apart))
    _print_intervals("With the shipped constants (fitted on these records)", differences(observed, SHIFTS))
    fitted = fit_shifts(observed)
    print("\nShifts fitted on all, ms: " + ", ".join(f"{name} {getattr(fitted, name):+.1f}" for name in MARKED))
    hits, misses, extra = r_peaks(observed)
    print(f"R peaks: {hits + misses} beats, sensitivity {hits / (hits + misses):.4f}, PPV {hits / (hits + extra):.4f}")
    present, of_present, absent, of_absent = p_waves(observed)
    print(f"P waves: present {present} of {of_present}, absent {absent} of {of_absent}")
    print("paced, by spikes: " + (", ".join(one.marked.record.name for one in observed if one.paced) or "none"))
    whole, part = timing([marked.record for marked in records[:30]])
    print(f"Processor time a record at 500 Hz: {whole:.1f} ms, of which {part:.1f} ms after filter and beats")
    if pairs:
        print(f"\n{len(pairs)} records of PTB-XL at 100 Hz less the same at 500 Hz: median absolute difference, ms")
        for name, values in pair_differences(pairs).items():
            known = np.abs(values[np.isfinite(values)])
            print(f"{name:8} n {len(known):3d}  median {np.median(known):.1f}  95th {np.quantile(known, 0.95):.1f}")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.intervals", description="Intervals against marks.")
    parser.add_argument("--ludb", type=Path, required=True, help="folder with LUDB's unpacked records")
    parser.add_argument("--ptbxl500", type=Path, help="folder with PTB-XL records at 500 Hz")
    parser.add_argument("--ptbxl", type=Path, help="PTB-XL in PhysioNet's layout, for the same at 100 Hz")
    options = parser.parse_args(argv)
    try:
        pairs = read_pairs(options.ptbxl500, options.ptbxl) if options.ptbxl500 and options.ptbxl else []
        report(options.ludb, pairs)
    except ECGError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
