"""Calibrate the consensus of the detectors of a store, and write it beside them.

    python -m training.consensus --data PREPARED [--runs runs] [--store STORE]
    python -m training.consensus --data PREPARED --weigh            # AUROC on fold 9 over the autoencoders' weight

Its members' scores of the validation normals, in every condition, are added with fixed weights; what calibration of the
members kept in RUNS is not made again. ``--weigh`` reads the validation split, abnormal records included, and never the
test split: it is how `WEIGHTS` were chosen.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.calibration import Condition, NormalScores, combine, normal_scores
from ecg_core.checkpoints import (
    FORMAT,
    PREPROCESSING,
    AutoencoderCheckpoint,
    Checkpoint,
    CheckpointConfig,
    ConsensusCheckpoint,
    MeasurementCheckpoint,
    ScoringConfig,
    default_store,
    load_checkpoint,
    read_config,
    save_checkpoint,
)
from ecg_core.checkpoints.consensus import CLASS, EXPLAINED_BY
from ecg_core.checkpoints.probe import PROBE_FILE
from ecg_core.detector import AnomalyDetector
from ecg_core.errors import CheckpointError
from ecg_core.metrics import auroc
from ecg_core.records import INDEPENDENT_LEADS
from training import calibrate, measurement_detector
from training.calibrate import calibration_config, conditions, good_normals, population_of, seen_in, versions
from training.measure import sensitivity_at
from training.signals import Prepared, load_prepared

F32 = NDArray[np.float32]
Array = NDArray[np.float64]

NAME = "consensus"
AUTOENCODERS = ("cae", "vae-bilstm", "vae-bilstm-mha")
WEIGHT = 0.1
WEIGHTS = {EXPLAINED_BY: 1.0, **dict.fromkeys(AUTOENCODERS, WEIGHT)}
"""Of the members' scores. The autoencoders see much of what is measured too; their share was chosen on fold 9,
abnormals used, see training/EXPERIMENTS.md."""

CANDIDATES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)


def member_scores(member: Checkpoint, x: F32, condition: Condition, run: Path | None) -> Array:
    """Return the record scores, (n,), of validation normals masked and cropped alike.

    Parameters
    ----------
    x : the validation normals that the condition sees.
    run : folder of the member's run, whose calibration is used where it is there; None to work all out.
    """
    seen = seen_in(x, condition)
    parts: dict[str, Array] | dict[str, F32]
    if isinstance(member, MeasurementCheckpoint):
        cache = run / "calibration" / measurement_detector.digest_of(x) if run else None
        parts = measurement_detector.parts_of_normals(member, seen, condition, cache)
    elif isinstance(member, AutoencoderCheckpoint):
        network = member.network
        cache = run / "calibration" / calibrate.fingerprint(network.model, x, network) if run else None
        parts = dict(zip(member.parts, calibrate.kept_parts(network, seen, condition, cache), strict=False))
    else:
        raise CheckpointError(f"Expected a detector of its own in the consensus; found {member.config.title}.")
    return combine(member.table(condition).evidence(parts), member.config.scoring.weights)


def fit_tables(members: dict[str, Checkpoint], x: F32, runs: Path | None) -> dict[str, NormalScores]:
    """Return the calibration of every condition on validation normals x, (n, 8, 1000)."""
    tables = {}
    for condition in tqdm(conditions(), "consensus", mininterval=5):
        scores = {
            name: member_scores(member, x, condition, runs / name if runs else None) for name, member in members.items()
        }
        tables[condition.key] = normal_scores(scores, WEIGHTS)
    return tables


def make(data: Prepared, store: Path, runs: Path | None = None) -> CheckpointConfig:
    """Calibrate and write STORE/consensus; its members lie in the store already."""
    members = {name: load_checkpoint(store / name) for name in WEIGHTS}
    x = data.signals[good_normals(data, "validation")]
    config = CheckpointConfig(
        format=FORMAT,
        name=NAME,
        title="Consensus",
        architecture={
            "class": CLASS,
            "members": {name: member.config.weights_sha256 for name, member in members.items()},
        },
        preprocessing=PREPROCESSING,
        leads=INDEPENDENT_LEADS,
        scoring=ScoringConfig(WEIGHTS, members[EXPLAINED_BY].config.scoring.mark_level),
        calibration=calibration_config(len(x), population_of(data)),
        data={key: data.meta.get(key) for key in ("sources", "counts")},
        training={},
        seed=0,
        versions=versions(),
        weights_sha256="",
        probe=kept_probe(store / NAME, {key: value for one in members.values() for key, value in one.networks.items()}),
    )
    return save_checkpoint(ConsensusCheckpoint(config, fit_tables(members, x, runs), members), store / NAME)


def kept_probe(folder: Path, networks: dict[str, str]) -> dict[str, Any]:
    """Return what config.json said of the probe beside it, where the latents that it reads are still the same."""
    try:
        told = read_config(folder).probe
    except CheckpointError:  # there was none, or it is to be replaced anyway
        return {}
    return told if told.get("networks") == networks and (folder / PROBE_FILE).is_file() else {}


def weigh(data: Prepared, store: Path) -> None:
    """Print AUROC and sensitivity at 95 % specificity on the validation split over the autoencoders' weight."""
    rows = np.concatenate([data.rows("validation", label) for label in ("normal", "abnormal")])
    abnormal = (data.records["label"].iloc[rows] == "abnormal").to_numpy(bool)
    keep = data.records["interpretable"].iloc[rows].to_numpy(bool)
    rows, abnormal = rows[keep], abnormal[keep]
    scores = {}
    for name in WEIGHTS:
        detector = AnomalyDetector.from_store(name, store)
        scores[name] = detector.score_prepared(data.signals[rows], data.bad_leads(rows)).score
        print(
            f"{name:<28} {auroc(abnormal, scores[name]):.4f}  {sensitivity_at(abnormal, scores[name]):.3f}", flush=True
        )
    for weight in CANDIDATES:
        total = scores[EXPLAINED_BY] + weight * sum(scores[name] for name in AUTOENCODERS)
        print(f"autoencoders weighted {weight:<6} {auroc(abnormal, total):.4f}  {sensitivity_at(abnormal, total):.3f}")


def main(argv: list[str] | None = None) -> None:
    """Calibrate the consensus, or print what its weights rest on."""
    parser = argparse.ArgumentParser(prog="python -m training.consensus", description="Calibrate the consensus.")
    parser.add_argument("--data", type=Path, required=True, help="folder that training.prepare wrote")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the members' runs are (default: runs)")
    parser.add_argument("--store", type=Path, default=None, help="store of the members (default: models_store)")
    parser.add_argument("--weigh", action="store_true", help="print figures of fold 9 over weights; write nothing")
    args = parser.parse_args(argv)
    data, store = load_prepared(args.data), args.store or default_store()
    if args.weigh:
        weigh(data, store)
        return
    config = make(data, store, args.runs)
    print(f"{config.name} {config.weights_sha256[:12]}: of {', '.join(config.architecture['members'])}")


if __name__ == "__main__":
    main()
