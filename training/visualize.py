"""Draw chosen records with what a model makes of them, as PDF or PNG.

    python -m training.visualize --model cae --records ecg.hea other.npy --out pages.pdf
    python -m training.visualize --model all --data PREPARED --highest 5 --out pages.pdf
    python -m training.visualize --data PREPARED --wrong 10 --scores runs/evaluation/scores.csv --out folder/

`--out` ending in .pdf makes one file; anything else is a folder of PNG, one per record and model.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.checkpoints import load_checkpoint
from ecg_core.detector import AnomalyDetector
from ecg_core.errors import ConfigError, ECGError, RecordError
from ecg_core.records import Record
from training.measurements import score_subject, subject_of
from training.pages import draw_page
from training.scorers import DetectorScorer, find_checkpoints
from training.signals import Prepared, SignalOptions, load_prepared, read_source

DEFAULT_MODEL = "vae-bilstm-mha"
DPI = 150

mpl.use("Agg")


@dataclass(frozen=True)
class Chosen:
    """A record to draw: its file, and what the data set calls it."""

    path: str
    label: str = ""


def wrongness(abnormal: NDArray[np.bool_], score: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return, for each record, the share of the other kind that it stands on the wrong side of.

    0 for a normal below every abnormal and for an abnormal above every normal, 1 for the reverse.
    """
    normal, sick = np.sort(score[~abnormal]), np.sort(score[abnormal])
    above = 1.0 - np.searchsorted(normal, score, side="right") / max(1, len(normal))
    below = np.searchsorted(sick, score, side="left") / max(1, len(sick))
    return np.where(abnormal, above, below)


def choose(abnormal: NDArray[np.bool_], score: NDArray[np.float64], how: str, n: int) -> NDArray[np.int64]:
    """Return the indices of the n highest, lowest or most wrongly scored records, most extreme first."""
    key = {"highest": -score, "lowest": score, "wrong": -wrongness(abnormal, score)}[how]
    order = np.argsort(key, kind="stable")
    return order[:n].astype(np.int64)


def named(data: Prepared, names: list[str]) -> list[Chosen]:
    """Return records of a prepared folder by name.

    Raises
    ------
    RecordError
        If there is none of that name.
    """
    by_name = data.records.set_index("record")
    unknown = [name for name in names if name not in by_name.index]
    if unknown:
        raise RecordError(f"The prepared data have no record {', '.join(unknown[:5])}; see their records.parquet.")
    return [Chosen(str(by_name.loc[name, "path"]), str(by_name.loc[name, "label"])) for name in names]


def extremes(
    data: Prepared, split: str, how: str, n: int, detector: AnomalyDetector, scores: Path | None
) -> list[Chosen]:
    """Return the highest, lowest or most wrongly scored records of a split, for one model."""
    subject = subject_of(data, split)
    if scores is None:
        score = score_subject(DetectorScorer(detector), subject).score
    else:
        table = pd.read_csv(scores, dtype={"record": str})
        if detector.name not in table.columns or table["record"].tolist() != subject.records["record"].tolist():
            raise ConfigError(f"{scores} has no scores of {detector.name} for these records; evaluate them first.")
        score = table[detector.name].to_numpy(float)
    rows = subject.records.iloc[choose(subject.abnormal, score, how, n)]
    return [Chosen(str(row.path), str(row.label)) for row in rows.itertuples()]


def pages_of(detector: AnomalyDetector, chosen: list[Chosen], options: SignalOptions) -> Iterator[tuple[str, Figure]]:
    """Yield the name and the page of each record."""
    for item in chosen:
        record: Record = read_source(item.path, options)[0]
        detection = detector.detect(record, explain=True)
        attention = None
        if detector.has_attention and detection.explanation is not None:
            attention = detector.attention(record, detection.explanation.start_s)
        yield f"{record.name}-{detector.name}", draw_page(detection, detector.title, attention, item.label)


def _write(pages: Iterable[tuple[str, Figure]], out: Path) -> int:
    """Write one PDF, or a folder of PNG; return the number of pages."""
    n = 0
    if out.suffix.lower() == ".pdf":
        out.parent.mkdir(parents=True, exist_ok=True)
        part = out.with_name(f"{out.name}.part")
        with PdfPages(part, metadata={"Title": "Leadwise", "CreationDate": None}) as pdf:
            for _, figure in pages:
                pdf.savefig(figure)
                n += 1
        part.replace(out)
        return n
    out.mkdir(parents=True, exist_ok=True)
    for n, (name, figure) in enumerate(pages, 1):
        safe = re.sub(r"[^\w.-]+", "_", name).strip("._") or "record"
        figure.savefig(out / f"{n:03d}-{safe}.png", dpi=DPI, metadata={"Software": None})
    return n


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training.visualize", description="Draw records and verdicts.")
    parser.add_argument("--model", nargs="+", default=[DEFAULT_MODEL], help=f"names or paths, or all ({DEFAULT_MODEL})")
    parser.add_argument("--store", type=Path, help="folder of checkpoints (default: the shipped ones)")
    parser.add_argument("--data", type=Path, help="prepared folder that records are named or chosen in")
    parser.add_argument("--split", choices=("train", "validation", "test"), default="test")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--records", nargs="+", help="files, or with --data names")
    for how in ("highest", "lowest", "wrong"):
        which.add_argument(f"--{how}", type=int, metavar="N", help=f"the N {how} scored of the split")
    parser.add_argument("--scores", type=Path, help="scores.csv that training.evaluate wrote, to save scoring again")
    parser.add_argument("--out", type=Path, required=True, help="FILE.pdf, or a folder for PNG")
    parser.add_argument("--fs", type=float, help="sampling rate of .npy and CSV files, Hz")
    parser.add_argument("--unit", choices=("mV", "uV", "V"), help="their unit")
    parser.add_argument("--leads", type=lambda text: tuple(text.split(",")), help="their leads: I,II,...")
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    return parser


def _chosen(args: argparse.Namespace, data: Prepared | None, detector: AnomalyDetector) -> list[Chosen]:
    """Return the records that the command asks for."""
    if args.records:
        return named(data, args.records) if data is not None else [Chosen(path) for path in args.records]
    if data is None:
        raise ConfigError("Expected --data, the prepared folder to choose records in.")
    how = next(how for how in ("highest", "lowest", "wrong") if getattr(args, how) is not None)
    return extremes(data, args.split, how, getattr(args, how), detector, args.scores)


def _all_pages(args: argparse.Namespace) -> Iterator[tuple[str, Figure]]:
    data = load_prepared(args.data) if args.data else None
    options = SignalOptions(args.fs, args.unit, args.leads)
    for path in find_checkpoints([] if args.model == ["all"] else args.model, args.store):
        detector = AnomalyDetector(load_checkpoint(path))
        chosen = _chosen(args, data, detector)
        yield from tqdm(pages_of(detector, chosen, options), detector.name, len(chosen), disable=None)


def main(argv: Iterable[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = _parser().parse_args(None if argv is None else list(argv))
    if args.threads:
        torch.set_num_threads(args.threads)
    try:
        n = _write(_all_pages(args), args.out)
    except ConfigError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except ECGError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"{args.out}: {n} page{'s' if n != 1 else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
