"""A synthetic two-lead ambulatory ECG: ``python -m ecg_core.synthetic_ambulatory OUT`` writes the example for beats.

Beats, waves and noise are those of `ecg_core.synthetic`, of which II stands for the modified lead MLII. A sinus node
fires with breathing, slower waves and a drift of minutes. `Ambulatory.events` interrupt it:

- ventricular beats (alone, in pairs, in runs) come early and wide; the sinus node goes on, its next beat is blocked;
- supraventricular beats come early from another place of the atria (a negative P wave, a normal QRS) and reset it;
- in a pause the sinus node stands still.

The same specification gives the same bytes: every random number comes from its seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ecg_core import synthetic_waves as waves
from ecg_core.errors import ConfigError
from ecg_core.readers import read_record
from ecg_core.readers.comments import SYNTHETIC_COMMENT
from ecg_core.records import INDEPENDENT_LEADS, Record, Sex
from ecg_core.synthetic import (
    BREATHING_HZ,
    COUPLING,
    Beat,
    lay,
    person_factors,
    recorder_noise,
    wfdb_pair,
    write_pair,
)

Array = NDArray[np.float64]
Event = Literal["ventricular", "pair", "run", "supraventricular", "pause"]
Kind = Literal["sinus", "ventricular", "supraventricular"]

CHANNELS = {"MLII": "II", "V1": "V1"}
"""Names in the file, and the lead of the generator that each is made of."""

IN_A_ROW = {"ventricular": 1, "pair": 2, "run": 5}
RUN_RR_S, PAUSE_S, EARLY_ATRIAL = 0.40, 2.8, 0.6
DRIFT_S, DRIFT, RR_SHARE_SD = 170.0, 0.07, 0.02
WANDER_MV, WANDER_HZ = 0.05, 0.13
MUSCLE_MV, MUSCLE_S = 0.05, (95.0, 310.0)
"""The subject moves twice for some seconds: muscle noise over the beats."""


@dataclass(frozen=True)
class Ambulatory:
    """What to make.

    Attributes
    ----------
    name : file stem.
    events : what interrupts the sinus rhythm, as (seconds from the start, kind), ascending.
    heart_rate : mean sinus rate, beats per minute.
    seed : of every random number.
    age, sex : written to the header.
    duration_s, fs : length in s and sampling rate in Hz.
    """

    name: str
    events: tuple[tuple[float, Event], ...]
    heart_rate: float = 70.0
    seed: int = 0
    age: int = 50
    sex: Sex = "female"
    duration_s: float = 480.0
    fs: int = 250


_SINGLE = (14.0, 41.5, 68.0, 88.0, 121.0, 139.5, 163.0, 204.0, 229.0, 262.0, 301.5, 334.0, 371.0, 402.0, 446.5)
_ATRIAL = (27.0, 76.5, 112.0, 151.0, 190.5, 247.0, 289.0, 352.0, 418.0, 459.0)

EXAMPLE = Ambulatory(
    "two-leads-8-min",
    tuple(
        sorted(
            [(at, "ventricular") for at in _SINGLE]
            + [(at, "supraventricular") for at in _ATRIAL]
            + [(176.0, "pair"), (385.0, "pair"), (274.5, "run"), (216.5, "pause")]
        )
    ),
    heart_rate=71.0,
    seed=11,
    age=66,
    sex="male",
)
"""The record that ships in ``ecg_core/ambulatory_examples``."""


@dataclass(frozen=True)
class Made:
    """A beat that was laid: time of R in s, and where it came from."""

    time_s: float
    kind: Kind


def synthesize(spec: Ambulatory) -> tuple[NDArray[np.float32], tuple[Made, ...]]:
    """Return the two leads, shape (2, n_samples), mV, and the beats that lie in them.

    Raises
    ------
    ConfigError
        If the rate, the length or the sampling rate cannot be made, or the events are not in order.
    """
    times = [at for at, _ in spec.events]
    if not (30 <= spec.heart_rate <= 150 and spec.duration_s > 0 and spec.fs > 0) or times != sorted(times):
        raise ConfigError(
            f"Expected 30 to 150 beats per minute, a positive length and rate, and ascending events; found "
            f"{spec.heart_rate:g} beats per minute, {spec.duration_s:g} s, {spec.fs} Hz."
        )
    rng = np.random.default_rng([1024, spec.seed])
    n = round(spec.duration_s * spec.fs)
    t = np.arange(n) / spec.fs
    person = person_factors(rng)
    x = np.zeros((8, n))
    beats = _beats(spec, rng)
    for beat, _ in beats:
        lay(x, t, beat, person)
    x += recorder_noise(n, spec.fs, rng) + _movement(t, rng)
    rows = [INDEPENDENT_LEADS.index(lead) for lead in CHANNELS.values()]
    made = tuple(Made(beat.r, kind) for beat, kind in beats if 0.0 <= beat.r < spec.duration_s)
    return x[rows].astype(np.float32), made


def _beats(spec: Ambulatory, rng: np.random.Generator) -> list[tuple[Beat, Kind]]:
    """Return the beats from before the record's start to past its end, each with its kind."""
    sinus, atrial = waves.AVERAGE, _low_atrial()
    phases = rng.uniform(0, 2 * np.pi, 3)
    mean, waiting = 60.0 / spec.heart_rate, list(spec.events)
    found: list[tuple[Beat, Kind]] = []
    r, before = -0.6 * mean, mean
    while r < spec.duration_s + 1.0:
        found.append((Beat(r, before, sinus), "sinus"))
        rr = _interval(r, mean, phases, rng)
        due = r + rr
        if waiting and waiting[0][0] < due:
            _, event = waiting.pop(0)
            if event == "pause":
                due = r + PAUSE_S
            elif event == "supraventricular":
                early = r + EARLY_ATRIAL * rr
                found.append((Beat(early, EARLY_ATRIAL * rr, atrial), "supraventricular"))
                due = early + 1.08 * rr
            else:
                at = [r + COUPLING * rr + k * RUN_RR_S for k in range(IN_A_ROW[event])]
                found += [(Beat(each, COUPLING * rr, waves.PREMATURE, fixed=True), "ventricular") for each in at]
                due = r + 2.0 * rr if len(at) == 1 else at[-1] + 1.2 * rr
        before = min(due - r, 1.3 * mean)
        r = due
    return [(beat, kind) for beat, kind in found if -1.0 < beat.r < spec.duration_s + 1.0]


