"""What is measured over all leads: axes, angles between forces, voltages of hypertrophy, widths of the vector."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecg_core.measurements.delineation import Fiducials
from ecg_core.measurements.fiducials import MS, rms
from ecg_core.measurements.median_beat import EIGHT
from ecg_core.measurements.waves import PerLead, area
from ecg_core.records import LEADS

Array = NDArray[np.float64]
Values = dict[str, float]

# Kors et al. 1990 (doi 10.1093/oxfordjournals.eurheartj.a059647), regression: X, Y, Z from I, II, V1-V6
KORS = np.array(
    [
        [0.38, -0.07, -0.13, 0.05, -0.01, 0.14, 0.06, 0.54],
        [-0.07, 0.93, 0.06, -0.02, -0.05, 0.06, -0.17, 0.13],
        [0.11, -0.23, -0.43, -0.06, -0.14, -0.20, -0.11, 0.31],
    ]
)
LEAD_I, AVL, AVF, V1 = (LEADS.index(lead) for lead in ("I", "aVL", "aVF", "V1"))
CHEST = slice(6, 12)

SMALLEST_FORCE_UV = {"p": 5.0, "qrs": 20.0, "t": 20.0}
"""A wave whose mean force in the frontal plane is smaller has no axis."""


def axis_deg(areas: Array, smallest: float) -> float:
    """Return the direction of the mean force in the frontal plane, -180 to 180 degrees; NaN where it has none.

    Parameters
    ----------
    areas : shape (12,), mV ms; I and aVF are read, aVF scaled by 2 / sqrt(3) to the length of a bipolar lead.
    smallest : length below which the direction is noise, mV ms.
    """
    right, down = float(areas[LEAD_I]), float(areas[AVF]) * 2.0 / np.sqrt(3.0)
    return float(np.degrees(np.arctan2(down, right))) if np.hypot(right, down) >= max(smallest, 1e-9) else float("nan")


def between(a: Array, b: Array) -> float:
    """Return the angle between two vectors, 0 to 180 degrees; NaN where one has no length."""
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.degrees(np.arccos(np.clip(a @ b / size, -1.0, 1.0)))) if size > 1e-9 else float("nan")


def _direction(name: str, force: Array) -> Values:
    """Return a force's unit vector: x to the left, y down, z back."""
    size = float(np.linalg.norm(force))
    return {f"{name}_{k}": float(v / size) if size > 1e-9 else float("nan") for k, v in zip("xyz", force, strict=True)}


def axes(waves: PerLead, points: Fiducials) -> Values:
    """Return the frontal axes of P, QRS and T and the angle between the last two."""
    found = {}
    ends = {"p": ("p_onset", "p_offset"), "qrs": ("qrs_onset", "qrs_offset"), "t": ("qrs_offset", "t_end")}
    for wave, (start, stop) in ends.items():
        if f"{wave}_area" in waves:
            length = getattr(points, stop) - getattr(points, start)
            found[f"{wave}_axis_deg"] = axis_deg(waves[f"{wave}_area"], SMALLEST_FORCE_UV[wave] / 1000.0 * length)
    if "qrs_axis_deg" in found and "t_axis_deg" in found:
        apart = abs(found["qrs_axis_deg"] - found["t_axis_deg"]) % 360.0
        found["qrs_t_frontal_deg"] = min(apart, 360.0 - apart)
    return found


def qrs_vectors(x: Array, points: Fiducials) -> tuple[Values, Array]:
    """Return directions and widths of the QRS's spatial vector, and its mean force, shape (3,).

    Parameters
    ----------
    x : shape (12, n), mV, from `level`; all eight independent leads readable.
    """
    lo, hi = points.sample("qrs_onset"), points.sample("qrs_offset")
    v = KORS @ x[EIGHT][:, lo : hi + 1]
    size = np.sqrt((v**2).sum(axis=0))
    main = v[:, int(size.argmax())]
    found = _direction("qrs_first", area(v[:, : round(40 * MS)])) | _direction("qrs_main", main)
    found["qrs_vector_mv"] = float(size.max())
    around = np.sqrt(((KORS @ x[EIGHT]) ** 2).sum(axis=0))[max(lo - 20, 0) : hi + 40]
    for share in (15, 30):
        above = np.flatnonzero(around > share / 100.0 * size.max())
        found[f"qrs_width_{share}_ms"] = float((above[-1] - above[0] + 1) / MS) if len(above) else float("nan")
    return found, area(v)


def t_vectors(x: Array, points: Fiducials, qrs_mean: Array, qrs_size: float) -> Values:
    """Return direction and size of the T wave's spatial vector and its angle to the QRS."""
    v = KORS @ x[EIGHT][:, points.sample("qrs_offset") + round(60 * MS) : points.sample("t_end") + 1]
    size = np.sqrt((v**2).sum(axis=0))
    found = _direction("t_main", v[:, int(size.argmax())])
    found["t_vector_mv"] = float(size.max())
    found["qrs_t_spatial_deg"] = between(qrs_mean, area(v))
    found["t_qrs_ratio"] = float(size.max() / qrs_size) if qrs_size > 1e-9 else float("nan")
    return found


def p_size(x: Array, points: Fiducials, qrs_size: float) -> Values:
    """Return the height of the P wave's magnitude over leads, and its share of the QRS vector."""
    w = x[EIGHT][:, points.sample("p_onset") : points.sample("p_offset") + 1]
    w = w - w[:, :1] - (w[:, -1:] - w[:, :1]) * np.linspace(0, 1, w.shape[1])
    height = float(rms(w).max())
    return {"p_height_mv": height, "p_qrs_ratio": height / qrs_size if qrs_size > 1e-9 else float("nan")}


def voltages(waves: PerLead) -> Values:
    """Return the sums of amplitudes that speak for hypertrophy or low voltage, mV; S counts as positive."""
    r, s, height = waves["r_mv"], -waves["s_mv"], waves["qrs_height_mv"]
    v3, v4, v5, v6 = (LEADS.index(lead) for lead in ("V3", "V4", "V5", "V6"))
    return {
        "sokolow_lyon_mv": float(s[V1] + np.maximum(r[v5], r[v6])),
        "cornell_mv": float(r[AVL] + s[v3]),
        "peguero_mv": float(s.max() + s[v4]),
        "sum_voltage_mv": float(height.sum()),
        "limb_voltage_mv": float(height[:6].max()),
        "chest_voltage_mv": float(height[CHEST].max()),
    }
