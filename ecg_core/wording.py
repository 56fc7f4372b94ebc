"""What is said of a record, on screen and in the report: from a Detection to sentences. Never calls a record normal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ecg_core.detection import Detection
from ecg_core.records import LEADS, Record

INTENDED_USE = (
    "Research use.",
    "Leadwise points at unusual ECGs for a clinician to read. It does not diagnose, and it does not rule out disease.",
)
DASH = "\N{EN DASH}"
VALIDATED_RATE = 0.05
TAIL_FROM = 90.0
"""From this percentile on the verdict speaks of the tail; below it, of how many normal ECGs score as high."""

TERRITORIES: tuple[tuple[str, frozenset[str]], ...] = (
    ("Septal", frozenset({"V1", "V2"})),
    ("Anterior", frozenset({"V3", "V4"})),
    ("Lateral", frozenset({"I", "aVL", "V5", "V6"})),
    ("Inferior", frozenset({"II", "III", "aVF"})),
)

MANY_FAULTS = 4
RAISED_STEP = 3
"""From this step of a lead's cell on the lead is named where no single stretch is marked."""


class _Titles(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return name


TITLES = _Titles(
    {
        "consensus": "Consensus",
        "measurements": "Measurements",
        "cae": "CAE",
        "vae-bilstm": "VAE-BiLSTM",
        "vae-bilstm-mha": "VAE-BiLSTM-MHA",
    }
)
"""The shipped detectors, the default first, by the names that people read; another goes by its name in the store."""

EXPECTED = ("consensus", "measurements")
"""Detectors that are explained by the patient's expected ECG, not by a reconstruction."""

PARTS = {
    "reconstruction": "how badly what was hidden is restored",
    "latent": "how rare the pattern as a whole is",
    "density": "how rare the measurements are together",
    "signs": "how far measurements lie on the side of disease",
}
"""What the parts of a score mean; those of the consensus are its members."""

SIGNS_OF_NETWORK = "how far clinical signs, read off the latent, lie on the side of disease"

BANDS = {
    "consensus": "± 1 SD of normal ECGs",
    "measurements": "± 1 SD of normal ECGs",
    "cae": "± RMS error of normal ECGs",
    "vae-bilstm": "± 1 SD by the model",
    "vae-bilstm-mha": "± 1 SD by the model",
}
"""What the band around each model's reconstruction is."""

Side = Literal["above", "below", "technical"]


@dataclass(frozen=True)
class Verdict:
    """The verdict in words.

    Attributes
    ----------
    side : above or below the alarm threshold, or technical (not interpretable).
    figure, figure_suffix, figure_caption : the large number and what it counts.
    headline : "Above the alarm threshold" and its like.
    rarity : how many normal ECGs score this high.
    basis : whom the record is compared with.
    """

    side: Side
    figure: str
    figure_suffix: str
    figure_caption: str
    headline: str
    rarity: str
    basis: tuple[str, ...]


def percent(rate: float) -> str:
    """Return a rate as "5 %" or "0.5 %"."""
    return f"{rate * 100:.1f}".rstrip("0").rstrip(".") + " %"


def seconds(value: float) -> str:
    """Return a time as "5.60" or, from a minute on, "12:05.6"."""
    if value < 60:
        return f"{value:.2f}"
    minutes, rest = divmod(value, 60)
    return f"{int(minutes)}:{rest:04.1f}"


def span(start_s: float, stop_s: float) -> str:
    """Return "5.60-6.04 s", with the dash that a range takes."""
    unit = " s" if stop_s < 60 else ""
    return f"{seconds(start_s)}{DASH}{seconds(stop_s)}{unit}"


def one_in(n_higher: int, n: int) -> str:
    """Return "1 in 230" with two significant figures: `n_higher` of `n` cannot show more."""
    ratio = n / n_higher
    return f"1 in {round(ratio, -1):.0f}" if ratio >= 100 else f"1 in {ratio:.0f}"


def share_above(detection: Detection, threshold: float | None) -> float:
    """Return the share of a long recording's scored segments above a threshold."""
    scored = [s.score for s in detection.segments if s.score is not None]
    if threshold is None or not scored:
        return detection.anomalous_share or 0.0
    return sum(score > threshold for score in scored) / len(scored)


def is_above(detection: Detection, threshold: float | None, rate: float) -> bool | None:
    """Return whether a record's score is above the threshold; None where there is no score.

    Of a long recording: whether the share of its segments above the threshold is more than `rate`.
    """
    if not detection.interpretable:
        return None
    if detection.score is None or threshold is None:
        return detection.anomalous
    if detection.segments:
        return share_above(detection, threshold) > rate
    return detection.score > threshold


def verdict(detection: Detection, threshold: float | None, rate: float) -> Verdict:
    """Put a detection at a threshold into words."""
    above = is_above(detection, threshold, rate)
    if above is None:
        reason = (detection.reason or "The signal cannot be scored").removeprefix("Not interpretable. ").rstrip(
            "."
        ) + "."
        return Verdict("technical", "", "", "", "Not interpretable", reason, ())
    side: Side = "above" if above else "below"
    headline = "Above the alarm threshold" if above else "Below the alarm threshold"
    basis = _basis(detection)
    if detection.segments:
        return _long_verdict(detection, threshold, rate, side, basis)
    n, higher, percentile = detection.n_normals, detection.n_higher or 0, detection.percentile
    if higher == 0:
        return Verdict(
            side, "0", f" of {n}", "normal ECGs score this high", headline, f"Higher than all {n} normal ECGs.", basis
        )
    if percentile is not None and percentile >= TAIL_FROM:
        rarity = f"{one_in(higher, n)} normal ECGs scores this high."
        return Verdict(side, f"{percentile:.1f}", "th", "percentile of normal ECGs", headline, rarity, basis)
    of_100 = 100 if higher == n else min(max(round(100.0 * higher / n), 1), 99)
    rarity = f"{of_100} of 100 normal ECGs score this high."
    return Verdict(side, f"{of_100}", " of 100", "normal ECGs score this high", headline, rarity, basis)


def spoken(words: Verdict) -> str:
    """Return the verdict as it is read aloud: one run of sentences."""
    if words.side == "technical":
        return f"{words.headline}. {words.rarity}"
    first = f"{words.figure}th percentile of normal ECGs. " if words.figure_suffix == "th" else ""
    rarity, headline = words.rarity, f"{words.headline}."
    return f"{first}{headline} {rarity}" if first else f"{rarity} {headline}"


def _long_verdict(
    detection: Detection, threshold: float | None, rate: float, side: Side, basis: tuple[str, ...]
) -> Verdict:
    n = sum(s.score is not None for s in detection.segments)
    share = share_above(detection, threshold)
    headline = "More segments above the threshold than expected" if side == "above" else "No more than expected"
    rarity = f"{percent(rate)} is expected of normal ECGs."
    return Verdict(
        side, f"{share * 100:.0f}", " %", f"of {n} segments of 10 s above threshold", headline, rarity, basis
    )


def _basis(detection: Detection) -> tuple[str, ...]:
    lines = [f"Compared with {detection.n_normals} normal ECGs: {detection.population.rstrip('.')}."]
    if detection.age_band_false_alarm_rate:
        band, measured = detection.age_band_false_alarm_rate
        at = percent(detection.false_alarm_rate)
        lines.append(f"Of normal ECGs at age {band}, {percent(measured)} are above the {at} threshold.")
    return tuple(lines)


def territories(leads: Sequence[str]) -> str:
    """Return the territories that leads look at: "Anteroseptal, Lateral".

    A territory is named where at least half of its leads are among them.
    """
    found = [name for name, members in TERRITORIES if 2 * len(members & set(leads)) >= len(members)]
    if "Septal" in found and "Anterior" in found:
        found = ["Anteroseptal", *[name for name in found if name not in ("Septal", "Anterior")]]
    return ", ".join(found)


def lead_list(leads: Sequence[str]) -> str:
    """Return leads in report order with runs of chest leads joined: "V1-V4, V6, I, III, aVL"."""
    ordered = [lead for lead in LEADS if lead in leads]
    chest = [int(lead[1]) for lead in ordered if lead.startswith("V")]
    runs: list[list[int]] = []
    for number in chest:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [f"V{run[0]}{DASH}V{run[-1]}" if len(run) > 1 else f"V{run[0]}" for run in runs]
    return ", ".join([*words, *[lead for lead in ordered if not lead.startswith("V")]])


def quality(detection: Detection) -> str:
    """Return "good", or the leads at fault ("V1 noisy, aVF flat"), or how many where they are many."""
    faults = [f"{lead} {' and '.join(detection.quality[lead])}" for lead in LEADS if detection.quality.get(lead)]
    if len(faults) > MANY_FAULTS:
        return f"{len(faults)} of 12 leads at fault"
    return ", ".join(faults) if faults else "good"


def patient(record: Record) -> str:
    """Return "Male, 69 y", or what of it the file says."""
    parts = [record.sex.capitalize()] if record.sex else []
    if record.age is not None:
        parts.append(f"{record.age:.0f} y")
    return ", ".join(parts) if parts else "age and sex not given"


FEW_LEADS = 3
"""So many leads are named; of more their number says enough."""


def recording(record: Record, duration_s: float | None = None) -> str:
    """Return "12 leads, 10 s, 500 Hz" or "2 leads (MLII, V1), 30 min, 360 Hz".

    Parameters
    ----------
    duration_s : of the long recording that the record is a part of, s.
    """
    total_s = record.duration if duration_s is None else duration_s
    if total_s < 120:
        length = f"{total_s:.1f}".rstrip("0").rstrip(".") + " s"
    else:
        length = f"{total_s / 60:.0f} min" if total_s <= 3600 else f"{total_s / 3600:.1f} h"
    n = len(record.leads)
    named = f" ({', '.join(record.leads)})" if n <= FEW_LEADS else ""
    return f"{n} lead{'s' * (n > 1)}{named}, {length}, {record.fs:g} Hz"


def part(percentile: float) -> str:
    """Return a part's percentile; above the highest normal nothing finer is claimed."""
    return "above all" if percentile >= 100.0 else f"{percentile:.1f}"


def part_name(name: str) -> str:
    """Return a part of a score as it is named: a member of the consensus by its title."""
    return TITLES[name]


def part_meaning(model: str, name: str) -> str:
    """Return what a part of a detector's score means; empty for one that is not known."""
    return SIGNS_OF_NETWORK if name == "signs" and model not in EXPECTED else PARTS.get(name, "")


def drawn_by(model: str) -> str:
    """Return what the blue line of a detector is: "expected ECG, ± 1 SD of normal ECGs"."""
    what = "expected ECG" if model in EXPECTED else f"reconstruction by {TITLES[model]}"
    return f"{what}, {BANDS.get(model, '± 1 SD')}"


def printed(speed: float, gain: tuple[float, float], fs: float, filters: str, gain_by_itself: bool) -> str:
    """Return what stands at the paper's foot: "25 mm/s, 10 mm/mV, 500 Hz, no filter"."""
    limb, chest = gain
    told = f"{limb:g} mm/mV" if limb == chest else f"limb {limb:g}, chest {chest:g} mm/mV"
    if limb != chest and gain_by_itself:
        told += " (chest leads would overlap at 10)"
    shown = f"display filter {filters}" if filters else "no filter"
    return f"{speed:g} mm/s, {told}, {fs:g} Hz, {shown}"


def not_shown(missing: Sequence[str]) -> str:
    """Return what follows at the paper's foot where leads are left away: "; not shown: V1, aVL"."""
    return f"; not shown: {lead_list(missing)}" if missing else ""


def clock(value: float, total_s: float) -> str:
    """Return a time of a long recording: "12:05", from an hour on "1:02:05"; under two minutes "65.0 s"."""
    if total_s < 120:
        return f"{value:.1f} s"
    whole = round(value)
    hours, rest = divmod(whole, 3600)
    minutes, second = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{second:02d}" if total_s >= 3600 else f"{minutes}:{second:02d}"