def _interval(at_s: float, mean: float, phases: Array, rng: np.random.Generator) -> float:
    """Return the sinus interval after a beat, s: breathing, 0.1 Hz and a drift of minutes about the mean."""
    turn = 2 * np.pi * at_s
    wave = np.sin(BREATHING_HZ * turn + phases[0]) + np.sin(0.1 * turn + phases[1]) + 0.5 * rng.normal()
    return float(mean * (1.0 + RR_SHARE_SD * wave + DRIFT * np.sin(turn / DRIFT_S + phases[2])))


def _low_atrial() -> tuple[waves.Wave, ...]:
    """Return the average beat with its P wave turned over and nearer to the QRS."""
    return tuple(
        (centre + 0.03, width, (*(-0.8 * a for a in sizes),)) if centre < waves.P_BEFORE_S else (centre, width, sizes)
        for centre, width, sizes in waves.AVERAGE
    )


def _movement(t: Array, rng: np.random.Generator) -> Array:
    """Return what moving adds, shape (8, n), mV: a baseline that sways, and muscle noise for some seconds."""
    sway = WANDER_MV * np.sin(2 * np.pi * WANDER_HZ * t + rng.uniform(0, 2 * np.pi, (8, 1)))
    swell = sum(np.exp(-0.5 * ((t - at) / 2.0) ** 2) for at in MUSCLE_S)
    return np.asarray(sway + MUSCLE_MV * swell * rng.normal(size=(8, len(t))))


def encode(spec: Ambulatory) -> dict[str, bytes]:
    """Return the record as a WFDB pair: file names and bytes, marked synthetic in the header."""
    signal, made = synthesize(spec)
    kinds = [beat.kind for beat in made]
    comments = (
        SYNTHETIC_COMMENT,
        f"beats: {len(made)}, of which ventricular {kinds.count('ventricular')}, "
        f"supraventricular {kinds.count('supraventricular')}; sinus rhythm {spec.heart_rate:g} beats per minute, "
        f"seed {spec.seed}",
        f"age: {spec.age}",
        f"sex: {spec.sex}",
    )
    return wfdb_pair(spec.name, CHANNELS, signal, spec.fs, comments)


def make_record(spec: Ambulatory) -> Record:
    """Return the record as a reader would, with its note."""
    return read_record(encode(spec))


def write_record(spec: Ambulatory, folder: str | Path) -> Path:
    """Write the record as a WFDB pair and return the header's path."""
    return write_pair(encode(spec), folder)


def example_path() -> Path:
    """Return the header of the example that ships with Leadwise; it lies apart from those of twelve leads."""
    return Path(__file__).parent / "ambulatory_examples" / f"{EXAMPLE.name}.hea"


def main(argv: Sequence[str] | None = None) -> int:
    """Write the example to a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m ecg_core.synthetic_ambulatory", description="Write the synthetic ambulatory example."
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the WFDB pair")
    write_record(EXAMPLE, parser.parse_args(argv).out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
