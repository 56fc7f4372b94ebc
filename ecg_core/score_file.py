"""From a file to verdicts: what the command line and the batch do with each record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ecg_core.detection import Detection
from ecg_core.errors import CheckpointError, ConfigError, ECGError
from ecg_core.named import NAMED
from ecg_core.plain import finite, plain
from ecg_core.readers import needs_description, read_blocks, read_up_to
from ecg_core.readers.limits import MAX_WHOLE_S
from ecg_core.records import Record

if TYPE_CHECKING:
    from ecg_core.segments import Prepared

Row = dict[str, Any]
LISTS = {"segments": 0, "stretches": 1}
"""What a Detection lists, and how much of it, from the start, a table of records keeps: the strongest stretch."""


@dataclass(frozen=True)
class ScoreOptions:
    """What a file is scored with.

    Attributes
    ----------
    models : names in the store.
    store : folder of checkpoints; None is the packaged one.
    false_alarm_rate : share of normal records that may be called anomalous.
    fs, unit, leads : rate in Hz, unit and lead names of .npy, .npz and CSV files; None where not described.
    """

    models: tuple[str, ...]
    store: str | None = None
    false_alarm_rate: float = 0.05
    fs: float | None = None
    unit: str | None = None
    leads: tuple[str, ...] | None = None

    @property
    def described(self) -> bool:
        """Whether files that carry no rate, unit or lead names can be read."""
        return None not in (self.fs, self.unit, self.leads)

    def description(self, path: Path) -> dict[str, Any]:
        """Return the reader's fs, unit and leads for a file that needs them; nothing for one that states them."""
        return {"fs": self.fs, "unit": self.unit, "leads": self.leads} if needs_description(path) else {}


class Detector(Protocol):
    """What scoring a file asks of a detector."""

    def threshold(self, false_alarm_rate: float = ...) -> float:
        """Return the score above which a record is anomalous, or raise ConfigError for a rate it cannot show."""

    def detect_prepared(self, records: Sequence[Prepared], false_alarm_rate: float = ...) -> list[Detection]:
        """Return the verdicts on prepared records."""

    @staticmethod
    def detect_together(
        detectors: Sequence[Any], blocks: Iterable[Record], false_alarm_rate: float = ...
    ) -> list[Detection]:
        """Return each detector's verdict on a long recording, whole or in blocks, read once."""


FAILURES = (ECGError, OSError, MemoryError)
"""What a file, or the machine it is read on, can do wrong: each becomes a sentence in the file's row."""

Load = Callable[[str, str | None], Detector]


def load_detector(name: str, store: str | None) -> Detector:
    """Return a detector of a store; its libraries are imported here, not before."""
    from ecg_core.detector import AnomalyDetector

    return AnomalyDetector.from_store(name, Path(store) if store else None)


