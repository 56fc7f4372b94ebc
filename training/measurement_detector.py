"""Fit the measurement detector on normals and write its checkpoint.

    python -m training.measurement_detector --data PREPARED [--run runs/measurements] [--workers 2]

Ranks, ranges, density and the expected ECG are fitted on the training normals, percentiles and threshold on the
validation normals. What was measured and calibrated before is kept in the run's folder and not made again.
"""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.calibration import Condition, NormalScores, normal_scores
from ecg_core.checkpoints import (
    FORMAT,
    PREPROCESSING,
    CheckpointConfig,
    MeasurementCheckpoint,
    ScoringConfig,
    default_store,
    save_checkpoint,
)
from ecg_core.checkpoints.measurements import CLASS
from ecg_core.density import fit_density
from ecg_core.measurements import NAMES
from ecg_core.measurements.ranges import fit_ranges
from ecg_core.measurements.scores import fit_rank_scores, signs_score
from ecg_core.preprocessing import MODEL_FS
from ecg_core.records import INDEPENDENT_LEADS
from ecg_core.segments import segment_of_eight
from training.calibrate import (
    FEWEST_MADE,
    calibration_config,
    conditions,
    good_normals,
    population_of,
    recalibrated_config,
    seen_in,
    versions,
)
from training.expected import fit_prepared
from training.measure import FIRST, HALVES, KEPT, SECOND, WHOLE, measure_all
from training.signals import Prepared, load_prepared

F32 = NDArray[np.float32]
Array = NDArray[np.float64]

NAME = "measurements"
WEIGHTS = {"density": 1.0, "signs": 1.0}
"""Of both parts' evidence; other weights were no better on fold 9 (training/EXPERIMENTS.md)."""


def fit(data: Prepared, table: pd.DataFrame) -> MeasurementCheckpoint:
    """Return the checkpoint without its calibration, fitted on the training normals.

    Parameters
    ----------
    table : from `training.measure.measure_all`.
    """
    of = {stretch: part.set_index("row") for stretch, part in table.groupby("stretch")}
    normals = data.rows("train", "normal")
    whole = of[WHOLE].loc[normals]
    names = tuple(name for name in NAMES if whole[name].notna().mean() > FEWEST_MADE)
    ranks = fit_rank_scores(whole[list(names)].to_numpy(np.float64), names)
    halves = of[FIRST].index.to_numpy()

    def z(stretch: str, rows: NDArray[np.int64]) -> F32:
        return ranks.transform(of[stretch].loc[rows, list(names)].to_numpy(np.float64)).astype(np.float32)

    density = fit_density(z(WHOLE, normals), z(FIRST, halves), z(SECOND, halves))
    people = data.records.iloc[normals]
    sex = [value if value in ("female", "male") else None for value in people["sex"]]
    ranges = fit_ranges(whole[list(NAMES)].to_numpy(np.float64), NAMES, people["age"].to_numpy(np.float64), sex)
    expected, _ = fit_prepared(data)
    config = CheckpointConfig(
        format=FORMAT,
        name=NAME,
        title="Measurements",
        architecture={"class": CLASS, "names": list(names), "ranges": ranges.metadata()},
        preprocessing=PREPROCESSING,
        leads=INDEPENDENT_LEADS,
        scoring=ScoringConfig(WEIGHTS, expected.mark_level),
        calibration=calibration_config(len(normals), population_of(data)),
        data={key: data.meta.get(key) for key in ("sources", "counts")},
        training={"normals": len(normals), "halves": len(halves)},
        seed=0,
        versions=versions(),
        weights_sha256="",
    )
    return MeasurementCheckpoint(config, {}, ranks, density, ranges, expected)


