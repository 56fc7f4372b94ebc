"""From detections to what the panels show: plain data, no streamlit, no colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import measured, words
from app.operating import at_each_rate, place
from app.state import RATES, TITLES, Entry
from ecg_core.detection import Detection, Stretch
from ecg_core.overlay import cell_steps
from ecg_core.records import LEADS
from ecg_core.store import CONSENSUS

TICKS = (50.0, 90.0, 99.0)
CLIP_S = 1.28
SHOWN_STRETCHES = 5
SHOWN_REASONS = 3


def tail(percentile: float) -> float:
    """Return a percentile's place on the tail scale: 50 at 0, 99.9 at 1, equal steps for equal factors.

    The end of the scale is labelled "all": beyond the highest normal no percentile is claimed.
    """
    lowest, highest = -math.log10(0.5), 3.0
    value = -math.log10(max(1.0 - percentile / 100.0, 1e-9))
    return min(max((value - lowest) / (highest - lowest), 0.0), 1.0)


def curve(normals: NDArray[np.float32], threshold: float, score: float, rate: float) -> dict[str, Any] | None:
    """Return the distribution of normal scores with alarm and record on it, in 0-1; None without normals."""
    if normals.size < 50:
        return None
    low, high = float(np.quantile(normals, 0.002)), float(max(normals.max(), threshold))
    high += 0.06 * (high - low)
    return {
        "heights": list(_heights(normals.tobytes(), low, high)),
        "alarm": (threshold - low) / (high - low),
        "here": (score - low) / (high - low),
        "above": score > threshold,
        "alarm_words": f"alarm {100 - rate * 100:g}",
    }


@lru_cache(maxsize=16)
def _heights(normals: bytes, low: float, high: float) -> tuple[float, ...]:
    """Return the smoothed histogram of float32 scores; drawn alike at all rates of the slider."""
    counts, _ = np.histogram(np.frombuffer(normals, np.float32), bins=64, range=(low, high))
    kernel = np.exp(-0.5 * (np.arange(-8, 9) / 2.5) ** 2)
    smooth = np.convolve(counts, kernel / kernel.sum(), mode="same")
    return tuple(round(float(h), 4) for h in smooth / smooth.max())


def verdict_data(
    entry: Entry,
    model: str,
    found: Mapping[str, Detection],
    limits: Mapping[float, Mapping[str, float | None]],
    rate: float,
    normals: NDArray[np.float32],
    waiting: Sequence[str] = (),
) -> dict[str, Any]:
    """Return what the verdict band shows, at each rate of the slider.

    Parameters
    ----------
    limits : by rate, each model's threshold for the record.
    normals : the scores of the normals that the record is compared with.
    waiting : the models that are still scoring.
    """
    detection = found[model]
    unmoved = {
        "record": entry.key,
        "warnings": list(detection.warnings),
        "parts": _parts(detection),
        "resembles": _resembles(detection),
    }
    by_side: dict[words.Side, dict[str, Any]] = {}

    def at(each: float) -> dict[str, Any]:
        said = words.verdict(detection, limits[each][model], each)
        if said.side not in by_side:
            reasons, where = _reasons(detection, said.side), _where(entry, detection, said.side)
            by_side[said.side] = {"reasons": reasons, "where": where}
        moving = {
            "curve": _curve(detection, limits[each][model], each, normals),
            "sure": _sure(model, found, limits[each], each, waiting),
            "facts": _facts(detection, found, limits[each], each),
        }
        return unmoved | by_side[said.side] | _said(said) | moving

    return at_each_rate(at, rate, tuple(limits))


def _said(said: words.Verdict) -> dict[str, Any]:
    return {
        "side": said.side,
        "spoken": words.spoken(said),
        "figure": said.figure,
        "figure_suffix": said.figure_suffix,
        "figure_caption": said.figure_caption.replace("10 s", "10\N{NO-BREAK SPACE}s"),
        "headline": said.headline,
        "rarity": said.rarity,
        "basis": list(said.basis),
    }


def _curve(
    detection: Detection, threshold: float | None, rate: float, normals: NDArray[np.float32]
) -> dict[str, Any] | None:
    if detection.score is None or threshold is None or detection.segments:
        return None
    return curve(normals, threshold, detection.score, rate)


def _parts(detection: Detection) -> list[list[str]]:
    """Return name, percentile and meaning of the score's parts; the consensus's stand under "How sure"."""
    if detection.model == CONSENSUS:
        return []
    parts = detection.parts.items()
    return [
        [words.part_name(name), words.part(part.percentile), words.part_meaning(detection.model, name)]
        for name, part in parts
    ]


def _reasons(detection: Detection, side: words.Side) -> dict[str, Any] | None:
    """Return why the record is unusual in terms of its measurements; None of a model that does not measure."""
    if detection.measurements is None:
        return None
    lines = [[reason.text, words.rarity(reason)] for reason in detection.reasons]
    where = " in the strongest 10 s" if detection.segments else ""
    return {
        "title": f"Measured{where}, most unusual first",
        "shown": SHOWN_REASONS,
        "summary": measured.summary(detection),
        "lines": lines,
        "none": "" if lines else words.without_reasons(side == "above"),
    }


def _resembles(detection: Detection) -> dict[str, Any] | None:
    """Return what the record resembles, as a hint beside the verdict; None where nothing is said."""
    if not detection.resembles:
        return None
    likely = ", ".join(f"{one.name} {100 * one.probability:.0f} %" for one in detection.resembles)
    return {
        "items": [list(one) for one in words.resembles(detection)],
        "hint": words.HINT,
        "meaning": f"{words.PROBE} Probability: {likely}.",
    }


def _where(entry: Entry, detection: Detection, side: words.Side) -> dict[str, Any]:
    steps = cell_steps(detection.lead_scores)
    of = "as unusual as in normal ECGs" if detection.model in words.EXPECTED else "the error of normal ECGs"
    cells = []
    for lead in LEADS:
        score = detection.lead_scores.get(lead)
        out = lead in detection.masked_leads and score is None  # of a long recording: in the seconds that are shown
        told = (
            f"{lead}: left out, {' and '.join(detection.quality.get(lead, ()))}"
            if out
            else (f"{lead}: {score:.1f} times {of}" if score is not None else lead)
        )
        cells.append({"lead": lead, "step": steps[lead], "out": out, "words": told})
    place, lines = words.where(detection)
    stretches = detection.explanation.stretches if detection.explanation else ()
    clip = stretch_clip(entry, stretches[0], side == "above", _seconds_of(detection)) if stretches else None
    if detection.segments and detection.explanation:
        start_s, stop_s = _seconds_of(detection)
        lines.append(f"in the strongest 10 s, {words.span(start_s, stop_s)}")
    described = "By lead: " + "; ".join(cell["words"] for cell in cells)
    return {"cells": cells, "place": place, "lines": lines, "clip": clip, "described": described}


def _sure(
    model: str,
    found: Mapping[str, Detection],
    thresholds: Mapping[str, float | None],
    rate: float,
    waiting: Sequence[str],
) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys((*found, *waiting)):
        if name in waiting:
            rows.append({"title": TITLES[name], "chosen": False, "x": None, "above": False, "words": "scoring…"})
        if name not in found:
            continue
        detection = found[name]
        above = words.is_above(detection, thresholds[name], rate)
        x, told = None, "no score"
        if detection.segments:
            told = f"{words.share_above(detection, thresholds[name]) * 100:.0f} % of segments"
        elif detection.percentile is not None:
            top = detection.n_higher == 0
            x = 1.0 if top else tail(detection.percentile)
            told = "above all" if top else f"{detection.percentile:.1f}"
        rows.append({"title": TITLES[name], "chosen": name == model, "x": x, "above": bool(above), "words": told})
    listed = ", ".join(f"{row['title']} {row['words']}" for row in rows)
    return {
        "models": rows,
        "alarm": tail(100.0 * (1.0 - rate)),
        "ticks": [*[[tail(t), f"{t:g}"] for t in TICKS], [1.0, "all"]],
        "described": f"Percentile among normal ECGs by model: {listed}",
    }


def _facts(
    detection: Detection, found: Mapping[str, Detection], thresholds: Mapping[str, float | None], rate: float
) -> list[list[Any]]:
    facts: list[list[Any]] = []
    if detection.interpretable:
        facts.append(["Models", words.agreement(found, thresholds, rate), False])
    lost = sum(segment.score is None for segment in detection.segments)
    told = f"{lost} of {len(detection.segments)} segments not readable" if lost else words.quality(detection)
    facts.append(["Quality", told, told != "good"])
    facts.append(["Rate", f"{detection.heart_rate:.0f} /min" if detection.heart_rate else "not found", False])
    if detection.rr_sd_ms is not None:
        facts.append(["RR", f"SD {detection.rr_sd_ms:.0f} ms", False])
    return facts


def _seconds_of(detection: Detection) -> tuple[float, float]:
    explanation = detection.explanation
    if explanation is None:
        return 0.0, 0.0
    return explanation.start_s, explanation.start_s + explanation.signal.shape[1] / explanation.fs


def stretch_clip(entry: Entry, stretch: Stretch, filled: bool, shown: tuple[float, float]) -> dict[str, Any]:
    """Return what a clip of the stretch's worst lead shows, inside the seconds `shown`."""
    centre, half = (stretch.start_s + stretch.stop_s) / 2, max(CLIP_S / 2, (stretch.stop_s - stretch.start_s) / 2 + 0.2)
    begin, end = shown
    start = min(max(centre - half, begin), max(end - 2 * half, begin))
    return {
        "record": entry.key,
        "lead": stretch.leads[0] if stretch.leads else "II",
        "start_s": start,
        "stop_s": min(start + 2 * half, end),
        "mark": [stretch.start_s, stretch.stop_s],
        "filled": filled,
        "words": words.span(stretch.start_s, stretch.stop_s),
    }


