"""From a file to a verdict on every beat: what `leadwise beats` does with each recording, and how it prints it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ecg_core.ambulatory.detections import BeatDetections
from ecg_core.ambulatory.hints import about
from ecg_core.errors import ECGError, RecordError
from ecg_core.plain import plain
from ecg_core.readers import needs_description, open_blocks, probe, read_record

if TYPE_CHECKING:
    from ecg_core.ambulatory.detector import BeatDetector

WHOLE_S = 3600.0
"""A longer recording is read in blocks."""

BLOCK_S = 600.0
MAX_GAP_S = 10.0
"""Longest run of missing samples that is bridged, s: an electrode comes off now and then in 24 h."""


@dataclass(frozen=True)
class BeatOptions:
    """What recordings are judged with.

    Attributes
    ----------
    model : name in the store; store : None is the packaged one.
    false_alarm_rate : share of normal beats that may be called anomalous.
    fs, unit, leads : of .npy, .npz and CSV files.
    """

    model: str
    store: str | None = None
    false_alarm_rate: float = 0.05
    fs: float | None = None
    unit: str | None = None
    leads: tuple[str, ...] | None = None

    def description(self, path: Path) -> dict[str, Any]:
        """Return the reader's fs, unit and leads for a file that needs them; nothing for one that states them."""
        return {"fs": self.fs, "unit": self.unit, "leads": self.leads} if needs_description(path) else {}


class BeatScorer:
    """A beat detector, loaded once, and how a file is put to it.

    Raises
    ------
    CheckpointError
        If the checkpoint is missing, damaged, foreign or newer.
    ConfigError
        If its normal beats cannot show the false-alarm rate.
    """

    def __init__(self, options: BeatOptions) -> None:
        from ecg_core.ambulatory.detections import level_at
        from ecg_core.ambulatory.detector import BeatDetector
        from ecg_core.ambulatory.normals import RATES

        self.options = options
        self.detector: BeatDetector = BeatDetector.from_store(options.model, options.store)
        level_at(RATES, self.detector.normals.levels, options.false_alarm_rate)

    def score(self, path: Path) -> BeatDetections:
        """Judge every beat of a file.

        Raises
        ------
        RecordError
            With one sentence, for anything that cannot be read or has too few beats.
        """
        given, rate = self.options.description(path), self.options.false_alarm_rate
        try:
            if probe(path, **given).duration_s <= WHOLE_S:
                return self.detector.detect(read_record(path, max_gap_s=MAX_GAP_S, **given), false_alarm_rate=rate)
            blocks = open_blocks(path, BLOCK_S, max_gap_s=MAX_GAP_S, **given)
            return self.detector.detect_blocks(blocks, false_alarm_rate=rate)
        except OSError as error:
            raise RecordError(f"{path.name} could not be read: {error.strerror or 'input/output error'}.") from error
        except MemoryError as error:
            raise RecordError(
                f"{path.name} needs more memory than is free; close other programs or cut the recording."
            ) from error


def judged(scorer: BeatScorer, paths: list[Path]) -> Iterator[tuple[Path, BeatDetections | str]]:
    """Yield each file with its verdict, or with the sentence that says why there is none."""
    for path in paths:
        try:
            yield path, scorer.score(path)
        except ECGError as error:
            yield path, str(error)


COLUMNS = (("time", 12), ("lead", 6), ("RR s", 7), ("score", 8), ("percentile", 11), ("shape", 5))
RESEMBLES = "resembles"
"""Last column, of a detector that has a probe: a hint after the verdict."""


def table_of(found: BeatDetections) -> Iterator[str]:
    """Yield a recording's summary, its notes, and a line for each beat above the threshold."""
    rate = "-" if found.heart_rate is None else f"{found.heart_rate:.0f}"
    yield plain(
        f"{found.record}  {', '.join(found.leads)}  {found.fs:g} Hz  {_clock(found.duration_s)}  {rate} bpm  "
        f"{len(found):,} beats, {int(found.anomalous.sum()):,} above the threshold "
        f"({100 * found.share_anomalous:.1f} %)"
    )
    for note in found.notes:
        yield f"  {plain(note)}"
    if not found.anomalous.any():
        return
    hints = bool(found.kinds)
    yield "  " + "  ".join(name.rjust(width) for name, width in COLUMNS) + f"  {RESEMBLES}" * hints
    for k in np.flatnonzero(found.anomalous).tolist():
        rr = "-" if np.isnan(found.rr_s[k]) else f"{found.rr_s[k]:.2f}"
        cells = (
            _clock(float(found.times_s[k])),
            found.lead[k],
            rr,
            f"{found.score[k]:.2f}",
            f"{found.percentile[k]:.1f}",
            str(found.cluster[k]),
        )
        row = "  " + "  ".join(plain(cell).rjust(width) for cell, (_, width) in zip(cells, COLUMNS, strict=True))
        yield row + f"  {found.hint(k) or '-'}" * hints
    if hints:
        yield f"  {plain(about(found))}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    return f"{hours:d}:{minutes:02d}:{rest:06.3f}"
