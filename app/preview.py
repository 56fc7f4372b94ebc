"""The record beside the worklist's grid: what is said and what is drawn of it; plain data, no streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import words
from app.components import packets
from app.desk import WAITING, Answer
from ecg_core.detection import Detection
from ecg_core.paper import PAPER_S, Gain, Paper, lay_out
from ecg_core.records import LEADS, Record
from ecg_core.store import CONSENSUS
from ecg_core.wording import TAIL_FROM
from ecg_core.worklist import Decision, Job, Review

WINDOW_S = 3.6
"""Seconds around the strongest stretch that are sent; the browser shows as many of them as it has room for."""

SIGNAL_FS, OVERVIEW_FS = 250.0, 125.0
HIGHEST_MM = 92.0
"""Above this height of the sheet the next smaller gain is taken."""

GAINS: tuple[Gain, ...] = ((10.0, 10.0), (10.0, 5.0), (5.0, 5.0))
SHOWN_REASONS = 2
LAST_DECISIONS = 4


def packet(
    job: Job,
    row: Mapping[str, Any] | None,
    record: Record | None,
    detection: Detection | None,
    *,
    problem: str,
    explainable: bool,
    answer: Answer,
    patches: list[dict[str, Any]],
    review: Review | None,
    last: Sequence[Decision],
    reviewer: str,
) -> bytes:
    """Return the record on view, what is said of it, and the last decisions, as one packet."""
    mine = next((d for d in review.latest if d.reviewer.casefold() == reviewer.casefold()), None) if review else None
    sha256 = row["sha256"] if row else None
    header: dict[str, Any] = {
        "job": job.id,
        "position": row["position"] if row else None,
        "client": answer.client,
        "answered": answer.answered,
        "message": problem,
        "failed": answer.failed(),
        "rows": patches,
        "last": [_last(d, d.sha256 == sha256) for d in last],
        "mine": mine.decision if mine else None,
        "comment": mine.comment if mine else "",
    }
    if row is None:
        return packets.pack(header, {})
    header |= _said(job, row, record)
    header["where"] += why(detection)
    if record is None:
        return packets.pack(header, {})
    drawn, arrays = _drawn(row, record, detection)
    drawn["explainable"] = explainable and detection is None and bool(row["n_scored"])
    return packets.pack(header | drawn, arrays)


def shown_model(job: Job, row: Mapping[str, Any]) -> str:
    """Return the model whose reconstruction is shown: that of the strongest stretch, else the consensus or the last."""
    return row["stretch_model"] or (CONSENSUS if CONSENSUS in job.models else job.models[-1])


def _last(decision: Decision, here: bool) -> dict[str, Any]:
    return {
        "record": decision.record,
        "decision": decision.decision,
        "comment": decision.comment,
        "who": decision.reviewer,
        "at": decision.at.isoformat(),
        "here": here,
    }


def _said(job: Job, row: Mapping[str, Any], record: Record | None) -> dict[str, Any]:
    verdict = row["verdict"]
    facts = [words.patient(record)] if record and (record.sex or record.age is not None) else []
    if row["heart_rate"]:
        facts.append(f"{row['heart_rate']:.0f} /min")
    if record and record.duration > PAPER_S + 0.5:
        facts.append(words.recording(record).split(", ")[1])
    title, rarity = headline(row)
    return {
        "name": row["record"],
        "path": row["path"],
        "facts": ", ".join(facts),
        "side": verdict if verdict in ("above", "below", "failed", WAITING) else "technical",
        "verdict": title,
        "rarity": rarity,
        "where": where(row, len(job.models)),
    }


def headline(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the verdict in few words, and how rare the score is."""
    verdict, percentile = row["verdict"], row["percentile"]
    if verdict == "failed":
        return "Not read", row["error"] or ""
    if verdict == WAITING:
        return "Waiting to be scored", ""
    if verdict == "not interpretable":
        return "Not interpretable", "repeat the recording"
    if percentile is None:
        return f"{verdict.capitalize()} the alarm threshold", ""
    if percentile >= 100:
        return "Higher than all normal ECGs", f"{verdict} the alarm threshold"
    if percentile >= TAIL_FROM:
        shown = min(percentile, 99.9)
        return f"{shown:.1f}th percentile", f"1 in {100 / (100 - shown):.0f} normal ECGs, {verdict} threshold"
    return f"{100 - percentile:.0f} of 100 normal ECGs score this high", f"{verdict} threshold"


def why(detection: Detection | None) -> list[list[Any]]:
    """Return the line on the most telling measurements as runs of [strong, words]; nothing where none stands out."""
    reasons = [reason.text for reason in detection.reasons[:SHOWN_REASONS]] if detection else []
    return [[False, " Measured: "], [True, f"{'; '.join(reasons)}."]] if reasons else []


def where(row: Mapping[str, Any], n_models: int) -> list[list[Any]]:
    """Return the line on the strongest stretch as runs of [strong, words]."""
    count = f"{row['n_above']} of {row['n_scored']} above." if n_models > 1 and row["n_scored"] else ""
    quality = [[False, " Quality: "], [True, f"{row['quality']}."]] if row["quality"] else []
    if row["verdict"] == WAITING:
        return [[False, "It can be read once it is scored."]]
    if row["verdict"] == "failed":
        return [[False, "Press 3 to note it for a second look, with a comment on what is wrong with it."]]
    if row["verdict"] == "not interpretable":
        return quality or [[False, row["notes"] or "The file could not be scored."]]
    if row["stretch_start_s"] is None:
        return [[False, f"No stretch is above the mark level. {count}"], *quality]
    leads = row["stretch_leads"].split(", ") if row["stretch_leads"] else []
    place = words.territories(leads)
    return [
        [False, "Strongest "],
        [True, words.span(row["stretch_start_s"], row["stretch_stop_s"])],
        [False, f", {place.lower()} " if place else ", "],
        [True, words.lead_list(leads)],
        [False, f". {count}"],
        *quality,
    ]


