"""Train a network of single beats on beats of class N; `training.train` comes here for a beat network's TOML.

    python -m training.train --config training/configs/beat-cae.toml --data PREPARED
    python -m training.train --config training/configs/beat-cae-random.toml --data PREPARED

Writes RUNS/<name>-<protocol>/network.safetensors, train.json and log.jsonl. Killed at any moment, the same command goes
on from the last saved step to the same weights: every step draws its beats from (seed, step).
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention
from tqdm import tqdm

from ecg_core.errors import ConfigError
from ecg_core.models.beat_registry import BeatModel, build_beat_model
from training.beat_data import SCALES, BeatData, normals, protocol_of, windows_of
from training.beat_scores import Normals, fit_normals
from training.config import from_dict

SAVE_EVERY = 200
LOG_EVERY = 50
LOSSES = {"mse": F.mse_loss, "mae": F.l1_loss}
OPTIMISERS = {"adamw": partial(torch.optim.AdamW, fused=True), "rmsprop": torch.optim.RMSprop, "sgd": torch.optim.SGD}

SHIFT = 18
"""Augmentation moves a beat by up to so many samples: 50 ms at 360 Hz."""

NOISE, GAIN = 0.05, 0.1
"""Augmentation: SD of the noise added, and of the log of the gain, on the scale of the input."""


@dataclass(frozen=True)
class BeatTrainConfig:
    """Everything a run depends on.

    Attributes
    ----------
    protocol : "interpatient" or "random" (`training.beat_data.protocol_of`).
    loss : "mse" or "mae".
    optimiser : "adamw", "rmsprop" or "sgd".
    augment : shift, gain and noise, drawn anew for each step.
    alone : leave out normal beats whose window holds an abnormal neighbour.
    scale : of what windows are z-scored: each "window" by itself, as in use, or the whole "record", as published.
    hidden : so many samples in a row of each window, anywhere, are 0 in what the network sees, and it is to restore
        them all the same; drawn anew for each step.
    cycle : steps of the one-cycle schedule; as many as `steps` where 0.
    warmup : share of the cycle in which the rate rises.
    cooldown : the last so many steps bring the rate down to 0 in a straight line, wherever the cycle stands.
    """

    name: str
    seed: int
    architecture: dict[str, Any]
    steps: int
    protocol: str = "interpatient"
    batch: int = 512
    learning_rate: float = 2e-3
    loss: str = "mse"
    optimiser: str = "adamw"
    augment: bool = False
    alone: bool = True
    scale: str = "window"
    hidden: int = 0
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    cycle: int = 0
    warmup: float = 0.3
    cooldown: int = 0

    @property
    def run(self) -> str:
        """Name of the run's folder."""
        return f"{self.name}-{self.protocol}"


@dataclass
class Progress:
    """Where a run stands; saved and resumed."""

    step: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)


def check_config(config: BeatTrainConfig) -> None:
    """Refuse a loss, an optimiser or a scale that there is not.

    Raises
    ------
    ConfigError
        With what there is.
    """
    known = {"loss": tuple(LOSSES), "optimiser": tuple(OPTIMISERS), "scale": SCALES}
    for what, names in known.items():
        value = getattr(config, what)
        if value not in names:
            raise ConfigError(f"{config.name}: expected {what} to be one of {', '.join(names)}; found {value!r}.")
    if config.hidden < 0:
        raise ConfigError(f"{config.name}: expected hidden samples from 0 on; found {config.hidden}.")


def rate_at(config: BeatTrainConfig, step: int) -> float:
    """Return the learning rate of a step: one cycle (Smith 2018, arXiv:1708.07120), and the cooldown at its end."""
    begun = config.steps - config.cooldown
    if config.cooldown and step > begun:
        return rate_at(config, begun) * (config.steps - step) / config.cooldown
    total = config.cycle or config.steps
    low, top = config.learning_rate / 25, max(config.warmup * total - 1, 1e-9)
    if step <= top:
        start, end, share = low, config.learning_rate, step / top
    else:
        start, end, share = config.learning_rate, low / 1e4, min((step - top) / max(total - 1 - top, 1e-9), 1.0)
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))


