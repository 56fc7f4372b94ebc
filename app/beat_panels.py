"""What the panels of the Beats page draw, as packets for the browser. Plain arrays; no streamlit, nothing is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.components.packets import pack
from app.operating import differences, place
from ecg_core.records import Record

if TYPE_CHECKING:
    from ecg_core.ambulatory import BeatDetections, BeatDetector

F32 = NDArray[np.float32]

BEFORE_S, AFTER_S = 0.25, 0.45
"""What is shown of a beat around its R peak: the window that is compared."""

SHAPE_HZ = 150.0
SHAPES = 11
"""Shapes that have a card; the rest are told as a number."""

FAINT, AVERAGED = 10, 60
"""Single beats drawn behind a card's median beat, and beats that it is made of, spread over the recording."""

AROUND_S = 20.0
"""Seconds sent on either side of the beat on view."""

COLUMNS_HZ = 20
"""Columns a second of the strips of the whole recording: about one a pixel."""

FINE_RATES = tuple(round(k / 10_000, 4) for k in (*range(50, 200, 5), *range(200, 2001, 10)))
"""False-alarm rates that the threshold is dragged through, from 0.5 to 20 %: finer than a pixel, at most 255."""

STRIP_LEADS = 3
LEVEL_POINTS = 60
"""Values of a second that its level is told by."""


@dataclass(frozen=True)
class Reconstruction:
    """What the network made of the seconds around a beat: shape (n,), mV, in one lead."""

    lead: str
    start_s: float
    fs: float
    values: F32


def rates(found: BeatDetections) -> tuple[float, ...]:
    """Return the false-alarm rates of the threshold that the detector's normal beats can show."""
    low, high = float(found.rates[0]), float(found.rates[-1])
    return tuple(rate for rate in FINE_RATES if low - 1e-12 <= rate <= high + 1e-12) or (found.false_alarm_rate,)


def first_beat(found: BeatDetections) -> int:
    """Return the beat to look at first: the most anomalous, the earliest of equals; 0 without beats."""
    return int(np.argmax(found.score)) if len(found) else 0


def scores_packet(ident: str, found: BeatDetections) -> bytes:
    """Return every beat's time, interval, score, percentile, lead, shape and kind, at how many rates it is anomalous.

    `flagged` of a beat is the number of the rates offered at which it lies above the threshold: it is anomalous at
    the last so many of them. `resembles` is 1 for the first of the detector's kinds, 0 where nothing is said; it is
    meant for anomalous beats alone. Times are milliseconds as 4-byte integers: a float32 has 8 ms left after a day.
    """
    from ecg_core.ambulatory.detections import level_at

    offered = rates(found)
    thresholds = np.array([level_at(found.rates, found.levels, rate) for rate in offered])
    flagged = np.searchsorted(np.sort(thresholds), found.score).astype(np.uint8)  # how many of them lie below
    names = list(found.leads)
    numbers = {None: 0} | {kind: k for k, kind in enumerate(found.kinds, 1)}
    header = {
        "part": "beat_scores",
        "id": ident,
        "n": len(found),
        "leads": names,
        "duration_s": found.duration_s,
        "thresholds": [round(float(level), 4) for level in thresholds],
        "rates": list(offered),
        "validated": place(found.false_alarm_rate, offered),
        "pauses": [[pause.after, round(pause.seconds, 2)] for pause in found.pauses],
        "n_clusters": int(found.cluster.max()) + 1 if len(found) else 0,
    }
    milliseconds = np.round(found.times_s * 1000.0).astype("<i4")
    arrays = {
        "times": np.frombuffer(milliseconds.tobytes(), np.uint8),
        "rr": found.rr_s.astype(np.float32),
        "score": found.score.astype(np.float32),
        "percentile": found.percentile.astype(np.float32),
        "flagged": flagged,
        "cluster": np.minimum(found.cluster, 255).astype(np.uint8),
        "lead": np.array([names.index(lead) if lead in names else 0 for lead in found.lead], dtype=np.uint8),
        "resembles": np.array([numbers[kind] for kind in found.resembles] or np.zeros(len(found)), dtype=np.uint8),
    }
    return pack(header, arrays)


def words_packet(ident: str, told: Mapping[float, dict[str, Any]], validated: float) -> bytes:
    """Return what is said at each rate: all of it at the validated one, and what is other at the others.

    Parameters
    ----------
    told : from `app.beat_words.said`.
    """
    made = list(told.values())
    base = made[place(validated, tuple(told))]
    changes = [differences(base, each) for each in made]
    return pack({"part": "beat_words", "id": ident, "base": base, "rates": changes}, {})


