"""Evaluation: groups, verdicts and files, with a scorer whose answers are known and with a real small checkpoint."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ecg_core.checkpoints import read_config, write_config
from ecg_core.curves import read_curves
from ecg_core.detector import AnomalyDetector
from ecg_core.errors import CheckpointError, ConfigError
from ecg_core.metrics import auroc
from ecg_core.models import build_model
from ecg_core.records import eight_from_twelve
from tests.training.miniature import ecg
from training.calibrate import calibrate_network
from training.evaluate import main
from training.measurements import Subject, counts_of, evaluate, subject_of
from training.plain_cae import PlainCAE, PlainScorer, plain_scores, train_plain, z_scored
from training.plain_cae import main as plain_main
from training.scorers import Scored, find_checkpoints
from training.signals import Prepared, load_prepared


def prepared(n: int = 96) -> Prepared:
    """Return half normals, half records with inverted T waves and wider QRS; every group has both."""
    x = np.stack([eight_from_twelve(ecg(k, 100.0)) for k in range(n)])
    abnormal = np.arange(n) % 2 == 1
    for k in np.flatnonzero(abnormal):
        x[k] = np.apply_along_axis(lambda row: np.convolve(row, np.ones(5) / 5, "same"), -1, -x[k])
    k = np.arange(n)
    records = pd.DataFrame(
        {
            "record": [f"r{i}" for i in k],
            "patient": [f"p{i}" for i in k],
            "source": "ptbxl",
            "path": "",
            "split": np.array(["train", "train", "validation", "test"])[k // 2 % 4],
            "fold": pd.array(np.array([1, 2, 9, 10])[k // 2 % 4], dtype="Int64"),
            "label": np.where(abnormal, "abnormal", "normal"),
            "superclasses": np.where(abnormal, np.where(k // 16 % 2, "MI", "STTC,HYP"), "NORM"),
            "age": 30.0 + (k // 8 * 17) % 60,
            "sex": np.where(k // 8 % 2, "female", "male"),
            "bad_leads": "",
            "reversal": None,
            "interpretable": True,
            "duration_s": 10.0,
        }
    )
    return Prepared(x.astype(np.float32), records, {"sources": {"ptbxl": {"version": "made up"}}, "plan": "x"})


def write_prepared(data: Prepared, folder: Path) -> Path:
    folder.mkdir()
    np.save(folder / "signals.npy", data.signals)
    data.records.to_parquet(folder / "records.parquet")
    (folder / "meta.json").write_text(json.dumps(data.meta))
    return folder


class KnownScorer:
    """Score = what the first sample of lead I says; masked leads raise the threshold by one each."""

    name = title = "known"
    kind = "trained"

    def __init__(self) -> None:
        self.seen: list[tuple[str, ...]] = []

    def __call__(self, x: np.ndarray, bad_leads: Sequence[tuple[str, ...]]) -> Scored:
        self.seen = list(bad_leads)
        score = x[:, 0, 0].astype(float)
        threshold = 0.5 + np.array([float(len(b)) for b in bad_leads])
        return Scored(score, {"latent": score, "reconstruction": -score}, threshold)

    def threshold(self, false_alarm_rate: float) -> float | None:
        return 1.0 - 2.0 * false_alarm_rate if false_alarm_rate > 0.01 else None


@pytest.fixture
def known() -> tuple[Prepared, Subject]:
    data = prepared()
    rng = np.random.default_rng(0)
    data.signals[:, 0, 0] = (data.records["label"] == "abnormal") * 0.6 + rng.random(96)
    return data, subject_of(data, "test")


def test_figures_are_of_the_records_they_are_named_after(known: tuple[Prepared, Subject]) -> None:
    data, subject = known
    report, scored = evaluate(KnownScorer(), subject, subject_of(data, "validation"))
    table = subject.records.assign(score=scored.score, abnormal=subject.abnormal)
    assert report["overall"]["auroc"]["value"] == pytest.approx(auroc(table["abnormal"], table["score"]))
    assert (report["overall"]["n_normal"], report["overall"]["n_abnormal"]) == (12, 12)
    mi = table[~table["abnormal"] | table["superclasses"].eq("MI")]
    assert report["superclass"]["MI"]["auroc"]["value"] == pytest.approx(auroc(mi["abnormal"], mi["score"]))
    assert set(report["superclass"]) == {"MI", "STTC", "HYP"}  # there is no CD
    women = table[table["sex"] == "female"]
    assert report["sex"]["female"]["auroc"]["value"] == pytest.approx(auroc(women["abnormal"], women["score"]))
    old = table[table["age"] >= 75]
    assert report["age"]["75 and over"]["n_normal"] == (~old["abnormal"]).sum()
    assert sum(group["n_normal"] for group in report["age"].values()) == 12
    flagged = table[table["abnormal"]]["score"] > 0.5
    assert report["overall"]["sensitivity"]["value"] == pytest.approx(flagged.mean())
    assert report["parts"]["reconstruction"]["auroc"] == pytest.approx(1 - report["parts"]["latent"]["auroc"])


def test_every_figure_has_an_interval_around_it(known: tuple[Prepared, Subject]) -> None:
    report, _ = evaluate(KnownScorer(), known[1], None)
    for name in ("auroc", "auprc", "sensitivity", "specificity", "sensitivity_at_95"):
        estimate = report["overall"][name]
        assert estimate["low"] <= estimate["value"] <= estimate["high"]
    assert report["overall"]["auroc"]["low"] < report["overall"]["auroc"]["high"]


def test_false_alarms_by_age_count_normals_above_the_threshold(known: tuple[Prepared, Subject]) -> None:
    report, scored = evaluate(KnownScorer(), known[1], None)
    table = known[1].records.assign(flagged=scored.score > 0.5)
    for band in report["age_bands"]:
        normals = table[table["label"].eq("normal") & table["age"].between(band["from"], band["to"], inclusive="left")]
        assert (band["n"], band["false_alarm_rate"]) == (len(normals), pytest.approx(normals["flagged"].mean()))
        assert band["low"] <= band["false_alarm_rate"] <= band["high"]


def test_masked_leads_have_their_own_threshold_and_lost_records_are_unmasked(known: tuple[Prepared, Subject]) -> None:
    data, _ = known
    rows = data.rows("test")
    data.records.loc[rows[0], "bad_leads"] = "V1,V2"
    data.records.loc[rows[1], ["bad_leads", "interpretable"]] = ["V1,V2,V3,V4,V5", False]
    subject, scorer = subject_of(data, "test"), KnownScorer()
    report, scored = evaluate(scorer, subject, None)
    assert scorer.seen[:3] == [("V1", "V2"), (), ()]
    assert scored.threshold[0] == 2.5
    assert counts_of(subject, "test")["not_interpretable"] == {"normal": 0, "abnormal": 1}
    assert counts_of(subject, "test")["with_masked_leads"] == 1
    assert (report["overall"]["n_abnormal"], report["interpretable"]["n_abnormal"]) == (12, 11)
    assert report["overall"]["specificity"]["value"] == pytest.approx(
        (scored.score <= scored.threshold)[~subject.abnormal].mean()
    )


def test_threshold_rules_are_fitted_on_validation_alone(known: tuple[Prepared, Subject]) -> None:
    data, subject = known
    before, _ = evaluate(KnownScorer(), subject, subject_of(data, "validation"))
    thresholds = {row["rule"]: row["threshold"] for row in before["rules"]}
    assert thresholds["conformal, 5 %"] is None  # 12 normals cannot show 5 %
    assert thresholds["peaks over threshold, 1 %"] is None
    data.signals[data.rows("test"), 0, 0] += 5.0
    after, _ = evaluate(KnownScorer(), subject, subject_of(data, "validation"))
    assert {row["rule"]: row["threshold"] for row in after["rules"]} == thresholds
    youden = next(r for r in after["rules"] if r["rule"] == "Youden's J")
    assert youden["sensitivity"] == youden["sensitivity_low"] == 1.0
    earlier = next(r for r in before["rules"] if r["rule"] == "Youden's J")
    assert earlier["specificity_low"] < earlier["specificity"] < earlier["specificity_high"]


def test_operating_points_leave_out_rates_that_cannot_be_shown(known: tuple[Prepared, Subject]) -> None:
    report, scored = evaluate(KnownScorer(), known[1], None)
    points = {p["false_alarm_rate"]: p for p in report["operating_points"]}
    assert min(points) == 0.015
    normal = ~known[1].abnormal
    assert points[0.2]["specificity"] == pytest.approx((scored.score[normal] <= 0.6).mean())
    assert points[0.2]["sensitivity_low"] <= points[0.2]["sensitivity"] <= points[0.2]["sensitivity_high"]


def test_one_kind_alone_is_refused() -> None:
    data = prepared(16)
    data.records["label"] = "normal"
    with pytest.raises(ConfigError, match="normal and abnormal records in the test split"):
        subject_of(data, "test")


# a real checkpoint ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a prepared folder, and a store with one network as it was drawn."""
    tmp = tmp_path_factory.mktemp("evaluate")
    folder = write_prepared(prepared(), tmp / "prepared")
    torch.manual_seed(0)
    model = build_model({"class": "CAE"})
    model.eval()
    calibrate_network(model, "cae", load_prepared(folder), tmp / "store", training={}, seed=0, quick=True)
    return folder, tmp / "store"


