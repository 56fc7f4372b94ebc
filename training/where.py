"""Measure how well maps point at what is unusual: lesions planted in normals of fold 9, and infarctions.

``python -m training.where --data PREPARED [--limit 160] [--model cae ...] [--expected FILE.npz]`` fits the expected ECG
on the training normals (or reads FILE; it is written there if it is not), plants the lesions of `training.lesions` in
clean normals of the validation split at full and half size, and prints

- in how many untouched normals of the validation split something is marked: 5 %, for they set the mark level;
- pointing: how often the peak of the time map lies in the lesion, beside chance (the lesion's share of the time), and
  how often something in it is marked;
- lead AUROC: how well the lead scores tell leads that carry the lesion from the others (each record by itself, mean);
- for real records, anterior against inferior infarctions of the validation split: the AUROC over records of the mean
  rank of V1-V4 less that of II, III, aVF.

The same for the maps of each ``--model``. Mark levels rest on the same validation normals, which neither pointing nor
AUROC depend on; choices were made on them too (training/EXPERIMENTS.md). The test split is never read.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata
from tqdm import tqdm

from ecg_core.calibration import Condition, condition_for
from ecg_core.detection import Explanation
from ecg_core.detector import AnomalyDetector
from ecg_core.errors import ECGError, RecordError
from ecg_core.expected import ExpectedModel, explain_expected
from ecg_core.measurements.scores import RankScores
from ecg_core.metrics import auroc
from ecg_core.preprocessing import MODEL_FS
from ecg_core.records import INDEPENDENT_LEADS, LEADS, Record
from ecg_core.segments import Prepared as PreparedRecord
from ecg_core.segments import SegmentInput, masked_indices, segment_of_eight, usable_leads
from training.calibrate import good_normals
from training.expected import fit_prepared, load_fitted, save_fitted
from training.lesions import IN_LEADS, IN_TIME, Base, Lesion, base_of
from training.signals import Prepared, load_prepared

F32 = NDArray[np.float32]
Explain = Callable[[SegmentInput], Explanation | None]

EXPECTED = "expected ECG"
ALL_READ = np.ones(len(INDEPENDENT_LEADS), bool)
MODELS = ("cae", "vae-bilstm", "vae-bilstm-mha")
N_BASES = 160
SIZES = {"full": 1.0, "half": 0.5}
ANTERIOR, INFERIOR = {"AMI", "ASMI", "ALMI"}, {"IMI", "ILMI", "IPMI", "IPLMI"}
OTHER_INFARCTIONS = {"LMI", "PMI"}
ANTERIOR_LEADS, INFERIOR_LEADS = ("V1", "V2", "V3", "V4"), ("II", "III", "aVF")
TITLES = {
    "pointing": "Pointing: the peak of the map lies in the lesion, %",
    "marked": "Something in the lesion is marked, %",
    "lead_auroc": "Lead AUROC: leads with the lesion against leads it does not reach",
}
BARS: dict[str, float] = {
    "premature ventricular beat": 98,
    "dropped beat": 95,
    "noise in one lead": 80,
    "premature beat of normal shape": 80,
    **dict.fromkeys(IN_LEADS, 0.97),
    "anterior against inferior": 0.93,
}


@dataclass
class Pointing:
    """How often the peak of a map lies in the lesion, and something in it is marked; chance is the lesion's share."""

    n: int = 0
    hits: int = 0
    marked: int = 0
    chance: float = 0.0

    def add(self, when: NDArray[np.bool_], trace: F32) -> None:
        """Count one record."""
        self.n += 1
        self.hits += bool(when[int(trace.argmax())])
        self.marked += bool(trace[when].max() > 1.0)
        self.chance += float(when.mean())

    def shares(self) -> tuple[float, float, float]:
        """Return hits, chance and marked in percent."""
        scale = 100.0 / max(self.n, 1)
        return self.hits * scale, self.chance * scale, self.marked * scale


def expected_maps(model: ExpectedModel, ranks: RankScores, segment: SegmentInput) -> Explanation | None:
    """Return the maps against the expected ECG."""
    where = explain_expected(model, segment, segment.measurements, ranks)
    return where.explanation if where else None


def network_maps(detector: AnomalyDetector, segment: SegmentInput) -> Explanation | None:
    """Return the maps of an autoencoder."""
    record = Record("planted", segment.x, LEADS, MODEL_FS, "")
    duration = segment.x.shape[1] / MODEL_FS
    condition: Condition = condition_for(duration, masked_indices(segment.usable))
    (found,) = detector.detect_prepared([PreparedRecord(record, duration, segment, condition, None)])
    return found.explanation


