"""The command line: `leadwise score`, `beats`, `batch`, `report` and `models`, also as `python -m ecg_core`.

What needs numpy is imported by the command that needs it, so that `--help` and a typing error answer at once.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ecg_core import __version__
from ecg_core.errors import CheckpointError, ConfigError, ECGError
from ecg_core.plain import finite, plain
from ecg_core.store import BEAT_DETECTOR, CONSENSUS, in_order, list_beat_models, list_checkpoints

if TYPE_CHECKING:
    from ecg_core.detection import Detection
    from ecg_core.score_file import Row, ScoreOptions

DEFAULT_RATE = 0.05
LAYOUTS = ("3x4", "6x2", "12x1")
OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
NOT_A_DIAGNOSIS = "Research use. A score says how unusual an ECG is among normal ones; it is not a diagnosis."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 when a file could not be scored, 2 for wrong usage."""
    parser = build_parser()
    args = parser.parse_args(argv)
    try:
        return int(args.run(args, args.parser))
    except ConfigError as error:
        return _complain(str(error), USAGE)
    except ECGError as error:
        return _complain(str(error))
    except KeyboardInterrupt:
        return _complain("Interrupted.", INTERRUPTED)
    except BrokenPipeError:  # `leadwise score ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        super().error(plain(message))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog="leadwise",
        description="Score 12-lead ECGs by how unusual they are among normal ones.",
        epilog=NOT_A_DIAGNOSIS,
    )
    parser.add_argument("--version", action="version", version=f"leadwise {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    score = commands.add_parser("score", help="score files", description="Score files and print a row for each.")
    score.add_argument("files", metavar="FILE", nargs="+", type=Path, help="WFDB (.hea), .npy, .npz or .csv")
    _add_score_options(score)
    score.add_argument("--json", action="store_true", help="print one JSON object per line and model")
    score.set_defaults(run=run_score, parser=score)

    beats = commands.add_parser(
        "beats",
        help="score every beat of ambulatory recordings",
        description="Score every beat of recordings of one lead or more against the patient's own dominant beat, and "
        "print those above the threshold.",
    )
    beats.add_argument("files", metavar="FILE", nargs="+", type=Path, help="WFDB (.hea), .npy, .npz or .csv")
    _add_score_options(beats, "NAME", f"beat detector to use (default: {BEAT_DETECTOR})")
    beats.add_argument("--json", action="store_true", help="print one JSON object per line and recording, every beat")
    beats.set_defaults(run=run_beats, parser=beats)

    batch = commands.add_parser(
        "batch",
        help="score a folder into a Parquet file",
        description="Score every record below a folder. Files that cannot be read get a row with the error; CSV files "
        "are taken only when --fs, --unit and --leads describe them.",
    )
    batch.add_argument("folder", metavar="FOLDER", type=Path, help="folder with records, at any depth")
    batch.add_argument("--out", metavar="FILE.parquet", type=Path, required=True, help="where the table is written")
    batch.add_argument("--workers", metavar="N", type=_positive, help="processes (default: one for each core)")
    _add_score_options(batch)
    batch.add_argument("--json", action="store_true", help="print each row as a line of JSON as well")
    batch.set_defaults(run=run_batch, parser=batch)

    report = commands.add_parser(
        "report",
        help="print a file's report",
        description="Score a file and write its report: one A4 page, ECG at true scale, as PDF or PNG. With --model "
        "all, the default model's, with the others' verdicts beside it.",
    )
    report.add_argument("file", metavar="FILE", type=Path, help="WFDB (.hea), .npy, .npz or .csv")
    report.add_argument("--out", metavar="FILE.pdf", type=Path, required=True, help="where it goes; .pdf or .png")
    report.add_argument("--layout", choices=LAYOUTS, default=LAYOUTS[0], help="of the leads (default: %(default)s)")
    _add_score_options(report)
    report.set_defaults(run=run_report, parser=report)

    models = commands.add_parser("models", help="list the models of a store", description="List the models of a store.")
    _add_store(models)
    models.set_defaults(run=run_models, parser=models)
    return parser


def _add_score_options(parser: _Parser, names: str = "NAME|all", model: str | None = None) -> None:
    model = model or f"model to use (default: {CONSENSUS}, or the first of a store without one)"
    parser.add_argument("--model", metavar=names, help=model)
    _add_store(parser)
    parser.add_argument(
        "--false-alarm-rate",
        metavar="RATE",
        type=_rate,
        default=DEFAULT_RATE,
        help="share of normal ECGs (or beats) that may be called anomalous (default: %(default)s)",
    )
    described = parser.add_argument_group("what .npy, .npz and .csv files do not say of themselves")
    described.add_argument("--fs", metavar="HZ", type=float, help="sampling rate in Hz")
    described.add_argument("--unit", choices=("mV", "uV", "V"), help="unit of the values")
    described.add_argument("--leads", metavar="I,II,...", type=_names, help="lead names in the file's order")


def _add_store(parser: _Parser) -> None:
    parser.add_argument("--store", metavar="DIR", type=Path, help="folder of models (default: the packaged one)")


def run_score(args: argparse.Namespace, parser: _Parser) -> int:
    """Score the files given, one after the other; a file that fails is named and the next one is taken."""
    from ecg_core.score_file import FileScorer

    options = _options(args, parser)
    _check_described(args, parser)
    scorer = FileScorer(options)
    show = _print_json if args.json else _Table(args.files, options.models).row
    code = OK
    for path in args.files:
        complaints: dict[str, None] = {}
        for _, outcome in scorer.score(path):
            if isinstance(outcome, str):
                complaints[outcome] = None
            else:
                show(outcome)
        for sentence in complaints:
            code = _complain(f"{path}: {sentence}")
    return code


def run_beats(args: argparse.Namespace, parser: _Parser) -> int:
    """Score every beat of the files given; a file that fails is named and the next one is taken."""
    from ecg_core.beats_file import BeatOptions, BeatScorer, judged, table_of

    _check_store(args, parser)
    known = list_beat_models(args.store)
    model = args.model or BEAT_DETECTOR
    if known and model not in known:
        parser.error(f"--model takes {', '.join(known)}; found {model}")
    _check_described(args, parser)
    store = str(args.store) if args.store else None
    scorer = BeatScorer(BeatOptions(model, store, args.false_alarm_rate, args.fs, args.unit, args.leads))
    code = OK
    for path, outcome in judged(scorer, args.files):
        if isinstance(outcome, str):
            code = _complain(f"{path}: {outcome}")
        elif args.json:
            print(json.dumps(finite(outcome.to_dict()), allow_nan=False), flush=True)
        else:
            print(*table_of(outcome), sep="\n", flush=True)
    return code


def run_batch(args: argparse.Namespace, parser: _Parser) -> int:
    """Score a folder into a Parquet file, with progress on the terminal."""
    from ecg_core.batch import batch_paths, score_paths

    options = _options(args, parser)
    if not args.folder.is_dir():
        parser.error(f"{args.folder} is not a folder")
    if args.out.suffix != ".parquet" or args.out.is_dir() or not args.out.absolute().parent.is_dir():
        parser.error(f"--out takes a file name that ends in .parquet, in a folder that exists; found {args.out}")
    start = time.perf_counter()
    paths = batch_paths(args.folder, options)
    if not paths:
        return _complain(
            f"No record was found below {args.folder}: expected .hea, .npy or .npz files (or described .csv)."
        )
    failed: set[str] = set()
    records = _with_progress(score_paths(paths, args.folder, options, args.workers), len(paths))
    from ecg_core.batch_file import write_parquet  # pyarrow, while the workers load

    try:
        with _terminated_like_interrupted():
            write_parquet(_seen(records, failed, args.json), args.out)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        return _complain(f"{args.out} could not be written: {error.strerror or 'input/output error'}.")
    took = time.perf_counter() - start
    could_not = f"{len(failed):,} could not be scored (see the column error), " if failed else ""
    print(f"{len(paths):,} records, {could_not}{took:.1f} s, {len(paths) / took:.1f}/s: {args.out}", file=sys.stderr)
    return FAILED if failed else OK


def run_report(args: argparse.Namespace, parser: _Parser) -> int:
    """Write the report of one file."""
    from datetime import UTC, datetime

    from ecg_core.report import View
    from ecg_core.report_file import SUFFIXES, report_on

    options = _options(args, parser)
    if args.out.suffix not in SUFFIXES or args.out.is_dir() or not args.out.absolute().parent.is_dir():
        parser.error(f"--out takes a file name that ends in .pdf or .png, in a folder that exists; found {args.out}")
    first = in_order(options.models)
    page = report_on(
        args.file, replace(options, models=tuple(first)), View(layout=args.layout), datetime.now(UTC), args.out.suffix
    )
    try:
        args.out.write_bytes(page)
    except OSError as error:
        return _complain(f"{args.out} could not be written: {error.strerror or 'input/output error'}.")
    return OK


def run_models(args: argparse.Namespace, _: _Parser) -> int:
    """List what is in the store."""
    for k, name in enumerate(in_order(list_checkpoints(args.store))):
        print(f"{name}{'' if k else ' (default)'}")
    return OK


def _check_store(args: argparse.Namespace, parser: _Parser) -> None:
    if args.store is not None and not args.store.is_dir():
        parser.error(f"--store takes a folder of models; {args.store} is none")


def _check_described(args: argparse.Namespace, parser: _Parser) -> None:
    from ecg_core.readers import needs_description

    if (args.fs or args.unit or args.leads) and not any(needs_description(path) for path in args.files):
        parser.error("--fs, --unit and --leads describe .npy, .npz and .csv files, and none is given")


def _options(args: argparse.Namespace, parser: _Parser) -> ScoreOptions:
    from ecg_core.score_file import ScoreOptions

    _check_store(args, parser)
    known = list_checkpoints(args.store)
    if not known:
        where = args.store or "the packaged store"
        raise CheckpointError(f"{where} has no models; give a folder that training.calibrate wrote.")
    model = args.model or in_order(known)[0]
    if model != "all" and model not in known:
        parser.error(f"--model takes {', '.join([*known, 'all'])}; found {model}")
    return ScoreOptions(
        models=tuple(known) if model == "all" else (model,),
        store=str(args.store) if args.store else None,
        false_alarm_rate=args.false_alarm_rate,
        fs=args.fs,
        unit=args.unit,
        leads=args.leads,
    )


def _seen(records: Iterable[list[Row]], failed: set[str], as_json: bool) -> Iterator[Row]:
    """Pass rows on, and remember which paths failed."""
    for rows in records:
        for row in rows:
            if row.get("error"):
                failed.add(row["path"])
            if as_json:
                print(json.dumps(row, allow_nan=False), flush=True)
            yield row


def _with_progress(records: Iterator[list[Row]], total: int) -> Iterator[list[Row]]:
    from tqdm import tqdm

    return iter(tqdm(records, total=total, unit="record", disable=None))


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM end the run as Ctrl-C does, so that no half-written file is left."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Table:
    """Rows under a heading, printed as they come, with each record's notes below."""

    COLUMNS = (("verdict", 18), ("score", 8), ("percentile", 20), ("threshold", 9), ("bpm", 4))

    def __init__(self, files: Sequence[Path], models: Sequence[str]) -> None:
        self.widths = [
            min(max(6, *(len(path.stem) for path in files)), 40),
            max(5, *(len(name) for name in models)),
            *(width for _, width in self.COLUMNS),
        ]
        self.begun = False

    def row(self, detection: Detection) -> None:
        """Print one verdict."""
        from ecg_core.findings import resembles_line

        if not self.begun:
            self._line("record", "model", *(name for name, _ in self.COLUMNS))
            self.begun = True
        self._line(
            detection.record,
            detection.model,
            _verdict(detection),
            _number(detection.score, ".3f"),
            _percentile(detection),
            _number(detection.threshold, ".3f"),
            _number(detection.heart_rate, ".0f"),
        )
        for note in detection.to_dict()["notes"]:
            print(f"  {plain(note)}")
        if resembling := resembles_line(detection):
            print(f"  {plain(resembling)}")
        sys.stdout.flush()

    def _line(self, *cells: str) -> None:
        print("  ".join(plain(cell).ljust(width) for cell, width in zip(cells, self.widths, strict=True)).rstrip())


def _verdict(detection: Detection) -> str:
    if not detection.interpretable:
        return "not interpretable"
    return "ABOVE threshold" if detection.anomalous else "below threshold"


def _percentile(detection: Detection) -> str:
    if detection.anomalous_share is not None:
        expected = detection.expected_share or 0.0
        return f"{100 * detection.anomalous_share:.0f} % ({100 * expected:.0f} % expected)"
    if detection.n_higher == 0:
        return f"higher than all {detection.n_normals}"
    return _number(detection.percentile, ".1f")


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _print_json(detection: Detection) -> None:
    print(json.dumps(finite(detection.to_dict()), allow_nan=False), flush=True)


def _complain(sentence: str, code: int = FAILED) -> int:
    print(f"leadwise: {plain(sentence)}", file=sys.stderr)
    return code


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("expected at least 1")
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"expected a share between 0 and 1, such as 0.05; found {text}")
    return value


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError("expected lead names with commas between them: I,II,III,aVR,...")
    return names
