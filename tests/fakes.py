"""A detector without a network, for what stands around detectors: the command line, the batch, the pool."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ecg_core.detection import Detection, Explanation, ScorePart
from ecg_core.errors import CheckpointError, ConfigError, RecordError
from ecg_core.records import LEADS, Record
from ecg_core.score_file import FileScorer, Row, ScoreOptions, rows_of
from ecg_core.segments import Prepared
from tests.echo import fate

MODELS = ("cae", "vae-bilstm", "vae-bilstm-mha")
THRESHOLD = 3.0


class FakeDetector:
    """Scores a record by its standard deviation, in units of 0.1 mV."""

    def __init__(self, name: str, store: str | None) -> None:
        if name == "damaged":
            raise CheckpointError("damaged/model.safetensors is damaged; get it again.")
        self.name = name

    def threshold(self, false_alarm_rate: float = 0.05) -> float:
        if false_alarm_rate < 0.001:
            raise ConfigError(f"100 normals cannot show a false-alarm rate of {false_alarm_rate:g}.")
        return THRESHOLD

    def detect_prepared(self, records: Sequence[Prepared], false_alarm_rate: float = 0.05) -> list[Detection]:
        for record in (prepared.record for prepared in records):
            if record.name.startswith("unlucky"):
                raise RecordError(f"{record.name} cannot be scored.")
        return [
            fake_detection(p.record, self.name, 10.0 * float(p.record.signal.std()), false_alarm_rate) for p in records
        ]

    @staticmethod
    def detect_together(
        detectors: Sequence[FakeDetector], blocks: Iterable[Record], false_alarm_rate: float = 0.05
    ) -> list[Detection]:
        spread = [float(block.signal.std()) for block in blocks]
        if any(detector.name == "uncalibrated" for detector in detectors):
            raise CheckpointError("uncalibrated is not calibrated for 10 s.")
        score, n = 10.0 * max(spread), len(spread)
        return [fake_detection(block_record(), one.name, score, false_alarm_rate, n_blocks=n) for one in detectors]


def block_record() -> Record:
    return Record("long", np.zeros((12, 1000), np.float32), LEADS, 100.0, "0" * 64)


def fake_detection(record: Record, model: str, score: float, rate: float, n_blocks: int = 0) -> Detection:
    lead_scores: dict[str, float | None] = dict.fromkeys(LEADS, 1.0)
    empty = np.zeros((12, 10), np.float32)
    explanation = Explanation(0.0, 100.0, LEADS, empty, empty, empty, empty, empty[0], (), lead_scores)
    return Detection(
        record=record.name,
        sha256=record.sha256,
        model=model,
        checkpoint="0123456789ab",
        interpretable=True,
        reason=None,
        score=score,
        percentile=None if n_blocks else 41.0,
        n_normals=914,
        n_higher=12,
        threshold=THRESHOLD,
        false_alarm_rate=rate,
        anomalous=score > THRESHOLD,
        parts={"reconstruction": ScorePart(score / 2, 40.0), "latent": ScorePart(score / 2, float("nan"))},
        population="a hundred people who never were",
        masked_leads=(),
        warnings=("Suspected left/right arm electrode reversal.",) if "swapped" in record.name else (),
        notes=(*record.notes, f"{n_blocks} blocks.") if n_blocks else record.notes,
        heart_rate=60.0,
        rr_sd_ms=None,
        rmssd_ms=None,
        beats_s=(),
        explanation=explanation,
        anomalous_share=0.25 if n_blocks else None,
        expected_share=0.05 if n_blocks else None,
        seconds=0.001,
    )


def make_scorer(setup: Mapping[str, Any]) -> Callable[[Sequence[str]], list[list[Row]]]:
    """Stand in for `ecg_core.score_file.make_scorer`; files named kill, exit or crash end the process."""
    score = rows_of(FileScorer(ScoreOptions(**{**setup, "models": tuple(setup["models"])}), load=FakeDetector))

    def rows(items: Sequence[str]) -> list[list[Row]]:
        for item in items:
            fate(Path(item).stem)
        return score(items)

    return rows


def write_wfdb(folder: Path, name: str, *, spread_mv: float = 0.2, seconds: float = 10.0, fs: int = 100) -> Path:
    """Write noise as a WFDB pair of twelve leads and return its header."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(name)).normal(0.0, 1000.0 * spread_mv, (int(seconds * fs), 12))
    values = noise.astype("<i2")
    (folder / f"{name}.dat").write_bytes(values.tobytes())
    lines = [f"{name} 12 {fs} {len(values)}"]
    for lead, row in zip(LEADS, values.T, strict=True):
        lines.append(f"{name}.dat 16 1000(0)/mV 16 0 {row[0]} {int(row.astype(int).sum()) % 65536} 0 {lead}")
    header = folder / f"{name}.hea"
    header.write_text("\n".join(lines) + "\n")
    return header
