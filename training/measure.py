"""Measure every record of a prepared folder, and hold the measurement detector against labels.

``python -m training.measure --data PREPARED [--workers 2]`` writes PREPARED/measurements/measurements.parquet: a row
for each training normal and each record of the validation split, and one for each 5 s half of some training normals.
What is already there is not made again. ``--everything`` adds the other training records. ``--score`` prints AUROC and
sensitivity on the validation split; the test split is never read.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.density import fit_density
from ecg_core.errors import ECGError, RecordError
from ecg_core.measurements import NAMES
from ecg_core.measurements.scores import fit_rank_scores, signs_score
from ecg_core.metrics import auroc
from ecg_core.preprocessing import MODEL_FS
from ecg_core.segments import segment_of_eight, usable_leads
from training.signals import Prepared, load_prepared

Array = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

CHUNK = 500
KEPT, TABLE = "measurements", "measurements.parquet"
"""Folder in a prepared one, and file in it, in which what was measured is kept."""

HALVES = 2000
"""Training normals whose halves say how well a measurement repeats."""

HALF = round(5.0 * MODEL_FS)
WHOLE, FIRST, SECOND = "whole", "first half", "second half"
TAIL_FROM = 0.95
CLASSES = ("MI", "STTC", "CD", "HYP")


def values_of(prepared: Prepared, rows: NDArray[np.int64], stretch: str = WHOLE) -> NDArray[np.float32]:
    """Return the measurements of some records, shape (n, n_names), NaN where missing."""
    cut = {WHOLE: slice(None), FIRST: slice(0, HALF), SECOND: slice(HALF, 2 * HALF)}[stretch]
    found = np.full((len(rows), len(NAMES)), np.nan, dtype=np.float32)
    for k, (row, lost) in enumerate(zip(rows, prepared.bad_leads(rows), strict=True)):
        segment = segment_of_eight(np.array(prepared.signals[row][:, cut]), usable_leads(lost))
        found[k] = segment.measurements.vector()
    return found


def measure_rows(data: str, rows: Sequence[int], stretch: str) -> pd.DataFrame:
    """Return the measurements of some records as a table."""
    of = np.asarray(rows, dtype=np.int64)
    table = pd.DataFrame(values_of(load_prepared(data), of, stretch), columns=list(NAMES))
    table.insert(0, "stretch", stretch)
    table.insert(0, "row", of)
    return table


def measured(prepared: Prepared, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the measurements of records, shape (n, n_names): those that stand in the folder, else measured now."""
    path = prepared.folder / KEPT / TABLE if prepared.folder else None
    if path and path.is_file():
        table = pd.read_parquet(path)
        whole = table[table["stretch"] == WHOLE].set_index("row")
        if np.isin(rows, whole.index.to_numpy()).all():
            return whole.loc[rows, list(NAMES)].to_numpy(np.float32)
    return np.concatenate(
        [values_of(prepared, rows[k : k + CHUNK]) for k in tqdm(range(0, len(rows), CHUNK), "measurements")]
    )


def _write_part(data: str, rows: list[int], stretch: str, path: Path) -> Path:
    temporary = path.with_suffix(f".{os.getpid()}")
    measure_rows(data, rows, stretch).to_parquet(temporary)
    temporary.replace(path)
    return path


def measure_all(data: str, out: Path, workers: int, halves: int, everything: bool) -> Path:
    """Measure in parts of 500 records, skip those that are there, and join them; return the joined file."""
    parts = out / "parts"
    parts.mkdir(parents=True, exist_ok=True)
    prepared = load_prepared(data)
    normals = prepared.rows("train", "normal")
    others = np.setdiff1d(prepared.rows("train"), normals) if everything else normals[:0]
    jobs = []
    for stretch, rows in (
        (WHOLE, normals),
        (WHOLE, prepared.rows("validation")),
        (FIRST, normals[:halves]),
        (SECOND, normals[:halves]),
        (WHOLE, others),
    ):
        for start in range(0, len(rows), CHUNK):
            own = rows[start : start + CHUNK].tolist()
            path = parts / f"{stretch.replace(' ', '-')}-{own[0]:06d}-{own[-1]:06d}-{len(own)}.parquet"
            jobs.append((path, own, stretch))
    todo = [job for job in jobs if not job[0].exists()]
    with ProcessPoolExecutor(workers) as pool:
        running = [pool.submit(_write_part, data, rows, stretch, path) for path, rows, stretch in todo]
        for k, done in enumerate(running):
            print(f"\r{k + 1} of {len(todo)} parts: {done.result().name}", end="", file=sys.stderr, flush=True)
    joined = out / TABLE
    pd.concat([pd.read_parquet(path) for path, _, _ in jobs], ignore_index=True).to_parquet(joined)
    return joined


