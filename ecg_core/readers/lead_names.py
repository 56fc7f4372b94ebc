"""Lead names, however a file writes them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ecg_core.errors import RecordError
from ecg_core.records import LEADS

_BY_UPPER = {lead.upper(): lead for lead in LEADS} | {
    alias: lead
    for lead, aliases in {"I": ("DI", "D1"), "II": ("DII", "D2"), "III": ("DIII", "D3")}.items()
    for alias in aliases
}
_PREFIX = re.compile(r"^(?:MDC_ECG_(?:LEAD_)?|(?:ECG|EKG)[ _:.\-]*(?:LEAD)?[ _:.\-]+|LEAD[ _:.\-]*)")
_UNIT_SUFFIX = re.compile(r"\s*[(\[][^)\]]*V[)\]]$")
MAX_NAME = 40


def clean(name: str) -> str:
    """Return `name` without NULs, control characters and outer blanks, at most 40 characters long."""
    return "".join(c for c in name if c.isprintable()).strip()[:MAX_NAME].strip()


def canonical_lead(name: str) -> str | None:
    """Return which of the twelve standard leads `name` means, None when it is none of them.

    ``aVR``, ``AVR``, ``avr``, ``Lead I``, ``ECG II``, ``MDC_ECG_LEAD_V1``, ``DII``, ``V1 (mV)`` and NUL-padded
    names are understood. A modified lead (``MLII``) or an inverted one (``-aVR``) is not the standard lead.
    """
    upper = _UNIT_SUFFIX.sub("", clean(name).upper())
    return _BY_UPPER.get(upper) or _BY_UPPER.get(_PREFIX.sub("", upper).strip())


def match_leads(names: Sequence[str], record: str) -> tuple[str, ...]:
    """Return canonical names for the standard leads and cleaned ones for the others, all different.

    Raises
    ------
    RecordError
        If a standard lead is named twice: it would be a guess which one to take.
    """
    found: list[str] = []
    for k, name in enumerate(names):
        lead = canonical_lead(name)
        if lead in found and lead is not None:
            raise RecordError(f"{record} names lead {lead} twice; it cannot be told which is meant: correct the names.")
        other = clean(name) or f"lead {k + 1}"
        while lead is None and other in found:
            other = f"{other[: MAX_NAME - 4]} ({k + 1})"
        found.append(lead or other)
    return tuple(found)


def split_names(leads: str | Iterable[str]) -> list[str]:
    """Return lead names given as a list or as one comma-separated string."""
    return [part.strip() for part in leads.split(",")] if isinstance(leads, str) else [str(part) for part in leads]
