"""Finish checkpoints: the examples' scores (what the golden tests hold them to) and the model card.

    python -m training.release                      # every checkpoint of models_store
    python -m training.release --store MY_STORE
    python -m training.release --readme README.md   # and the table of figures between its two figures comments

Everything in a card comes from config.json, so a card cannot say what was not measured.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

from ecg_core.checkpoints import CheckpointConfig, default_store, list_checkpoints, read_config, write_config
from ecg_core.checkpoints.consensus import EXPLAINED_BY
from ecg_core.detector import AnomalyDetector
from ecg_core.metrics import Estimate
from ecg_core.readers import read_record
from ecg_core.store import CONSENSUS
from ecg_core.superclasses import SUPERCLASSES
from ecg_core.synthetic import example_paths

ABOUT = {
    "CAE": "A convolutional autoencoder: strided 1-D convolutions to a bottleneck of 16 numbers per 80 ms, and back.",
    "VAE-BiLSTM": (
        "A variational autoencoder: convolutional stem, bidirectional LSTM encoder to a latent sequence (32 numbers "
        "per 80 ms), bidirectional LSTM decoder with a mean and a log-variance for every sample."
    ),
    "VAE-BiLSTM-MHA": (
        "The VAE-BiLSTM with lead-wise and temporal multi-head attention. The input sets attention weights only; all "
        "content passes through z, after the KL term."
    ),
    "Measurements": (
        "No network: what a cardiologist measures of the median beat and the rhythm (`ecg_core.measurements`), held "
        "against normal ECGs. The parts of the score are the density of all measurements together, weighted by how "
        "well they repeat within a record, and the sum of one-sided clinical signs. Its map is against the patient's "
        "expected ECG: the own median beat, held to what normal anatomy allows."
    ),
    "Consensus": (
        "The measurements and the three autoencoders in one verdict: the weighted sum of their scores, calibrated "
        "anew. Maps, measurements and reasons are those of the measurement detector."
    ),
}


def score_examples(name: str, store: Path) -> dict[str, Any]:
    """Return score, percentile and verdict of each shipped example."""
    detector = AnomalyDetector.from_store(name, store)
    found = {}
    for path in example_paths():
        detection = detector.detect(read_record(path), explain=False)
        found[path.stem] = {
            "score": detection.score,
            "percentile": detection.percentile,
            "anomalous": detection.anomalous,
            "parts": {key: part.value for key, part in detection.parts.items()},
        }
    return found


def _estimate(value: dict[str, float] | None) -> str:
    return str(Estimate(**value)) if value else "-"


def _row(name: str, metrics: dict[str, Any]) -> str:
    columns = ("auroc", "auprc", "sensitivity_at_95", "sensitivity", "specificity")
    cells = [name, f"{metrics['n_normal']} / {metrics['n_abnormal']}", *(_estimate(metrics.get(c)) for c in columns)]
    return f"| {' | '.join(cells)} |"


def metrics_text(config: CheckpointConfig) -> list[str]:
    """Return the card's figures, from what `training.evaluate --write` left in config.json."""
    metrics = config.metrics
    if not metrics:
        return ["Not evaluated: run `python -m training.evaluate --write`."]
    counts = metrics["records"]
    lost = counts["not_interpretable"]
    rows = [("all records", metrics["overall"]), ("interpretable records", metrics["interpretable"])]
    rows += [(f"{key} against normals", row) for key, row in metrics.get("superclass", {}).items()]
    rows += [(key, row) for group in ("sex", "age") for key, row in metrics.get(group, {}).items()]
    controls = metrics.get("controls", {})
    text = [
        f"PTB-XL fold 10, read once for this checkpoint: {counts['normal']} pure normals, {counts['abnormal']} records "
        f"with an abnormal superclass (prevalence {metrics['overall']['prevalence']:.3f}); not interpretable "
        f"{lost['normal']} and {lost['abnormal']}. 95 % intervals from 2,000 bootstrap resamples.",
        "",
        "| records | normal / abnormal | AUROC | AUPRC | sensitivity at 95 % specificity | sensitivity | specificity |",
        "|---|---|---|---|---|---|---|",
        *(_row(name, row) for name, row in rows),
        *(_row(f"control: {name}", row) for name, row in controls.items()),
        "",
        f"Sensitivity and specificity are at the shipped threshold ({config.calibration.false_alarm_rate:.0%} false "
        "alarms). Each part alone, AUROC: "
        + ", ".join(f"{name} {part['auroc']:.3f}" for name, part in metrics["parts"].items())
        + ".",
        "",
        "| age | normals | above the threshold (95 % interval) |",
        "|---|---|---|",
    ]
    for band in metrics.get("age_bands", ()):
        interval = f"{band['low']:.1%} to {band['high']:.1%}"
        text.append(f"| {band['name']} | {band['n']} | {band['false_alarm_rate']:.1%} ({interval}) |")
    text += ["", "| rule, fitted on fold 9 | threshold | sensitivity | specificity |", "|---|---|---|---|"]
    for rule in metrics.get("rules", ()):
        if rule["threshold"] is None:
            text.append(f"| {rule['rule']} | none | | |")
        else:
            text.append(
                f"| {rule['rule']} | {rule['threshold']:.3f} | {rule['sensitivity']:.3f} | {rule['specificity']:.3f} |"
            )
    return text