def _drawn(
    row: Mapping[str, Any], record: Record, detection: Detection | None
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return geometry and samples: the leads around the strongest stretch, and lead II over 10 s."""
    stretches = _stretches(row, detection)
    begin, end = record.start_s, record.start_s + record.duration
    centre = (
        (stretches[0]["start_s"] + stretches[0]["stop_s"]) / 2 if stretches else min(begin + 5.0, (begin + end) / 2)
    )
    from_s = max(begin, min(centre - WINDOW_S / 2, end - WINDOW_S))
    window = record.crop(from_s - begin, min(from_s + WINDOW_S, end) - begin)
    paper = _sheet(window, from_s)
    signal, fs = _thinned(window.signal, window.fs, SIGNAL_FS)
    first = max(begin, min(centre - PAPER_S / 2, end - PAPER_S))
    ten = record.crop(first - begin, min(first + PAPER_S, end) - begin)
    overview, overview_fs = _thinned(ten.lead("II")[None, :], ten.fs, OVERVIEW_FS)
    faults = {part.split(" ")[0] for part in (row["quality"] or "").split("; ")}
    masked = set((row["masked"] or "").split(", "))
    limb, chest = paper.gain
    header: dict[str, Any] = {
        "fs": fs,
        "n": int(signal.shape[1]),
        "start_s": from_s,
        "window_s": WINDOW_S,
        "centre_s": centre,
        "height_mm": paper.height_mm,
        "row_mm": paper.row_mm,
        "strips": [
            {"lead": s.lead, "y_mm": s.y_mm, "gain": s.gain, "zero_mv": round(s.zero_mv, 4)}
            | {"fault": s.lead in faults, "left_out": s.lead in masked}
            for s in paper.strips
        ],
        "stretches": stretches,
        "filled": row["verdict"] == "above",
        "print": f"25 mm/s, {f'{limb:g}' if limb == chest else f'limb {limb:g}, chest {chest:g}'} mm/mV",
        "overview_fs": overview_fs,
        "overview_start_s": first,
        "described": f"ECG of {row['record']}, twelve leads around {words.seconds(centre)} s",
    }
    arrays: dict[str, NDArray[Any]] = {"signal": signal, "overview": overview[0]}
    made = _made(detection, record, from_s)
    if made is not None:
        arrays["made"] = made[0]
        header |= {"made_start_s": made[1], "made_fs": made[2], "made_n": int(made[0].shape[1])}
        header["made_by"] = words.drawn_by(detection.model).partition(",")[0] if detection else ""
    return header, arrays


def _stretches(row: Mapping[str, Any], detection: Detection | None) -> list[dict[str, Any]]:
    if detection and detection.explanation and row["stretch_start_s"] is not None:
        found = detection.explanation.stretches
        return [{"start_s": s.start_s, "stop_s": s.stop_s, "leads": list(s.leads)} for s in found]
    if row["stretch_start_s"] is None:
        return []
    leads = row["stretch_leads"].split(", ") if row["stretch_leads"] else []
    return [{"start_s": row["stretch_start_s"], "stop_s": row["stretch_stop_s"], "leads": leads}]


def _sheet(window: Record, start_s: float) -> Paper:
    for gain in GAINS:
        paper = lay_out(window.signal, window.fs, "closeup", gain=gain, start_s=start_s)
        if paper.height_mm <= HIGHEST_MM and not paper.overlaps:
            break
    return paper


def _thinned(signal: NDArray[np.float32], fs: float, most: float) -> tuple[NDArray[np.float32], float]:
    """Return a signal at no more than `most` Hz: of each run the value farthest from its mean, so that peaks stay."""
    step = int(fs // most)
    if step < 2:
        return signal.astype(np.float32), fs
    n = signal.shape[1] // step
    runs = signal[:, : n * step].reshape(signal.shape[0], n, step)
    farthest = np.abs(runs - runs.mean(axis=2, keepdims=True)).argmax(axis=2)
    return np.take_along_axis(runs, farthest[:, :, None], axis=2)[:, :, 0].astype(np.float32), fs / step


def _made(
    detection: Detection | None, record: Record, from_s: float
) -> tuple[NDArray[np.float32], float, float] | None:
    """Return the reconstruction of the window: array (12, n) in mV, its start in s, its rate in Hz."""
    explanation = detection.explanation if detection else None
    if explanation is None:
        return None
    start = from_s - explanation.start_s
    lo = max(0, round(start * explanation.fs))
    hi = min(explanation.reconstruction.shape[1], round((start + WINDOW_S) * explanation.fs))
    if hi - lo < 2:
        return None
    laid = packets.on_recorded_baseline(explanation, packets.on_view(record, explanation.start_s))
    order = [explanation.leads.index(lead) for lead in LEADS]
    return laid[order][:, lo:hi], explanation.start_s + lo / explanation.fs, explanation.fs