def lead_auroc(lesion: Lesion, scores: dict[str, float | None]) -> float:
    """Return how well lead scores tell the leads that carry a lesion from those that it does not reach."""
    assert lesion.leads is not None
    judged = [lead for lead in LEADS if lead not in lesion.aside and scores[lead] is not None]
    return auroc(np.array([lead in lesion.leads for lead in judged]), np.array([scores[lead] for lead in judged]))


def clean_bases(data: Prepared, limit: int) -> list[Base]:
    """Return normals of the validation split that have regular beats with all their points, in a fixed random order."""
    rows = np.random.default_rng(0).permutation(good_normals(data, "validation"))
    found: list[Base] = []
    for row in rows:
        if len(found) == limit:
            break
        base = base_of(np.array(data.signals[row]))
        if base is not None:
            found.append(base)
    if not found:
        raise RecordError("Expected regular normal records in the validation split; found none; prepare more.")
    return found


def marked_normals(data: Prepared, maps: dict[str, Explain]) -> pd.DataFrame:
    """Return in how many complete normals of the validation split, untouched, each map marks something, in percent."""
    rows = good_normals(data, "validation")
    segments = [segment_of_eight(np.array(data.signals[row]), ALL_READ) for row in rows]
    lines = []
    for title, explain in maps.items():
        found = [explain(segment) for segment in tqdm(segments, f"untouched, {title}", leave=False, mininterval=5)]
        highest = np.array([where.sample_scores.max() for where in found if where is not None])
        lines.append({"map": title, "n": len(highest), "marked": 100.0 * float((highest > 1.0).mean())})
    return pd.DataFrame(lines)


def judge(
    lesions: Sequence[Lesion], segments: Sequence[SegmentInput], explain: Explain, label: str
) -> dict[str, float]:
    """Return pointing, chance and marked in percent, or the mean lead AUROC, of one map on one kind of lesion."""
    pointing, aurocs = Pointing(), []
    for lesion, segment in zip(lesions, tqdm(segments, label, leave=False, mininterval=5), strict=True):
        found = explain(segment)
        if lesion.when is not None:
            pointing.add(
                lesion.when, np.zeros(segment.x.shape[1], np.float32) if found is None else found.sample_scores
            )
        else:
            aurocs.append(0.5 if found is None else lead_auroc(lesion, found.lead_scores))
    if aurocs:
        return {"lead_auroc": float(np.mean(aurocs))}
    return dict(zip(("pointing", "chance", "marked"), pointing.shares(), strict=True))


def planted(bases: Sequence[Base], maps: dict[str, Explain]) -> pd.DataFrame:
    """Plant everything and return a row for each lesion, size and map."""
    lines = []
    for j, (name, plant) in enumerate({**IN_TIME, **IN_LEADS}.items()):
        for size, factor in SIZES.items():
            lesions = [plant(base, factor, np.random.default_rng([0, k, j])) for k, base in enumerate(bases)]
            segments = [segment_of_eight(lesion.x, ALL_READ) for lesion in lesions]
            for title, explain in maps.items():
                found = judge(lesions, segments, explain, f"{name}, {size}, {title}")
                lines.append({"lesion": name, "size": size, "map": title} | found)
    return pd.DataFrame(lines)


