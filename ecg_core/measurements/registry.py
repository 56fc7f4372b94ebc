"""Every measurement once: name, unit, lead, definition, source, and in which direction it is abnormal.

Table, JSON, model card and tooltip are made from this list, and a test holds what `measure` returns to it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

from ecg_core.named import NAMED as NAMED
from ecg_core.named import PER_LEAD_NAMED as PER_LEAD_NAMED
from ecg_core.records import LEADS

Direction = Literal["high", "low"]
Part = Literal["rhythm", "P", "PR", "QRS", "ST", "T", "QT"]


@dataclass(frozen=True)
class Measurement:
    """One measurement.

    Attributes
    ----------
    name : key in `Measurements.values`; those of a lead end in its name.
    title : for people, without the lead.
    unit : "ms", "mV", "deg", "bpm", ... ; empty for ratios.
    lead : None where it is made over leads.
    part : of the heartbeat it is read on.
    definition : how it is measured.
    source : DOI of the definition, or where it is ours, the module.
    abnormal : the side that is a sign of disease by itself; None where both are, or neither.
    """

    name: str
    title: str
    unit: str
    lead: str | None
    part: Part
    definition: str
    source: str
    abnormal: Direction | None = None


HRV = "doi 10.1161/01.CIR.93.5.1043"
STANDARD_1 = "doi 10.1161/CIRCULATIONAHA.106.180200"
STANDARD_3 = "doi 10.1161/CIRCULATIONAHA.108.191095"
STANDARD_4 = "doi 10.1161/CIRCULATIONAHA.108.191096"
STANDARD_5 = "doi 10.1161/CIRCULATIONAHA.108.191097"
INFARCTION = "doi 10.1161/CIR.0000000000000617"
KORS = "doi 10.1093/oxfordjournals.eurheartj.a059647"
FRIDERICIA = "doi 10.1111/j.0954-6820.1920.tb18266.x"
OWN = "ecg_core.measurements"

_GLOBAL: tuple[tuple[str, str, str, Part, str, str, Direction | None], ...] = (
    ("heart_rate", "Heart rate", "bpm", "rhythm", "60 over the mean RR interval of all beats", HRV, "high"),
    ("rr_median_ms", "RR interval, median", "ms", "rhythm", "median interval between R peaks", HRV, None),
    ("rr_mean_ms", "RR interval, mean", "ms", "rhythm", "mean interval between R peaks", HRV, None),
    ("rr_sd_ms", "RR standard deviation", "ms", "rhythm", "of all beats, ectopic ones too", HRV, "high"),
    ("rmssd_ms", "RMSSD", "ms", "rhythm", "root mean square of successive RR differences", HRV, "high"),
    ("rr_step_ms", "RR, largest step", "ms", "rhythm", "largest difference of successive RR", OWN, "high"),
    ("rr_max_ratio", "RR, longest", "", "rhythm", "longest RR over the median", OWN, "high"),
    ("rr_min_ratio", "RR, shortest", "", "rhythm", "shortest RR over the median", OWN, "low"),
    ("rr_irregularity", "RR irregularity", "", "rhythm", "median step between RR over the median RR", OWN, "high"),
    ("other_beats_share", "Beats of another shape", "", "rhythm", "share outside the largest class", OWN, "high"),
    ("beat_spread", "Spread of beats", "", "rhythm", "difference from the median beat over QRS height", OWN, None),
    ("p_ms", "P duration", "ms", "P", "global P onset to offset", STANDARD_1, "high"),
    ("p_axis_deg", "P axis", "deg", "P", "direction of the P area in I and aVF", STANDARD_1, None),
    ("p_height_mv", "P height", "mV", "P", "peak RMS over leads above the chord", OWN, None),
    ("p_qrs_ratio", "P over QRS", "", "P", "P height over the QRS vector", OWN, None),
    ("pr_ms", "PR interval", "ms", "PR", "global P onset to QRS onset", STANDARD_1, "high"),
    ("qrs_ms", "QRS duration", "ms", "QRS", "global QRS onset to offset", STANDARD_3, "high"),
    ("qrs_width_15_ms", "QRS width at 15 %", "ms", "QRS", "vector above 15 % of its peak", KORS, "high"),
    ("qrs_width_30_ms", "QRS width at 30 %", "ms", "QRS", "vector above 30 % of its peak", KORS, "high"),
    ("qrs_axis_deg", "QRS axis", "deg", "QRS", "direction of the QRS area in I and aVF", STANDARD_3, None),
    ("qrs_vector_mv", "QRS vector", "mV", "QRS", "largest spatial magnitude", KORS, None),
    ("sokolow_lyon_mv", "Sokolow-Lyon", "mV", "QRS", "S V1 + R V5 or V6", "doi 10.1016/0002-8703(49)90562-1", "high"),
    ("cornell_mv", "Cornell voltage", "mV", "QRS", "R aVL + S V3", STANDARD_5, "high"),
    ("peguero_mv", "Peguero-Lo Presti", "mV", "QRS", "deepest S + S V4", "doi 10.1016/j.jacc.2017.01.037", "high"),
    ("sum_voltage_mv", "Sum of QRS heights", "mV", "QRS", "over the twelve leads", STANDARD_5, "high"),
    ("limb_voltage_mv", "Tallest limb QRS", "mV", "QRS", "largest QRS height in I to aVF", STANDARD_5, None),
    ("chest_voltage_mv", "Tallest chest QRS", "mV", "QRS", "largest QRS height in V1 to V6", STANDARD_5, None),
    ("qt_ms", "QT interval", "ms", "QT", "global QRS onset to T end", STANDARD_4, None),
    ("qtc_bazett_ms", "QTc (Bazett)", "ms", "QT", "QT / RR^(1/2)", "doi 10.1111/j.1542-474X.1997.tb00325.x", "high"),
    ("qtc_fridericia_ms", "QTc (Fridericia)", "ms", "QT", "QT / RR^(1/3)", FRIDERICIA, "high"),
    ("jtp_ms", "J to T peak", "ms", "QT", "QRS offset to the peak of the T magnitude", STANDARD_4, None),
    ("tpte_ms", "T peak to end", "ms", "T", "peak of the T magnitude to T end", STANDARD_4, None),
    ("t_axis_deg", "T axis", "deg", "T", "direction of the T area in I and aVF", STANDARD_4, None),
    ("t_vector_mv", "T vector", "mV", "T", "largest spatial magnitude of T", KORS, "low"),
    ("t_qrs_ratio", "T over QRS", "", "T", "largest T over largest QRS magnitude", KORS, "low"),
    ("qrs_t_frontal_deg", "QRS-T angle, frontal", "deg", "T", "between QRS and T axes", OWN, "high"),
    ("qrs_t_spatial_deg", "QRS-T angle, spatial", "deg", "T", "between mean QRS and T vectors", OWN, "high"),
)

_FORCES: tuple[tuple[str, str, Part], ...] = (
    ("qrs_first", "First 40 ms of QRS", "QRS"),
    ("qrs_main", "Main QRS vector", "QRS"),
    ("t_main", "Main T vector", "T"),
)

NOT_RIGHT = ("I", "II", "V3", "V4", "V5", "V6")
Q_LEADS = ("I", "II", "aVL", "aVF", "V2", "V3", "V4", "V5", "V6")
AREA = "mV ms"

# name, title, unit, part, definition, source, abnormal direction, leads in which it is one; of neighbours that say the
# same (ST at 40, 60, 80 ms; depth and width of Q) one carries the sign
_LEAD: tuple[tuple[str, str, str, Part, str, str, Direction | None, tuple[str, ...]], ...] = (
    ("p_mv", "P amplitude", "mV", "P", "highest or lowest of P from its chord", STANDARD_5, None, ()),
    ("p_max_mv", "P maximum", "mV", "P", "highest of P from its chord", STANDARD_5, None, ()),
    ("p_min_mv", "P minimum", "mV", "P", "lowest of P from its chord", STANDARD_5, None, ()),
    ("p_area", "P area", AREA, "P", "area over the chord", STANDARD_5, None, ()),
    (
        *("p_terminal_force", "P terminal force", AREA, "P", "depth by duration of the negative second half of P"),
        *(STANDARD_5, "high", ("V1",)),
    ),
    ("r_mv", "R amplitude", "mV", "QRS", "highest of the QRS", STANDARD_1, "low", ("V2", "V3")),
    ("q_mv", "Q amplitude", "mV", "QRS", "lowest before R, or of a QS; 0 without Q", INFARCTION, None, ()),
    ("s_mv", "S amplitude", "mV", "QRS", "lowest after R, or of a QS", STANDARD_1, None, ()),
    ("qrs_height_mv", "QRS height", "mV", "QRS", "highest less lowest", STANDARD_5, None, ()),
    ("q_ms", "Q duration", "ms", "QRS", "below a tenth of Q before R; 0 without Q", INFARCTION, "high", Q_LEADS),
    ("r_time_ms", "Time to R", "ms", "QRS", "QRS onset to R", STANDARD_3, None, ()),
    ("r_share", "R over R + S", "", "QRS", "R / (R + S)", INFARCTION, "low", ("V2", "V3")),
    ("r_prime_mv", "R' amplitude", "mV", "QRS", "highest after S, above J", STANDARD_3, "high", ("V1", "V2")),
    ("qrs_area", "QRS area", AREA, "QRS", "from onset to offset", STANDARD_1, None, ()),
    ("qrs_first_area", "First 40 ms of QRS", AREA, "QRS", "area of the first 40 ms", INFARCTION, None, ()),
    ("qrs_last_area", "Last 40 ms of QRS", AREA, "QRS", "area of the last 40 ms", STANDARD_3, None, ()),
    ("notching", "QRS notching", "", "QRS", "path of the QRS over twice its height", STANDARD_3, None, ()),
    ("st_j_mv", "J point", "mV", "ST", "level at the QRS offset", STANDARD_4, None, ()),
    *((f"st_{ms}_mv", f"ST at J + {ms} ms", "mV", "ST", "level after J", STANDARD_4, None, ()) for ms in (40, 60)),
    ("st_80_mv", "ST at J + 80 ms", "mV", "ST", "level after J", STANDARD_4, "low", NOT_RIGHT),
    ("st_120_mv", "ST at J + 120 ms", "mV", "ST", "level after J", STANDARD_4, None, ()),
    ("st_slope", "ST slope", "mV/s", "ST", "from J to J + 80 ms", STANDARD_4, None, ()),
    ("t_mv", "T amplitude", "mV", "T", "highest or lowest of T", STANDARD_4, "low", NOT_RIGHT),
    ("t_max_mv", "T maximum", "mV", "T", "highest of T", STANDARD_4, "low", NOT_RIGHT),
    ("t_min_mv", "T minimum", "mV", "T", "lowest of T", STANDARD_4, "low", NOT_RIGHT),
    ("t_area", "T area", AREA, "T", "from 60 ms after J to T end", STANDARD_4, "low", NOT_RIGHT),
    ("st_t_area", "ST-T area", AREA, "T", "from J to T end", STANDARD_4, "low", NOT_RIGHT),
    ("t_share", "T over QRS height", "", "T", "T amplitude over QRS height", STANDARD_4, "low", NOT_RIGHT),
)

_HIGH_INSTEAD = {("r_mv", "V1"), ("r_share", "V1")} | {
    (name, "aVR") for name in ("t_mv", "t_max_mv", "t_min_mv", "t_area", "st_t_area")
}


def _build() -> dict[str, Measurement]:
    found = [
        Measurement(name, title, unit, None, part, definition, source, abnormal)
        for name, title, unit, part, definition, source, abnormal in _GLOBAL
    ]
    for force, title, part in _FORCES:
        for k, way in (("x", "left"), ("y", "down"), ("z", "back")):
            definition = f"part of its unit vector that points {way}"
            found.append(Measurement(f"{force}_{k}", f"{title}, {way}", "", None, part, definition, KORS))
    for name, title, unit, part, definition, source, abnormal, leads in _LEAD:
        for lead in LEADS:
            side: Direction | None = "high" if (name, lead) in _HIGH_INSTEAD else abnormal if lead in leads else None
            found.append(Measurement(f"{name}_{lead}", title, unit, lead, part, definition, source, side))
    return {m.name: m for m in found}


REGISTRY = _build()
"""Every measurement by name, in the order in which they are listed."""

NAMES = tuple(REGISTRY)


def table() -> list[dict[str, str | None]]:
    """Return the registry as plain rows."""
    return [asdict(m) for m in REGISTRY.values()]
