"""Fit the probes of PTB-XL's superclasses on frozen latents, measure them once, and store them in the checkpoints.

    python -m training.superclass_probe --data PREPARED [--store STORE] [--cache runs/superclasses]
    python -m training.superclass_probe --data PREPARED --untrained runs/untrained    # the control; stores nothing

Of each autoencoder, and of the consensus (its members' latents end to end, or the mean of their probes, whichever tells
more on the validation split): one logistic regression a class, because an ECG may be of several, fitted on the training
split. Its penalty, its calibration (Platt 1999) and the probability from which a class is named (best F1) are chosen on
the validation split; the test split is read once. Latents and fits are kept in the cache, so that a store whose
checkpoints were written again has its probes back in seconds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from ecg_core.checkpoints import AutoencoderCheckpoint, default_store, load_autoencoder, read_config
from ecg_core.checkpoints.files import read_arrays
from ecg_core.checkpoints.probe import write_probe
from ecg_core.errors import CheckpointError, ECGError, RecordError
from ecg_core.metrics import Estimate, measure, pr_curve
from ecg_core.models import REGISTRY
from ecg_core.probe import LinearProbe
from ecg_core.store import CONSENSUS, list_checkpoints
from ecg_core.superclasses import SUPERCLASSES, SuperclassProbe
from training.scorers import UNTRAINED_SEED, untrained
from training.signals import Prepared, load_prepared
from training.superclass_fit import Fit, Labelled, kept_fit, log_loss, mean_of
from training.superclass_latents import latents_of

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
Bools = NDArray[np.bool_]

CLASSES = tuple(SUPERCLASSES)
N_BOOTSTRAP = 2000
BINS = 10
TOGETHER, MEAN = "members' latents together", "mean of the members' probes"


def labelled(data: Prepared) -> Labelled:
    """Return the labels of a prepared PTB-XL.

    Raises
    ------
    RecordError
        If no record carries a superclass, or a split is missing.
    """
    records = data.records
    keep = records["interpretable"].to_numpy(bool) & (records["source"] == "ptbxl").to_numpy(bool)
    rows = np.flatnonzero(keep)
    table = records.iloc[rows]
    carried = [set(str(text).split(",")) for text in table["superclasses"].fillna("")]
    truth = np.array([[name in one for name in CLASSES] for one in carried], bool).reshape(len(rows), len(CLASSES))
    split = {name: (table["split"] == name).to_numpy(bool) for name in ("train", "validation", "test")}
    if not all((truth[rows_of].any(0) & ~truth[rows_of].all(0)).all() for rows_of in split.values()):
        raise RecordError(
            f"Expected PTB-XL with ECGs of {', '.join(CLASSES)} in all splits; found none of some class; prepare "
            "PTB-XL with training.prepare --ptbxl."
        )
    patients = np.unique(table["patient"].to_numpy(str), return_inverse=True)[1]
    return Labelled(rows, truth, split["train"], split["validation"], split["test"], patients)


def operating_points(probabilities: F64, truth: Bools) -> F64:
    """Return the probability of each class from which naming it has the best F1, (n_classes,)."""
    found = []
    for k in range(truth.shape[1]):
        sensitivity, ppv, thresholds = pr_curve(truth[:, k], probabilities[:, k])
        found.append(thresholds[np.argmax(2 * sensitivity * ppv / np.maximum(sensitivity + ppv, 1e-12))])
    return np.array(found)


def calibration_error(probabilities: F64, truth: Bools) -> float:
    """Return the mean distance between how likely a class was said to be and how often it was, over ten bins."""
    bin_of = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    away = [abs(probabilities[bin_of == b].sum() - truth[bin_of == b].sum()) for b in range(BINS)]
    return float(np.sum(away) / len(truth))


def figures(probabilities: F64, truth: Bools, operating: F64, patients: NDArray[np.int64]) -> dict[str, dict[str, Any]]:
    """Return what is reported of each class; 95 % intervals from a bootstrap over patients, AUROC's over records."""
    _, index = np.unique(patients, return_inverse=True)
    n = int(index.max()) + 1
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), N_BOOTSTRAP).astype(np.float64)
    found: dict[str, dict[str, Any]] = {}
    for k, name in enumerate(CLASSES):
        of, said = truth[:, k], probabilities[:, k] >= operating[k]
        hits, is_of, is_said = (np.bincount(index, weights=w, minlength=n) for w in (of & said, of, said))
        row: dict[str, Any] = {
            "n": len(of),
            "of_class": int(of.sum()),
            "named": int(said.sum()),
            "prevalence": float(of.mean()),
            "calibration_error": calibration_error(probabilities[:, k], of),
        }
        area = measure(of, probabilities[:, k], n=N_BOOTSTRAP).auroc
        row["auroc"] = asdict(area) if area else None
        for key, below in (("sensitivity", is_of), ("ppv", is_said)):
            row[key] = None
            if below.sum():
                values = (drawn @ hits) / np.maximum(drawn @ below, 1e-9)
                low, high = np.quantile(values, [0.025, 0.975])
                row[key] = {"value": float(hits.sum() / below.sum()), "low": float(low), "high": float(high)}
        found[name] = row
    return found


