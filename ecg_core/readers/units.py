"""Units of voltage, as headers and people write them."""

from __future__ import annotations

from ecg_core.errors import RecordError

_MV_PER_UNIT = {
    "v": 1000.0,
    "volt": 1000.0,
    "volts": 1000.0,
    "mv": 1.0,
    "millivolt": 1.0,
    "millivolts": 1.0,
    "uv": 1e-3,
    "\u00b5v": 1e-3,  # micro sign
    "\u03bcv": 1e-3,  # Greek mu
    "microvolt": 1e-3,
    "microvolts": 1e-3,
    "nv": 1e-6,
}


def mv_per_unit(unit: str) -> float | None:
    """Return how many mV one `unit` is, None when it is no unit of voltage."""
    return _MV_PER_UNIT.get(unit.strip().lower())


def require_unit(unit: str, name: str) -> float:
    """Return how many mV one `unit` is, or refuse it."""
    factor = mv_per_unit(unit)
    if factor is None:
        raise RecordError(f"Expected the unit mV, uV or V for {name}; found {unit[:20]!r}: give one of the three.")
    return factor
