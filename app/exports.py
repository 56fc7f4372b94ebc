"""What can be taken away of the record on view: which files there are, and how each is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from app import state
from app.sheet import Window
from app.state import TITLES, Entry
from ecg_core.detection import Detection
from ecg_core.display import available
from ecg_core.export import file_name, over_time_csv, scores_csv, scores_json
from ecg_core.report import Reading, View, report_pdf, report_png


@dataclass(frozen=True)
class File:
    """A file that is made when it is asked for.

    Attributes
    ----------
    key, label : of its button.
    name : on the user's disk.
    make : returns its bytes.
    """

    key: str
    label: str
    name: str
    mime: str
    make: Callable[[], bytes]


def now() -> datetime:
    """Return the time that files carry, UTC."""
    return datetime.now(UTC)


def readings(found: Mapping[str, Detection], thresholds: Mapping[str, float | None], rate: float) -> dict[str, Reading]:
    """Return each model's detection at the threshold in use."""
    return {name: Reading(TITLES[name], detection, thresholds[name], rate) for name, detection in found.items()}


def view(fs: float, seen: Window, above: bool | None) -> View:
    """Return how the ECG is shown now; a lead alone or a close-up is printed with the whole sheet around it.

    Parameters
    ----------
    fs : the record's, Hz: filters that it cannot carry are off.
    above : whether the seconds on view are above the alarm threshold.
    """
    offered = available(fs)
    return View(
        layout=state.value(state.LAYOUT),
        gain=state.GAINS[state.value(state.GAIN)],
        speed=float(state.value(state.SPEED)),
        start_s=seen.sheet_s,
        leads=state.leads_shown(),
        filters=tuple(name for name in state.value(state.FILTERS) if name in offered),
        reconstruction=state.value(state.SHOW_RECONSTRUCTION),
        marks=state.value(state.SHOW_MARKS),
        filled=bool(above),
    )


def files(
    entry: Entry, model: str, read: Mapping[str, Reading], shown: View, seen: Window, on_view: Detection
) -> list[File]:
    """Return the files that can be made of a record as it is on view.

    Parameters
    ----------
    read : from `readings`.
    seen : the seconds on view.
    on_view : the detection of those seconds: of a long recording their maps stand in the files.
    """
    whole = read[model]
    reading = replace(whole, detection=replace(whole.detection, explanation=on_view.explanation))
    others = [other for name, other in read.items() if name != model]

    def pdf() -> bytes:
        record = entry.around(seen.start_s, seen.stop_s)
        return report_pdf(record, reading, now(), shown, others=others, duration_s=entry.duration)

    makers: list[tuple[str, str, str, str, Callable[[], bytes]]] = [
        ("pdf", "Report (PDF, A4)", "report.pdf", "application/pdf", pdf),
        ("png", "Report as a picture (PNG)", "report.png", "image/png", lambda: report_png(pdf())),
        ("json", "Scores (JSON)", "scores.json", "application/json", lambda: scores_json(reading, now())),
        ("csv", "Scores (CSV)", "scores.csv", "text/csv", lambda: scores_csv(reading, now())),
        ("time", "Score over time (CSV)", "over-time.csv", "text/csv", lambda: over_time_csv(reading)),
    ]
    return [
        File(f"export_{key}", label, file_name(entry.record.name, ending), mime, make)
        for key, label, ending, mime, make in makers
    ]