def better_than_chance(row: dict[str, Any]) -> bool:
    """Return whether, of the ECGs that are named so, surely more are than of all ECGs."""
    return row["ppv"] is not None and row["ppv"]["low"] > row["prevalence"]


def make_probe(fit: Fit, z: F32, labels: Labelled) -> tuple[SuperclassProbe, dict[str, Any]]:
    """Choose operating points on the validation split and measure on the test split.

    A class is switched off where the validation split does not show it to be told better than by chance, or the test
    split contradicts that.

    Returns
    -------
    The probe, and what else is told of it.
    """
    held, test = labels.validation, labels.test
    probabilities = expit(fit.logits(z[held]))
    operating = operating_points(probabilities, labels.truth[held])
    before = figures(probabilities, labels.truth[held], operating, labels.patients[held])
    measured = figures(expit(fit.logits(z[test])), labels.truth[test], operating, labels.patients[test])
    on = np.array([better_than_chance(before[name]) and better_than_chance(measured[name]) for name in CLASSES])
    for name, said, at in zip(CLASSES, on, operating, strict=True):
        measured[name] |= {"on": bool(said), "operating": float(at)}
    linear = LinearProbe(CLASSES, fit.mean, fit.scale, fit.weight, fit.bias, on, measured)
    told = {"penalties": list(fit.penalties), "log_loss_validation": validation_loss(fit, z, labels)}
    return SuperclassProbe(linear, operating), told


def validation_loss(fit: Fit, z: F32, labels: Labelled) -> float:
    """Return the mean log loss on the validation split."""
    return log_loss(fit.logits(z[labels.validation]), labels.truth[labels.validation])


def autoencoders(store: Path) -> dict[str, AutoencoderCheckpoint]:
    """Return the autoencoders of a store; those of its consensus first, in its order."""
    names = list_checkpoints(store)
    members = list(read_config(store / CONSENSUS).architecture["members"]) if CONSENSUS in names else []
    ordered = [*(name for name in members if name in names), *(name for name in names if name not in members)]
    loaded = {}
    for name in ordered:
        config, groups = read_arrays(store / name)  # without the probe that it may have: a new one is fitted
        if config.architecture.get("class") in REGISTRY:
            loaded[name] = AutoencoderCheckpoint.build(config, groups)
    if not loaded:
        raise CheckpointError(f"Expected an autoencoder in {store}; found none; train and calibrate one first.")
    return loaded


