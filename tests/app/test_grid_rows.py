"""The packet of the worklist's rows says what the frame says, whatever way a column travels."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from app.grid_rows import MISSING, packet


def as_the_browser_reads(packed: bytes) -> list[dict[str, Any]]:
    """Return the rows as `rows.js` makes them."""
    length = int.from_bytes(packed[:4], "little")
    head = json.loads(packed[4 : 4 + length])
    body = packed[4 + length + (-length % 4) :]
    kinds = {"f4": np.dtype("<f4"), "u1": np.dtype("u1")}
    arrays = {a["name"]: np.frombuffer(body, kinds[a["type"]], a["length"], a["at"]) for a in head["arrays"]}

    def cell(name: str, k: int) -> Any:
        if name in head["listed"]:
            listed = head["listed"][name]
            return (listed[k] if listed else 0) if name == "i" else listed[k]
        value = arrays[name][k]
        if name in head["words"]:
            return None if value == MISSING else head["words"][name][value]
        return None if np.isnan(value) else round(float(value), 1)

    return [{name: cell(name, k) for name in head["columns"]} for k in range(head["rows"])]


def table(n: int, names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "p": np.arange(n),
            "r": pd.Series(names, dtype=object),
            "v": pd.Series((["above", "below", None] * n)[:n], dtype=object),
            "c": [99.9, float("nan"), 3.4, 100.0][:1] + [97.3] * (n - 1),
            "h": [float("nan")] + [61.0] * (n - 1),
            "i": [0.0] * (n - 1) + [1763763600123.0],
        }
    )


@pytest.mark.parametrize("n", [3, 400])
def test_rows_arrive_as_they_are(n):
    sent = table(n, [f"record {k}" for k in range(n)])
    read = as_the_browser_reads(packet("job", sent))
    for name in sent.columns:
        missing = sent[name].isna()
        assert [row[name] is None for row in read] == missing.tolist(), name
        kept = sent.loc[~missing, name].tolist()
        assert [row[name] for row in read if row[name] is not None] == kept, name


def test_few_different_words_and_small_numbers_travel_as_bytes():
    n = 4000
    sent = table(n, ["same"] * n).assign(n=3)
    assert len(packet("job", sent)) < n * (4 + 4 + 4 + 1 + 1 + 1 + 15) + 2000  # p, c, h; r, v, n; i as it is


def test_a_job_without_decisions_sends_no_moments():
    sent = table(300, [f"{k}" for k in range(300)])
    assert len(packet("job", sent.assign(i=0.0))) < len(packet("job", sent)) - 2 * 300


def test_no_rows_are_no_rows():
    assert as_the_browser_reads(packet("job", table(1, ["x"]).iloc[:0])) == []