def stretches_data(entry: Entry, detection: Detection, above: bool, chosen: float | None) -> dict[str, Any]:
    """Return what the list of stretches shows; `chosen` is the instant that is shown close up, s."""
    stretches = detection.explanation.stretches if detection.explanation else ()
    shown = _seconds_of(detection)
    items = [
        {
            "index": index,
            "number": str(index + 1),
            "when": words.span(s.start_s, s.stop_s),
            "place": words.territories(s.leads) if s.leads else words.rhythm_of(detection.explanation, s),
            "leads": words.lead_list(s.leads),
            "peak": f"{s.peak:.1f}",
            "at": round((s.start_s + s.stop_s) / 2, 3),
            "chosen": chosen is not None and s.start_s <= chosen <= s.stop_s,
            "clip": stretch_clip(entry, s, above, shown),
        }
        for index, s in enumerate(stretches[:SHOWN_STRETCHES])
    ]
    return {
        "record": entry.key,
        "title": "Most anomalous stretches",
        "aside": f"{len(stretches)} above level" if stretches else "",
        "items": items,
        "none": words.without_stretches(bool(detection.explanation and detection.explanation.territory)),
    }


def lead_bars_data(detection: Detection) -> dict[str, Any]:
    """Return the error by lead, largest first; leads left out last, with why."""
    scores = {lead: s for lead, s in detection.lead_scores.items() if s is not None}
    top = max(scores.values(), default=1.0) or 1.0
    ordered = sorted(scores, key=lambda lead: -scores[lead])
    items: list[dict[str, Any]] = [
        {
            "lead": lead,
            "share": round(100 * scores[lead] / top, 1),
            "value": f"{scores[lead]:.1f}",
            "weak": scores[lead] < 2,
        }
        for lead in ordered
    ]
    items += [
        {"lead": lead, "out": "left out: " + (" and ".join(detection.quality.get(lead, ())) or "not usable")}
        for lead in detection.masked_leads
    ]
    if detection.model in words.EXPECTED:
        return {"title": "Leads, every beat", "aside": "times as unusual as normals", "items": items}
    return {"title": "Error by lead", "aside": "times the error of normals", "items": items}