def fit_consensus(labels: Labelled, fits: Sequence[Fit], zs: Sequence[F32], cache: Path | None) -> tuple[Fit, F32, str]:
    """Return the probe of several networks' latents that the validation split likes better, and what it reads."""
    together = np.concatenate(zs, axis=1)
    candidates = {TOGETHER: kept_fit(together, labels, cache), MEAN: mean_of(fits, zs, labels)}
    loss = {kind: validation_loss(fit, together, labels) for kind, fit in candidates.items()}
    print("; ".join(f"{kind}: log loss {value:.4f} on the validation split" for kind, value in loss.items()))
    kind = min(candidates, key=loss.__getitem__)
    return candidates[kind], together, kind


def fit_store(data: Prepared, store: Path, cache: Path | None) -> dict[str, SuperclassProbe]:
    """Fit, measure and store the probe of every autoencoder of a store and of its consensus."""
    labels = labelled(data)
    networks = autoencoders(store)
    zs = {name: latents_of(one.network, data, labels.rows, cache) for name, one in networks.items()}
    fits = {name: kept_fit(z, labels, cache) for name, z in zs.items()}
    probes = {}
    for name, fit in fits.items():
        probe, told = make_probe(fit, zs[name], labels)
        write_probe(store / name, read_config(store / name), probe, networks[name].networks, **told)
        probes[name] = probe
        print(text_of(name, probe, told), flush=True)
    if CONSENSUS in list_checkpoints(store):
        config = read_config(store / CONSENSUS)
        members = [name for name in config.architecture["members"] if name in networks]
        fit, z, kind = fit_consensus(labels, [fits[m] for m in members], [zs[m] for m in members], cache)
        probe, told = make_probe(fit, z, labels)
        of = {m: networks[m].config.weights_sha256 for m in members}
        write_probe(store / CONSENSUS, config, probe, of, reads=kind, **told)
        probes[CONSENSUS] = probe
        print(text_of(f"{CONSENSUS} ({kind})", probe, told), flush=True)
    return probes


def fit_untrained(data: Prepared, store: Path, controls: Path, cache: Path | None) -> None:
    """Print what probes tell of the latents of the same networks as they were drawn; nothing is stored."""
    labels = labelled(data)
    for name in autoencoders(store):
        untrained(store / name, data, controls)  # makes the control where it is not there yet
        control = load_autoencoder(controls / f"{name}-{UNTRAINED_SEED}").network
        z = latents_of(control, data, labels.rows, cache)
        probe, told = make_probe(kept_fit(z, labels, cache), z, labels)
        print(text_of(f"{name}, untrained", probe, told), flush=True)


def text_of(name: str, probe: SuperclassProbe, told: dict[str, Any]) -> str:
    """Return the figures of the test split as text."""
    lines = [f"{name}: log loss {told['log_loss_validation']:.4f} on the validation split; on the test split:"]
    for label, row in probe.linear.measured.items():
        cells = [f"prevalence {row['prevalence']:.3f}"]
        cells += [f"{key} {Estimate(**row[key]) if row[key] else '-'}" for key in ("auroc", "sensitivity", "ppv")]
        cells.append(f"calibration error {row['calibration_error']:.3f}")
        cells.append(f"named from {row['operating']:.2f}")
        lines.append(f"  {label} ({'on' if row['on'] else 'off'}): {', '.join(cells)}")
    return "\n".join(lines)


def main(argv: Iterable[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.superclass_probe", description="Fit, measure and store the probes of superclasses."
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that training.prepare --ptbxl wrote")
    parser.add_argument("--store", type=Path, default=None, help="store of the checkpoints (default: models_store)")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("runs/superclasses"),
        help="folder that keeps latents and fits (default: runs/superclasses)",
    )
    parser.add_argument(
        "--untrained", type=Path, default=None, help="folder of untrained networks: print the control, store nothing"
    )
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    args = parser.parse_args(None if argv is None else list(argv))
    torch.set_num_threads(args.threads)
    try:
        data, store = load_prepared(args.data), args.store or default_store()
        if args.untrained:
            fit_untrained(data, store, args.untrained, args.cache)
        else:
            fit_store(data, store, args.cache)
    except ECGError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
