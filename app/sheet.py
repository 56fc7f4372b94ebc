"""What the paper shows: geometry, switches and words, as plain data. No streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app import words
from app.components.packets import on_view
from app.state import TITLES, Entry
from ecg_core.detection import Detection
from ecg_core.paper import Gain, Layout, Paper, lay_out


def start_of_view(entry: Entry, detection: Detection | None) -> float:
    """Return where the 10 s on view begin: a long recording's strongest segment."""
    explanation = detection.explanation if detection else None
    return explanation.start_s if explanation else entry.record.start_s


def geometry(
    entry: Entry, detection: Detection | None, layout: Layout, gain: Gain, stretch: int | None, lead: str | None
) -> Paper:
    """Lay out what is on view: a chosen stretch close up, else one lead alone, else all of it."""
    shown = on_view(entry.record, start_of_view(entry, detection))
    at = {"gain": gain, "start_s": shown.start_s}
    stretches = detection.explanation.stretches if detection and detection.explanation else ()
    if stretch is not None and stretch < len(stretches):
        centre_s = (stretches[stretch].start_s + stretches[stretch].stop_s) / 2
        return lay_out(shown.signal, shown.fs, "closeup", centre_s=centre_s, **at)
    if lead is not None:
        return lay_out(shown.signal, shown.fs, "lead", lead=lead, **at)
    return lay_out(shown.signal, shown.fs, layout, **at)


def view_data(
    entry: Entry,
    paper: Paper,
    shown_model: str | None,
    detection: Detection | None,
    *,
    above: bool,
    reconstruction: bool,
    marks: bool,
    chosen: int | None,
    gain_by_itself: bool,
) -> dict[str, Any]:
    """Return what the paper shows of signals and model: geometry, switches and words."""
    title = TITLES.get(shown_model or "", "")
    limb, chest = paper.gain
    gain = f"{limb:g} mm/mV" if limb == chest else f"limb {limb:g}, chest {chest:g} mm/mV"
    if limb != chest and gain_by_itself:
        gain += " (chest leads would overlap at 10)"
    quality: Mapping[str, Sequence[str]] = detection.quality if detection else {}
    return {
        "record": entry.key,
        "model": shown_model,
        "paper": paper.to_dict(),
        "layout_key": "|".join([paper.layout, gain, f"{paper.strips[0].start_s:.2f}", paper.strips[0].lead]),
        "layout": paper.layout,
        "reconstruction": reconstruction and shown_model is not None,
        "marks": marks and shown_model is not None,
        "filled": above,
        "chosen": chosen,
        "error_bars": paper.layout in ("12x1", "lead") and shown_model is not None,
        "faults": {lead: " and ".join(why) for lead, why in quality.items() if why},
        "print": f"{paper.speed:g} mm/s, {gain}, {entry.record.fs:g} Hz as recorded, no filter",
        "lead_hint": "Back to all leads" if paper.layout == "lead" else "Show this lead alone",
        "key_of_lines": f"reconstruction by {title}, ± 1 SD",
        "described": _described(entry, paper),
        "trace_described": "Anomaly score over time",
        "error_described": "Reconstruction error by lead and time",
    }


def _described(entry: Entry, paper: Paper) -> str:
    leads = "twelve leads" if paper.layout != "lead" else f"lead {paper.strips[0].lead}"
    return (
        f"ECG of {entry.record.name}, {leads}, {words.span(paper.start_s, paper.stop_s)}. "
        "Drag, or use the left and right arrow keys, to measure milliseconds and millivolts."
    )
