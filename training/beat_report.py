"""Write docs/beats.md: what the field claims on MIT-BIH, reproduced under its protocol, and under the honest one.

    python -m training.beat_report --runs runs --detector runs/detector/beat-cae.json --sweep runs/sweep

Every figure comes from a file that a command wrote: metrics.json and probe.json of the runs (`training.evaluate`,
`training.beat_probe`), the detector's figures (`training.evaluate --out`), table.csv (`training.sweep`).
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ecg_core.errors import ConfigError, ECGError
from training.beat_data import PROTOCOLS
from training.beat_detector import READINGS
from training.beat_kinds import kinds_table
from training.beat_markdown import HEADINGS, estimate, heading, plain, prose, read_json, table
from training.beat_measure import FALSE_ALARMS, holds
from training.beat_networks import (
    Runs,
    claims_section,
    classes_section,
    field,
    networks_section,
    read_runs,
    scores_section,
    training_section,
)
from training.mitbih import CLASS_WORDS

FAILURES = ("232", "222", "231", "212")
WHY = {
    "232": """Most of this patient's beats are atrial premature ones (A) in long runs, so that the patient's dominant
        beat is itself of an abnormal class: what is compared with the patient's own beats calls the few sinus beats
        odd.""",
    "231": """Right bundle branch block that comes and goes (1254 beats R, 314 N): two shapes, both of class N. Beside
        one dominant beat the other shape was called anomalous (false alarms of the second reading .816); the detector
        now holds each beat against the nearer of two dominant shapes. At the beats that it finds by itself it does not:
        it takes 50 P waves for beats there, which break the stretches of the second shape.""",
    "212": """Right bundle branch block that comes and goes with the rate (1825 beats R, 923 N): as in 231 (false alarms
        of the second reading .334).""",
    "222": """Atrial flutter and fibrillation with atrial and nodal premature beats (A, J) whose QRS complex is that of
        the normal beats: nothing in the shape tells them apart, and in an irregular rhythm intervals tell little.""",
}
DOES_NOT = "Research. A score says how unusual a beat is; it does not diagnose and does not rule out disease."


def records_section(runs: Runs, detector: Mapping[str, Any] | None) -> list[str]:
    """Return the Beat-CAE, and the detector, record by record."""
    result = runs["beat-cae", "interpatient"]
    relative = {row["record"]: row for row in result["scores"]["relative"]["records"]}
    known = {row["record"]: row for row in detector["records"]} if detector else {}
    rows = []
    for row in field(result)["records"]:
        name = row["record"]
        cells = [name, str(row["beats"]), str(row["abnormal"])]
        for one in (row, relative[name], known.get(name)):
            cells += [plain(one[c]) if one else "-" for c in ("auroc", "sensitivity", "false_alarms")]
        rows.append(cells if known else cells[:9])
    head = ["record", "beats", "abnormal"]
    for what in ("Beat-CAE", "minus median", "detector")[: 3 if known else 2]:
        head += [f"{what}: AUROC", "sens.", "false alarms"]
    return [
        "## By record, DS2",
        "",
        "At the threshold that was fixed on DS1; a dash where there are fewer than five beats of a kind.",
        "",
        *table(head, rows),
    ]


def failures_section(runs: Runs, detector: Mapping[str, Any] | None) -> list[str]:
    """Return where it fails, and why."""
    known = {row["record"]: row for row in detector["records"]} if detector else {}
    rows = {row["record"]: row for row in runs["beat-cae", "interpatient"]["scores"]["relative"]["records"]}
    lines = ["## Failures", ""]
    for name in FAILURES:
        if name not in rows:
            continue
        row = rows[name]
        told = f"Beat-CAE minus its median: AUROC {plain(row['auroc'])}, false alarms {plain(row['false_alarms'])}"
        own = known.get(name)
        if own:
            told += f"; detector: AUROC {plain(own['auroc'])}, false alarms {plain(own['false_alarms'])}"
        lines += prose(f"- **{name}** ({row['abnormal']} of {row['beats']} beats abnormal; {told}). {WHY[name]}")
    return lines


def detector_section(detector: Mapping[str, Any]) -> list[str]:
    """Return what the beat detector reaches, beside what was aimed at."""
    rows = []
    for row in detector["rows"]:
        figure, ok = row["figure"], holds(row)
        value = plain(figure["value"]) if figure["low"] is None else estimate(figure)
        side = "at most" if row["name"] in FALSE_ALARMS else "at least"
        rows.append(
            (
                row["what"],
                value,
                "" if ok is None else f"{side} {plain(row['bar'])}",
                "" if ok is not False else "falls short",
            )
        )
    kinds = [
        (
            f"{name}, {CLASS_WORDS[name]}",
            str(c["n_abnormal"]),
            *(estimate(c[k]) for k in ("auroc", "sensitivity_at_95", "sensitivity")),
        )
        for name, c in detector["classes"].items()
    ]
    return [
        "## The detector: each beat beside the patient's dominant beat",
        "",
        *prose(f"`{detector['model']}`, checkpoint `{detector['checkpoint'][:12]}`, {detector['part']}. {READINGS}"),
        "",
        *table(("", "measured", "aimed at", ""), rows),
        "",
        *table(("class", "beats", "AUROC against N", HEADINGS[1], "flagged in use"), kinds),
    ]


def probe_section(folder: Path, detector: Mapping[str, Any] | None) -> list[str]:
    """Return what kinds can be told from frozen latents."""
    lines = ["## What kind, as a hint", ""]
    for protocol in PROTOCOLS:
        path = folder / f"beat-cae-{protocol}" / "probe.json"
        if protocol == "random" and not path.is_file():
            continue
        told = read_json(path, f"python -m training.beat_probe --run {path.parent} --data ...")
        test = told["test"]
        lines += [
            f"### {heading(protocol)}",
            "",
            f"Accuracy {plain(test['accuracy'])}; answering N always has {plain(test['answering_n'])}. "
            f"Mean distance of probability from frequency {plain(test['calibration_error'])}.",
            "",
            *table(
                ("class", "beats", "prevalence", "sensitivity", "PPV", "shown"),
                (
                    (
                        f"{name}, {CLASS_WORDS[name]}",
                        str(row["beats"]),
                        plain(row["prevalence"]),
                        estimate(row["sensitivity"]),
                        estimate(row["ppv"]),
                        "yes" if on else "no",
                    )
                    for on, (name, row) in zip(told["on"], test["classes"].items(), strict=True)
                ),
            ),
            "",
        ]
    return [
        *lines,
        *prose("""
            A linear probe on the frozen latents, the latents minus their median in the record, and the intervals before
            and after the beat. Fitted, calibrated and switched on one side of its split, and read on the other side
            once. A class is shown where, on records of DS1 that were left out of the fit (on random beats: on beats
            that were left out), the lower end of its PPV's interval lies above its prevalence. Of all beats, nine in
            ten are of class N, and a calibrated probe says little else: so the detector has a probe of its own."""),
        *(kinds_section(detector) if detector and "kinds" in detector else []),
    ]


def kinds_section(detector: Mapping[str, Any]) -> list[str]:
    """Return how often what the detector says flagged beats resemble is right."""
    return [
        "",
        "### In use: flagged beats of new patients",
        "",
        *prose(f"""
            What `{detector["model"]}` says its flagged beats resemble, {detector["part"]}. Its probe was fitted and
            calibrated on flagged beats of DS1, and sees the distance from the patient's dominant beat too. Sensitivity
            counts beats that were not flagged as missed; chance is a class's share of flagged beats. A class is said
            where it is likelier than not, and told better than by chance here and on DS1, left out."""),
        "",
        *kinds_table(detector["kinds"]),
    ]


def sweep_section(folder: Path, n: int = 10) -> list[str]:
    """Return the best and the worst trials of the sweep."""
    path = folder / "table.csv"
    if not path.is_file():
        raise ConfigError(f"Expected {path}; there is no such file; run python -m training.sweep --out {folder} first.")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    shown = [*rows[:n], *rows[n:][-2:]]
    head = [c for c in rows[0] if c not in ("seconds",)]
    cells = (
        [f"{float(r[c]):.3g}" if c in ("auroc", "sensitivity_at_95", "learning_rate") else r[c] for c in head]
        for r in shown
    )
    span = f"{float(rows[-1]['auroc']):.3f} to {float(rows[0]['auroc']):.3f}"
    return [
        "## The sweep",
        "",
        *prose(f"""
            {len(rows)} trials on DS1 (`python -m training.sweep`), judged on its validation records; AUROC from {span}.
            {f"The best {n} and the last two" if len(rows) > n else "All of them"}:"""),
        "",
        *table(head, cells),
    ]


def report(runs_folder: Path, detector: Path | None, sweep: Path | None) -> str:
    """Return docs/beats.md."""
    runs = read_runs(runs_folder)
    found = (
        read_json(detector, "python -m training.evaluate --model beat-cae --data MITBIH --out runs/detector")
        if detector
        else None
    )
    sections = [
        [
            "# Beat by beat on MIT-BIH: claims and measurements",
            "",
            "Written by `python -m training.beat_report`; every figure comes from a file that a command wrote.",
            DOES_NOT,
            "",
            *prose("""The 44 records of MIT-BIH that are not paced: MLII by name, AAMI classes, normal is N (marks N, L,
                R, e and j)."""),
        ],
        claims_section(runs),
        networks_section(runs),
        training_section(runs),
        scores_section(runs),
        classes_section(runs),
    ]
    if found:
        sections.append(detector_section(found))
    sections += [records_section(runs, found), failures_section(runs, found), probe_section(runs_folder, found)]
    if sweep:
        sections.append(sweep_section(sweep))
    sections.append(
        [
            "## The commands",
            "",
            "```sh",
            "python -m training.download mitbih --out MITBIH",
            "python -m training.prepare --mitbih MITBIH --out PREPARED",
            "train() { python -m training.train --data PREPARED --config training/configs/$1.toml --protocol $2; }",
            "for name in beat-cae beat-cnn-lstm beat-cae-187 beat-cae-187-augmented; do train $name interpatient; done",
            "for name in beat-cae-random beat-cnn-lstm beat-cae-187-random beat-cae-187-augmented; do",
            "  train $name random; done",
            "for run in runs/beat-*; do python -m training.evaluate --model $run --data PREPARED; done",
            "for protocol in random interpatient; do",
            "  python -m training.beat_probe --run runs/beat-cae-$protocol --data PREPARED; done",
            "python -m training.sweep --data PREPARED --out runs/sweep",
            "python -m training.evaluate --model beat-cae --data MITBIH --out runs/detector",
            "python -m training.beat_report --runs runs --sweep runs/sweep --detector runs/detector/beat-cae.json",
            "```",
        ]
    )
    return "\n\n".join("\n".join(section).strip() for section in sections) + "\n"


def main(argv: Iterable[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.beat_report", description="Write docs/beats.md.")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--detector", type=Path, help="what training.evaluate --out wrote of the beat detector")
    parser.add_argument("--sweep", type=Path, help="folder of the sweep")
    parser.add_argument("--out", type=Path, default=Path("docs/beats.md"))
    args = parser.parse_args(None if argv is None else list(argv))
    try:
        text = report(args.runs, args.detector, args.sweep)
    except ECGError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    args.out.write_text(text, encoding="utf-8")
    print(f"{args.out}: {len(text.splitlines())} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