def augmented(x: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return windows, (batch, n), each shifted by up to 50 ms, scaled, and with noise; ends are repeated."""
    n = x.shape[-1]
    most = round(SHIFT * n / 720)
    rows = np.clip(np.arange(n) + rng.integers(-most, most + 1, (len(x), 1)), 0, n - 1)
    moved = np.take_along_axis(x, rows, axis=1) * np.exp(rng.normal(0.0, GAIN, (len(x), 1)))
    return (moved + rng.normal(0.0, NOISE, x.shape)).astype(np.float32)


def with_gaps(x: Tensor, n: int, rng: np.random.Generator) -> Tensor:
    """Return windows, (batch, n_samples), each with n samples in a row at 0."""
    first = torch.from_numpy(rng.integers(0, x.shape[1] - n + 1, (len(x), 1)))
    t = torch.arange(x.shape[1])
    return x.masked_fill((t >= first) & (t < first + n), 0.0)


@lru_cache(maxsize=1)
def order_of(seed: int, passed: int, n: int) -> NDArray[np.int64]:
    """Return the order, (n,), that a pass takes n windows in: drawn once a pass, not once a step."""
    return np.random.default_rng([seed, 1, passed]).permutation(n)


def draw(windows: NDArray[np.float32], config: BeatTrainConfig, step: int) -> Tensor:
    """Return the batch of a step, (batch, n_samples): a function of seed and step alone.

    Each pass over the windows takes every one once, in an order of its own.
    """
    per_pass = max(1, len(windows) // config.batch)
    order = order_of(config.seed, step // per_pass, len(windows))
    k = step % per_pass
    x = windows[np.sort(order[k * config.batch : (k + 1) * config.batch])]
    return torch.from_numpy(augmented(x, np.random.default_rng([config.seed, 2, step])) if config.augment else x)


class BeatRun:
    """One training run in a folder of its own."""

    def __init__(self, config: BeatTrainConfig, folder: Path) -> None:
        check_config(config)
        self.config, self.folder = config, folder
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.model = build_beat_model(config.architecture)
        if config.hidden >= self.model.config.n_samples:
            raise ConfigError(f"{config.name}: expected fewer hidden samples than a window has; found {config.hidden}.")
        decay = {} if config.optimiser == "sgd" else {"weight_decay": config.weight_decay}
        self.optimizer = OPTIMISERS[config.optimiser](self.model.parameters(), config.learning_rate, **decay)
        self.progress = Progress()
        if (folder / "state.pt").is_file():
            self._resume()

    def _resume(self) -> None:
        state = torch.load(self.folder / "state.pt", weights_only=True)
        if state["config"] != json.dumps(asdict(self.config), sort_keys=True):
            raise ConfigError(f"{self.folder} holds a run with another configuration; choose another --runs folder.")
        self.progress = Progress(**state["progress"])
        for name in ("model", "optimizer"):
            getattr(self, name).load_state_dict(state[name])

    def save(self) -> None:
        """Write the state so that a kill leaves either the old or the new one."""
        part = self.folder / "state.pt.part"
        parts = {name: getattr(self, name).state_dict() for name in ("model", "optimizer")}
        config = json.dumps(asdict(self.config), sort_keys=True)
        torch.save({"config": config, "progress": asdict(self.progress), **parts}, part)
        part.replace(self.folder / "state.pt")

    def step(self, windows: NDArray[np.float32]) -> float:
        """Take one optimiser step and return its loss."""
        x = draw(windows, self.config, self.progress.step)
        rng = np.random.default_rng([self.config.seed, 3, self.progress.step])
        seen = with_gaps(x, self.config.hidden, rng) if self.config.hidden else x
        loss = LOSSES[self.config.loss](self.model(seen).x_hat, x)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.config, self.progress.step)
        self.optimizer.step()
        self.progress.step += 1
        return loss.item()

    def train(self, windows: NDArray[np.float32], *, quiet: bool = False) -> None:
        """Train to the end, saving every 200 steps.

        Parameters
        ----------
        windows : (n, n_samples), the normal beats of the train split.
        """
        steps = self.config.steps
        self.model.train()
        with tqdm(total=steps, initial=self.progress.step, desc=self.config.run, mininterval=5.0, disable=quiet) as bar:
            while self.progress.step < steps:
                start = time.perf_counter()
                loss = self.step(windows)
                self.progress.seconds += time.perf_counter() - start
                bar.update()
                if self.progress.step % LOG_EVERY == 0:
                    self.progress.losses.append(round(loss, 6))
                    bar.set_postfix(loss=f"{loss:.4f}")
                if self.progress.step % SAVE_EVERY == 0:
                    self.save()
        self.save()
        self.model.eval()

    def finish(self, data: BeatData, n_windows: int) -> None:
        """Write the trained network, what normal beats look like to it, and what it was made from."""
        weights = {key: value.detach().contiguous() for key, value in self.model.state_dict().items()}
        save_file(weights, self.folder / "network.safetensors")
        found = fit_normals(self.model, data, protocol_of(data, self.config.protocol), self.config.scale)
        latent = {"mean": torch.from_numpy(found.mean), "precision": torch.from_numpy(found.precision)}
        save_file(latent, self.folder / "normals.safetensors")
        losses = [{"step": LOG_EVERY * (k + 1), "loss": loss} for k, loss in enumerate(self.progress.losses)]
        (self.folder / "log.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in losses))
        summary = {
            "config": asdict(self.config),
            "beats": n_windows,
            "seconds": round(self.progress.seconds),
            "device": "cpu",
            "threads": torch.get_num_threads(),
            "thresholds": found.thresholds,
            "validation": found.validation,
            "data": data.meta.get("sources"),
        }
        (self.folder / "train.json").write_text(json.dumps(summary, indent=2) + "\n")


def load_run(folder: str | Path) -> tuple[BeatModel, BeatTrainConfig, Normals]:
    """Return a finished run's network, ready to use, its configuration, and what normal beats look like to it.

    Raises
    ------
    ConfigError
        If the run is not there or not finished.
    """
    folder = Path(folder)
    if not (folder / "train.json").is_file():
        raise ConfigError(f"Expected a finished run of training.train in {folder}; found none; train it first.")
    summary = json.loads((folder / "train.json").read_text(encoding="utf-8"))
    config = from_dict(summary["config"], BeatTrainConfig, f"{folder}/train.json")
    model = build_beat_model(config.architecture)
    model.load_state_dict(load_file(folder / "network.safetensors"))
    latent = {name: value.numpy() for name, value in load_file(folder / "normals.safetensors").items()}
    return (
        model.eval(),
        config,
        Normals(latent["mean"], latent["precision"], summary["thresholds"], summary.get("validation", {})),
    )


def network_for_use(folder: str | Path) -> BeatModel:
    """Return a finished run's network for a detector, which has windows and no whole record.

    Raises
    ------
    ConfigError
        If the run is not there, or its windows were z-scored by their record.
    """
    model, config, _ = load_run(folder)
    if config.scale != "window":
        raise ConfigError(
            f"Expected a run whose windows are z-scored by themselves, scale = 'window'; {folder} has "
            f"{config.scale!r}: in use nobody has the whole record; train another."
        )
    return model


def train_beats(config: BeatTrainConfig, data: BeatData, runs: Path, *, quiet: bool = False) -> BeatRun:
    """Train one network on the normal beats of its protocol's train split."""
    run = BeatRun(config, runs / config.run)
    rows = normals(data, protocol_of(data, config.protocol).train, alone=config.alone)
    windows = windows_of(data, rows, run.model.config.n_samples, config.scale)
    run.train(windows, quiet=quiet)
    run.finish(data, len(rows))
    return run