def evidence(normals: Array, values: Array) -> Array:
    """Return minus the log of the share of normals above each value; an exponential tail above the 95th percentile."""
    ordered = np.sort(normals)
    start = np.quantile(ordered, TAIL_FROM)
    slope = float((ordered[ordered > start] - start).mean())
    above = 1.0 - np.searchsorted(ordered, values, side="left") / (len(ordered) + 1)
    tail = -np.log(1.0 - TAIL_FROM) + (values - start) / slope
    return np.where(values > start, tail, -np.log(np.maximum(above, 1e-12)))


def sensitivity_at(abnormal: BoolArray, score: Array, specificity: float = 0.95) -> float:
    """Return the share of abnormals above the normals' quantile."""
    return float((score[abnormal] > np.quantile(score[~abnormal], specificity)).mean())


def score_validation(data: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return AUROC and sensitivity at 95 % specificity on the validation split, of the parts and their sum."""
    prepared = load_prepared(data)
    of = {stretch: part.set_index("row") for stretch, part in table.groupby("stretch")}
    names = [name for name in NAMES if of[WHOLE].loc[prepared.rows("train", "normal"), name].notna().mean() > 0.5]
    normals = prepared.rows("train", "normal")
    judged = prepared.rows("validation", where=lambda t: t["label"].isin(("normal", "abnormal")).to_numpy(bool))
    abnormal = (prepared.records["label"].iloc[judged] == "abnormal").to_numpy(bool)
    ranks = fit_rank_scores(of[WHOLE].loc[normals, names].to_numpy(np.float64), names)

    halves = of[FIRST].index.to_numpy()

    def z(stretch: str, rows: NDArray[np.int64]) -> Array:
        return ranks.transform(of[stretch].loc[rows, names].to_numpy(np.float64))

    train, test = z(WHOLE, normals), z(WHOLE, judged)
    density = fit_density(*(part.astype(np.float32) for part in (train, z(FIRST, halves), z(SECOND, halves))))
    parts = {
        "density": (density.score(train.astype(np.float32)), density.score(test.astype(np.float32))),
        "signs": (signs_score(train, names), signs_score(test, names)),
    }
    scores = {name: evidence(*pair) for name, pair in parts.items()}
    scores["both"] = scores["density"] + scores["signs"]
    classes = prepared.records["superclasses"].iloc[judged].fillna("").str.split(",")
    lines = []
    for name, score in scores.items():
        line = {"score": name, "auroc": auroc(abnormal, score), "sens95": sensitivity_at(abnormal, score)}
        for kind in CLASSES:
            keep = ~abnormal | (classes.map(lambda listed, kind=kind: kind in listed).to_numpy(bool) & abnormal)
            line[kind] = auroc(abnormal[keep], score[keep])
        lines.append(line)
    return pd.DataFrame(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.measure", description="Measure a prepared folder.")
    parser.add_argument("--data", required=True, help="prepared folder")
    parser.add_argument("--out", type=Path, help="folder for parts and measurements.parquet (default: in the data)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--halves", type=int, default=HALVES, help=f"so many normals in halves (default {HALVES})")
    parser.add_argument("--everything", action="store_true", help="the training split's abnormal records too")
    parser.add_argument("--score", action="store_true", help="hold the detector against the validation split's labels")
    options = parser.parse_args(argv)
    try:
        if options.workers < 1:
            raise RecordError(f"Expected at least one worker; found {options.workers}.")
        out = options.out or Path(options.data) / KEPT
        joined = measure_all(options.data, out, options.workers, options.halves, options.everything)
        table = pd.read_parquet(joined)
        print(f"{joined}: {len(table)} rows, {len(NAMES)} measurements")
        if options.score:
            print(score_validation(options.data, table).to_string(index=False, float_format="%.4f"))
    except ECGError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
