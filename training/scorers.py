"""What can be evaluated: shipped checkpoints, the same networks untrained, and the plain autoencoder."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.calibration import FULL_S, Condition, condition_for
from ecg_core.checkpoints import FORMAT, default_store, list_checkpoints, load_checkpoint
from ecg_core.detector import VALIDATED_RATE, AnomalyDetector
from ecg_core.errors import CheckpointError, ConfigError
from ecg_core.models import build_model
from ecg_core.segments import masked_indices, usable_leads
from training.calibrate import calibrate_network
from training.signals import Prepared

F32 = NDArray[np.float32]
Array = NDArray[np.float64]

BATCH = 64
UNTRAINED_SEED = 0


@dataclass(frozen=True)
class Scored:
    """Scores of n records.

    Attributes
    ----------
    score : (n,), the higher, the more anomalous.
    parts : by name, (n,) each.
    threshold : (n,), above which each record is anomalous; records with masked leads have their own; NaN where the
        calibration normals are too few to set one.
    """

    score: Array
    parts: dict[str, Array]
    threshold: Array


class Scorer(Protocol):
    """Anything that scores prepared arrays.

    Attributes
    ----------
    name, title : for files and for people.
    kind : "trained", "untrained" or "plain".
    """

    name: str
    title: str
    kind: str

    def __call__(self, x: F32, bad_leads: Sequence[tuple[str, ...]]) -> Scored:
        """Score x, (n, 8, 1000) in mV, with the bad leads of each record masked."""
        ...

    def threshold(self, false_alarm_rate: float) -> float | None:
        """Return the threshold of a complete record; None where the calibration normals cannot show the rate."""
        ...


class DetectorScorer:
    """A checkpoint as a `Scorer`.

    Parameters
    ----------
    detector : the checkpoint.
    kind : "trained", or "untrained" for a network that only the control should see.
    masks : False leaves bad leads in: the untrained control is calibrated for complete records alone.
    """

    def __init__(self, detector: AnomalyDetector, kind: str = "trained", *, masks: bool = True) -> None:
        self.detector = detector
        self.kind = kind
        self.name = detector.name if kind == "trained" else f"{detector.name}, {kind}"
        self.title = detector.title if kind == "trained" else f"{detector.title}, {kind}"
        self.masks = masks
        self._thresholds: dict[tuple[int, ...], float] = {}

    def __call__(self, x: F32, bad_leads: Sequence[tuple[str, ...]]) -> Scored:
        """Score in batches, by the path of `AnomalyDetector.detect`."""
        bad = [tuple(leads) if self.masks else () for leads in bad_leads]
        scores, parts = [], []
        total = math.ceil(len(x) / BATCH)
        for lo in tqdm(range(0, len(x), BATCH), self.name, total, mininterval=5, disable=None):
            batch = self.detector.score_prepared(np.ascontiguousarray(x[lo : lo + BATCH]), bad[lo : lo + BATCH])
            scores.append(batch.score)
            parts.append(batch.parts)
        thresholds = np.array([self._threshold_of(masked_indices(usable_leads(leads))) for leads in bad])
        joined = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
        return Scored(np.concatenate(scores), joined, thresholds)

    def _threshold_of(self, masked: tuple[int, ...]) -> float:
        if masked not in self._thresholds:
            found = self.threshold(VALIDATED_RATE, condition_for(FULL_S, masked))
            self._thresholds[masked] = float("nan") if found is None else found
        return self._thresholds[masked]

    def threshold(self, false_alarm_rate: float, condition: Condition | None = None) -> float | None:
        """Return the threshold of a complete record, or under another condition."""
        try:
            return self.detector.threshold(false_alarm_rate, condition)
        except ConfigError:
            return None


def find_checkpoints(models: Sequence[str], store: str | Path | None = None) -> list[Path]:
    """Return the folders that names in a store, or paths, stand for; all of the store for no names.

    Raises
    ------
    CheckpointError
        If a name is neither, or the store is empty.
    """
    folder = Path(store) if store else default_store()
    known = list_checkpoints(folder)
    if not models:
        if not known:
            raise CheckpointError(f"Expected checkpoints in {folder}; found none; train and calibrate one first.")
        return [folder / name for name in known]
    found = []
    for model in models:
        path = folder / model if model in known else Path(model)
        if not (path / "config.json").is_file():
            there = ", ".join(known) or "none"
            raise CheckpointError(f"{model} is neither a checkpoint in {folder} ({there}) nor the path of one.")
        found.append(path)
    return found


def trained(path: Path) -> DetectorScorer:
    """Load a checkpoint."""
    return DetectorScorer(AnomalyDetector(load_checkpoint(path)))


def untrained(path: Path, data: Prepared, cache: Path) -> DetectorScorer:
    """Return the control of a checkpoint: the same network as it was drawn, everything else fitted as for it.

    Kept in `cache` by architecture and seed, so that it is fitted once.
    """
    source = load_checkpoint(path).config
    folder = cache / f"{source.name}-{UNTRAINED_SEED}"
    wanted = {"format": FORMAT, "architecture": source.architecture, "plan": data.meta.get("plan")}
    made_from = folder / "made_from.json"
    if not made_from.is_file() or json.loads(made_from.read_text()) != json.loads(json.dumps(wanted)):
        torch.manual_seed(UNTRAINED_SEED)
        model = build_model(source.architecture)
        model.eval()
        training = {"untrained": True}
        calibrate_network(model, folder.name, data, cache, training=training, seed=UNTRAINED_SEED, quick=True)
        made_from.write_text(json.dumps(wanted))
    scorer = DetectorScorer(AnomalyDetector(load_checkpoint(folder)), "untrained", masks=False)
    scorer.name = f"{source.name}, untrained"
    return scorer
