"""What a reader accepts: rates, durations and sizes, checked before anything is allocated."""

from __future__ import annotations

import math

from ecg_core.errors import RecordError

MIN_FS, MAX_FS = 50.0, 4000.0
"""Sampling rates accepted, Hz: below, the QRS is lost; above, no ECG is recorded."""

MIN_S = 5.0
"""Shortest record, s: fewer beats say little of a rhythm."""

MAX_WHOLE_S = 3600.0
"""Longest recording of eight or more leads that is read whole, s; 24 h of twelve leads would take 2 GB."""

MAX_GAP_S = 0.1
"""Longest run of missing samples that is bridged, s."""

MAX_SAMPLES = 250_000_000
"""Most values (leads x samples) read at once: 1 h of 15 leads at 4000 Hz, 1 GB as float32."""

MAX_LEADS = 256
MAX_HEADER_BYTES = 1 << 20
MAX_CSV_BYTES = 1 << 31
MAX_ZIP_ENTRIES = 64

MAX_ARCHIVE_MEMBERS = 10_000
MAX_ARCHIVE_MEMBER_BYTES = 256 << 20
MAX_ARCHIVE_BYTES = 512 << 20
"""What a zip archive of records may hold, as it declares it: files, bytes of one, bytes of all."""

MAX_PLAUSIBLE_MV = 100.0
"""A median lead range above this is no surface ECG in mV: the unit was given wrongly."""


def check_fs(fs: float, name: str) -> float:
    """Return the sampling rate in Hz, or refuse one outside 50-4000 Hz."""
    if not (math.isfinite(fs) and MIN_FS <= fs <= MAX_FS):
        raise RecordError(f"Expected a sampling rate of {MIN_FS:g} to {MAX_FS:g} Hz; {name} has {fs:g} Hz: check it.")
    return float(fs)


def check_size(n_leads: int, n_samples: int, name: str) -> None:
    """Refuse a declared size over the limit; called before anything is allocated."""
    if n_leads > MAX_LEADS:
        raise RecordError(f"Expected at most {MAX_LEADS} leads; {name} declares {n_leads:,}: is it an ECG?")
    if n_leads * n_samples > MAX_SAMPLES:
        raise RecordError(
            f"Expected at most {MAX_SAMPLES:,} values at once; {name} declares {n_leads} leads x {n_samples:,}: "
            "cut the recording, or read it in blocks (read_blocks)."
        )


def check_duration(n_leads: int, n_samples: int, fs: float, name: str, whole: bool = True) -> None:
    """Refuse an empty record, one under 5 s, and, when read whole, one of eight or more leads over 1 h."""
    if n_samples <= 0 or n_leads <= 0:
        raise RecordError(f"{name} is empty: it has {n_leads} leads and {n_samples} samples; choose another recording.")
    duration = n_samples / fs
    if duration < MIN_S:
        raise RecordError(
            f"Expected at least {MIN_S:g} s; {name} lasts {duration:.3g} s ({n_samples} samples at {fs:g} Hz): "
            "choose a longer recording."
        )
    if whole and n_leads >= 8 and duration > MAX_WHOLE_S:
        raise RecordError(
            f"{name} lasts {duration / 3600:.2f} h; recordings over 1 h are read in blocks, never whole: "
            "use read_blocks."
        )