class FileScorer:
    """The detectors asked for, loaded once, and how a file is put to them.

    Raises
    ------
    CheckpointError
        If a checkpoint is missing, damaged, foreign or newer.
    ConfigError
        If a checkpoint's normals are too few for the false-alarm rate.
    """

    def __init__(self, options: ScoreOptions, load: Load | None = None) -> None:
        self.options = options
        load = load or load_detector
        self.detectors = {name: load(name, options.store) for name in options.models}
        for detector in self.detectors.values():
            detector.threshold(options.false_alarm_rate)

    def score(self, path: Path) -> list[tuple[str, Detection | str]]:
        """Return each model's name with its verdict, or with the sentence that says why there is none."""
        return self.score_many([path])[0]

    def score_many(self, paths: Sequence[Path]) -> list[list[tuple[str, Detection | str]]]:
        """Do `score` for several files: each is read and prepared once, and those of 10 s share a pass of a network."""
        found: list[list[tuple[str, Detection | str]]] = [[] for _ in paths]
        short: dict[int, Prepared] = {}
        for k, path in enumerate(paths):
            try:
                prepared = self._prepare(path)
            except FAILURES as error:
                found[k] = [(name, _sentence(path, error)) for name in self.detectors]
                continue
            if prepared is None or prepared.segment is None:
                outcomes = self._long(path, prepared, list(self.detectors.values()))
                found[k] = list(zip(self.detectors, outcomes, strict=True))
            else:
                short[k] = prepared
        for name, detector in self.detectors.items():
            for k, outcome in zip(short, self._together(detector, paths, short), strict=True):
                found[k].append((name, outcome))
        return found

    def _prepare(self, path: Path) -> Prepared | None:
        """Read a file and prepare it for all models; None for one too long to be held."""
        from ecg_core.segments import prepare_record  # scipy and sleepecg come with it: workers alone need them

        record = read_up_to(path, MAX_WHOLE_S, **self.options.description(path))
        return None if record is None else prepare_record(record)

    def _long(self, path: Path, prepared: Prepared | None, detectors: Sequence[Detector]) -> list[Detection | str]:
        """Return the verdicts on a recording of several segments, from one pass; without one, each detector's own."""
        blocks = [prepared.record] if prepared else read_blocks(path, **self.options.description(path))
        try:
            found = detectors[0].detect_together(detectors, blocks, false_alarm_rate=self.options.false_alarm_rate)
        except (CheckpointError, ConfigError) as error:  # a detector's fault, not the file's
            if len(detectors) == 1:
                return [_sentence(path, error)]
            return [self._long(path, prepared, [one])[0] for one in detectors]
        except FAILURES as error:
            return [_sentence(path, error) for _ in detectors]
        return list(found)

    def _together(
        self, detector: Detector, paths: Sequence[Path], short: Mapping[int, Prepared]
    ) -> Sequence[Detection | str]:
        """Return the verdicts on all; where they cannot be had together, on each by itself."""
        rate = self.options.false_alarm_rate
        try:
            return detector.detect_prepared(list(short.values()), false_alarm_rate=rate)
        except FAILURES as error:
            if len(short) == 1:
                return [_sentence(paths[k], error) for k in short]
            return [self._together(detector, paths, {k: one})[0] for k, one in short.items()]


def _sentence(path: Path, error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"{path.name} needs more memory than is free; close other programs or cut the recording."
    if isinstance(error, OSError):
        return f"{path.name} could not be read: {error.strerror or 'input/output error'}."
    return str(error)


def make_scorer(setup: Mapping[str, Any]) -> Callable[[Sequence[str]], list[list[Row]]]:
    """Return what a worker applies to a group of paths; `setup` holds `ScoreOptions`' fields."""
    return rows_of(FileScorer(ScoreOptions(**{**setup, "models": tuple(setup["models"])})))


def rows_of(scorer: FileScorer) -> Callable[[Sequence[str]], list[list[Row]]]:
    """Return the function from paths to the rows of each, one per model."""

    def rows(items: Sequence[str]) -> list[list[Row]]:
        paths = [Path(item) for item in items]
        return [
            [
                error_row(path, model, outcome) if isinstance(outcome, str) else detection_row(outcome)
                for model, outcome in outcomes
            ]
            for path, outcomes in zip(paths, scorer.score_many(paths), strict=True)
        ]

    return rows


def detection_row(detection: Detection) -> Row:
    """Return a verdict as a row, without its path, its named measurements as columns, its lists cut to a table's."""
    row: Row = finite(detection.to_dict())
    measured = row.pop("measurements") or {}
    row |= {name: measured.get(name) for name in NAMED if name not in row}
    row["reasons"] = [reason["text"] for reason in row["reasons"]]
    row["resembles"] = [one["class"] for one in row["resembles"]]
    for name, kept in LISTS.items():
        if kept:
            row[name] = row[name][:kept]
        else:
            del row[name]
    return row


def error_row(path: Path, model: str, error: str) -> Row:
    """Return the row of a record without a verdict."""
    return {"record": plain(path.stem), "model": model, "error": plain(error)}