def shapes_packet(ident: str, record: Record, found: BeatDetections) -> bytes:
    """Return the median beat of each of the commonest shapes, and some of the beats behind it.

    `median` has shape (shapes, leads, w), `faint` (shapes, FAINT, leads, w), NaN where there are fewer; mV, each beat
    about its own median.
    """
    w = round((BEFORE_S + AFTER_S) * SHAPE_HZ)
    n = min(int(found.cluster.max()) + 1 if len(found) else 0, SHAPES)
    leads = record.leads[:STRIP_LEADS]
    median = np.full((n, len(leads), w), np.nan, dtype=np.float32)
    faint = np.full((n, FAINT, len(leads), w), np.nan, dtype=np.float32)
    listed = []
    for shape in range(n):
        members = np.flatnonzero(found.cluster == shape)
        cut = beats_at(record, found.times_s[_spread(members, AVERAGED)])[:, : len(leads)]
        if len(cut):
            median[shape] = np.median(cut, axis=0)
            some = cut[_spread(np.arange(len(cut)), FAINT)]
            faint[shape, : len(some)] = some
        listed.append({"shape": shape, "n": len(members)})
    rest = found.cluster >= n
    header = {
        "part": "beat_shapes",
        "id": ident,
        "leads": list(leads),
        "w": w,
        "before_s": BEFORE_S,
        "fs": SHAPE_HZ,
        "faint_n": FAINT,
        "shapes": listed,
        "rest": {"shapes": int(np.unique(found.cluster[rest]).size), "beats": int(rest.sum())},
    }
    return pack(header, {"median": median, "faint": faint})


def beats_at(record: Record, times_s: NDArray[np.float64]) -> F32:
    """Return the windows around R peaks, shape (n, n_leads, w) at `SHAPE_HZ`, mV, each lead about its own median.

    Beats whose window leaves the recording are left out.
    """
    w = round((BEFORE_S + AFTER_S) * SHAPE_HZ)
    offsets = (np.arange(w) / SHAPE_HZ - BEFORE_S) * record.fs
    centres = np.asarray(times_s) * record.fs
    inside = (centres + offsets[0] >= 0) & (centres + offsets[-1] <= record.n_samples - 2)
    at = centres[inside, None] + offsets
    low = np.floor(at).astype(np.int64)
    share = (at - low).astype(np.float32)
    cut = record.signal[:, low] * (1.0 - share) + record.signal[:, low + 1] * share
    cut = np.moveaxis(cut, 0, 1)
    return np.asarray(cut - np.median(cut, axis=2, keepdims=True), dtype=np.float32)


def _spread(members: NDArray[Any], most: int) -> NDArray[Any]:
    """Return at most so many of them, evenly spread."""
    if len(members) <= most:
        return members
    return members[np.linspace(0, len(members) - 1, most).round().astype(int)]


def strips_packet(ident: str, record: Record) -> bytes:
    """Return the lowest and highest value of every column of the whole recording's first leads, a byte each.

    128 is the baseline, which is taken off second by second; 127 steps are `reach_mv`.
    """
    leads = record.leads[:STRIP_LEADS]
    arrays: dict[str, NDArray[Any]] = {}
    reach = []
    for k, lead in enumerate(leads):
        low, high, most = envelope(record.lead(lead), record.fs)
        reach.append(round(most, 3))
        arrays |= {f"low_{k}": low, f"high_{k}": high}
    header = {"part": "beat_strips", "id": ident, "leads": list(leads), "columns_hz": COLUMNS_HZ, "reach_mv": reach}
    return pack(header, arrays)


