"""Measure models on a held-out split, and write figures, pictures and, on demand, the checkpoint's metrics.

    python -m training.evaluate --data PREPARED                         # every checkpoint of models_store, fold 10
    python -m training.evaluate --model cae --data PREPARED --untrained --plain runs/plain-cae --out runs/evaluation
    python -m training.evaluate --model PATH --data MY_FOLDER           # labelled records of your own
    python -m training.evaluate --data PREPARED --write                 # also into each checkpoint's folder
    python -m training.evaluate --from-scores runs/evaluation --write   # the same, from what --out wrote before
    python -m training.evaluate --model PATH --data FOLDER              # beats: a run of a network alone
                                                # (`training.beat_evaluate`), or a detector (`training.beat_measure`)

Everything was fitted and chosen on other folds; nothing is chosen here. A record that quality calls not interpretable
gets no verdict in use: its score, with nothing masked, counts in the figures over all records and is left out of those
over the interpretable ones.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from ecg_core.checkpoints import read_config, write_config
from ecg_core.curves import write_curves
from ecg_core.errors import ConfigError, ECGError
from ecg_core.metrics import Estimate
from ecg_core.models import REGISTRY
from training import beat_evaluate, beat_measure
from training.figures import draw_curves, draw_scores
from training.measurements import N_BOOTSTRAP, Subject, counts_of, curves_of, evaluate, subject_of, with_shares
from training.prepare import PrepareConfig, prepare_in_memory
from training.scorers import Scored, Scorer, find_checkpoints, trained, untrained
from training.signals import Prepared, load_prepared

# printing -------------------------------------------------------------------------------------------------------------


def _cell(estimate: dict[str, float] | None) -> str:
    return str(Estimate(**estimate)) if estimate else "-"


COLUMNS = ("auroc", "auprc", "sensitivity_at_95", "sensitivity", "specificity")
HEADINGS = ("AUROC", "AUPRC", "sens. at 95 % spec.", "sens. at threshold", "spec. at threshold")


def _table(rows: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """Return rows of metrics as text in columns."""
    cells = [("", "normal/abnormal", "prevalence", *HEADINGS)]
    for name, metrics in rows:
        counts = f"{metrics['n_normal']}/{metrics['n_abnormal']}"
        cells.append((name, counts, f"{metrics['prevalence']:.3f}", *(_cell(metrics[c]) for c in COLUMNS)))
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells)


def text_of(result: dict[str, Any]) -> str:
    """Return the whole result as text."""
    counts = result["records"]
    lost = counts["not_interpretable"]
    lines = [
        f"{counts['split']} split: {counts['normal']} normal and {counts['abnormal']} abnormal records; not "
        f"interpretable {lost['normal']} and {lost['abnormal']}, with masked leads {counts['with_masked_leads']}. "
        f"Intervals: 95 %, {N_BOOTSTRAP} stratified bootstrap resamples.",
        "",
        "All records",
        _table([(m["title"], m["overall"]) for m in result["models"]]),
        "",
        "Interpretable records",
        _table([(m["title"], m["interpretable"]) for m in result["models"]]),
    ]
    for model in result["models"]:
        if model["kind"] == "trained":
            lines += ["", *_model_lines(model)]
    return "\n".join(lines)


def _model_lines(model: dict[str, Any]) -> list[str]:
    """Return the groups, false alarms and threshold rules of one model."""
    groups = [(key, metrics) for name in ("superclass", "sex", "age") for key, metrics in model[name].items()]
    threshold = "none (too few normals)" if model["threshold"] is None else f"{model['threshold']:.4g}"
    lines = [f"{model['title']}, threshold at {model['false_alarm_rate']:.0%} false alarms: {threshold}"]
    if groups:
        lines.append(_table(groups))
    lines += [f"  part {name}: AUROC {part['auroc']:.3f}" for name, part in model["parts"].items()]
    for band in model["age_bands"]:
        interval = f"{band['low']:.1%}-{band['high']:.1%}"
        lines.append(f"  false alarms {band['name']}: {band['false_alarm_rate']:.1%} ({interval}) of {band['n']}")
    for row in model.get("rules", ()):
        if row["threshold"] is None:
            lines.append(f"  {row['rule']}: no threshold")
        else:
            share = f"sensitivity {row['sensitivity']:.3f}, specificity {row['specificity']:.3f}"
            lines.append(f"  {row['rule']}: {row['threshold']:.4g}, {share}")
    return lines


# command line ---------------------------------------------------------------------------------------------------------


def write_metrics(
    path: Path, report: dict[str, Any], result: dict[str, Any], abnormal: NDArray[np.bool_], score: NDArray[np.float64]
) -> None:
    """Put what was measured, and the controls measured beside it, into a checkpoint's config.json; weights stay.

    The curves go into curves.json beside it.

    Parameters
    ----------
    path : the checkpoint's folder.
    report, result : of `training.measurements.evaluate`, and all of them.
    abnormal, score : (n_records,), what the curves are drawn from.
    """
    own = f"{report['title']}, "
    controls = {
        m["title"]: m["overall"]
        for m in result["models"]
        if m["kind"] != "trained" and (m["kind"] != "untrained" or m["title"].startswith(own))
    }
    kept = ("overall", "interpretable", "superclass", "sex", "age", "parts", "age_bands", "rules")
    metrics = {key: report[key] for key in kept if key in report}
    config = read_config(path)
    changed = replace(
        config,
        metrics={"records": result["records"], **metrics, "controls": controls},
        operating_points=tuple(report["operating_points"]),
    )
    write_config(changed, path)
    write_curves(curves_of(abnormal, score, config.weights_sha256), path)


def run_from_scores(args: argparse.Namespace) -> dict[str, Any]:
    """Return the result that `--out` wrote before; with `--write` also into the checkpoints it was measured with."""
    try:
        result: dict[str, Any] = json.loads((args.from_scores / "metrics.json").read_text(encoding="utf-8"))
        table = pd.read_csv(args.from_scores / "scores.csv")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"Expected metrics.json and scores.csv of training.evaluate --out in {args.from_scores}; found {error}."
        ) from error
    abnormal = (table["label"] == "abnormal").to_numpy(bool)
    paths = {read_config(path).weights_sha256: path for path in find_checkpoints(args.model, args.store)}
    reports = {report["checkpoint"]: report for report in result["models"] if "checkpoint" in report}
    for checkpoint, path in paths.items() if args.write else ():
        if checkpoint not in reports:
            raise ConfigError(f"{path} has changed since {args.from_scores} was written; evaluate it again.")
        report = reports[checkpoint]
        score = table[report["name"]].to_numpy(float)
        report["rules"] = with_shares(report.get("rules", []), abnormal, score)
        write_metrics(path, report, result, abnormal, score)
    return result


def open_data(args: argparse.Namespace) -> Prepared:
    """Open a prepared folder, or prepare a labelled folder of the user's own in memory."""
    if (args.data / "meta.json").is_file():
        return load_prepared(args.data)
    given = {"folder_fs": args.fs, "folder_unit": args.unit, "folder_leads": args.leads}
    labels = str(args.labels) if args.labels else None
    config = PrepareConfig(out="", folder=str(args.data), labels=labels, clean_nans=args.clean_nans, **given)
    data, skipped = prepare_in_memory(config)
    for name, reason in skipped:
        print(f"skipped {name}: {reason}", file=sys.stderr)
    return data


