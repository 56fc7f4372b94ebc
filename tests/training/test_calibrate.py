"""Calibration: fitted on normals, kept when killed, and refitted on one's own normals without touching the network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import beta

from ecg_core.calibration import Condition
from ecg_core.checkpoints import default_store, load_checkpoint
from ecg_core.detector import AnomalyDetector
from ecg_core.errors import ConfigError
from ecg_core.models import build_model
from training import calibrate
from training.recalibrate import recalibrate_any
from training.signals import Prepared

FEW = [Condition(10.0), Condition(5.0), Condition(10.0, (2,))]


@pytest.fixture
def data() -> Prepared:
    rng = np.random.default_rng(0)
    signals = rng.normal(0, 0.3, (60, 8, 1000)).astype(np.float32)
    records = pd.DataFrame(
        {
            "split": ["train"] * 30 + ["validation"] * 30,
            "label": ["normal"] * 58 + ["abnormal"] * 2,
            "bad_leads": [""] * 57 + ["V1"] + [""] * 2,
        }
    )
    return Prepared(signals, records, {"sources": {"folder": {}}, "counts": {}})


@pytest.fixture(autouse=True)
def few_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibrate, "conditions", lambda: FEW)


def tiny():
    torch.manual_seed(0)
    sizes = {"class": "CAE", "width": 32, "n_latents": 4, "dilations": [1]}
    return build_model(sizes).eval()


def test_a_network_becomes_a_checkpoint_that_loads(tmp_path: Path, data: Prepared):
    config = calibrate.calibrate_network(tiny(), "mine", data, tmp_path, training={}, seed=0)
    assert config.calibration.n_normals == 27  # of 28 validation normals, the one with a bad lead is left out
    found = load_checkpoint(tmp_path / "mine")
    assert set(found.tables) == {condition.key for condition in FEW}
    scores = AnomalyDetector(found).score_prepared(data.signals[30:57]).score
    assert np.allclose(np.sort(scores), found.table(Condition()).score, atol=1e-3)
    assert found.config.scoring.mark_level > 0


def test_a_killed_calibration_goes_on_to_the_same_checkpoint(tmp_path: Path, data: Prepared, monkeypatch):
    whole = calibrate.calibrate_network(tiny(), "mine", data, tmp_path / "a", training={}, seed=0)
    real, asked = calibrate.parts_of_normals, []

    def counted(*args):
        asked.append(args[2].key)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(calibrate, "parts_of_normals", counted)
    options = {"training": {}, "seed": 0, "cache": tmp_path / "cache"}
    with pytest.raises(KeyboardInterrupt):
        calibrate.calibrate_network(tiny(), "mine", data, tmp_path / "b", **options)
    again = calibrate.calibrate_network(tiny(), "mine", data, tmp_path / "b", **options)
    assert asked == ["10s", "5s", "5s", "10s-without-V1"]  # the first condition was kept
    assert again.weights_sha256 == whole.weights_sha256


def test_recalibration_keeps_the_network_and_drops_what_was_measured_elsewhere(tmp_path: Path, data: Prepared):
    shipped = load_checkpoint(default_store() / "cae")
    config = recalibrate_any("cae", data, tmp_path)
    mine = load_checkpoint(tmp_path / "cae")
    for key, value in shipped.network.model.state_dict().items():
        assert torch.equal(value, mine.network.model.state_dict()[key])
    assert np.array_equal(shipped.network.density.projection, mine.network.density.projection)
    assert config.metrics == {}
    assert config.operating_points == ()
    assert config.calibration.n_normals == 27
    assert "folder" in config.calibration.population
    low, high = config.calibration.false_alarm_interval
    assert low < 0.05 < high
    assert high - low > 5 * (0.065 - 0.036) / 2  # 27 normals show far less than 907
    with pytest.raises(ConfigError, match="27 normal ECGs cannot show"):
        AnomalyDetector(mine).threshold(0.005)


def test_the_shipped_store_is_not_written_to(capsys: pytest.CaptureFixture[str], tmp_path: Path, data: Prepared):
    np.save(tmp_path / "signals.npy", data.signals)
    data.records.to_parquet(tmp_path / "records.parquet")
    (tmp_path / "meta.json").write_text("{}")
    with pytest.raises(SystemExit):
        calibrate.main(["--model", "cae", "--data", str(tmp_path)])
    assert "--store is needed" in capsys.readouterr().err


def test_interval_is_that_of_the_order_statistic():
    low, high = calibrate.false_alarm_interval(99, 0.05)  # the 95th of 99: Beta(5, 95)
    assert (low, high) == pytest.approx(tuple(beta.ppf([0.025, 0.975], 5, 95)))


def test_no_good_normals_is_said(data: Prepared):
    data.records["bad_leads"] = "V1"
    with pytest.raises(ConfigError, match="no normal records of good quality in the validation split"):
        calibrate.good_normals(data, "validation")


def test_every_condition_is_listed_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    keys = [condition.key for condition in calibrate.conditions()]
    assert len(keys) == len(set(keys)) == 11 + 162 + 36
    assert set(keys) == set(load_checkpoint(default_store() / "vae-bilstm").tables)
