"""Finish the checkpoints of beats: golden scores of the synthetic recording, and the model card.

    python -m training.beat_release [--store STORE]

The card says what beats.json holds, and nothing else. Weights stay.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ecg_core.ambulatory.detector import BeatDetector
from ecg_core.checkpoints.beats import BeatConfig, load_beat_checkpoint, read_beat_config, write_beat_config
from ecg_core.models.beat_registry import build_beat_model
from ecg_core.readers import read_record
from ecg_core.store import default_store, list_beat_models
from ecg_core.synthetic_ambulatory import EXAMPLE, example_path
from training.beat_kinds import kinds_table
from training.beat_markdown import prose
from training.beat_measure import FALSE_ALARMS, holds
from training.mitbih import CLASS_WORDS

EVERY = 60
"""Every so many beats of the synthetic recording have a golden score."""

NETWORKS = {
    "Beat-CAE": "a convolutional autoencoder of 2 s around the beat (720 samples at 360 Hz) through 32 latents",
    "Beat-CAE-187": "a convolutional autoencoder of beats of 187 samples at 125 Hz, trained on the mean absolute error",
    "Beat-CNN-LSTM": "convolutions and an LSTM in both directions, with attention over 2 s around the beat",
}


def golden(detector: BeatDetector) -> dict[str, Any]:
    """Return what the detector says of the synthetic recording: how many beats, of which kinds, the scores of some."""
    found = detector.detect(read_record(example_path()))
    hints = [found.hint(k) for k in range(len(found.score))]
    scores = {str(k): round(float(found.score[k]), 6) for k in range(0, len(found.score), EVERY)}
    return {
        EXAMPLE.name: {
            "beats": len(found.score),
            "anomalous": int(found.anomalous.sum()),
            "threshold": round(float(found.threshold), 6),
            "scores": scores,
            "resembles": dict(sorted(Counter(filter(None, hints)).items())),
        }
    }


def _figure(figure: Mapping[str, Any]) -> str:
    span = f" ({figure['low']:.3f}-{figure['high']:.3f})" if figure["low"] is not None else ""
    return f"{figure['value']:.3f}{span}"


def figures_text(metrics: Mapping[str, Any]) -> list[str]:
    """Return the tables of what was measured."""
    if not metrics:
        return ["Not measured yet: `python -m training.evaluate --model NAME --data MITBIH --write`."]
    lines = [
        f"{metrics['part']}; 95 % intervals from resamples of records.",
        "",
        "| | measured | aimed at |",
        "|---|---|---|",
    ]
    for row in metrics["rows"]:
        side = "at most" if row["name"] in FALSE_ALARMS else "at least"
        short = " (falls short)" if holds(row) is False else ""
        aim = f"{side} {row['bar']:g}{short}" if row["bar"] is not None else ""
        lines.append(f"| {row['what']} | {_figure(row['figure'])} | {aim} |")
    lines += ["", "| class | beats | AUROC against N | at 5 % false alarms | flagged in use |", "|---|---|---|---|---|"]
    for name, row in metrics["classes"].items():
        cells = " | ".join(_figure(row[k]) for k in ("auroc", "sensitivity_at_95", "sensitivity"))
        lines.append(f"| {name}, {CLASS_WORDS[name]} | {row['n_abnormal']} | {cells} |")
    return lines


def card(config: BeatConfig) -> str:
    """Return the model card."""
    kind = config.architecture.get("class")
    own = f"The network is {NETWORKS[kind]}: {parameters(config):,} parameters." if kind else "It has no network."
    weights = ", ".join(f"{name} {weight:g}" for name, weight in config.weights.items())
    calibration = config.calibration
    network = config.training.get("network")
    lines = [
        f"# {config.title}: {config.name}",
        "",
        *prose(f"""
            Judges single beats of a recording of one lead or more, each beside the patient's own dominant beat. Parts
            of the score, each -log of the share of normal beats that are as far, with their weights: {weights}.
            {own}"""),
        "",
        f"Checkpoint `{config.weights_sha256[:12]}`."
        + (f" Training run of the network: `{network}`." if network else ""),
        "",
        "## Intended use",
        "",
        *prose("""
            Research. Points a reader at unusual beats of an ambulatory recording. It does not diagnose, does not rule
            out disease, and is no alarm for a monitored patient."""),
        "",
        "## Data",
        "",
        *prose(f"""
            MIT-BIH Arrhythmia Database 1.0.0 (Moody and Mark 2001, doi:10.1109/51.932724; ODC-By 1.0), AAMI classes,
            split between patients as de Chazal et al. (2004, doi:10.1109/TBME.2004.827359). Fitted on DS1 alone:
            {calibration.get("n_beats", 0):,} beats of class N in {calibration.get("n_records", 0)} records; every
            choice by leaving out one record of DS1."""),
        "",
        "## Figures",
        "",
        *figures_text(config.metrics),
        "",
        *([*prose(config.data["ds2"]), ""] if config.metrics and "ds2" in config.data else []),
        *kinds_section(config),
        "## Limits",
        "",
        *prose("""
            - What most of a patient's beats are is what a beat is held against. Where the dominant beat is itself
            abnormal (bundle branch block, pacing, an ectopic rhythm) that is said first, and its beats are not called
            anomalous. A second shape that comes in long stretches, on time and not far wider is taken for the patient's
            own as well, and a note says so; a ventricular rhythm that goes on for long could pass for one."""),
        *prose("""
            - Premature beats with the shape of the others are told by their intervals alone, and in an irregular
            rhythm hardly."""),
        *prose("""
            - 44 patients of one laboratory, 1975-1979, two leads at 360 Hz: measure it on your own recordings (`python
            -m training.evaluate --model NAME --data FOLDER`)."""),
        "",
    ]
    return "\n".join(lines)


def kinds_section(config: BeatConfig) -> list[str]:
    """Return what is known of the probe; nothing of a checkpoint without."""
    if not config.kinds:
        return []
    measured = [(config.kinds["measured_on"], config.kinds["measured"])]
    if "kinds" in config.metrics:
        measured.append((config.metrics["part"], config.metrics["kinds"]))
    return [
        "## What an anomalous beat resembles",
        "",
        *prose("""
            A hint that is given after the verdict, of beats above the threshold alone: a linear probe on the network's
            latents, the latents minus the patient's own, the intervals and the distance from the dominant beat. Fitted
            and calibrated on the flagged beats of DS1, each record judged by a fit without it. Nothing is said where
            no class is likelier than not, of class N, and of a class that is not told better than by chance, which is
            its share of flagged beats, in any table here: the lower end of its PPV's interval must lie above that."""),
        "",
        *(line for part, kinds in measured for line in (f"{part}:", "", *kinds_table(kinds), "")),
    ]


def parameters(config: BeatConfig) -> int:
    """Return the size of the network."""
    return sum(p.numel() for p in build_beat_model(config.architecture).parameters())


def release(name: str, store: Path) -> BeatConfig:
    """Write golden scores and the card of one checkpoint."""
    found = golden(BeatDetector(load_beat_checkpoint(store / name)))
    config = replace(read_beat_config(store / name), examples=found)
    write_beat_config(config, store / name)
    (store / name / "README.md").write_text(card(config), encoding="utf-8")
    return config


def main(argv: list[str] | None = None) -> None:
    """Finish every checkpoint of beats in a store."""
    parser = argparse.ArgumentParser(prog="python -m training.beat_release", description="Write golden scores, cards.")
    parser.add_argument("--store", type=Path, default=None, help="folder of checkpoints (default: the shipped ones)")
    store = parser.parse_args(argv).store or default_store()
    for name in list_beat_models(store):
        made = release(name, store).examples[EXAMPLE.name]
        print(f"{name}: card written; {made['anomalous']} of {made['beats']} synthetic beats anomalous")


if __name__ == "__main__":
    main()
