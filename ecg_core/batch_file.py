"""Rows of the batch in one Parquet file, written as they come: memory stays flat."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ecg_core.named import NAMED
from ecg_core.records import LEADS
from ecg_core.score_file import Row

ROW_GROUP = 2000

PARTS = ("measurements", "cae", "vae-bilstm", "vae-bilstm-mha", "reconstruction", "latent", "density", "signs")
"""Every part that a detector's score may have: of the consensus its members, of these their own."""

_PART = pa.struct({"value": pa.float64(), "percentile": pa.float64()})
_STRETCH = pa.struct(
    {"start_s": pa.float64(), "stop_s": pa.float64(), "peak": pa.float64(), "leads": pa.list_(pa.string())}
)
SCHEMA = pa.schema(
    {
        "path": pa.string(),
        "record": pa.string(),
        "model": pa.string(),
        "score": pa.float64(),
        "percentile": pa.float64(),
        "threshold": pa.float64(),
        "anomalous": pa.bool_(),
        "interpretable": pa.bool_(),
        "heart_rate": pa.float64(),
        **{name: pa.float64() for name in NAMED if name != "heart_rate"},
        "reasons": pa.list_(pa.string()),
        "resembles": pa.list_(pa.string()),
        "lead_scores": pa.struct({lead: pa.float64() for lead in LEADS}),
        "parts": pa.struct(dict.fromkeys(PARTS, _PART)),
        "masked_leads": pa.list_(pa.string()),
        "quality": pa.struct({lead: pa.list_(pa.string()) for lead in LEADS}),
        "stretches": pa.list_(_STRETCH),
        "notes": pa.list_(pa.string()),
        "seconds": pa.float64(),
        "error": pa.string(),
        "sha256": pa.string(),
        "checkpoint": pa.string(),
        "false_alarm_rate": pa.float64(),
        "n_normals": pa.int64(),
        "anomalous_share": pa.float64(),
        "expected_share": pa.float64(),
    }
)
"""Columns of the Parquet file: `path` is relative to the folder, `error` says why a record has no verdict, `stretches`
holds the strongest one, `resembles` superclasses of PTB-XL (a hint), named measurements are in ms, degrees or ratios,
`quality` what is wrong with each lead."""


def write_parquet(rows: Iterable[Row], out: Path) -> None:
    """Write rows as they come; `out` appears when it is complete, and an interrupted run leaves nothing."""
    stream = iter(rows)
    with _replacing(out) as part, pq.ParquetWriter(part, SCHEMA, compression="zstd") as writer:
        while group := list(islice(stream, ROW_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=SCHEMA))


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
