"""Fit the expected ECG and the ranks of measurements that its lead ranking reads, on a prepared folder.

`fit_prepared` is what `training.where` measures and a checkpoint keeps. Regressions, bands and errors come from the
training normals, marks from the validation normals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.expected import ExpectedModel, NormalBeats, NormalRecord, fit_expected
from ecg_core.expected.territories import TAILS
from ecg_core.measurements import NAMES, measure_prepared
from ecg_core.measurements.scores import RankScores, fit_rank_scores
from ecg_core.records import LEADS, eight_from_twelve, twelve_from_eight
from ecg_core.segments import beats_of_eight
from training.calibrate import good_normals
from training.signals import Prepared

ERROR_NORMALS = 2000
RANKED = tuple(name for name in NAMES if name.rsplit("_", 1)[0] in TAILS)


def normal_record(x: NDArray[np.float32]) -> NormalRecord:
    """Measure a complete record, shape (8, n), mV."""
    beats = beats_of_eight(x, np.ones(len(x), bool))
    return NormalRecord(x, beats, measure_prepared(twelve_from_eight(x), beats, LEADS))


def _records(data: Prepared, rows: NDArray[np.int64], label: str) -> Iterator[NormalRecord]:
    for row in tqdm(rows, label, mininterval=5):
        yield normal_record(np.array(data.signals[row]))


def normal_beats(records: Iterable[NormalRecord]) -> tuple[NormalBeats, NDArray[np.float64]]:
    """Return the median beats of records that have one, and their measurements `RANKED`, shape (n, n_names)."""
    beats, onsets, rr, values = [], [], [], []
    for record in records:
        found = record.measurements
        if found.beat is None:
            continue
        beats.append(eight_from_twelve(found.beat.x))
        onsets.append(found.points.qrs_onset)
        rr.append(float(np.median(record.beats.rr_ms)) / 1000.0)
        values.append(found.vector(RANKED))
    return NormalBeats(np.stack(beats), np.array(onsets), np.array(rr)), np.stack(values)


def fit_prepared(data: Prepared) -> tuple[ExpectedModel, RankScores]:
    """Fit on the pure normals without faults of the training split; mark levels on those of the validation split."""
    rows = good_normals(data, "train")
    normals, values = normal_beats(_records(data, rows, "median beats"))
    some = rows[:: max(1, len(rows) // ERROR_NORMALS)]
    model = fit_expected(
        normals, _records(data, some, "errors"), _records(data, good_normals(data, "validation"), "mark levels")
    )
    return model, fit_rank_scores(values, RANKED)


def save_fitted(path: Path, model: ExpectedModel, ranks: RankScores) -> None:
    """Keep what was fitted in one .npz file."""
    part = path.with_name(f"{path.name}.part.npz")
    np.savez(part, ranks_names=np.array(ranks.names), ranks_quantiles=ranks.quantiles, **model.arrays())
    part.replace(path)


def load_fitted(path: Path) -> tuple[ExpectedModel, RankScores]:
    """Read what `save_fitted` kept."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    ranks = RankScores(tuple(str(name) for name in arrays.pop("ranks_names")), arrays.pop("ranks_quantiles"))
    return ExpectedModel.from_arrays(arrays), ranks
