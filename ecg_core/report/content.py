"""What the report is made of, before it is drawn: one model's reading of a record, the view of it, and the words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ecg_core import findings, wording
from ecg_core.detection import Detection, Explanation, Stretch
from ecg_core.overlay import cell_steps
from ecg_core.paper import Gain, Layout
from ecg_core.records import LEADS, Record
from ecg_core.store import CONSENSUS

SHOWN_STRETCHES = 4


@dataclass(frozen=True)
class Reading:
    """One model's detection at a threshold.

    Attributes
    ----------
    title : the model's name for people.
    threshold : score above which the record is anomalous at `rate`; None where there is no score.
    rate : false-alarm rate.
    """

    title: str
    detection: Detection
    threshold: float | None
    rate: float = wording.VALIDATED_RATE

    @classmethod
    def of(cls, title: str, detection: Detection) -> Reading:
        """Return a detection at the threshold that it was made with."""
        return cls(title, detection, detection.threshold, detection.false_alarm_rate)

    @property
    def above(self) -> bool | None:
        """Whether the record is above the threshold; None where there is no score."""
        return wording.is_above(self.detection, self.threshold, self.rate)

    @property
    def moved(self) -> bool:
        """Whether the threshold is not the validated one."""
        return abs(self.rate - wording.VALIDATED_RATE) > 1e-9


@dataclass(frozen=True)
class View:
    """How the ECG is shown, as on screen.

    Attributes
    ----------
    gain : mm per mV of limb and chest leads; None chooses what does not overlap.
    speed : mm per second.
    start_s : where the sheet begins, seconds from the recording's start; None: where the model's maps begin.
    leads : what is shown in "6x2" and "12x1".
    filters : names of `ecg_core.display.FILTERS`.
    filled : whether marks are filled; None: where the record is above the threshold.
    """

    layout: Layout = "3x4"
    gain: Gain | None = None
    speed: float = 25.0
    start_s: float | None = None
    leads: tuple[str, ...] = LEADS
    filters: tuple[str, ...] = ()
    reconstruction: bool = True
    marks: bool = True
    filled: bool | None = None


@dataclass(frozen=True)
class Page:
    """Everything on one page.

    Attributes
    ----------
    at : when the report is made, UTC.
    others : other models' readings of the same record.
    duration_s : length of the recording where `record` is a part of it.
    """

    record: Record
    reading: Reading
    others: tuple[Reading, ...]
    view: View
    at: datetime
    duration_s: float | None = None


def score_words(reading: Reading) -> str:
    """Return the score, its percentile, and the threshold it is held against."""
    detection = reading.detection
    told = ""
    if detection.score is not None:
        of = "Highest segment's score" if detection.segments else "Score"
        rank = f", percentile {_percentile(detection)}" if detection.percentile is not None else ""
        rank = ", above all normals" if rank and detection.n_higher == 0 else rank
        told = f"{of} {detection.score:.2f}{rank}. "
    level = f" {reading.threshold:.2f}" if reading.threshold is not None else ""
    validated = "" if reading.moved else ", validated"
    return f"{told}Threshold{level} ({wording.percent(reading.rate)} false alarms{validated})."


def moved_words(reading: Reading) -> str:
    """Return that the threshold was moved; nothing where it was not."""
    if not reading.moved:
        return ""
    rate, validated = wording.percent(reading.rate), wording.percent(wording.VALIDATED_RATE)
    return f"Threshold moved by the reader: {rate} false alarms, validated at {validated}."


def _percentile(detection: Detection) -> str:
    return "above all" if detection.n_higher == 0 else f"{detection.percentile:.1f}"


def part_words(detection: Detection) -> str:
    """Return the two parts of the score, as percentiles."""
    told = [f"{wording.part_name(name)} {wording.part(p.percentile)}" for name, p in detection.parts.items()]
    return f"Parts, as percentiles of normal ECGs: {', '.join(told)}." if told else ""


def facts(reading: Reading, others: Sequence[Reading]) -> list[tuple[str, str, bool]]:
    """Return name, value and whether it is a fault, of what is said beside the verdict."""
    detection = reading.detection
    rows: list[tuple[str, str, bool]] = []
    readings = [reading, *(other for other in others if other.title != reading.title)]
    if len(readings) > 1 and detection.interpretable:
        members = [r for r in readings if r.detection.model != CONSENSUS] or readings
        above = sum(bool(r.above) for r in members)
        rows.append(("Models", f"{above} of {len(members)} above: {', '.join(map(_place, members))}", False))
    quality = wording.quality(detection)
    rows.append(("Quality", quality, quality != "good"))
    rate = f"{detection.heart_rate:.0f} /min" if detection.heart_rate else "not found"
    rr = f", RR SD {detection.rr_sd_ms:.0f} ms" if detection.rr_sd_ms is not None else ""
    rows.append(("Heart rate", rate + rr, False))
    rows.append(("Model", f"{reading.title}, checkpoint {detection.checkpoint}", False))
    return rows


def _place(reading: Reading) -> str:
    detection = reading.detection
    if detection.segments:
        return f"{reading.title} {100 * wording.share_above(detection, reading.threshold):.0f} %"
    if detection.percentile is None:
        return f"{reading.title} no score"
    return f"{reading.title} {_percentile(detection)}"


def stretch_lines(detection: Detection) -> list[tuple[str, str]]:
    """Return time, and leads with peak, of the strongest stretches."""
    stretches = detection.explanation.stretches if detection.explanation else ()
    return [
        (wording.span(s.start_s, s.stop_s), f"{_leads(detection, s)} · peak {s.peak:.1f}")
        for s in stretches[:SHOWN_STRETCHES]
    ]


def _leads(detection: Detection, stretch: Stretch) -> str:
    """Return the leads of a stretch, or what of the rhythm it is."""
    return wording.lead_list(stretch.leads) or findings.rhythm_of(detection.explanation, stretch).lower()


def _of_every_beat(found: Explanation) -> list[str]:
    """Return what the expected ECG shows beside the stretches, which are listed."""
    lines = [found.territory] if found.territory else []
    lines += [line.replace("\N{NO-BREAK SPACE}", " ") for line in findings.rhythm_lines(found)]
    return lines or ([] if found.stretches else ["No stretch is above the mark level"])


def where_words(detection: Detection) -> tuple[str, str]:
    """Return the territory of what stands out, and one line on it."""
    if not detection.interpretable:
        return "", ""
    if detection.model in wording.EXPECTED and detection.explanation:
        return "", " ".join(f"{line.rstrip('.')}." for line in _of_every_beat(detection.explanation))
    stretches = detection.explanation.stretches if detection.explanation else ()
    if stretches:
        more = len(stretches) - SHOWN_STRETCHES
        count = f"{len(stretches)} stretch{'es' if len(stretches) > 1 else ''} marked"
        return wording.territories(stretches[0].leads), count + (
            f", the strongest {SHOWN_STRETCHES}:" if more > 0 else ":"
        )
    raised = [lead for lead, step in cell_steps(detection.lead_scores).items() if step >= wording.RAISED_STEP]
    if raised:
        return wording.territories(raised), f"{wording.lead_list(raised)}: error throughout; no stretch marked"
    return "", "No stretch is above the mark level."


def notes(record: Record, detection: Detection) -> list[str]:
    """Return what was done to the record or must be known of it; warnings are said apart, first."""
    return list(dict.fromkeys(detection.notes or record.notes))


def made(at: datetime) -> str:
    """Return when the report was made."""
    return f"{at:%Y-%m-%d %H:%M} UTC"