def infarctions(data: Prepared, ptbxl: Path) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return rows of the validation split with an infarction of one wall alone, and which of them are anterior.

    Parameters
    ----------
    ptbxl : PTB-XL's folder, for the statements.
    """
    table = pd.read_csv(ptbxl / "ptbxl_database.csv", usecols=["scp_codes", "filename_lr", "strat_fold"])
    table = table[table["strat_fold"] == 9]
    codes = {
        Path(name).name: set(ast.literal_eval(text))
        for name, text in zip(table["filename_lr"], table["scp_codes"], strict=True)
    }
    rows, anterior = [], []
    for row in data.rows("validation", where=lambda t: t["interpretable"].to_numpy(bool)):
        own = codes.get(str(data.records["record"].iloc[row]), set())
        front, below = bool(own & ANTERIOR), bool(own & INFERIOR)
        if front != below and not own & OTHER_INFARCTIONS:
            rows.append(row)
            anterior.append(front)
    return np.array(rows, dtype=np.int64), np.array(anterior, dtype=bool)


def wall_score(scores: dict[str, float | None]) -> float:
    """Return the mean rank of V1-V4 less that of II, III and aVF among the leads that have a score."""
    known = [lead for lead in LEADS if scores[lead] is not None]
    rank = dict(zip(known, rankdata([scores[lead] for lead in known]), strict=True))
    sides = [[rank[lead] for lead in leads if lead in rank] for leads in (ANTERIOR_LEADS, INFERIOR_LEADS)]
    if not all(sides):
        return 0.0
    return float(np.mean(sides[0]) - np.mean(sides[1]))


def walls(data: Prepared, ptbxl: Path, maps: dict[str, Explain]) -> pd.DataFrame:
    """Return the AUROC of anterior against inferior infarction for each map."""
    rows, anterior = infarctions(data, ptbxl)
    segments = [
        segment_of_eight(np.array(data.signals[row]), usable_leads(bad))
        for row, bad in zip(rows, data.bad_leads(rows), strict=True)
    ]
    lines = []
    for title, explain in maps.items():
        judged, scores = [], []
        for front, segment in zip(anterior, tqdm(segments, f"infarctions, {title}", leave=False), strict=True):
            found = explain(segment)
            if found is not None:
                judged.append(front)
                scores.append(wall_score(found.lead_scores))
        y = np.array(judged)
        lines.append(
            {
                "map": title,
                "n_anterior": int(y.sum()),
                "n_inferior": int((~y).sum()),
                "auroc": auroc(y, np.array(scores)),
            }
        )
    return pd.DataFrame(lines)


def print_planted(table: pd.DataFrame) -> None:
    """Print pointing and lead AUROC, a line for each lesion and size, with the bar of the expected ECG."""
    for kinds, columns in ((IN_TIME, ("pointing", "marked")), (IN_LEADS, ("lead_auroc",))):
        part = table[table["lesion"].isin(kinds)]
        for column in columns:
            wide = part.pivot_table(index=["lesion", "size"], columns="map", values=column, sort=False)
            if column == "pointing":
                wide["chance"] = part.groupby(["lesion", "size"], sort=False)["chance"].first()
            if column != "marked":
                wide["bar"] = [BARS[lesion] if size == "full" else float("nan") for lesion, size in wide.index]
            print(f"\n{TITLES[column]}")
            print(wide.to_string(float_format="%.3f" if column == "lead_auroc" else "%.1f", na_rep=""))


def report(data: Prepared, limit: int, models: Sequence[str], kept: Path | None, ptbxl: Path | None) -> None:
    """Fit or read the expected ECG, measure every map and print."""
    if kept is not None and kept.is_file():
        model, ranks = load_fitted(kept)
    else:
        model, ranks = fit_prepared(data)
        if kept is not None:
            save_fitted(kept, model, ranks)
    maps: dict[str, Explain] = {EXPECTED: partial(expected_maps, model, ranks)}
    maps |= {name: partial(network_maps, AnomalyDetector.from_store(name)) for name in models}
    print("Normals of the validation split in which something is marked, %")
    print(marked_normals(data, maps).to_string(index=False, float_format="%.1f"))
    bases = clean_bases(data, limit)
    print(f"\n{len(bases)} normals of the validation split, one lesion at a time")
    print_planted(planted(bases, maps))
    if ptbxl is None:
        print("\nNo PTB-XL found: anterior against inferior infarction is not measured; give --ptbxl.")
        return
    print(f"\nAnterior against inferior infarction by lead rank, bar {BARS['anterior against inferior']}")
    print(walls(data, ptbxl, maps).to_string(index=False, float_format="%.3f"))


def _ptbxl_of(data: Prepared) -> Path | None:
    """Return the folder above the prepared records that holds PTB-XL's table."""
    for folder in Path(str(data.records["path"].iloc[0])).parents:
        if (folder / "ptbxl_database.csv").is_file():
            return folder
    return None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.where", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that training.prepare wrote")
    parser.add_argument("--limit", type=int, default=N_BASES, help=f"normals to plant in (default {N_BASES})")
    parser.add_argument("--model", nargs="*", default=list(MODELS), help="checkpoints to compare with (default all)")
    parser.add_argument("--expected", type=Path, help="what was fitted: read if it is there, else written")
    parser.add_argument("--ptbxl", type=Path, help="PTB-XL's folder (default: where the prepared records came from)")
    options = parser.parse_args(argv)
    try:
        data = load_prepared(options.data)
        report(data, options.limit, options.model, options.expected, options.ptbxl or _ptbxl_of(data))
    except ECGError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