def threshold_data(points: Sequence[dict[str, float]], rate: float) -> dict[str, Any]:
    """Return what the threshold slider shows: its rates, where it stands, and what to expect at each.

    Parameters
    ----------
    points : from `resources.operating_points`.
    """
    validated = words.percent(words.VALIDATED_RATE)
    return {
        "title": "Alarm threshold",
        "label": "False-alarm rate",
        "at": place(rate),
        "validated": place(words.VALIDATED_RATE),
        "words": [words.percent(each) for each in RATES],
        "aside": f"validated at {validated}",
        "moved": f"moved from {validated}",
        "reset": f"Reset to {validated}",
        "rows": [expected_rows(words.expected_at(points, each), each) for each in RATES],
    }


def expected_rows(point: Mapping[str, float] | None, rate: float) -> list[dict[str, str]]:
    """Return what to expect of a false-alarm rate, as measured on held-out records."""
    items: list[dict[str, str]] = [{"name": "Normal ECGs flagged, by calibration", "value": words.percent(rate)}]
    if point is None:
        return [*items, {"name": "Abnormal ECGs found", "value": "not measured at this rate"}]
    found, low, high = (100 * point[k] for k in ("sensitivity", "sensitivity_low", "sensitivity_high"))
    kept, kept_low, kept_high = (100 * point[k] for k in ("specificity", "specificity_low", "specificity_high"))
    dash = words.DASH
    items += [
        {"name": "Abnormal ECGs found, expected", "value": f"{found:.0f} %", "rest": f"({low:.0f}{dash}{high:.0f})"},
        {
            "name": "Normal ECGs passed, expected",
            "value": f"{kept:.1f} %",
            "rest": f"({kept_low:.1f}{dash}{kept_high:.1f})",
        },
        {"name": "Abnormal ECGs missed", "value": f"{100 - found:.0f} of 100"},
    ]
    return items
