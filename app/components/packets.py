"""Arrays for the browser: one packet of bytes with a JSON header, which `shared.js` unpacks. No streamlit here."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecg_core.detection import Attention, Detection, Explanation
from ecg_core.paper import PAPER_S
from ecg_core.records import LEADS, Record

ERROR_EDGES = (2, 4, 8, 16, 32, 64)
"""Steps of the error map: times the normals' error at that lead and phase of the beat."""

CELL_S = 0.04
"""Width of a cell of the error map: 1 mm of paper."""

BASELINE_S = 0.4


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


def on_recorded_baseline(explanation: Explanation, shown: Record) -> NDArray[np.float32]:
    """Return the reconstruction, shape (12, n), mV, laid on the baseline of the recording.

    The models see 0.5-40 Hz; the paper shows the recording as it is. What the band-pass took away (offset and slow
    wander, smoothed over 0.4 s) is put back, so that the two lines can be compared where they stand.
    """
    n = explanation.reconstruction.shape[1]
    times = shown.start_s + np.arange(shown.n_samples) / shown.fs
    at = explanation.start_s + np.arange(n) / explanation.fs
    seen = explanation.signal[:, :n]
    recorded = np.stack([np.interp(at[: seen.shape[1]], times, row) for row in shown.signal])
    removed = recorded - seen
    width = round(BASELINE_S * explanation.fs)
    kernel = np.ones(width) / width
    padded = np.pad(removed, ((0, 0), (width // 2, width - 1 - width // 2)), mode="edge")
    baseline = np.stack([np.convolve(row, kernel, mode="valid") for row in padded])
    out = explanation.reconstruction.astype(np.float32).copy()
    out[:, : baseline.shape[1]] += baseline.astype(np.float32)
    return out


def error_cells(explanation: Explanation) -> NDArray[np.uint8]:
    """Return steps 0-6 of the error map, shape (12, columns); 255 in leads left out."""
    per = max(1, round(CELL_S * explanation.fs))
    rows, n = explanation.error.shape
    columns = n // per
    error = explanation.error[:, : columns * per].reshape(rows, columns, per)
    lost = np.isnan(error).any(axis=2)
    mean = np.where(lost, 0.0, np.nan_to_num(error).mean(axis=2))
    steps = np.digitize(mean, ERROR_EDGES).astype(np.uint8)
    steps[lost] = 255
    return steps


def attention_cells(attention: Attention) -> NDArray[np.uint8]:
    """Return steps 0-6 of lead weight x time weight, shape (8, n_tokens), relative to the largest."""
    weights = attention.lead_weights * attention.time_weights[None, :]
    share = weights / max(float(weights.max()), 1e-12)
    return np.minimum((share * 7).astype(int), 6).astype(np.uint8)


def cell_steps(lead_scores: dict[str, float | None]) -> dict[str, int]:
    """Return steps 0-4 per lead for cells with text, relative to no record: 1, 2, 4, 8 times the normals' error."""
    return {
        lead: int(np.digitize(score, (1.5, 2.5, 4.5, 8.0))) if score is not None else 0
        for lead, score in ((lead, lead_scores.get(lead)) for lead in LEADS)
    }
