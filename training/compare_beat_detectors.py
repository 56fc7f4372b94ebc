"""Compare ways to find heartbeats against cardiologists' marks in LUDB (doi 10.1109/ACCESS.2020.3029211).

``python -m training.compare_beat_detectors --data LUDB`` reads the folder that holds `data/N.hea` (the unpacked
`ludb-odd.tar.xz`), brings each record to 100 Hz as the models see it, and prints sensitivity, positive predictive
value, mean distance from the marked R and milliseconds per record for each detector, clean and disturbed.

Reference: a beat is marked in at least eight leads; its time is the median over leads. Beats before the first and
after the last mark are not counted, since LUDB leaves those unmarked.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import wfdb
from numpy.typing import NDArray
from sleepecg.heartbeats import detect_heartbeats
from wfdb.processing import xqrs_detect

from ecg_core.beats import detect_beats
from ecg_core.preprocessing import MODEL_FS, preprocess
from ecg_core.records import LEADS

Signal = NDArray[np.float32]
Peaks = NDArray[np.int64]
MIN_LEADS = 8
SAME_BEAT_S = 0.15


@dataclass(frozen=True)
class Marked:
    """A record at 100 Hz, its R peaks as marked in most leads, and those marked in any lead (both in samples)."""

    x: Signal
    beats: NDArray[np.float64]
    any_beats: NDArray[np.float64]


def marks_of(stem: str, fs: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the R peaks, at 100 Hz, that most leads and that any lead agree on."""
    marks = []
    for lead in LEADS:
        found = wfdb.rdann(stem, lead.lower())
        marks += [(t / fs, lead) for t, symbol in zip(found.sample, found.symbol, strict=True) if symbol == "N"]
    marks.sort()
    groups = [[marks[0]]]
    for mark in marks[1:]:
        if mark[0] - groups[-1][-1][0] > SAME_BEAT_S:
            groups.append([])
        groups[-1].append(mark)
    times = np.array([np.median([t for t, _ in group]) for group in groups]) * MODEL_FS
    agreed = np.array([len({lead for _, lead in group}) >= MIN_LEADS for group in groups])
    return times[agreed], times


def load(folder: Path) -> list[Marked]:
    """Read every record of LUDB below a folder."""
    records = []
    for header in sorted(folder.rglob("*.hea"), key=lambda path: int(path.stem)):
        stem = str(header.with_suffix(""))
        signal, fields = wfdb.rdsamp(stem)
        order = [[name.lower() for name in fields["sig_name"]].index(lead.lower()) for lead in LEADS]
        x = preprocess(signal.T[order].astype(np.float32), float(fields["fs"]))
        records.append(Marked(x, *marks_of(stem, float(fields["fs"]))))
    return records


def score(record: Marked, found: Peaks, tolerance_s: float) -> tuple[int, int, int, list[float]]:
    """Return true positives, misses, false positives, and distances in ms of one record."""
    reach = tolerance_s * MODEL_FS
    if not len(found):
        return 0, len(record.beats), 0, []
    miss = np.abs(record.beats[:, None] - found[None]).min(axis=1)
    inside = found[(found >= record.beats[0] - reach) & (found <= record.beats[-1] + reach)]
    stray = np.abs(record.any_beats[:, None] - inside[None]).min(axis=0) > reach
    twice = max(0, int((~stray).sum()) - len(record.any_beats))
    hit = miss <= reach
    return int(hit.sum()), int((~hit).sum()), int(stray.sum()) + twice, list(miss[hit] * 1000 / MODEL_FS)


def one_lead(name: str) -> Callable[[Signal], Peaks]:
    """Return sleepecg on one lead."""
    return lambda x: np.asarray(detect_heartbeats(x[LEADS.index(name)].astype(np.float64), MODEL_FS))


def xqrs(name: str) -> Callable[[Signal], Peaks]:
    """Return wfdb's XQRS on one lead."""
    return lambda x: np.asarray(
        xqrs_detect(x[LEADS.index(name)].astype(np.float64), fs=MODEL_FS, verbose=False), dtype=np.int64
    )


def vote(names: tuple[str, ...]) -> Callable[[Signal], Peaks]:
    """Return the middle of each stretch in which more than half of the leads have a beat within 70 ms."""

    def detector(x: Signal) -> Peaks:
        near = np.zeros(x.shape[1])
        for name in names:
            mask = np.zeros(x.shape[1])
            mask[one_lead(name)(x)] = 1
            near += np.convolve(mask, np.ones(15), mode="same") > 0
        edges = np.diff(np.concatenate([[0], (near > len(names) / 2).astype(int), [0]]))
        return (np.flatnonzero(edges == 1) + np.flatnonzero(edges == -1) - 1) // 2

    return detector


DETECTORS: dict[str, Callable[[Signal], Peaks]] = {
    "ecg_core.beats": lambda x: detect_beats(x, LEADS).samples,
    **{f"sleepecg {name}": one_lead(name) for name in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")},
    "sleepecg, 2 of II V2 V5": vote(("II", "V2", "V5")),
    "sleepecg, 5 of 8 leads": vote(("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")),
    "xqrs II": xqrs("II"),
    "xqrs V2": xqrs("V2"),
}


def disturb(records: list[Marked], kind: str, seed: int) -> list[Marked]:
    """Return the records with noise of 0.1 mV in all leads, of 1 mV in one, or three spikes of 8 mV in one."""
    rng = np.random.default_rng(seed)
    out = []
    for record in records:
        x = record.x.copy()
        if kind == "0.1 mV noise":
            x += rng.normal(0, 0.1, x.shape)
        elif kind == "one lead 1 mV noise":
            x[rng.integers(12)] += rng.normal(0, 1.0, x.shape[1])
        elif kind == "3 spikes in one lead":
            x[rng.integers(12), rng.integers(0, x.shape[1], 3)] += 8 * rng.choice([-1, 1], 3)
        out.append(Marked(x, record.beats, record.any_beats))
    return out


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder below which LUDB's records lie")
    parser.add_argument("--tolerance-ms", type=float, default=150.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    clean = load(args.data)
    print(f"{len(clean)} records, {sum(len(r.beats) for r in clean)} beats, within {args.tolerance_ms:g} ms")
    for kind in ("clean", "0.1 mV noise", "one lead 1 mV noise", "3 spikes in one lead"):
        records = disturb(clean, kind, args.seed)
        print(f"\n{kind:26s} sensitivity    PPV  distance ms  ms/record")
        for name, detector in DETECTORS.items():
            start = time.perf_counter()
            found = [detector(record.x) for record in records]
            spent = 1000 * (time.perf_counter() - start) / len(records)
            rows = [score(r, f, args.tolerance_ms / 1000) for r, f in zip(records, found, strict=True)]
            hits, misses, extra = (sum(row[k] for row in rows) for k in range(3))
            distance = np.mean([d for row in rows for d in row[3]])
            print(
                f"{name:26s} {hits / (hits + misses):11.4f} {hits / max(hits + extra, 1):6.4f} "
                f"{distance:12.1f} {spent:10.2f}"
            )


if __name__ == "__main__":
    main()