def _scorers(args: argparse.Namespace, data: Prepared) -> list[tuple[Scorer, Path | None]]:
    """Return what is to be measured, each with the checkpoint that gets its metrics."""
    paths = find_checkpoints(args.model, args.store)
    scorers: list[tuple[Scorer, Path | None]] = [(trained(path), path) for path in paths]
    if args.untrained:
        networks = [path for path in paths if read_config(path).architecture["class"] in REGISTRY]
        scorers += [(untrained(path, data, args.cache), None) for path in networks]
    if args.plain:
        from training.plain_cae import PlainScorer  # torch modules that only this row needs

        scorers.append((PlainScorer.load(args.plain), None))
    return scorers


def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure everything asked for, write files, and return the result."""
    data = open_data(args)
    split = None if args.split == "all" else args.split
    subject = subject_of(data, split)
    try:
        validation = subject_of(data, "validation") if split == "test" else None
    except ConfigError:
        validation = None
    result: dict[str, Any] = {"records": counts_of(subject, split), "data": data.meta.get("sources"), "models": []}
    scores = {}
    measured: list[tuple[Path, dict[str, Any], Scored]] = []
    for scorer, path in _scorers(args, data):
        report, scored = evaluate(scorer, subject, validation)
        if path is not None:
            report["checkpoint"] = read_config(path).weights_sha256
        result["models"].append(report)
        scores[scorer.title] = scored
        if path is not None:
            measured.append((path, report, scored))
    for path, report, scored in measured if args.write else ():
        write_metrics(path, report, result, subject.abnormal, scored.score)
    if args.out:
        _write(args.out, result, scores, subject)
    return result


def _write(out: Path, result: dict[str, Any], scores: dict[str, Scored], subject: Subject) -> None:
    """Write metrics.json, metrics.txt, scores.csv and the pictures."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "metrics.json").write_text(json.dumps(result, indent=1) + "\n")
    (out / "metrics.txt").write_text(text_of(result) + "\n")
    table = subject.records[["record", "label", "superclasses", "interpretable"]].copy()
    for model in result["models"]:
        table[model["name"]] = scores[model["title"]].score
    table.to_csv(out / "scores.csv", index=False)
    drawn = {title: scored.score for title, scored in scores.items()}
    draw_curves(subject.abnormal, drawn, out / "roc.png", out / "pr.png")
    for model in result["models"]:
        scored = scores[model["title"]]
        draw_scores(
            subject.abnormal, scored.score, model["threshold"], model["title"], out / f"scores-{_slug(model)}.png"
        )


