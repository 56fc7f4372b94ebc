"""What the overview strip shows: the score over a whole recording, and which seconds are on the paper. Plain data."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from app import words
from app.sheet import Window
from ecg_core.detection import Detection, Segment

MOST_POINTS = 1440
"""More segments than this are drawn as the highest of each run of them."""

STEPS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800)
MOST_TICKS = 13


def ticks(origin_s: float, total_s: float) -> list[tuple[float, str]]:
    """Return the marks of a time axis: seconds from the recording's start, and "5 min", "1:30 h" and the like."""
    step = next((s for s in STEPS_S if total_s / s <= MOST_TICKS), STEPS_S[-1])
    count = math.floor(total_s / step + 1e-9)
    return [(origin_s + k * step, _tick(origin_s + k * step, step, k == count)) for k in range(count + 1)]


def _tick(at_s: float, step: float, last: bool) -> str:
    if step < 30:
        return f"{at_s:g}" + (" s" if last else "")
    if step < 60:
        return f"{at_s // 60:.0f}:{at_s % 60:02.0f}" + (" min" if last else "")
    if step < 900:
        return f"{at_s / 60:g}" + (" min" if last else "")
    hours, minutes = divmod(round(at_s / 60), 60)
    return f"{hours}:{minutes:02d}" + (" h" if last else "")


def overview_data(
    key: str,
    whole: Detection,
    seen: Window,
    origin_s: float,
    total_s: float,
    threshold: float | None,
    view: Detection,
    above: bool | None,
) -> dict[str, Any] | None:
    """Return what the strip shows; None where all of a record is on the paper, or nothing of it was scored.

    Parameters
    ----------
    whole : of the recording.
    origin_s, total_s : where the recording begins, and how long it is.
    threshold : of the record score.
    view, above : of the seconds on view, and whether they are above the threshold.
    """
    shared = {
        "record": key,
        "origin": origin_s,
        "total": total_s,
        "window": [round(seen.sheet_s, 3), round(seen.sheet_stop_s, 3)],
        "room": round(seen.sheet_stop_s - seen.sheet_s, 3),
        "ticks": ticks(origin_s, total_s),
    }
    if whole.segments and threshold is not None:
        return shared | _of_segments(whole.segments, seen, total_s, threshold, view, above)
    if seen.partial and whole.explanation is not None:
        trace = whole.explanation.sample_scores
        per = max(1, round(0.05 * whole.explanation.fs))
        highest = trace[: len(trace) // per * per].reshape(-1, per).max(axis=1)
        return shared | {
            "title": "Anomaly score over the record",
            "summary": "click, or use the arrow keys, to choose what is on the paper",
            "view_words": f"{words.span(seen.sheet_s, seen.sheet_stop_s)} on the paper",
            "described": "Anomaly score over the record; arrow keys move the seconds on the paper",
            "segments": False,
            "n_above": 0,
            "times": [
                round(whole.explanation.start_s + k * per / whole.explanation.fs, 3) for k in range(len(highest))
            ],
            "values": [round(float(v), 3) for v in highest],
            "each": per / whole.explanation.fs,
            "shift": 0.0,
            "step": 0.5,
            "level": 1.0,
            "level_words": "mark level",
        }
    return None


def _of_segments(
    segments: tuple[Segment, ...],
    seen: Window,
    total_s: float,
    threshold: float,
    view: Detection,
    above: bool | None,
) -> dict[str, Any]:
    chosen, stride = thin(segments)
    scored = [s.score for s in segments if s.score is not None]
    n_above, n_lost = sum(score > threshold for score in scored), len(segments) - len(scored)
    summary = f"{n_above} of {len(scored)} segments above the alarm threshold"
    if n_lost:
        summary += f"; {n_lost} not interpretable (hatched)"
    return {
        "title": "Score over the recording",
        "summary": summary,
        "view_words": _view_words(seen, total_s, view, above),
        "described": (
            "Score over the recording. Arrow keys move by what is on the paper, Page Up and Page Down by more, "
            "N and P go to the next and previous segment above the alarm threshold."
        ),
        "segments": True,
        "n_above": n_above,
        "times": [round(s.start_s, 3) for s in chosen],
        "values": [None if s.score is None else round(s.score, 3) for s in chosen],
        "each": stride,
        "shift": (segments[0].stop_s - segments[0].start_s - stride) / 2 if stride < 10 else 0.0,
        "step": 1.0,
        "level": threshold,
        "level_words": "alarm threshold",
    }


def thin(segments: tuple[Segment, ...], most: int = MOST_POINTS) -> tuple[list[Segment], float]:
    """Return at most `most` segments, the highest of each run of neighbours, and how many seconds each stands for."""
    starts = [s.start_s for s in segments]
    stride = float(np.median(np.diff(starts))) if len(starts) > 1 else 10.0
    per = math.ceil(len(segments) / most)
    if per == 1:
        return list(segments), stride
    runs = [segments[k : k + per] for k in range(0, len(segments), per)]
    return [max(run, key=lambda s: -math.inf if s.score is None else s.score) for run in runs], stride * per


def _view_words(seen: Window, total_s: float, view: Detection, above: bool | None) -> str:
    dash = words.DASH
    told = f"{words.clock(seen.sheet_s, total_s)}{dash}{words.clock(seen.sheet_stop_s, total_s)} on the paper"
    if above is None:
        return f"{told}, not interpretable"
    place = "higher than all normal ECGs" if view.n_higher == 0 else ""
    if not place and view.percentile is not None:
        place = f"higher than {view.percentile:.0f} % of normal ECGs"
    return ", ".join(part for part in (told, place, "above the threshold" if above else "below the threshold") if part)