def test_command_prints_writes_and_draws(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, store = made
    out, plain = tmp_path / "out", tmp_path / "plain"
    plain_main(["--data", str(folder), "--out", str(plain), "--epochs", "1"])
    weights = (store / "cae" / "model.safetensors").read_bytes()
    args = ["--store", str(store), "--data", str(folder), "--out", str(out), "--plain", str(plain), "--untrained"]
    assert main([*args, "--cache", str(tmp_path / "cache"), "--write"]) == 0
    result = json.loads((out / "metrics.json").read_text())
    assert [(m["name"], m["kind"]) for m in result["models"]] == [
        ("cae", "trained"),
        ("cae, untrained", "untrained"),
        ("plain CAE", "plain"),
    ]
    printed = capsys.readouterr().out
    assert printed == (out / "metrics.txt").read_text()
    assert f"{result['models'][0]['overall']['auroc']['value']:.3f} (" in printed
    scores = pd.read_csv(out / "scores.csv")
    value = result["models"][0]["overall"]["auroc"]["value"]
    assert auroc(scores["label"] == "abnormal", scores["cae"]) == pytest.approx(value)
    pictures = {p.name for p in out.glob("*.png")}
    assert pictures == {"roc.png", "pr.png", "scores-cae.png", "scores-cae-untrained.png", "scores-plain-cae.png"}
    config = read_config(store / "cae")
    assert config.metrics["overall"]["auroc"]["value"] == value
    assert config.metrics["overall"]["sensitivity"] is None  # 12 normals cannot show 5 %
    assert (store / "cae" / "model.safetensors").read_bytes() == weights
    curves = read_curves(store / "cae", config.weights_sha256)
    assert curves is not None
    assert (curves.n_normal, curves.n_abnormal) == (12, 12)
    assert curves.roc.value[curves.roc.at.index(0.05)] == pytest.approx(
        config.metrics["overall"]["sensitivity_at_95"]["value"], abs=1e-4
    )
    assert AnomalyDetector.from_store("cae", store).config.metrics["records"]["normal"] == 12


def test_what_was_written_before_makes_the_same_checkpoint_again(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, source = made
    store, out = tmp_path / "store", tmp_path / "out"
    shutil.copytree(source, store)
    args = ["--store", str(store), "--write"]
    assert main([*args, "--data", str(folder), "--out", str(out)]) == 0
    config, curves = ((store / "cae" / name).read_text() for name in ("config.json", "curves.json"))
    (store / "cae" / "curves.json").unlink()
    write_config(replace(read_config(store / "cae"), metrics={}), store / "cae")
    printed = capsys.readouterr().out
    assert main([*args, "--from-scores", str(out)]) == 0
    assert capsys.readouterr().out == printed
    assert (store / "cae" / "config.json").read_text() == config
    assert (store / "cae" / "curves.json").read_text() == curves


def test_scores_of_other_weights_are_not_written(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, store = made
    out = tmp_path / "out"
    assert main(["--model", str(store / "cae"), "--data", str(folder), "--out", str(out)]) == 0
    result = json.loads((out / "metrics.json").read_text())
    result["models"][0]["checkpoint"] = "0" * 64
    (out / "metrics.json").write_text(json.dumps(result))
    args = ["--store", str(store), "--write", "--from-scores"]
    before = (store / "cae" / "config.json").read_text()
    assert main([*args, str(out)]) == 2
    assert "has changed since" in capsys.readouterr().err
    assert (store / "cae" / "config.json").read_text() == before
    assert main([*args, str(tmp_path / "nothing")]) == 2
    assert "Expected metrics.json and scores.csv" in capsys.readouterr().err


def test_scores_are_those_of_the_detector(made: tuple[Path, Path], tmp_path: Path) -> None:
    folder, store = made
    assert main(["--model", str(store / "cae"), "--data", str(folder), "--out", str(tmp_path)]) == 0
    data = load_prepared(folder)
    expected = AnomalyDetector.from_store("cae", store).score_prepared(np.array(data.signals[data.rows("test")]))
    np.testing.assert_allclose(pd.read_csv(tmp_path / "scores.csv")["cae"], expected.score, rtol=1e-6)


def test_a_labelled_folder_of_ones_own(
    made: tuple[Path, Path], make_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_folder()
    (root / "ecgs" / "r3.dat").unlink()
    assert main(["--model", str(made[1] / "cae"), "--data", str(root), "--split", "all"]) == 0
    printed = capsys.readouterr()
    assert "all split: 5 normal and 6 abnormal records" in printed.out
    assert "skipped ecgs/r3: " in printed.err
    assert main(["--model", "nonesuch", "--data", str(root)]) == 1
    assert "neither a checkpoint in" in capsys.readouterr().err
    assert main(["--model", str(made[1] / "cae"), "--data", str(root / "ecgs")]) == 1
    assert "Expected a table of the folder's records" in capsys.readouterr().err


def test_checkpoints_are_found_by_name_path_or_all(made: tuple[Path, Path], tmp_path: Path) -> None:
    assert find_checkpoints([], made[1]) == find_checkpoints(["cae"], made[1]) == [made[1] / "cae"]
    with pytest.raises(CheckpointError, match="found none"):
        find_checkpoints([], tmp_path)


# the plain baseline ---------------------------------------------------------------------------------------------------


def test_plain_autoencoder_has_the_stated_shape() -> None:
    model = PlainCAE()
    x = torch.zeros(2, 8, 1000)
    assert model(x).shape == x.shape
    convolutions = [m for m in model.layers if isinstance(m, torch.nn.Conv1d)]
    assert [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in convolutions] == [
        (32, 7, 2),
        (64, 5, 2),
        (128, 3, 2),
    ]
    z = z_scored(np.random.default_rng(0).normal(3.0, 2.0, (1, 8, 1000)).astype(np.float32))
    assert float(z.mean()) == pytest.approx(0.0, abs=1e-5) and float(z.std()) == pytest.approx(1.0, abs=1e-3)
    assert not z_scored(np.ones((1, 8, 1000), np.float32)).any()


def test_plain_autoencoder_learns_and_is_the_same_for_the_same_seed(tmp_path: Path) -> None:
    data = prepared()
    x = data.signals[data.rows("validation", "normal")]
    first, again = train_plain(data, 30, quiet=True), train_plain(data, 30, quiet=True)
    np.testing.assert_array_equal(plain_scores(first, x), plain_scores(again, x))
    assert plain_scores(first, x).mean() < 0.8  # 1 is what a reconstruction of zeros leaves
    with pytest.raises(CheckpointError, match=r"run python -m training\.plain_cae"):
        PlainScorer.load(tmp_path)


def test_estimates_are_plain_json(known: tuple[Prepared, Subject]) -> None:
    report, _ = evaluate(KnownScorer(), known[1], None)
    assert json.loads(json.dumps(report, allow_nan=False)) == json.loads(json.dumps(report))