def _slug(model: dict[str, Any]) -> str:
    return "".join(c if c.isalnum() else "-" for c in model["name"].lower()).strip("-").replace("--", "-")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description="Measure models on held-out data.")
    parser.add_argument("--model", nargs="*", default=[], help="names in the store, or paths (default: all)")
    parser.add_argument("--store", type=Path, help="folder of checkpoints (default: the shipped ones)")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="prepared folder, or labelled records of your own")
    source.add_argument("--from-scores", type=Path, help="folder that --out wrote: nothing is scored again")
    parser.add_argument("--split", choices=("train", "validation", "test", "all"), default="test")
    parser.add_argument("--out", type=Path, help="folder for metrics.json, metrics.txt, scores.csv and pictures")
    parser.add_argument("--untrained", action="store_true", help="add each network untrained as a row")
    parser.add_argument("--cache", type=Path, default=Path("runs/untrained"), help="where untrained controls are kept")
    parser.add_argument("--plain", type=Path, help="folder that training.plain_cae wrote, as a row")
    parser.add_argument("--write", action="store_true", help="write figures and curves into the checkpoints")
    parser.add_argument("--labels", type=Path, help="CSV of your own folder (default DATA/labels.csv)")
    parser.add_argument("--fs", type=float, help="sampling rate of .npy and CSV files in your own folder, Hz")
    parser.add_argument("--unit", choices=("mV", "uV", "V"), help="their unit")
    parser.add_argument("--leads", type=lambda text: tuple(text.split(",")), help="their leads: I,II,...")
    parser.add_argument("--clean-nans", action="store_true", help="fill missing samples over 100 ms")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    return parser


def beats_text(args: argparse.Namespace) -> str:
    """Measure networks or detectors of beats and return what came out; "" where the models are none of these."""
    if not args.model or not args.data:
        return ""
    if all(map(beat_evaluate.is_beat_run, args.model)):
        runs = beat_evaluate.run_beats(args.model, args.data, args.out)
        return "\n\n".join(map(beat_evaluate.text_of, runs))
    paths = beat_measure.beat_checkpoints(args.model, args.store)
    found = beat_measure.run_detectors(paths, args.data, args.out, write=args.write) if paths else []
    return "\n\n".join(map(beat_measure.text_of, found))


def main(argv: Iterable[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = _parser().parse_args(None if argv is None else list(argv))
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        if text := beats_text(args):
            print(text)
            return 0
        result = run_from_scores(args) if args.from_scores else run(args)
    except ConfigError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except ECGError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(text_of(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
