"""Hold the reasons that are given for a record against what cardiologists wrote.

``python -m training.reasons --data PREPARED --measurements PARQUET [--ptbxl FOLDER] [--out DIR]``: ranks and normal
ranges are fitted on the training normals, reasons given for the validation split; printed is how many records with a
statement name its measurement among the first three reasons, how many normals without it are told the same, and how
many reasons normals get. The parquet is what `training.measure` writes. ``--folds 1-8`` gives the reasons for these
folds' normals and records with such a statement instead, and measures those that the parquet lacks. ``--plain`` leaves
normals that carry another statement (prolonged PR, premature beats, ...) out of the ranges. ``--out`` draws the misses.
The test split is never read.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ecg_core.calibration import wilson_interval
from ecg_core.errors import ECGError, RecordError
from ecg_core.measurements import NAMES, REGISTRY, Measurements, measure_prepared
from ecg_core.measurements.measure import NO_P
from ecg_core.measurements.median_beat import BEFORE, GRID_FS
from ecg_core.measurements.ranges import NormalRanges, fit_ranges
from ecg_core.measurements.reasons import Reason, reasons_of
from ecg_core.measurements.scores import RankScores, fit_rank_scores
from ecg_core.measurements.whole_findings import VOLTAGES
from ecg_core.records import LEADS, Sex, twelve_from_eight
from ecg_core.segments import beats_of_eight, usable_leads
from training.measure import WHOLE, values_of
from training.signals import Prepared, load_prepared

FIRST = 3
MOST = 30
"""More than any record has."""

SINUS = {"NORM", "SR", "SBRAD", "STACH", "SARRH"}
"""Statements of a normal that say nothing of its waves and intervals."""

DRAWN = ("I", "II", "V1", "V2", "V5", "V6")
PER_ROW, MOST_DRAWN = 5, 40


@dataclass(frozen=True)
class Claim:
    """Which reason a record with a statement must name.

    Attributes
    ----------
    codes : SCP statements of PTB-XL; one is enough.
    bar : share of records that is aimed at.
    """

    title: str
    codes: tuple[str, ...]
    names: Callable[[Reason], bool]
    bar: float


def _voltage(reason: Reason) -> bool:
    return reason.name in VOLTAGES and not reason.text.startswith("Low voltage")


def _t_wave(reason: Reason) -> bool:
    return REGISTRY[reason.name].part == "T" and REGISTRY[reason.name].lead is not None


def _long(name: str) -> Callable[[Reason], bool]:
    return lambda reason: reason.name == name and reason.side == "high"


CLAIMS = (
    Claim("complete bundle branch block: QRS duration", ("CLBBB", "CRBBB"), _long("qrs_ms"), 0.90),
    Claim("first-degree AV block: PR", ("1AVB",), _long("pr_ms"), 0.85),
    Claim("T inversion: a T wave", ("INVT",), _t_wave, 0.90),
    Claim("LVH by voltage: a voltage", ("VCLVH", "LVH"), _voltage, 0.80),
)


def statements(records: pd.DataFrame, ptbxl: Path | None) -> list[frozenset[str]]:
    """Return the SCP statements of each record, whatever their likelihood; none for records of other sources.

    Parameters
    ----------
    records : of a prepared folder.
    ptbxl : folder with `ptbxl_database.csv`; by default where the records were read from.

    Raises
    ------
    RecordError
        If the file is not there.
    """
    folder = ptbxl or Path(str(records["path"].iloc[0])).parents[2]
    if not (folder / "ptbxl_database.csv").is_file():
        raise RecordError(f"{folder} has no ptbxl_database.csv; name PTB-XL's folder with --ptbxl.")
    database = pd.read_csv(folder / "ptbxl_database.csv", usecols=["ecg_id", "scp_codes"], index_col="ecg_id")
    codes = {int(number): frozenset(ast.literal_eval(text)) for number, text in database["scp_codes"].items()}
    known = zip(records["source"], records["record"], strict=True)
    return [codes[int(name.split("_")[0])] if source == "ptbxl" else frozenset() for source, name in known]


def plain_normals(prepared: Prepared, codes: Sequence[frozenset[str]]) -> NDArray[np.int64]:
    """Return the training normals of which nothing was stated but a sinus rhythm."""
    rows = prepared.rows("train", "normal")
    return rows[[codes[row] <= SINUS for row in rows]]


def sex_of(value: object) -> Sex | None:
    """Return the sex of a prepared record, None where it is not known."""
    return "female" if value == "female" else "male" if value == "male" else None


def fit(prepared: Prepared, table: pd.DataFrame, plain: NDArray[np.int64] | None) -> tuple[RankScores, NormalRanges]:
    """Return ranks of the training normals, and normal ranges of them or of `plain`.

    Parameters
    ----------
    table : measurements of whole records, by row.
    """
    normals = prepared.rows("train", "normal")
    values = table.loc[normals, list(NAMES)]
    names = [name for name in NAMES if values[name].notna().mean() > 0.5]
    ranks = fit_rank_scores(values[names].to_numpy(np.float64), names)
    chosen = normals if plain is None else plain
    people = prepared.records.iloc[chosen]
    sexes = [sex_of(value) for value in people["sex"]]
    measured = table.loc[chosen, list(NAMES)].to_numpy(np.float64)
    return ranks, fit_ranges(measured, NAMES, people["age"].to_numpy(np.float64), sexes)


def from_row(row: pd.Series) -> Measurements:
    """Return measurements from a row of the parquet, which does not keep why one is missing."""
    values = {name: float(value) for name, value in row.items() if np.isfinite(value)}
    return Measurements(values, {"p_ms": NO_P} if "p_ms" not in values and "qrs_ms" in values else {})


def folds_in(text: str) -> tuple[int, ...]:
    """Return the folds that "1-8", "9" or "1,3-5" names.

    Raises
    ------
    argparse.ArgumentTypeError
        If it names none.
    """
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not first.strip().isdecimal() or not (last or first).strip().isdecimal():
            raise argparse.ArgumentTypeError(f"{text!r} names no folds; write them as 9, 1-8 or 1,3-5.")
        found.extend(range(int(first), int(last or first) + 1))
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} names no folds; write the lower one first, as in 1-8.")
    return tuple(dict.fromkeys(found))


def rows_of_folds(
    prepared: Prepared, folds: Sequence[int], codes: Sequence[frozenset[str]], claims: Sequence[Claim] = CLAIMS
) -> NDArray[np.int64]:
    """Return the normals of some folds and their records with the statement of a claim.

    Raises
    ------
    RecordError
        If the folds have no records, or one of them is of the test split.
    """
    rows = prepared.rows(where=lambda records: records["fold"].isin(folds).to_numpy(bool))
    named = ", ".join(str(fold) for fold in folds)
    if not len(rows):
        raise RecordError(f"No record of {prepared.folder} is of fold {named}; name folds that were prepared.")
    if (prepared.records["split"].iloc[rows] == "test").any():
        raise RecordError(f"Fold {named} is, or has in it, the test split, which is not read here; name other folds.")
    stated = frozenset(code for claim in claims for code in claim.codes)
    normal = (prepared.records["label"].iloc[rows] == "normal").to_numpy(bool)
    return rows[normal | np.array([not codes[row].isdisjoint(stated) for row in rows])]


def with_measured(prepared: Prepared, table: pd.DataFrame, rows: NDArray[np.int64]) -> pd.DataFrame:
    """Return the table with the rows that it lacks, measured now."""
    lacking = rows[~np.isin(rows, table.index.to_numpy())]
    if not len(lacking):
        return table
    more = pd.DataFrame(values_of(prepared, lacking), columns=list(NAMES), index=lacking)
    return pd.concat([table, more])


def reasons_for(
    prepared: Prepared, table: pd.DataFrame, ranks: RankScores, ranges: NormalRanges, rows: NDArray[np.int64]
) -> dict[int, tuple[Reason, ...]]:
    """Return all reasons for each of these records, by row."""
    found = {}
    for row in rows:
        person = prepared.records.iloc[row]
        age = None if pd.isna(person["age"]) else float(person["age"])
        measured = from_row(table.loc[row, list(NAMES)])
        found[int(row)] = reasons_of(measured, ranks, ranges, age, sex_of(person["sex"]), MOST)
    return found


def report(
    found: dict[int, tuple[Reason, ...]], codes: Sequence[frozenset[str]], records: pd.DataFrame
) -> dict[str, list[int]]:
    """Print what is named among the first three, the first five and all reasons; return the rows of the misses."""
    misses = {}
    print(f"{'':44} {'n':>4} {'first 3':>8}  95 % interval  {'first 5':>8} {'all':>6} {'normals':>8}  bar")
    for claim in CLAIMS:
        rows = [row for row in found if not codes[row].isdisjoint(claim.codes)]
        at = {row: next((k for k, reason in enumerate(found[row]) if claim.names(reason)), MOST) for row in rows}
        share = {most: sum(place < most for place in at.values()) for most in (FIRST, 5, MOST)}
        n = max(len(rows), 1)
        normals = [row for row in found if records["label"].iloc[row] == "normal" and row not in at]
        told = sum(any(claim.names(reason) for reason in found[row]) for row in normals) / max(len(normals), 1)
        low, high = wilson_interval(share[FIRST], n)
        missed = "" if share[FIRST] / n >= claim.bar else "   MISSED"
        print(
            f"{claim.title:44} {len(rows):4d} {share[FIRST] / n:8.3f}  {low:.3f} to {high:.3f}  {share[5] / n:8.3f} "
            f"{share[MOST] / n:6.3f} {told:8.3f}  {claim.bar:.2f}{missed}"
        )
        misses[claim.title] = [row for row, place in at.items() if place >= FIRST]
    return misses


def report_counts(found: dict[int, tuple[Reason, ...]], records: pd.DataFrame) -> None:
    """Print how many normals and abnormals get no, one, two, ... reasons."""
    print("\nrecords by their number of reasons, %\n" + " " * 10 + "".join(f"{k:>6}" for k in (0, 1, 2, 3, 4, "5+")))
    for label in ("normal", "abnormal"):
        many = [min(len(reasons), 5) for row, reasons in found.items() if records["label"].iloc[row] == label]
        share = np.bincount(many, minlength=6) / max(len(many), 1)
        print(f"{label:10}" + "".join(f"{100 * value:6.1f}" for value in share) + f"   of {len(many)}")


def draw_misses(
    path: Path, title: str, rows: Sequence[int], found: dict[int, tuple[Reason, ...]], prepared: Prepared
) -> None:
    """Draw the median beats of missed records with their points, and what was said instead."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    rows = rows[:MOST_DRAWN]
    high = -(-len(rows) // PER_ROW)
    figure, axes = plt.subplots(high, PER_ROW, figsize=(5.2 * PER_ROW, 5.0 * high), squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for axis, row in zip(axes.flat, rows, strict=False):
        lost = prepared.bad_leads(np.array([row]))[0]
        x = np.array(prepared.signals[row])
        beats = beats_of_eight(x, usable_leads(lost))
        measured = measure_prepared(twelve_from_eight(x), beats, tuple(lead for lead in LEADS if lead not in lost))
        said = "\n".join(reason.text for reason in found[row][:FIRST]) or "no reason"
        pr, qrs = (f"{measured.get(name):.0f}" if name in measured.values else "-" for name in ("pr_ms", "qrs_ms"))
        name = prepared.records["record"].iloc[row]
        axis.set_title(f"{name}  PR {pr}  QRS {qrs}\n{said}", fontsize=7, loc="left")
        if measured.beat is None:
            continue
        t = (np.arange(measured.beat.x.shape[1]) - BEFORE) * 1000.0 / GRID_FS
        for k, lead in enumerate(DRAWN):
            axis.plot(t, measured.beat.x[LEADS.index(lead)] - 1.2 * k, color="black", linewidth=0.8)
            axis.text(t[0], -1.2 * k + 0.1, lead, fontsize=7)
        for point in vars(measured.points).values():
            if np.isfinite(point):
                axis.axvline(point, color="tab:red", linewidth=0.5)
    figure.suptitle(f"{title}: {len(rows)} misses", fontsize=10)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    figure.savefig(path, dpi=70)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.reasons", description="Hold reasons against statements.")
    parser.add_argument("--data", required=True, help="prepared folder")
    parser.add_argument("--measurements", type=Path, required=True, help="parquet from training.measure")
    parser.add_argument("--ptbxl", type=Path, help="PTB-XL's folder (default: where the records were read from)")
    parser.add_argument("--folds", type=folds_in, help="folds instead of the validation split, as 1-8")
    parser.add_argument("--plain", action="store_true", help="ranges from normals without any other statement")
    parser.add_argument("--out", type=Path, help="folder for pictures of the misses")
    options = parser.parse_args(argv)
    try:
        prepared = load_prepared(options.data)
        codes = statements(prepared.records, options.ptbxl)
        table = pd.read_parquet(options.measurements)
        table = table[table["stretch"] == WHOLE].set_index("row")
        plain = plain_normals(prepared, codes) if options.plain else None
        ranks, ranges = fit(prepared, table, plain)
        rows = rows_of_folds(prepared, options.folds, codes) if options.folds else prepared.rows("validation")
        table = with_measured(prepared, table, rows)
        judged = f"folds {options.folds}: normals, and stated" if options.folds else "validation split"
        print(f"normal ranges from {ranges.n_normals} training normals; {judged}\n")
        found = reasons_for(prepared, table, ranks, ranges, rows)
        misses = report(found, codes, prepared.records)
        report_counts(found, prepared.records)
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
            for k, (title, rows) in enumerate(misses.items()):
                draw_misses(options.out / f"misses-{k + 1}.png", title, rows, found, prepared)
    except (ECGError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
