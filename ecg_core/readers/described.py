"""What arrays and tables do not say of themselves: rate, unit and lead names, given by the user, never guessed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import RecordError
from ecg_core.readers.lead_names import match_leads, split_names
from ecg_core.readers.limits import MAX_LEADS, MAX_PLAUSIBLE_MV, check_fs
from ecg_core.readers.units import require_unit


@dataclass(frozen=True)
class Description:
    """The user's description of an array: Hz, mV per unit of the file, canonical lead names in row order."""

    fs: float
    unit: str
    factor: float
    leads: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what was done to the values."""
        return () if self.factor == 1.0 else (f"Turned from {self.unit} into mV.",)


def describe(
    name: str, fs: float | None, unit: str | None, leads: str | Iterable[str] | None, hint: str = ""
) -> Description:
    """Return the description, or refuse an incomplete one; `hint` is added to that message.

    Raises
    ------
    RecordError
        If fs, unit or leads are missing or impossible.
    """
    words = ("the sampling rate (fs, in Hz)", "the unit (mV, uV or V)", "the lead names in order (leads)")
    missing = [what for what, value in zip(words, (fs, unit, leads), strict=True) if value is None]
    if fs is None or unit is None or leads is None:
        raise RecordError(f"{name} carries no sampling rate, unit or lead names: give {' and '.join(missing)}{hint}.")
    try:
        rate = float(fs)
    except (TypeError, ValueError, OverflowError):
        rate = math.nan
    names = split_names(leads)
    if not 1 <= len(names) <= MAX_LEADS:
        raise RecordError(f"Expected 1 to {MAX_LEADS} lead names for {name}; found {len(names)}.")
    return Description(check_fs(rate, name), str(unit).strip(), require_unit(str(unit), name), match_leads(names, name))


def refuse_description(name: str, **given: object) -> None:
    """Refuse fs, unit or leads for a file that states them itself: two sources would disagree silently."""
    stated = [what for what, value in given.items() if value is not None]
    if stated:
        raise RecordError(f"{name} states its own rate, units and leads; leave out {', '.join(stated)} for it.")


def require_plausible(signal: NDArray[np.float32], unit: str, name: str) -> None:
    """Refuse values that cannot be an ECG in the unit given: median range over leads above 100 mV."""
    step = max(signal.shape[1] // 5000, 1)
    part = signal[:, ::step]
    span = np.fmax.reduce(part, axis=1) - np.fmin.reduce(part, axis=1)
    span = span[np.isfinite(span)]
    if span.size and (middle := float(np.median(span))) > MAX_PLAUSIBLE_MV:
        raise RecordError(
            f"{name} would span {middle:,.0f} mV in its median lead with unit {unit}; an ECG spans 0.1 to 30 mV: "
            "check the unit."
        )
