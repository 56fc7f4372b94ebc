"""From detections by several models to what the Compare page draws: plain data, no streamlit, no colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import summary, words
from app.components import packets
from app.state import TITLES
from ecg_core.detection import Detection, Explanation
from ecg_core.overlay import on_recorded_baseline
from ecg_core.records import LEADS, Record
from ecg_core.store import CONSENSUS

BAND_MM = 28
GAINS = (10.0, 5.0, 2.5, 1.25)
COUNT_FS = 100.0
RAISED_STEP = 3
"""From this step of the error map on (8 times the normals' error) a cell is raised."""

SHOWN_SPANS = 3


def gain_for(signal: NDArray[np.float32]) -> float:
    """Return the largest usual gain, mm/mV, at which a lead fits its band."""
    reach = float(np.nanmax(signal) - np.nanmin(signal)) if np.isfinite(signal).any() else 0.0
    return next((gain for gain in GAINS if reach * gain <= BAND_MM - 4), GAINS[-1])


def strongest_lead(found: Mapping[str, Detection], model: str) -> str:
    """Return the lead to begin with: of the strongest stretch, else of the largest error, else one to read."""
    for name in (model, *found):
        detection = found.get(name)
        explanation = detection.explanation if detection else None
        if explanation is None:
            continue
        if explanation.stretches and explanation.stretches[0].leads:
            return explanation.stretches[0].leads[0]
        scores = {lead: score for lead, score in explanation.lead_scores.items() if score is not None}
        if scores:
            return max(scores, key=lambda lead: scores[lead])
    lost = {lead for detection in found.values() for lead in detection.masked_leads}
    return next((lead for lead in ("II", *LEADS) if lead not in lost), "II")


def marked_by(explanations: Sequence[Explanation], start_s: float, stop_s: float) -> NDArray[np.uint8]:
    """Return how many models mark each instant, (n,), at `COUNT_FS` from `start_s` on."""
    n = max(1, round((stop_s - start_s) * COUNT_FS))
    count = np.zeros(n, np.uint8)
    for explanation in explanations:
        marked = np.zeros(n, bool)
        for stretch in explanation.stretches:
            lo, hi = (round((t - start_s) * COUNT_FS) for t in (stretch.start_s, stretch.stop_s))
            marked[max(0, lo) : max(0, hi)] = True
        count += marked
    return count


def spans(count: NDArray[np.uint8], at_least: int, start_s: float) -> list[tuple[float, float]]:
    """Return the runs of time in which at least so many models mark."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (count >= at_least).astype(np.int8), [0]])))
    return [(start_s + a / COUNT_FS, start_s + b / COUNT_FS) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def raised_in(maps: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return in how many of the error maps each cell is raised, (12, columns); 255 in leads left out."""
    columns = min(cells.shape[1] for cells in maps)
    cut = np.stack([cells[:, :columns] for cells in maps])
    count = ((cut >= RAISED_STEP) & (cut != 255)).sum(axis=0).astype(np.uint8)
    count[(cut == 255).any(axis=0)] = 255
    return count


def map_words(raised: NDArray[np.uint8], n: int) -> str:
    """Return where error maps agree: the share of the cells raised in any that is raised in all."""
    some = int(((raised > 0) & (raised != 255)).sum())
    if not some:
        return "No error map shows an error over 8 times that of normal ECGs."
    share = 100.0 * int((raised == n).sum()) / some
    per_lead = ((raised == n).sum(axis=1), (raised != 255).all(axis=1))
    leads = [lead for lead, k, ok in zip(LEADS, *per_lead, strict=True) if ok and k >= max(1, per_lead[0].max() / 2)]
    most = f", most of it in {words.lead_list(leads)}" if (raised == n).any() else ""
    return f"{share:.0f} % of the raised part of the error maps is raised in all {n}{most}."


def agreement_words(
    sides: Sequence[bool | None], count: NDArray[np.uint8] | None, start_s: float, marking: Sequence[str] = ()
) -> tuple[str, list[str]]:
    """Return how many models are above the threshold, and what they mark together.

    Parameters
    ----------
    marking : the titles of the models that mark anything.
    """
    known = [side for side in sides if side is not None]
    if not known:
        return "Not interpretable", ["No model gives a score."]
    headline = f"{sum(known)} of {len(known)} above the alarm threshold"
    if count is None or not count.any():
        return headline, ["No model marks a stretch."]
    all_of = spans(count, len(known), start_s) if len(known) > 1 else []
    if len(marking) == 1:
        return headline, [f"Only {marking[0]} marks a stretch."]
    if not all_of:
        return headline, ["Marks differ: no instant is marked by all."]
    told = ", ".join(words.span(a, b) for a, b in all_of[:SHOWN_SPANS])
    more = f" and {len(all_of) - SHOWN_SPANS} more" if len(all_of) > SHOWN_SPANS else ""
    return headline, [f"All {len(known)} mark {told}{more}."]


def model_data(
    name: str,
    detection: Detection,
    here: Detection,
    threshold: float | None,
    rate: float,
    normals: NDArray[np.float32],
    weights: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return what stands beside one model's band.

    Parameters
    ----------
    detection, here : of the whole recording, and of the seconds on view (the same but for long recordings).
    weights : of the consensus, by member: each member's part in it then stands in the place of a band.
    """
    said = words.verdict(detection, threshold, rate)
    drawn = None
    if detection.score is not None and threshold is not None and not detection.segments:
        drawn = summary.curve(normals, threshold, detection.score, rate)
    rows = []
    stretches = here.explanation.stretches if here.explanation else ()
    if stretches:
        rows = [
            ["Strongest", words.span(stretches[0].start_s, stretches[0].stop_s)],
            ["Leads", words.lead_list(stretches[0].leads) or words.rhythm_of(here.explanation, stretches[0])],
        ]
    elif here.explanation:
        rows = [["Marks", "none above the mark level"]]
    if weights is not None:
        rows = []
    names = {"reconstruction": "error"}
    parts = [f"{names.get(k, words.part_name(k))} {words.part(part.percentile)}" for k, part in detection.parts.items()]
    if parts and weights is None:
        rows.append(["Parts", ", ".join(parts)])
    return {
        "name": name,
        "title": TITLES[name],
        "side": said.side,
        "figure": said.figure,
        "figure_suffix": said.figure_suffix,
        "figure_caption": said.figure_caption,
        "headline": said.headline,
        "rarity": "" if said.rarity.startswith(f"{said.figure}{said.figure_suffix} ") else said.rarity,
        "spoken": words.spoken(said),
        "rows": rows,
        "curve": drawn,
        "filled": said.side == "above",
        "stretches": [[s.start_s, s.stop_s] for s in stretches],
        "left_out": list(here.masked_leads),
        "mapped": here.explanation is not None,
        "members": members(detection, weights) if weights is not None else None,
    }


def members(detection: Detection, weights: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return each member's part in a consensus, the largest first: its share of the score, and its own percentile."""
    carried = {name: weights[name] * part.value for name, part in detection.parts.items()}
    whole = sum(carried.values()) or 1.0
    return [
        {
            "title": TITLES[name],
            "share": round(carried[name] / whole, 4),
            "words": f"{100 * carried[name] / whole:.0f} % of the score",
            "own": f"alone: {words.part(part.percentile)}",
        }
        for name, part in sorted(detection.parts.items(), key=lambda item: -carried[item[0]])
    ]


def counted(found: Mapping[str, Any]) -> list[str]:
    """Return the models that agreement is counted over: the consensus, which is made of the others, only by itself."""
    return [name for name in found if name != CONSENSUS] or list(found)


def comparison(
    key: str,
    shown: Record,
    lead: str,
    found: Mapping[str, Detection],
    models: Sequence[dict[str, Any]],
    sides: Sequence[bool | None],
) -> bytes:
    """Return the record on view as each model sees it, one lead of it, as one packet.

    Parameters
    ----------
    shown : the seconds on view.
    lead : the lead that is drawn.
    found : detections of these seconds by model.
    models : `model_data` of each, in the same order.
    sides : whether each model's score is above the threshold.
    """
    signal = shown.lead(lead)
    start_s, stop_s = shown.start_s, shown.start_s + shown.duration
    arrays: dict[str, NDArray[Any]] = {"signal": signal}
    voters = counted(found)
    explained = [e for name in voters if (e := found[name].explanation) is not None]
    maps = []
    for index, detection in enumerate(found.values()):
        explanation = detection.explanation
        if explanation is None or models[index]["name"] not in voters:
            continue
        cells = packets.error_cells(explanation)
        maps.append(cells)
        arrays[f"made_{index}"] = on_recorded_baseline(explanation, shown)[LEADS.index(lead)]
        arrays[f"trace_{index}"] = explanation.sample_scores
        arrays[f"error_{index}"] = cells
    count = marked_by(explained, start_s, stop_s) if explained else None
    marking = [said["title"] for said in models if said["stretches"] and said["name"] in voters]
    voted = [side for said, side in zip(models, sides, strict=True) if said["name"] in voters]
    headline, lines = agreement_words(voted, count, start_s, marking)
    header: dict[str, Any] = {"record": key, "lead": lead, "leads": list(LEADS), "fs": shown.fs, "n": len(signal)}
    header |= {"start_s": start_s, "stop_s": stop_s, "model_fs": COUNT_FS, "cell_s": packets.CELL_S}
    if maps:
        raised = raised_in(maps)
        arrays |= {"count": count, "raised": raised}
        lines.append(map_words(raised, len(maps)))
    gain = gain_for(signal)
    header |= {"gain": gain, "band_mm": BAND_MM, "print": f"25 mm/s, {gain:g} mm/mV, no filter"}
    header |= {"headline": headline, "lines": lines, "models": list(models), "counted": len(voters)}
    header["not_mapped"] = f"{words.span(start_s, stop_s)} cannot be scored: no reconstruction and no maps."
    return packets.pack(header, arrays)