def probe_text(config: CheckpointConfig) -> list[str]:
    """Return what the probe of superclasses was measured to tell; nothing without one."""
    if not config.probe:
        return []
    reads = config.probe.get("reads", "latent")
    rows = config.probe["measured"]
    n = next(iter(rows.values()))["n"]
    text = [
        "## What an ECG resembles",
        "",
        f"A hint beside the verdict, with no part in it: linear probes of PTB-XL's superclasses on the frozen {reads},",
        "fitted on all records of folds 1-8. Penalty, calibration and the probability from which a class is named",
        f"(the best F1) were chosen on fold 9; the figures are of {n:,} interpretable records of fold 10, read once.",
        "A class is switched off where its PPV is not surely above its prevalence. They hold for whole ECGs of 10 s;",
        "of shorter and longer ones nothing is said. PPV moves with prevalence: where disease is rarer, fewer of the",
        "named have it.",
        "",
        "| class | ECGs of it | prevalence | AUROC | sensitivity | PPV | calibration error | named from | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for label, row in rows.items():
        cells = [
            f"{SUPERCLASSES.get(label, label)} ({label})",
            str(row["of_class"]),
            f"{row['prevalence']:.3f}",
            *(_estimate(row[key]) for key in ("auroc", "sensitivity", "ppv")),
            f"{row['calibration_error']:.3f}",
            f"{row['operating']:.2f}",
            "on" if row["on"] else "off",
        ]
        text.append(f"| {' | '.join(cells)} |")
    return [*text, ""]


def examples_text(config: CheckpointConfig) -> list[str]:
    """Return how the model judges the synthetic examples, and which it misses."""
    text = ["| example (synthetic) | percentile of normal ECGs | verdict at 5 % |", "|---|---|---|"]
    missed = []
    for name, found in config.examples.items():
        if found["score"] is None:
            text.append(f"| {name} | no score | not interpretable |")
            continue
        verdict = "above the alarm threshold" if found["anomalous"] else "below the alarm threshold"
        highest = found["percentile"] >= 100
        place = f"higher than all {config.calibration.n_normals}" if highest else f"{found['percentile']:.1f}"
        text.append(f"| {name} | {place} | {verdict} |")
        if found["anomalous"] == name.startswith("normal"):
            missed.append(name)
    return [*text, "", f"Misjudged: {', '.join(missed)}." if missed else "None is misjudged."]


def fitted_on(config: CheckpointConfig) -> list[str]:
    """Return which records were learnt from."""
    if config.title == "Consensus":
        weights = ", ".join(f"{name} {weight:g}" for name, weight in config.scoring.weights.items())
        return [f"Its members' cards say what they were fitted on; their weights are {weights}."]
    if config.title == "Measurements":
        normals = config.training["normals"]
        return [
            "Ranks, density, normal ranges by sex and age, and the expected ECG were fitted on the",
            f"{normals} pure normals of folds 1-8 (NORM and no other superclass).",
        ]
    return [
        "The encoder was trained on all records of folds 1-8, labels unused (restoring hidden blocks); the decoder,",
        "the density, the linear map that reads clinical signs off the latent, and the normals' error on the pure",
        "normals of folds 1-8 (NORM and no other superclass).",
    ]


def chosen_on(config: CheckpointConfig) -> str:
    """Return which choices were made on fold 9."""
    if config.title == "Measurements":
        return "Which signs count was chosen on fold 9, abnormal records included."
    return "The weights of the parts in the score were chosen on fold 9, abnormal records included."


def card(config: CheckpointConfig) -> str:
    """Return the model card."""
    low, high = config.calibration.false_alarm_interval
    seconds = config.training.get("seconds")
    took = f" Training took {seconds / 60:.0f} minutes on {config.training.get('device')}." if seconds else ""
    lines = [
        f"# {config.title}",
        "",
        ABOUT[config.title],
        "",
        f"Checkpoint `{config.weights_sha256[:12]}`, seed {config.seed}. The command that makes it anew:",
        "",
        "```",
        "make reproduce DATA=/path/to/ptbxl",
        "```",
        "",
        "## Intended use",
        "",
        "Research. Points a reader at unusual 12-lead ECGs, and at the time and the leads that stand out. It does not",
        "diagnose and does not rule out disease.",
        "",
        "## Data",
        "",
        "PTB-XL 1.0.3 (Wagner et al. 2020, doi:10.1038/s41597-020-0495-6; CC BY 4.0), at 100 Hz.",
        *fitted_on(config),
        f"Percentiles and threshold rest on the pure normals of fold 9 ({config.calibration.n_normals} in which",
        f"quality found no fault). {chosen_on(config)} Nothing was chosen on fold 10.{took}",
        "",
        "## Calibration",
        "",
        f"Population: {config.calibration.population}.",
        "At the default threshold a new normal ECG of that population is flagged with a probability of at most",
        f"{config.calibration.false_alarm_rate:.0%}; with {config.calibration.n_normals} normals the true rate lies",
        f"between {low:.1%} and {high:.1%} (95 % interval).",
        "Records of 5 to 10 s are compared with normals cropped alike, records with one to four of the eight",
        f"independent leads left out with {config.calibration.n_masked} normals masked alike.",
        "",
        "## Figures",
        "",
        *metrics_text(config),
        "",
        *probe_text(config),
        "## Examples",
        "",
        *examples_text(config),
        "",
        "## Limits",
        "",
        "- One hospital group's ECGs (Germany, 1989-1996): recalibrate on your own normals before use",
        "  (`python -m training.calibrate --model NAME --data PREPARED --store YOUR_STORE`).",
        "- Older normals are flagged more often than the stated rate, see the table by age.",
        "- Labels are PTB-XL's: some abnormal records also carry NORM, and some normals would be read otherwise today.",
        "- Restoration error shows the place, not the kind; attention shows where the model looked, not why.",
        "- Not for paediatric, paced or exercise ECGs: the normals hold few or none.",
        "",
    ]
    return "\n".join(lines)


def release(name: str, store: Path) -> CheckpointConfig:
    """Write golden scores and the card of one checkpoint."""
    config = replace(read_config(store / name), examples=score_examples(name, store))
    write_config(config, store / name)
    (store / name / "README.md").write_text(card(config), encoding="utf-8")
    return config


def figures_table(configs: list[CheckpointConfig]) -> str:
    """Return the README's table: each model, its untrained control, and the plain autoencoder once."""
    rows = [
        "| | AUROC | AUPRC | sensitivity at 95 % specificity | sensitivity, specificity at the threshold |",
        "|---|---|---|---|---|",
    ]
    seen = set()
    for config in configs:
        controls = {name: row for name, row in config.metrics.get("controls", {}).items() if name not in seen}
        seen |= set(controls)
        for name, row in {f"**{config.title}**": config.metrics["overall"], **controls}.items():
            both = f"{_estimate(row.get('sensitivity'))}, {_estimate(row.get('specificity'))}"
            cells = (name, *(_estimate(row.get(c)) for c in ("auroc", "auprc", "sensitivity_at_95")), both)
            rows.append(f"| {' | '.join(cells)} |")
    overall = configs[0].metrics["overall"]
    return "\n".join(
        [
            f"{overall['n_normal']} normal and {overall['n_abnormal']} abnormal ECGs, 95 % intervals in brackets:",
            "",
            *rows,
        ]
    )


def write_readme(path: Path, configs: list[CheckpointConfig]) -> None:
    """Put the table between ``<!-- figures -->`` and ``<!-- /figures -->``."""
    text = path.read_text(encoding="utf-8")
    head, rest = text.split("<!-- figures -->")
    tail = rest.split("<!-- /figures -->")[1]
    table = figures_table(configs)
    path.write_text(f"{head}<!-- figures -->\n{table}\n<!-- /figures -->{tail}", encoding="utf-8")


def listed(store: Path) -> list[str]:
    """Return the checkpoints of a store as the README lists them: consensus, measurements, networks."""
    return sorted(list_checkpoints(store), key=lambda name: (name != CONSENSUS, name != EXPLAINED_BY, name))


def main(argv: list[str] | None = None) -> None:
    """Finish every checkpoint of a store."""
    parser = argparse.ArgumentParser(prog="python -m training.release", description="Write golden scores and cards.")
    parser.add_argument("--store", type=Path, default=None, help="folder of checkpoints (default: the shipped ones)")
    parser.add_argument("--readme", type=Path, default=None, help="README whose table of figures is renewed")
    args = parser.parse_args(argv)
    store = args.store or default_store()
    configs = [release(name, store) for name in listed(store)]
    if args.readme:
        write_readme(args.readme, configs)
    for config in configs:
        judged = {key: found["anomalous"] for key, found in config.examples.items() if found["anomalous"] is not None}
        wrong = [key for key, anomalous in judged.items() if anomalous == key.startswith("normal")]
        print(f"{config.name}: card written; examples misjudged: {', '.join(wrong) or 'none'}")


if __name__ == "__main__":
    main()