def envelope(values: F32, fs: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8], float]:
    """Return lows and highs by column, as bytes, and how many mV 127 steps are."""
    n = len(values)
    seconds = max(1, int(n / fs))
    first = (np.arange(seconds) * n / seconds).astype(np.int64)
    within = (np.arange(LEVEL_POINTS) * n / seconds / LEVEL_POINTS).astype(np.int64)
    level = np.median(values[first[:, None] + within], axis=1)
    columns = max(1, int(n / fs * COLUMNS_HZ))
    cuts = (np.arange(columns) * fs / COLUMNS_HZ).astype(np.int64)
    base = np.interp(np.arange(columns) / COLUMNS_HZ, np.arange(seconds) + 0.5, level)
    low = np.minimum.reduceat(values, cuts) - base
    high = np.maximum.reduceat(values, cuts) - base
    tall = np.maximum(np.abs(low), np.abs(high))[: columns // COLUMNS_HZ * COLUMNS_HZ or None]
    beats = tall.reshape(-1, COLUMNS_HZ).max(axis=1) if len(tall) >= COLUMNS_HZ else tall
    reach = max(1.3 * float(np.quantile(beats, 0.9)), 0.2)
    scaled = [np.clip(128 + np.round(part / reach * 127), 1, 255).astype(np.uint8) for part in (low, high)]
    return scaled[0], scaled[1], reach


def reconstructed(detector: BeatDetector, record: Record, found: BeatDetections, beat: int) -> Reconstruction | None:
    """Return what the detector's network makes of the seconds around a beat; None without a network or a beat.

    Only the seconds around the beat are cut again, at the R peaks that are known: of a day, too, it takes no time.
    """
    from ecg_core.ambulatory.cleaning import FS
    from ecg_core.ambulatory.detector import network_lead

    if detector.network is None or not len(found):
        return None
    at_s = float(found.times_s[beat])
    part = record.crop(max(0.0, at_s - AROUND_S), min(record.duration, at_s + AROUND_S))
    begin_s = part.start_s - record.start_s
    near = np.flatnonzero((found.times_s >= begin_s) & (found.times_s < begin_s + part.duration))
    marked = np.round((found.times_s[near] - begin_s) * FS).astype(np.int64)
    values, start_s, fs = detector.reconstruct(part, int(np.searchsorted(near, beat)), marked)
    lead = record.leads[network_lead(record.leads)]
    return Reconstruction(lead, begin_s + start_s, fs, np.asarray(values, dtype=np.float32).reshape(-1))


def strip_leads(record: Record, found: BeatDetections, beat: int) -> tuple[str, ...]:
    """Return the leads of the strip: all of a few, else the one in which the beat deviates most, with the foremost."""
    if len(record.leads) <= STRIP_LEADS:
        return record.leads
    own = found.lead[beat] if len(found) and found.lead[beat] in record.leads else record.leads[0]
    return tuple(dict.fromkeys((own, *record.leads)))[:STRIP_LEADS]


def beat_packet(ident: str, record: Record, found: BeatDetections, beat: int, made: Reconstruction | None) -> bytes:
    """Return the seconds around a beat as they were recorded, the dominant beat, and what the network makes of it."""
    leads = strip_leads(record, found, beat)
    at_s = float(found.times_s[beat]) if len(found) else 0.0
    lo = max(0, round((at_s - AROUND_S) * record.fs))
    hi = min(record.n_samples, round((at_s + AROUND_S) * record.fs))
    rows = [record.leads.index(lead) for lead in leads]
    header: dict[str, Any] = {
        "part": "beat_strip",
        "id": ident,
        "beat": beat,
        "leads": list(leads),
        "fs": record.fs,
        "start_s": lo / record.fs,
        "n": hi - lo,
        "parts": _parts(found, beat),
        "dominant": _dominant_header(found),
        "made": None,
    }
    arrays: dict[str, NDArray[Any]] = {"signal": record.signal[rows, lo:hi]}
    dominant = _dominant(found, leads)
    arrays["dominant_values"] = dominant
    if made is not None:
        header["made"] = {"lead": made.lead, "start_s": made.start_s, "fs": made.fs}
        arrays["made_values"] = made.values
    return pack(header, arrays)


def _dominant_header(found: BeatDetections) -> dict[str, float]:
    return {
        "start_s": found.dominant_start_s,
        "fs": found.dominant_fs,
        "n": int(found.dominant.shape[1]) if found.dominant.ndim == 2 else 0,
    }


def _dominant(found: BeatDetections, leads: Sequence[str]) -> F32:
    """Return the dominant beat in these leads, shape (n_leads, w), NaN in one that it is not known of."""
    w = found.dominant.shape[1] if found.dominant.ndim == 2 else 0
    out = np.full((len(leads), w), np.nan, dtype=np.float32)
    for k, lead in enumerate(leads):
        if lead in found.leads and found.leads.index(lead) < len(found.dominant):
            out[k] = found.dominant[found.leads.index(lead)]
    return out


def _parts(found: BeatDetections, beat: int) -> list[list[Any]]:
    """Return name and evidence of each part of a beat's score, in the detector's order."""
    if not len(found):
        return []
    return [[name, round(float(values[beat]), 2)] for name, values in found.parts.items()]
