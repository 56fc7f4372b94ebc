"""What the Models page says of a checkpoint: facts and commands, plain data."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from app import held_out, words
from ecg_core.model_info import ModelInfo
from ecg_core.store import BEATS_FILE, CONSENSUS, list_beat_models

MEASUREMENTS = "measurements"

PROBE = "python -m training.superclass_probe --data PREPARED --store STORE"

NO_CARD = "This checkpoint has no model card: run python -m training.release."


def facts(info: ModelInfo) -> list[tuple[str, str]]:
    """Return what identifies a model, and what it was measured with."""
    calibration = info.calibration
    rows = [
        ("Checkpoint", f"{info.checkpoint} (first 12 digits of the weights' sha256)"),
        ("Calibrated on", f"{calibration['n_normals']:,} normal ECGs: {calibration['population'].rstrip('.')}"),
    ]
    low, high = calibration["false_alarm_interval"]
    rate = words.percent(held_out.rate_of(info))
    dash = words.DASH
    rows.append(("False alarms", f"{rate} set; so many normals allow {100 * low:.1f}{dash}{100 * high:.1f} %"))
    if held_out.measured([info]):
        overall = info.metrics["overall"]
        rows += [
            ("Measured on", held_out.subject([info])),
            ("AUROC", held_out.area(overall.get("auroc"))),
            ("AUPRC", held_out.area(overall.get("auprc"))),
            ("Sensitivity", held_out.estimate(overall.get("sensitivity"))),
            ("Specificity", held_out.estimate(overall.get("specificity"), 1)),
        ]
    else:
        rows.append(("Measured on", "nothing yet: run python -m training.evaluate --write"))
    return rows


def retrain(info: ModelInfo) -> str:
    """Return the commands that make the model anew from PTB-XL; the consensus after those that it is made of."""
    making = {
        CONSENSUS: ["python -m training.consensus --data PREPARED --store STORE", PROBE],
        MEASUREMENTS: [
            "python -m training.measure --data PREPARED",
            "python -m training.measurement_detector --data PREPARED --store STORE",
        ],
    }
    network = [
        f"python -m training.train --config training/configs/{info.name}.toml --data PREPARED",
        f"python -m training.calibrate --run runs/{info.name} --data PREPARED --store STORE",
        PROBE,
    ]
    return "\n".join(
        [
            "python -m training.prepare --ptbxl PTB_XL --out PREPARED",
            *making.get(info.name, network),
            f"python -m training.evaluate --store STORE --model {info.name} --data PREPARED --write",
            "python -m training.release --store STORE",
        ]
    )


def recalibrate(info: ModelInfo) -> str:
    """Return the commands that keep the model and fit percentiles and threshold to one's own normal ECGs."""
    return "\n".join(
        [
            "python -m training.prepare --folder MINE --out PREPARED",
            f"python -m training.calibrate --model {info.name} --data PREPARED --store STORE",
            "LEADWISE_STORE=STORE make run",
        ]
    )


def card_problem(info: ModelInfo) -> str:
    """Return what is wrong with a card: that it was written for other weights; else nothing."""
    if not info.card or info.checkpoint in info.card:
        return ""
    return f"This card was written for other weights than {info.checkpoint}: run python -m training.release."


def card(info: ModelInfo | BeatModelCard) -> str:
    """Return the card's markdown with its pictures made links: nothing is fetched from outside."""
    return re.sub(r"!(?=\[)", "", info.card)


@dataclass(frozen=True)
class BeatModelCard:
    """What the Models page says of a detector of single beats: its title, checkpoint and card."""

    name: str
    title: str
    checkpoint: str
    card: str

    def facts(self) -> list[tuple[str, str]]:
        """Return what identifies it."""
        return [
            ("Checkpoint", f"{self.checkpoint[:12]} (first 12 digits of the weights' sha256)"),
            ("Of", "single beats, each beside the patient's own dominant beat: the Beats page"),
        ]


def beat_cards(folder: Path) -> tuple[list[BeatModelCard], list[str]]:
    """Return the detectors of single beats of a store, and one sentence for each that cannot be read."""
    cards: list[BeatModelCard] = []
    problems: list[str] = []
    for name in list_beat_models(folder):
        readme = folder / name / "README.md"
        try:
            said = json.loads((folder / name / BEATS_FILE).read_text(encoding="utf-8"))
            text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
            cards.append(BeatModelCard(name, str(said["title"]), str(said["weights_sha256"]), text))
        except (OSError, ValueError, KeyError, TypeError):
            problems.append(f"Expected a readable {BEATS_FILE} in {name}; found a damaged one; copy it there again.")
    return cards, problems
