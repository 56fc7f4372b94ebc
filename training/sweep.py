"""Search the field's hyper-parameters on DS1 alone: a study that is resumed, a table, and pictures.

    python -m training.sweep --data PREPARED --out runs/sweep --trials 40 [--network Beat-CAE-187] [--steps 300]

What the published sweeps vary: batch size, channels, kernel, latent size, learning rate, optimiser, augmentation. A
trial trains on the normal beats of DS1's training records and is judged by its AUROC on DS1's validation records; DS2
is never opened. The study is a file (OUT/study.sqlite): killed at any moment, the same command does the trials that are
missing.
"""

from __future__ import annotations

import argparse
import csv
import math
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from numpy.typing import NDArray

from ecg_core.errors import ConfigError, ECGError
from ecg_core.metrics import auroc, sensitivity_at_specificity
from ecg_core.models.beat_windows import restore
from training.beat_data import BeatData, load_beats, normals, protocol_of, windows_of
from training.beat_train import BeatRun, BeatTrainConfig

CHANNELS = {"narrow": (8, 16, 16), "middle": (16, 32, 32), "wide": (32, 64, 64)}
KERNELS = {"short": 0, "middle": 4, "long": 8}
"""What is added to the shortest kernel that a stride allows."""

SPACE: dict[str, tuple[Any, ...]] = {
    "batch": (64, 128, 256, 512),
    "channels": tuple(CHANNELS),
    "kernel": tuple(KERNELS),
    "n_latents": (8, 16, 32, 64),
    "optimiser": ("adamw", "rmsprop", "sgd"),
    "augment": (False, True),
}
LEARNING_RATE = (3e-4, 1e-2)
STRIDES = {"Beat-CAE": (4, 2, 2), "Beat-CAE-187": (2, 2, 2)}
LOSS = {"Beat-CAE": "mse", "Beat-CAE-187": "mae"}
BEATS_SEEN = 512
"""A trial sees `steps` times so many beats, whatever its batch size."""

COLUMNS = ("trial", "auroc", "sensitivity_at_95", "parameters", "seconds", *SPACE, "learning_rate")


@dataclass(frozen=True, eq=False)
class Task:
    """What every trial trains on and is judged by.

    Attributes
    ----------
    train : (n, n_samples), normal beats of DS1's training records.
    validation, abnormal : (m, n_samples) and (m,), all beats of DS1's validation records.
    """

    train: NDArray[np.float32]
    validation: NDArray[np.float32]
    abnormal: NDArray[np.bool_]


def task_of(data: BeatData, network: str) -> Task:
    """Cut the beats of DS1 as a network sees them."""
    protocol = protocol_of(data, "interpatient")
    n = 187 if network == "Beat-CAE-187" else 720
    abnormal = data.table["aami"].to_numpy()[protocol.validation] != "N"
    return Task(windows_of(data, normals(data, protocol.train), n), windows_of(data, protocol.validation, n), abnormal)


def suggest(trial: optuna.Trial, network: str, steps: int) -> BeatTrainConfig:
    """Return the configuration of a trial."""
    values = {name: trial.suggest_categorical(name, list(choices)) for name, choices in SPACE.items()}
    rate = trial.suggest_float("learning_rate", *LEARNING_RATE, log=True)
    kernels = tuple(stride + KERNELS[values["kernel"]] for stride in STRIDES[network])
    architecture = {
        "class": network,
        "channels": CHANNELS[values["channels"]],
        "kernels": kernels,
        "strides": STRIDES[network],
        "n_latents": values["n_latents"],
    }
    batch = int(values["batch"])
    return BeatTrainConfig(
        f"trial-{trial.number}",
        1,
        architecture,
        math.ceil(steps * BEATS_SEEN / batch),
        batch=batch,
        learning_rate=rate,
        loss=LOSS[network],
        optimiser=values["optimiser"],
        augment=values["augment"],
    )


def objective(task: Task, network: str, steps: int) -> Callable[[optuna.Trial], float]:
    """Return what a study maximises: AUROC on records that were not trained on."""

    def judge(trial: optuna.Trial) -> float:
        with tempfile.TemporaryDirectory() as folder:
            run = BeatRun(suggest(trial, network, steps), Path(folder))
            run.train(task.train, quiet=True)
        out = restore(run.model, task.validation)
        score = out.absolute if LOSS[network] == "mae" else out.whole
        if not np.isfinite(score).all():
            raise optuna.TrialPruned("diverged")
        trial.set_user_attr("sensitivity_at_95", sensitivity_at_specificity(task.abnormal, score))
        trial.set_user_attr("parameters", sum(p.numel() for p in run.model.parameters()))
        trial.set_user_attr("seconds", round(run.progress.seconds, 1))
        return auroc(task.abnormal, score)

    return judge


