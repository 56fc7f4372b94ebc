"""Age and sex from the comments of a WFDB header, in the spellings that are about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ecg_core.records import Sex

SYNTHETIC_NOTE = "Synthetic ECG made by Leadwise's generator; not a patient."
SYNTHETIC_COMMENT = "synthetic: made by Leadwise's generator; not a patient"

# PTB "age: 81", Challenge "Age: 59", LUDB "<age>: 71", INCART "<age>: 65 <sex>: F", "Age (years) = 59"
_AGE = re.compile(
    r"\bage\b>?\s*(?:[(\[][^)\]]*[)\]])?\s*[:=]?\s*(-?[0-9]{1,4}(?:\.[0-9]{0,6})?)\s*(months?|mo\b|weeks?|wk\b|days?|d\b)?",
    re.IGNORECASE,
)
_SEX = re.compile(r"\b(?:sex|gender)\b>?\s*(?:[(\[][^)\]]*[)\]])?\s*[:=]?\s*([a-z]+)", re.IGNORECASE)
_MIT = re.compile(r"^\s*([0-9]{1,3})\s+([MF])\b")  # MIT-BIH: "69 M 1085 1629 x1"
_SEX_WORDS: dict[str, Sex] = {
    "f": "female",
    "female": "female",
    "w": "female",
    "woman": "female",
    "m": "male",
    "male": "male",
    "man": "male",
}
_YEARS = {"m": 1 / 12, "w": 7 / 365.25, "d": 1 / 365.25}
OVER_89 = 300.0
MAX_AGE = 125.0


@dataclass(frozen=True)
class Person:
    """What a header says of the patient: years, sex, and what had to be noted."""

    age: float | None = None
    sex: Sex | None = None
    notes: tuple[str, ...] = ()


def read_comments(comments: Sequence[str]) -> Person:
    """Return age and sex from header comments (without their ``#``), the first statement of each."""
    age: float | None = None
    sex: Sex | None = None
    for line in comments:
        line = line[:400]
        mit = _MIT.match(line)
        if age is None and (found := mit or _AGE.search(line)):
            age = float(found[1]) * (_YEARS.get((found[2] or "")[:1].lower(), 1.0) if not mit else 1.0)
        if sex is None and (word := mit[2] if mit else next(iter(_SEX.findall(line)), "")):
            sex = _SEX_WORDS.get(word.lower())
    notes = []
    if any(line.strip().lower().startswith("synthetic") and "leadwise" in line.lower() for line in comments):
        notes.append(SYNTHETIC_NOTE)
    if age == OVER_89:
        age = 90.0
        notes.append("The file's age of 300 stands for over 89; taken as 90.")
    elif age is not None and not 0 <= age <= MAX_AGE:
        notes.append(f"The file's age of {age:g} is not possible; left out.")
        age = None
    return Person(age, sex, tuple(notes))
