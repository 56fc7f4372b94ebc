"""Arrays for the browser: one packet of bytes with a JSON header, which `shared.js` unpacks. No streamlit here."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.detection import Attention, Detection
from ecg_core.overlay import CELL_S as CELL_S  # of the cells below
from ecg_core.overlay import ERROR_EDGES, error_cells, on_recorded_baseline
from ecg_core.paper import PAPER_S
from ecg_core.records import Record


def pack(header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> bytes:
    """Return header and arrays (float32 or uint8) as one packet."""
    body, listed, at = b"", [], 0
    for name, array in arrays.items():
        kind = "u1" if array.dtype == np.uint8 else "f4"
        raw = np.ascontiguousarray(array, dtype="<" + kind).tobytes()
        raw += b"\0" * (-len(raw) % 4)
        listed.append({"name": name, "type": kind, "at": at, "length": int(array.size)})
        body, at = body + raw, at + len(raw)
    digest = hashlib.sha256(body + json.dumps(header, sort_keys=True).encode()).hexdigest()[:16]
    head = json.dumps({**header, "packet": digest, "arrays": listed}).encode()
    return len(head).to_bytes(4, "little") + head + b"\0" * (-len(head) % 4) + body


def on_view(record: Record, start_s: float) -> Record:
    """Return the 10 s on view."""
    if record.duration <= PAPER_S and start_s <= record.start_s:
        return record
    begin = start_s - record.start_s
    return record.crop(begin, min(begin + PAPER_S, record.duration))


def signals_packet(key: str, shown: Record, ident: str = "") -> bytes:
    """Return the signal of the 10 s on view as it is shown, at its own rate.

    Parameters
    ----------
    ident : what tells this packet from others of the same record: its seconds and display filters.
    """
    header = {
        "part": "signals",
        "id": ident or key,
        "record": key,
        "leads": list(shown.leads),
        "fs": shown.fs,
        "n": shown.n_samples,
        "start_s": shown.start_s,
    }
    return pack(header, {"signal": shown.signal})


def model_packet(key: str, shown: Record, detection: Detection, attention: Attention | None, ident: str = "") -> bytes:
    """Return what a model made of the 10 s on view: reconstruction, its spread, score trace, maps and stretches.

    Parameters
    ----------
    shown : the same seconds as they are displayed: the reconstruction is laid on their baseline.
    ident : the id of the signals' packet.
    """
    explanation = detection.explanation
    header: dict[str, Any] = {"part": "model", "record": key, "model": detection.model, "n": 0, "stretches": []}
    header["id"] = f"{ident or key}|{detection.model}"
    if explanation is None:
        return pack(header, {})
    cells = error_cells(explanation)
    header |= {
        "leads": list(explanation.leads),
        "fs": explanation.fs,
        "n": int(explanation.reconstruction.shape[1]),
        "start_s": explanation.start_s,
        "columns": int(cells.shape[1]),
        "error_edges": list(ERROR_EDGES),
        "left_out": list(detection.masked_leads),
        "early_s": list(explanation.early_s),
        "missing_s": list(explanation.missing_s),
        "stretches": [
            {"start_s": s.start_s, "stop_s": s.stop_s, "peak": s.peak, "leads": list(s.leads)}
            for s in explanation.stretches
        ],
    }
    arrays = {
        "reconstruction": on_recorded_baseline(explanation, shown),
        "sd": explanation.reconstruction_sd,
        "trace": explanation.sample_scores,
        "error": cells,
    }
    if attention is not None:
        weights = attention_cells(attention)
        header |= {"attention_leads": list(attention.leads), "attention_columns": int(weights.shape[1])}
        arrays["attention"] = weights
    return pack(header, arrays)


def lead_packet(ident: str, lead: str, trace: NDArray[np.float32]) -> bytes:
    """Return the score trace of one lead alone, shape (n,), in units of the mark level.

    Parameters
    ----------
    ident : the id of the model's packet.
    """
    return pack({"part": "lead", "id": ident, "lead": lead}, {"trace": trace})


def attention_cells(attention: Attention) -> NDArray[np.uint8]:
    """Return steps 0-6 of lead weight x time weight, shape (8, n_tokens), relative to the largest."""
    weights = attention.lead_weights * attention.time_weights[None, :]
    share = weights / max(float(weights.max()), 1e-12)
    return np.minimum((share * 7).astype(int), 6).astype(np.uint8)
