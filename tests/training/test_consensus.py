"""Measurement detector and consensus are made from normals, kept when killed, and recalibrated together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ecg_core.calibration import Condition
from ecg_core.checkpoints import default_store, load_checkpoint
from ecg_core.detector import AnomalyDetector
from ecg_core.preprocessing import preprocess
from ecg_core.records import eight_from_twelve
from ecg_core.synthetic import Synthetic, synthesize
from training import calibrate, consensus, measurement_detector
from training.measure import measured, values_of
from training.recalibrate import recalibrate_any
from training.signals import Prepared

N = 24
FEW = [Condition(10.0), Condition(10.0, (2,))]


def person(seed: int) -> np.ndarray:
    spec = Synthetic("x", "normal", 55.0 + seed * 7 % 40, 3000 + seed)
    return eight_from_twelve(preprocess(synthesize(spec), 500.0))


@pytest.fixture(scope="module")
def data() -> Prepared:
    """Return synthetic validation normals."""
    records = pd.DataFrame(
        {"split": "validation", "label": "normal", "bad_leads": "", "age": 50.0, "sex": "female"}, index=range(N)
    )
    signals = np.stack([person(seed) for seed in range(N)]).astype(np.float32)
    return Prepared(signals, records, {"sources": {"folder": {}}, "counts": {}})


@pytest.fixture(autouse=True)
def few_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (calibrate, consensus, measurement_detector):
        monkeypatch.setattr(module, "conditions", lambda: FEW)


def test_measurements_of_rows_stand_in_the_folder_or_are_made(data: Prepared, tmp_path: Path):
    rows = np.arange(3)
    made = measured(data, rows)
    assert np.array_equal(made, values_of(data, rows), equal_nan=True)
    (tmp_path / "measurements").mkdir()
    table = pd.DataFrame(made + 1.0, columns=list(measurement_detector.NAMES))
    table.insert(0, "stretch", "whole")
    table.insert(0, "row", rows)
    table.to_parquet(tmp_path / "measurements" / "measurements.parquet")
    kept = Prepared(data.signals, data.records, data.meta, tmp_path)
    assert np.array_equal(measured(kept, rows), made + 1.0, equal_nan=True)
    assert np.array_equal(measured(kept, np.arange(4))[:3], made, equal_nan=True)  # not all are there: made anew


def test_the_consensus_is_recalibrated_with_its_members(data: Prepared, tmp_path: Path):
    config = recalibrate_any("consensus", data, tmp_path)
    assert config.calibration.n_normals == N
    assert config.metrics == {}
    members = {name: load_checkpoint(tmp_path / name) for name in consensus.WEIGHTS}
    assert config.architecture["members"] == {n: m.config.weights_sha256 for n, m in members.items()}
    shipped = load_checkpoint(default_store() / "measurements")
    assert members["measurements"].config.weights_sha256 != shipped.config.weights_sha256
    found = AnomalyDetector.from_store("consensus", tmp_path)
    scores = found.score_prepared(data.signals)
    assert np.allclose(np.sort(scores.score), found.calibration_scores(), atol=1e-3)
    total = sum(weight * scores.parts[name] for name, weight in consensus.WEIGHTS.items())
    assert np.allclose(scores.score, total)
    masked = found.score_prepared(data.signals, [("V1",)] * N)
    assert np.allclose(np.sort(masked.score), found.calibration_scores(FEW[1]), atol=1e-3)


def test_what_was_measured_is_not_measured_again(data: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    checkpoint = load_checkpoint(default_store() / "measurements")
    x = data.signals[:4]
    first = measurement_detector.parts_of_normals(checkpoint, x, FEW[0], tmp_path)
    monkeypatch.setattr(measurement_detector, "measured_alike", None)
    again = measurement_detector.parts_of_normals(checkpoint, x, FEW[0], tmp_path)
    assert {k: v.tolist() for k, v in first.items()} == {k: v.tolist() for k, v in again.items()}
    with pytest.raises(TypeError):
        measurement_detector.parts_of_normals(checkpoint, x, FEW[1], tmp_path)


def test_it_is_fitted_on_normals_and_says_what_on(tmp_path: Path):
    records = pd.DataFrame(
        {
            "split": ["train"] * 40 + ["validation"] * 20,
            "label": "normal",
            "bad_leads": "",
            "age": 50.0,
            "sex": ["female", "male"] * 30,
        }
    )
    signals = np.stack([person(seed) for seed in range(60)]).astype(np.float32)
    folder = tmp_path / "prepared"
    folder.mkdir()
    np.save(folder / "signals.npy", signals)
    records.to_parquet(folder / "records.parquet")
    (folder / "meta.json").write_text('{"sources": {"folder": {}}, "counts": {}}')
    config = measurement_detector.make(str(folder), tmp_path / "run", tmp_path / "store")
    assert config.training == {"normals": 40, "halves": 40}
    assert config.calibration.n_normals == 20
    assert "qrs_ms" in config.architecture["names"]
    detector = AnomalyDetector.from_store("measurements", tmp_path / "store")
    scores = detector.score_prepared(signals[40:])
    assert np.allclose(np.sort(scores.score), detector.calibration_scores(), atol=1e-3)
    assert set(scores.parts) == {"density", "signs"}