def open_study(out: Path, network: str, steps: int, seed: int) -> optuna.Study:
    """Open or begin the study of a folder; trials that a kill broke off count as failed.

    Raises
    ------
    ConfigError
        If the folder holds a study of another network, length or seed.
    """
    out.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=f"sqlite:///{out / 'study.sqlite'}",
        study_name="sweep",
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        load_if_exists=True,
    )
    wanted = {"network": network, "steps": steps, "seed": seed}
    found = {k: study.user_attrs.get(k) for k in wanted}
    if study.trials and found != wanted:
        raise ConfigError(f"{out} holds a study with {found}; asked for {wanted}: choose another --out folder.")
    for key, value in wanted.items():
        study.set_user_attr(key, value)
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    # a sampler that begins anew at each start would draw the first trials again
    study.sampler = optuna.samplers.TPESampler(seed=seed + len(study.trials))
    return study


def done(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the finished trials, best first."""
    kinds = (optuna.trial.TrialState.COMPLETE,)
    return sorted(study.get_trials(states=kinds), key=lambda t: -(t.value or 0.0))


def rows_of(study: optuna.Study) -> list[dict[str, Any]]:
    """Return the table of finished trials, best first."""
    return [{"trial": trial.number, "auroc": trial.value, **trial.user_attrs, **trial.params} for trial in done(study)]


def write_table(rows: list[dict[str, Any]], out: Path) -> None:
    """Write table.csv and table.md."""
    with (out / "table.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for row in rows:
        cells = (f"{row[c]:.4g}" if isinstance(row[c], float) else str(row[c]) for c in COLUMNS)
        lines.append(f"| {' | '.join(cells)} |")
    (out / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw_sweep(rows: list[dict[str, Any]], out: Path) -> None:
    """Draw AUROC against each hyper-parameter (sweep.png) and the best so far by trial (history.png)."""
    from matplotlib.figure import Figure

    names = [*SPACE, "learning_rate"]
    figure = Figure(figsize=(14, 6.5), layout="constrained")
    for axes, name in zip(figure.subplots(2, 4, sharey=True).flat, [*names, "parameters"], strict=True):
        if name in SPACE:
            places = {choice: k for k, choice in enumerate(SPACE[name])}
            rng = np.random.default_rng(0)
            axes.plot([places[r[name]] + rng.uniform(-0.15, 0.15) for r in rows], [r["auroc"] for r in rows], "o", ms=4)
            axes.set_xticks(range(len(places)), [str(choice) for choice in places])
        else:
            axes.semilogx([r[name] for r in rows], [r["auroc"] for r in rows], "o", ms=4)
        axes.set_xlabel(name.replace("_", " "))
        axes.grid(alpha=0.3)
    figure.supylabel("AUROC, validation records of DS1")
    figure.savefig(out / "sweep.png", dpi=120)
    in_order = sorted(rows, key=lambda r: r["trial"])
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([r["trial"] for r in in_order], [r["auroc"] for r in in_order], "o", ms=4, label="trial")
    best = np.maximum.accumulate([r["auroc"] for r in in_order])
    axes.step([r["trial"] for r in in_order], best, where="post", label="best so far")
    axes.set_xlabel("trial")
    axes.set_ylabel("AUROC, validation records of DS1")
    axes.legend()
    figure.savefig(out / "history.png", dpi=120)


def sweep(data: BeatData, out: Path, network: str, trials: int, steps: int, seed: int = 0) -> list[dict[str, Any]]:
    """Do the trials that are missing, write table and pictures, and return the table."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = open_study(out, network, steps, seed)
    missing = trials - len(done(study))
    if missing > 0:
        task = task_of(data, network)
        study.optimize(objective(task, network, steps), n_trials=missing)
    rows = rows_of(study)
    if rows:
        write_table(rows, out)
        draw_sweep(rows, out)
    return rows


def main(argv: Iterable[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.sweep", description="Search hyper-parameters on DS1.")
    parser.add_argument("--data", type=Path, required=True, help="folder that training.prepare --mitbih wrote")
    parser.add_argument("--out", type=Path, required=True, help="folder of the study, table and pictures")
    parser.add_argument("--network", choices=tuple(STRIDES), default="Beat-CAE-187")
    parser.add_argument("--trials", type=int, default=40, help="finished trials in all (default 40)")
    parser.add_argument("--steps", type=int, default=300, help="steps of 512 beats a trial (default 300)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    args = parser.parse_args(None if argv is None else list(argv))
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        rows = sweep(load_beats(args.data), args.out, args.network, args.trials, args.steps, args.seed)
    except ECGError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    if rows:
        print(
            f"{len(rows)} trials; the best, trial {rows[0]['trial']}: AUROC {rows[0]['auroc']:.3f} on DS1's validation"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
