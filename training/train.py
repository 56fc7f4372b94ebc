"""Train one autoencoder: the encoder on all unlabelled records, then the decoder on pure normals.

    python -m training.train --config training/configs/cae.toml --data PREPARED
    python -m training.train --config training/configs/beat-cae.toml --data PREPARED

The second is a network of single beats (`training.beat_train`).
Writes RUNS/<name>/network.safetensors, train.json and log.jsonl. Killed at any moment, the same command goes on from
the last saved step to the same weights: every step draws its records, crops and masks from (seed, stage, step).
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm

from ecg_core.errors import ConfigError
from ecg_core.models import Autoencoder, build_model
from ecg_core.models.beat_registry import BEAT_REGISTRY
from ecg_core.models.layers import ModelOutput
from ecg_core.models.losses import gaussian_nll, kl_divergence, masked_mean, smooth_l1, with_free_bits
from ecg_core.preprocessing import MODEL_FS, compress
from training.beat_data import PROTOCOLS, load_beats
from training.beat_train import BeatTrainConfig, train_beats
from training.config import load_config, read_toml
from training.masks import random_visible
from training.signals import Prepared, load_prepared

SAVE_EVERY = 100
LOG_EVERY = 25


@dataclass(frozen=True)
class StageConfig:
    """One stage: which records of the train split, how many steps, how large."""

    records: str
    steps: int
    batch: int = 48
    learning_rate: float = 1.5e-3


@dataclass(frozen=True)
class TrainConfig:
    """Everything a run depends on.

    Attributes
    ----------
    beta : weight of the KL term in the ELBO; reached after `kl_warm_up` of a stage's steps.
    free_bits : nats per latent dimension and token below which the KL term does not press.
    gain_jitter : standard deviation of the log gain that each crop is multiplied with.
    """

    name: str
    seed: int
    architecture: dict[str, Any]
    encoder: StageConfig
    decoder: StageConfig
    crop_s: float = 5.04
    gain_jitter: float = 0.15
    weight_decay: float = 0.02
    clip_norm: float = 1.0
    beta: float = 0.05
    free_bits: float = 0.05
    kl_warm_up: float = 0.3


@dataclass
class Progress:
    """Where a run stands; saved and resumed."""

    stage: int = 0
    step: int = 0
    seconds: float = 0.0
    last: dict[str, float] = field(default_factory=dict)


def stage_rows(data: Prepared, stage: StageConfig) -> NDArray[np.int64]:
    """Return the rows of the train split that a stage may see."""
    if stage.records not in ("all", "normal"):
        raise ConfigError(f'Expected records = "all" or "normal"; found {stage.records!r}.')
    rows = data.rows("train", None if stage.records == "all" else "normal")
    if not len(rows):
        raise ConfigError(f"The prepared data have no {stage.records} records in the train split.")
    return rows


def draw_batch(
    signals: NDArray[np.float32], rows: NDArray[np.int64], config: TrainConfig, stage: int, step: int
) -> tuple[Tensor, Tensor]:
    """Return x and visible, (batch, 8, n_crop) each: a function of seed, stage and step alone."""
    rng = np.random.default_rng([config.seed, stage, step])
    batch = (config.encoder, config.decoder)[stage].batch
    n_crop = round(config.crop_s * MODEL_FS)
    chosen = rows[rng.integers(0, len(rows), batch)]
    starts = rng.integers(0, signals.shape[-1] - n_crop + 1, batch)
    gain = np.exp(rng.normal(0.0, config.gain_jitter, (batch, 1, 1))).astype(np.float32)
    x = np.stack([signals[row, :, start : start + n_crop] for row, start in zip(chosen, starts, strict=True)])
    visible = random_visible(rng, batch, n_crop)
    return torch.from_numpy(compress(x * gain)), torch.from_numpy(visible)


def loss_of(
    out: ModelOutput, x: Tensor, visible: Tensor, config: TrainConfig, warm: float
) -> tuple[Tensor, dict[str, Any]]:
    """Return the loss and what the log keeps; `warm` (0 to 1) is how far the KL term has been let in."""
    if out.logvar is None or out.logvar_z is None:
        loss = masked_mean(smooth_l1(out.x_hat, x), visible)
        return loss, {"loss": loss.item()}
    n_tokens = out.mu.shape[1]
    nll = masked_mean(gaussian_nll(out.x_hat, out.logvar, x), visible)
    kl = kl_divergence(out.mu, out.logvar_z)
    per_sample = with_free_bits(kl, config.free_bits, n_tokens) / (x.shape[1] * x.shape[2])
    loss = nll + config.beta * warm * per_sample
    return loss, {
        "loss": loss.item(),
        "nll": nll.item(),
        "kl": kl.total.item(),
        "kl_per_dimension": [round(v, 4) for v in (kl.per_dimension / n_tokens).tolist()],
    }


def start_stage(model: Autoencoder, config: TrainConfig, stage: int) -> list[nn.Parameter]:
    """Return what a stage trains. The decoder starts anew for its own stage: it has seen no abnormal record."""
    if stage == 0:
        return list(model.parameters())
    torch.manual_seed(config.seed + 1)
    for module in model.decoder_modules():
        for part in module.modules():
            if hasattr(part, "reset_parameters"):
                part.reset_parameters()
    trained = [p for module in model.decoder_modules() for p in module.parameters()]
    for p in model.parameters():
        p.requires_grad_(False)
    for p in trained:
        p.requires_grad_(True)
    return trained


class Run:
    """One training run in a folder of its own."""

    def __init__(self, config: TrainConfig, folder: Path, device: torch.device) -> None:
        self.config, self.folder, self.device = config, folder, device
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        self.model = build_model(config.architecture)
        self.model.to(device).train()
        self.progress = Progress()
        self._begin(0)
        if (folder / "state.pt").is_file():
            self._resume()

    def _begin(self, stage: int) -> None:
        settings = (self.config.encoder, self.config.decoder)[stage]
        self.parameters = start_stage(self.model, self.config, stage)
        self.optimizer = torch.optim.AdamW(
            self.parameters, settings.learning_rate, weight_decay=self.config.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, settings.learning_rate, total_steps=settings.steps
        )

    def _resume(self) -> None:
        state = torch.load(self.folder / "state.pt", map_location=self.device, weights_only=True)
        if state["config"] != json.dumps(asdict(self.config), sort_keys=True):
            raise ConfigError(f"{self.folder} holds a run with another configuration; choose another --runs folder.")
        self.progress = Progress(**state["progress"])
        if self.progress.stage:
            self._begin(self.progress.stage)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self._forget_later_log()

    def _forget_later_log(self) -> None:
        """Drop what the log says of steps after the saved one: they will be taken again."""
        path, here = self.folder / "log.jsonl", (self.progress.stage, self.progress.step)
        if path.is_file():
            lines = [line for line in path.read_text().splitlines() if line.endswith("}")]
            kept = [line for line in lines if (entry := json.loads(line)) and (entry["stage"], entry["step"]) <= here]
            path.write_text("".join(f"{line}\n" for line in kept))

    def save(self) -> None:
        """Write the state so that a kill leaves either the old or the new one."""
        part = self.folder / "state.pt.part"
        torch.save(
            {
                "config": json.dumps(asdict(self.config), sort_keys=True),
                "progress": asdict(self.progress),
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "schedule": self.schedule.state_dict(),
            },
            part,
        )
        part.replace(self.folder / "state.pt")

    def step(self, signals: NDArray[np.float32], rows: NDArray[np.int64]) -> dict[str, Any]:
        """Take one optimiser step and return what the log keeps of it."""
        stage, step = self.progress.stage, self.progress.step
        x, visible = (t.to(self.device) for t in draw_batch(signals, rows, self.config, stage, step))
        torch.manual_seed(self.config.seed * 1_000_003 + stage * 500_009 + step)  # the VAEs' draws of z
        warm = min(
            1.0, step / max(1.0, self.config.kl_warm_up * (self.config.encoder, self.config.decoder)[stage].steps)
        )
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            out = self.model(x, visible)
        out = ModelOutput(*(None if t is None else t.float() for t in out))
        loss, log = loss_of(out, x, visible, self.config, warm)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.config.clip_norm)
        self.optimizer.step()
        self.schedule.step()
        self.progress.step += 1
        return log

    def log(self, entry: dict[str, Any]) -> None:
        """Append a line to log.jsonl."""
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps({"stage": self.progress.stage, "step": self.progress.step, **entry}) + "\n")

    def train(self, data: Prepared) -> None:
        """Run both stages to their end, saving every 100 steps."""
        stages = (self.config.encoder, self.config.decoder)
        while self.progress.stage < len(stages):
            stage = stages[self.progress.stage]
            rows = stage_rows(data, stage)
            label = f"{self.config.name} {('encoder', 'decoder')[self.progress.stage]}"
            with tqdm(total=stage.steps, initial=self.progress.step, desc=label, mininterval=5.0) as bar:
                while self.progress.step < stage.steps:
                    start = time.perf_counter()
                    entry = self.step(data.signals, rows)
                    self.progress.seconds += time.perf_counter() - start
                    bar.update()
                    if self.progress.step % LOG_EVERY == 0:
                        self.log(entry)
                        bar.set_postfix(loss=f"{entry['loss']:.4f}")
                    if self.progress.step % SAVE_EVERY == 0:
                        self.save()
            self.progress.stage += 1
            self.progress.step = 0
            if self.progress.stage < len(stages):
                self._begin(self.progress.stage)
            self.save()

    def finish(self, data: Prepared) -> None:
        """Write the trained network and what it was made from."""
        weights = {key: value.detach().cpu().contiguous() for key, value in self.model.state_dict().items()}
        save_file(weights, self.folder / "network.safetensors")
        summary = {
            "config": asdict(self.config),
            "seconds": round(self.progress.seconds),
            "device": str(self.device),
            "threads": torch.get_num_threads(),
            "data": data.meta.get("sources"),
        }
        (self.folder / "train.json").write_text(json.dumps(summary, indent=2) + "\n")


def architecture_class(path: Path) -> object:
    """Return what a TOML file calls its architecture; None where it does not say."""
    architecture = read_toml(path).get("architecture")
    return architecture.get("class") if isinstance(architecture, dict) else None


def main(argv: list[str] | None = None) -> None:
    """Train the model that a TOML file describes."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description="Train one autoencoder.")
    parser.add_argument("--config", type=Path, required=True, help="TOML, see training/configs")
    parser.add_argument("--data", type=Path, required=True, help="folder that training.prepare wrote")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where runs are kept (default: runs)")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=None, help="CPU threads (default: all cores)")
    parser.add_argument("--protocol", choices=PROTOCOLS, help="of a network of beats (default: the TOML's)")
    parser.add_argument("--seed", type=int, help="of weights and of the order of data (default: the TOML's)")
    args = parser.parse_args(argv)
    if args.threads:
        torch.set_num_threads(args.threads)
    if architecture_class(args.config) in BEAT_REGISTRY:
        beats = load_config(args.config, BeatTrainConfig)
        seed = beats.seed if args.seed is None else args.seed
        beats = replace(beats, protocol=args.protocol or beats.protocol, seed=seed)
        train_beats(beats, load_beats(args.data), args.runs)
        return
    config = load_config(args.config, TrainConfig)
    config = replace(config, seed=config.seed if args.seed is None else args.seed)
    data = load_prepared(args.data)
    run = Run(config, args.runs / config.name, torch.device(args.device))
    run.train(data)
    run.finish(data)


if __name__ == "__main__":
    main()
