"""What the paper shows: which seconds, geometry, switches and words, as plain data. No streamlit."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app import words
from ecg_core.detection import Detection
from ecg_core.display import titles
from ecg_core.paper import PAPER_S, Gain, Layout, Paper, lay_out
from ecg_core.records import LEADS, Record

LONG_S = 10.5
"""Beyond this a record has segments, and the page an overview of them."""


@dataclass(frozen=True)
class Window:
    """Which seconds are looked at, from the recording's start.

    Attributes
    ----------
    start_s, stop_s : the 10 s (or the whole of a shorter record) that are scored and sent to the browser.
    sheet_s : where the sheet begins; it holds 10 s at 25 mm/s, 5 s at 50 mm/s.
    sheet_stop_s : where it ends.
    """

    start_s: float
    stop_s: float
    sheet_s: float
    sheet_stop_s: float

    @property
    def partial(self) -> bool:
        """Whether the sheet holds less than what was scored."""
        return self.sheet_stop_s - self.sheet_s < self.stop_s - self.start_s - 0.1


def window(start_s: float, total_s: float, speed: float, wanted_s: float | None, strongest_s: float) -> Window:
    """Return the seconds to look at.

    Parameters
    ----------
    start_s, total_s : where the recording begins, and how long it is.
    wanted_s : where the reader wants the sheet to begin; None: at the strongest segment.
    """
    length = min(total_s, PAPER_S)
    room = min(PAPER_S * 25.0 / speed, length)
    long = total_s > LONG_S
    end_s = start_s + (total_s if long else length)
    first_s = strongest_s if long else start_s
    sheet = min(max(first_s if wanted_s is None else wanted_s, start_s), end_s - room)
    begin = min(sheet, end_s - length) if long else start_s
    return Window(begin, begin + length, sheet, sheet + room)


@dataclass(frozen=True)
class Choice:
    """What the reader chose to see, apart from model and threshold."""

    layout: Layout
    gain: Gain
    speed: float
    leads: tuple[str, ...] = LEADS
    filters: tuple[str, ...] = ()
    stretch_s: float | None = None
    lead: str | None = None
    reconstruction: bool = True
    marks: bool = True
    gain_by_itself: bool = False
    fiducials: bool = False


def geometry(shown: Record, seen: Window, choice: Choice, clipped: Collection[str] = ()) -> Paper:
    """Lay out what is on view: an instant close up, else one lead alone, else all of it.

    Parameters
    ----------
    shown : the seconds of `seen` that are sent to the browser, as displayed.
    clipped : leads too noisy to read, which stay in their rows.
    """
    at = {"gain": choice.gain, "speed": choice.speed, "leads": choice.leads, "clipped": clipped}
    if choice.stretch_s is not None and seen.start_s <= choice.stretch_s <= seen.stop_s:
        return lay_out(shown.signal, shown.fs, "closeup", start_s=shown.start_s, centre_s=choice.stretch_s, **at)
    if seen.partial:
        shown = shown.crop(seen.sheet_s - shown.start_s, seen.sheet_stop_s - shown.start_s)
    if choice.lead is not None:
        return lay_out(shown.signal, shown.fs, "lead", start_s=shown.start_s, lead=choice.lead, **at)
    return lay_out(shown.signal, shown.fs, choice.layout, start_s=shown.start_s, **at)


def signals_id(key: str, seen: Window, filters: Sequence[str]) -> str:
    """Return what tells one packet of signals from another."""
    return f"{key}|{seen.start_s:.3f}|{'+'.join(filters)}"


def view_data(
    record: Record,
    key: str,
    paper: Paper,
    seen: Window,
    choice: Choice,
    detection: Detection | None,
    *,
    above: bool,
    limits: Sequence[tuple[float, str]] = (),
) -> dict[str, Any]:
    """Return what the paper shows of signals and model: geometry, switches and words.

    Parameters
    ----------
    detection : of the seconds on view.
    limits : when waves begin and end in each beat, from `measured.limits`.
    """
    model = detection.model if detection and detection.explanation else None
    quality: Mapping[str, Sequence[str]] = detection.quality if detection else {}
    signals = signals_id(key, seen, choice.filters)
    limb, chest = paper.gain
    closeup = paper.layout == "closeup"
    filters = " + ".join(titles(choice.filters))
    return {
        "record": key,
        "signals": signals,
        "model": model,
        "made": f"{signals}|{model}",
        "paper": paper.to_dict(),
        "axis": {
            "start_s": seen.start_s if closeup else paper.start_s,
            "stop_s": seen.stop_s if closeup else paper.stop_s,
            "speed": 25.0 if closeup else paper.speed,
        },
        "layout_key": "|".join(
            [paper.layout, f"{limb:g}/{chest:g}", f"{paper.speed:g}", f"{paper.strips[0].start_s:.2f}"]
            + [s.lead for s in paper.strips]
        ),
        "layout": paper.layout,
        "reconstruction": choice.reconstruction and model is not None,
        "marks": choice.marks and model is not None,
        "filled": above,
        "chosen": choice.stretch_s,
        "alone": paper.strips[0].lead if paper.layout == "lead" and model else None,
        "error_bars": paper.layout in ("12x1", "lead") and model is not None,
        "faults": {lead: " and ".join(why) for lead, why in quality.items() if why},
        "print": words.printed(paper.speed, paper.gain, record.fs, filters, choice.gain_by_itself)
        + words.not_shown(paper.missing if paper.layout != "lead" else ()),
        "lead_hint": "Back to all leads" if paper.layout == "lead" else "Show this lead alone",
        "back": {"closeup": "Back to the whole sheet", "lead": "Back to all leads"}.get(paper.layout),
        "differs_from": "the expected ECG" if model in words.EXPECTED else "the reconstruction",
        "limits": [list(limit) for limit in limits],
        "key_of_lines": words.drawn_by(model or ""),
        "described": _described(record, paper, filters),
    }


def _described(record: Record, paper: Paper, filters: str) -> str:
    shown = {strip.lead for strip in paper.strips}
    leads = "twelve leads" if len(shown) == len(LEADS) else f"lead {words.lead_list(sorted(shown))}"
    span = words.span(paper.strips[0].start_s, paper.strips[0].stop_s)
    if paper.layout != "closeup":
        span = words.span(paper.start_s, paper.stop_s)
    return (
        f"ECG of {record.name}, {leads}, {span}, {paper.speed:g} mm per second, {filters or 'no filter'}. "
        "Drag, or use the arrow keys, to measure milliseconds and millivolts: left and right move by a sample, "
        "with Shift by ten, Page Up and Page Down by a second, up and down change the lead, Enter sets the first "
        "point, Escape ends."
    )