def digest_of(x: F32) -> str:
    """Return a digest of the normals whose measurements are kept."""
    return hashlib.sha256(np.ascontiguousarray(x[:: max(1, len(x) // 16)]).tobytes()).hexdigest()[:12]


def measured_alike(x: F32, condition: Condition, names: tuple[str, ...]) -> Array:
    """Return the measurements of normals masked and cropped alike, (n, n_names), NaN where missing."""
    usable = np.ones(len(INDEPENDENT_LEADS), bool)
    usable[list(condition.masked)] = False
    n = round(condition.duration_s * MODEL_FS)
    return np.stack(
        [segment_of_eight(np.ascontiguousarray(one[:, :n]), usable).measurements.vector(names) for one in x]
    )


def parts_of_normals(
    checkpoint: MeasurementCheckpoint, x: F32, condition: Condition, cache: Path | None = None
) -> dict[str, Array]:
    """Return both parts of normals masked and cropped alike, (n,) each; `cache` keeps what was measured."""
    kept = cache / f"{condition.key}.npy" if cache else None
    if kept and kept.is_file():
        values = np.load(kept)
    else:
        values = measured_alike(x, condition, NAMES)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.save(kept.with_suffix(".part.npy"), values)
            kept.with_suffix(".part.npy").replace(kept)
    names = checkpoint.ranks.names
    z = checkpoint.ranks.transform(values[:, [NAMES.index(name) for name in names]])
    return {"density": checkpoint.density.score(z.astype(np.float32)), "signs": signs_score(z, names)}


def fit_tables(checkpoint: MeasurementCheckpoint, x: F32, cache: Path | None = None) -> dict[str, NormalScores]:
    """Return the calibration of every condition.

    Parameters
    ----------
    x : (n, 8, 1000), the validation normals; masked conditions see 200 of them, evenly taken.
    cache : folder that keeps the measurements of each finished condition, so that a killed calibration goes on.
    """
    return {
        condition.key: normal_scores(parts_of_normals(checkpoint, seen_in(x, condition), condition, cache), WEIGHTS)
        for condition in tqdm(conditions(), "calibration", mininterval=5)
    }


def make(folder: str, run: Path, store: Path, workers: int = 1) -> CheckpointConfig:
    """Measure, fit, calibrate and write STORE/measurements; `run` keeps what is dear."""
    data = load_prepared(folder)
    table = pd.read_parquet(measure_all(folder, Path(folder) / KEPT, workers, HALVES, False))
    checkpoint = fit(data, table)
    x = data.signals[good_normals(data, "validation")]
    config = replace(checkpoint.config, calibration=calibration_config(len(x), population_of(data)))
    tables = fit_tables(checkpoint, x, run / "calibration" / digest_of(x))
    return save_checkpoint(replace(checkpoint, config=config, tables=tables), store / NAME)


def recalibrate(checkpoint: MeasurementCheckpoint, data: Prepared, store: Path, kept: Path | None) -> CheckpointConfig:
    """Refit percentiles and threshold on local normals; see `training.calibrate.recalibrate`."""
    x = data.signals[good_normals(data, "validation")]
    tables = fit_tables(checkpoint, x, kept / "calibration" / digest_of(x) if kept else None)
    config = recalibrated_config(checkpoint.config, data, len(x))
    return save_checkpoint(replace(checkpoint, config=config, tables=tables), store / checkpoint.config.name)


def main(argv: list[str] | None = None) -> None:
    """Make the checkpoint."""
    parser = argparse.ArgumentParser(prog="python -m training.measurement_detector", description="Fit measurements.")
    parser.add_argument("--data", type=Path, required=True, help="folder that training.prepare wrote")
    parser.add_argument("--run", type=Path, default=Path("runs") / NAME, help="kept (default runs/measurements)")
    parser.add_argument("--store", type=Path, default=None, help="store to write to (default: models_store)")
    parser.add_argument("--workers", type=int, default=1, help="processes that measure (default 1)")
    args = parser.parse_args(argv)
    config = make(str(args.data), args.run, args.store or default_store(), args.workers)
    names, normals = config.architecture["names"], config.training["normals"]
    print(f"{config.name} {config.weights_sha256[:12]}: {len(names)} measurements of {normals} normal ECGs")


if __name__ == "__main__":
    main()
