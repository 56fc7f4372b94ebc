"""Recordings with a cardiologist's mark at every beat: MIT-BIH, INCART, SVDB, any WFDB folder with `.atr` files.

Classes are AAMI's (ANSI/AAMI EC57), the split between patients is de Chazal's (2004, doi:10.1109/TBME.2004.827359).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from ecg_core.errors import RecordError
from ecg_core.readers import read_record
from ecg_core.records import Record

CLASSES = ("N", "S", "V", "F", "Q")
SYMBOLS = {"N": "NLRejB", "S": "AaJSn", "V": "VEr", "F": "F", "Q": "/fQ?"}
"""AAMI class of each mark; B (bundle branch block), n and r are SVDB's and INCART's."""

CLASS_OF = {symbol: name for name, symbols in SYMBOLS.items() for symbol in symbols}
CLASS_WORDS = {
    "N": "normal or bundle branch block",
    "S": "supraventricular ectopic",
    "V": "ventricular ectopic",
    "F": "fusion",
    "Q": "paced or unclassifiable",
}

_DS1 = "101 106 108 109 112 114 115 116 118 119 122 124 201 203 205 207 208 209 215 220 223 230"
_DS2 = "100 103 105 111 113 117 121 123 200 202 210 212 213 214 219 221 222 228 231 232 233 234"
DS1, DS2 = tuple(_DS1.split()), tuple(_DS2.split())
PACED = ("102", "104", "107", "217")
DS1_VALIDATION = DS1[4::5]
"""Every fifth record of DS1 sets thresholds and is not trained on."""

SAME_PATIENT = {"202": "201"}
"""201 and 202 are one man's (MIT-BIH directory); the published split has one in DS1 and the other in DS2."""

LEAD_ORDER = ("MLII", "II", "ML2", "I")
"""A single lead is taken by name, the first of these; the record's first lead where none is there."""

MARKS = "atr"
WITHIN_S = 0.15
"""A beat is found where a detection lies within 150 ms of its mark (ANSI/AAMI EC57)."""


@dataclass(frozen=True, eq=False)
class Annotated:
    """A recording with its marked beats.

    Attributes
    ----------
    record : the recording, mV.
    patient : whose it is; the record's name where the file does not say.
    samples : (n_beats,), R peaks as marked, ascending.
    symbols : (n_beats,), the marks as written.
    """

    record: Record
    patient: str
    samples: NDArray[np.int64]
    symbols: NDArray[np.str_]

    @property
    def classes(self) -> NDArray[np.str_]:
        """AAMI class of each beat, (n_beats,)."""
        return np.array([CLASS_OF[symbol] for symbol in self.symbols], dtype="U1")


def annotated_stems(folder: str | Path) -> list[Path]:
    """Return the records of a folder that have marks, without extension, by name.

    Raises
    ------
    RecordError
        If there are none.
    """
    folder = Path(folder)
    stems = sorted(path.with_suffix("") for path in folder.glob("*.hea") if path.with_suffix(f".{MARKS}").is_file())
    if not stems:
        raise RecordError(
            f"Expected WFDB records with marks (NAME.hea and NAME.{MARKS}) in {folder}; found none; unpack them there."
        )
    return stems


@contextmanager
def quiet_wfdb() -> Iterator[ModuleType]:
    """Give wfdb, without what it and pandas say of each other (wfdb 4.3.1 under pandas 3.1)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import wfdb

        yield wfdb


def beat_marks(stem: Path, n_samples: int) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Return samples and symbols of the beats that are marked; rhythm and noise marks are left out.

    Raises
    ------
    RecordError
        If the file cannot be read, or marks beats beyond the end of the recording.
    """
    try:
        with quiet_wfdb() as wfdb:
            marks = wfdb.rdann(str(stem), MARKS)
    except (OSError, ValueError, IndexError, KeyError) as error:
        raise RecordError(
            f"{stem}.{MARKS} cannot be read as WFDB annotations ({error}); get the file again."
        ) from error
    is_beat = np.array([symbol in CLASS_OF for symbol in marks.symbol], dtype=bool)
    samples = np.asarray(marks.sample, np.int64)[is_beat]
    if len(samples) and (samples[0] < 0 or samples[-1] >= n_samples or (np.diff(samples) < 0).any()):
        raise RecordError(
            f"{stem}.{MARKS} marks beats up to sample {samples[-1]} of {n_samples}; expected ascending samples of the "
            "recording: the two files do not belong together."
        )
    return samples, np.array(marks.symbol, dtype="U1")[is_beat]


def patient_of(stem: Path) -> str:
    """Return whose recording it is: as the header says ("# patient 7", INCART), or the record's own name."""
    text = stem.with_suffix(".hea").read_text(encoding="latin-1")
    found = re.search(r"^#.*\bpatient\s+(\d+)", text, re.MULTILINE | re.IGNORECASE)
    return f"patient {found.group(1)}" if found else SAME_PATIENT.get(stem.name, stem.name)


def read_annotated(stem: str | Path) -> Annotated:
    """Read one recording and its marks.

    Raises
    ------
    RecordError
        If either file is missing, damaged, or does not belong to the other.
    """
    stem = Path(stem)
    record = read_record(stem.with_suffix(".hea"))
    samples, symbols = beat_marks(stem, record.n_samples)
    return Annotated(record, patient_of(stem), samples, symbols)


def lead_of(record: Record) -> str:
    """Return the lead that single-lead networks see: MLII or II by name, wherever it stands in the file."""
    return next((lead for lead in LEAD_ORDER if lead in record.leads), record.leads[0])


def part_of(source: str, record: str) -> str:
    """Return where a record stands in the split between patients: ds1, ds1-validation, ds2, paced or external."""
    if source != "mitbih":
        return "external"
    if record in DS1_VALIDATION:
        return "ds1-validation"
    for part, records in (("ds1", DS1), ("ds2", DS2), ("paced", PACED)):
        if record in records:
            return part
    raise RecordError(f"MIT-BIH has no record {record}; give a folder of another source as its own.")


def match(marked: NDArray[np.float64], found: NDArray[np.float64], within_s: float = WITHIN_S) -> NDArray[np.int64]:
    """Return which detection belongs to each marked beat, (n,), -1 for none; the nearest pair goes first.

    Parameters
    ----------
    marked, found : times in s, ascending.
    """
    pairs = []
    first = np.searchsorted(found, marked - within_s)
    last = np.searchsorted(found, marked + within_s, side="right")
    for i, (a, b) in enumerate(zip(first, last, strict=True)):
        pairs += [(abs(found[j] - marked[i]), i, j) for j in range(a, b)]
    out = np.full(len(marked), -1, np.int64)
    taken = set()
    for _, i, j in sorted(pairs):
        if out[i] < 0 and j not in taken:
            out[i] = j
            taken.add(j)
    return out
