"""Synthetic 12-lead ECGs: ``python -m ecg_core.synthetic OUT`` writes the examples that ship with Leadwise.

Each beat is a sum of Gaussians with one amplitude a lead, and RR intervals vary with breathing and with slower
waves, as in McSharry, Clifford, Tarassenko and Smith (2003, doi 10.1109/TBME.2003.808805). Deviations: the sums are
laid on the time axis directly instead of integrating their dynamical system, eight leads have amplitudes of their own
(as in the dipole models that followed, doi 10.1155/2007/43407), and waves after the QRS move with the root of RR.
III, aVR, aVL and aVF follow from I and II. The normal beat is a population average (`ecg_core.synthetic_waves`).

The same specification gives the same bytes: every random number comes from its seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from ecg_core import synthetic_waves as waves
from ecg_core.errors import ConfigError
from ecg_core.readers import read_record
from ecg_core.readers.comments import SYNTHETIC_COMMENT
from ecg_core.records import LEADS, Record, Sex, twelve_from_eight

Array = NDArray[np.float64]
Kind = Literal[
    "normal", "pvc", "af", "st-elevation-anterior", "st-elevation-inferior", "lbbb", "low-voltage", "poor-signal"
]

GAIN = 1000  # digital units per mV, as PTB-XL
LOW_VOLTAGE = 0.22
BREATHING_HZ = 0.25
COUPLING = 0.6  # of the RR interval at which a premature beat comes
LOOSE_MV, WANDER_MV, HUM_MV = 0.3, 0.5, 0.1
LOST = (2, 3, 6)  # of the eight leads: V1, V2 and V5


@dataclass(frozen=True)
class Synthetic:
    """What to make.

    Attributes
    ----------
    name : file stem.
    kind : rhythm or morphology.
    heart_rate : mean ventricular rate, beats per minute.
    seed : of every random number.
    age, sex : written to the header.
    duration_s, fs : length in s and sampling rate in Hz.
    """

    name: str
    kind: Kind = "normal"
    heart_rate: float = 70.0
    seed: int = 0
    age: int = 50
    sex: Sex = "female"
    duration_s: float = 10.0
    fs: int = 500


EXAMPLES = (
    Synthetic("normal-55", "normal", 55.0, 1, 34, "male"),
    Synthetic("normal-72", "normal", 72.0, 2, 52, "female"),
    Synthetic("normal-95", "normal", 95.0, 3, 41, "female"),
    Synthetic("premature-ventricular-beat", "pvc", 68.0, 4, 58, "male"),
    Synthetic("atrial-fibrillation", "af", 132.0, 5, 74, "female"),
    Synthetic("st-elevation-anterior", "st-elevation-anterior", 82.0, 6, 63, "male"),
    Synthetic("left-bundle-branch-block", "lbbb", 74.0, 7, 71, "female"),
    Synthetic("low-voltage", "low-voltage", 88.0, 8, 66, "female"),
    Synthetic("poor-signal", "poor-signal", 76.0, 9, 58, "female"),
)
"""The records that ship in ``ecg_core/examples``."""


@dataclass
class Beat:
    """A beat to lay: time of R, the RR interval before it, its waves, and a factor on amplitudes."""

    r: float
    rr: float
    waves: tuple[waves.Wave, ...]
    factor: float = 1.0
    fixed: bool = field(default=False)  # whether the waves stay where they are at any rate


def synthesize(spec: Synthetic) -> NDArray[np.float32]:
    """Return a synthetic ECG, shape (12, n_samples) in the order of `LEADS`, mV."""
    if not (30 <= spec.heart_rate <= 220 and spec.duration_s > 0 and spec.fs > 0):
        raise ConfigError(
            f"Expected 30 to 220 beats per minute and a positive length and rate; found {spec.heart_rate:g} beats per "
            f"minute, {spec.duration_s:g} s, {spec.fs} Hz."
        )
    rng = np.random.default_rng([2003, spec.seed])
    n = round(spec.duration_s * spec.fs)
    t = np.arange(n) / spec.fs
    person = person_factors(rng)
    x = np.zeros((8, n))
    for beat in _beats(spec, rng):
        lay(x, t, beat, person)
    if spec.kind == "low-voltage":
        x *= LOW_VOLTAGE
    if spec.kind == "af":
        x += _fibrillation(t, rng)
    x += recorder_noise(n, spec.fs, rng)
    if spec.kind == "poor-signal":
        _bad_electrodes(x, t, rng)
    return twelve_from_eight(x.astype(np.float32))


def person_factors(rng: np.random.Generator) -> Array:
    """Return factors on P, QRS and T amplitudes of each lead, shape (3, 8): a body of its own near the average."""
    return np.asarray(np.exp(rng.normal(0, 0.1, (3, 1)) + rng.normal(0, 0.1, (3, 8))))


def _rr_intervals(spec: Synthetic, rng: np.random.Generator) -> Array:
    """Return RR intervals in s that cover the record and a beat on either side."""
    mean = 60.0 / spec.heart_rate
    n = int(spec.duration_s / mean * 1.6) + 8
    if spec.kind == "af":
        # no memory from beat to beat: log-normal, variation 22 %
        return np.asarray(np.clip(mean * np.exp(rng.normal(-0.024, 0.22, n)), 0.36, 1.6))
    at = np.cumsum(np.full(n, mean))
    phases = rng.uniform(0, 2 * np.pi, 2)
    breathing = np.sin(2 * np.pi * BREATHING_HZ * at + phases[0])
    slow = np.sin(2 * np.pi * 0.1 * at + phases[1])
    # 0.25 and 0.1 Hz with about equal power, and a little noise; less at high rates
    size = waves.RR_SD_S * mean / 0.86
    return np.asarray(mean + size * (0.85 * breathing + 0.85 * slow + 0.5 * rng.normal(size=n)))


def _beats(spec: Synthetic, rng: np.random.Generator) -> list[Beat]:
    """Return the beats of a record, from before its start to past its end."""
    rr = _rr_intervals(spec, rng)
    r = np.cumsum(rr) - rr[0] - 0.45 * rr[0]
    table = {
        "lbbb": _p_waves() + waves.LEFT_BUNDLE_BRANCH_BLOCK,
        "af": tuple(wave for wave in waves.AVERAGE if wave[0] > waves.P_BEFORE_S),
        "st-elevation-anterior": waves.AVERAGE + waves.ANTERIOR_INJURY,
        "st-elevation-inferior": waves.AVERAGE + waves.INFERIOR_INJURY,
    }.get(spec.kind, waves.AVERAGE)
    breathing = 1.0 + 0.02 * np.sin(2 * np.pi * BREATHING_HZ * r + rng.uniform(0, 2 * np.pi))
    beats = [Beat(float(a), float(b), table, float(c)) for a, b, c in zip(r, rr, breathing, strict=True)]
    if spec.kind == "pvc":
        # the sinus node is not reset: the next beat is blocked, the one after comes when due
        middle = int(np.searchsorted(r, 0.55 * spec.duration_s))
        early = beats[middle - 1].r + COUPLING * beats[middle].rr
        beats[middle] = Beat(early, COUPLING * beats[middle].rr, waves.PREMATURE, fixed=True)
    return [beat for beat in beats if -1.0 < beat.r < spec.duration_s + 1.0]


def _p_waves() -> tuple[waves.Wave, ...]:
    return tuple(wave for wave in waves.AVERAGE if wave[0] < waves.P_BEFORE_S)


def lay(x: Array, t: Array, beat: Beat, person: Array) -> None:
    """Add a beat's waves to the eight leads, shape (8, n), in place."""
    stretch = (waves.T_SLOPE * np.sqrt(beat.rr) + waves.T_LEVEL) / waves.T_PEAK_S
    for centre, width, amplitudes in beat.waves:
        part = 0 if centre < waves.P_BEFORE_S else 1 if centre < waves.T_AFTER_S else 2
        if part == 2 and not beat.fixed:
            centre, width = centre * stretch, width * stretch
        elif part == 0:
            centre = centre * min(1.0, 0.75 + 0.3 * beat.rr)  # PR shortens a little at high rates
        lo, hi = np.searchsorted(t, [beat.r + centre - 5 * width, beat.r + centre + 5 * width])
        shape = np.exp(-0.5 * ((t[lo:hi] - beat.r - centre) / width) ** 2)
        x[:, lo:hi] += beat.factor * person[part][:, None] * np.array(amplitudes)[:, None] * shape


def _fibrillation(t: Array, rng: np.random.Generator) -> Array:
    """Return f waves, shape (8, n), mV: around 6 Hz, never quite regular, with a sharper rise than fall."""
    out = np.zeros((8, len(t)))
    step = t[1] - t[0] if len(t) > 1 else 0.0
    wander = 0.5 * np.sin(2 * np.pi * 0.23 * t + rng.uniform(0, 6.28)) + 0.35 * np.sin(2 * np.pi * 0.71 * t)
    phase = 2 * np.pi * np.cumsum(6.1 + wander) * step
    for k, size in enumerate(waves.FIBRILLATION_MV):
        shift = rng.uniform(0, 0.8)
        swell = 1.0 + 0.3 * np.sin(2 * np.pi * 0.37 * t + rng.uniform(0, 6.28))
        out[k] = size * swell * (np.sin(phase + shift) + 0.35 * np.sin(2 * (phase + shift)) + 0.1 * np.sin(3 * phase))
    return out


def recorder_noise(n: int, fs: int, rng: np.random.Generator) -> Array:
    """Return wander, muscle and recorder noise, shape (8, n), mV, with the normals' power in each band."""
    m = fft.next_fast_len(2 * n, real=True)
    f = np.arange(m // 2 + 1) * fs / m
    edges = np.array(waves.NOISE_BANDS_HZ)
    density = (np.array(waves.NOISE_UV) / 1000) ** 2 / np.diff(edges)  # mV^2 / Hz
    middle = np.sqrt(edges[1:] * edges[:-1])
    with np.errstate(divide="ignore"):
        smooth = np.exp(np.interp(np.log(f), np.log(middle), np.log(density)))
    smooth[(f < edges[0]) | (f > edges[-1])] = 0.0
    size = np.sqrt(smooth * fs * m / 4)
    spectrum = size * (rng.normal(size=(8, len(f))) + 1j * rng.normal(size=(8, len(f))))
    return np.asarray(fft.irfft(spectrum, n=m, axis=-1)[:, :n])


def _bad_electrodes(x: Array, t: Array, rng: np.random.Generator) -> None:
    """Loosen the left leg's electrode, and take those of V1, V2 and V5 off, in eight leads, shape (8, n), in place.

    The left leg's noise is in II, and so in III, aVF and, halved, in aVR and aVL; I does not have it. It swells and
    ebbs over a wandering baseline. An electrode that is off records nothing of the heart: an unsteady hum of 50 Hz.
    """
    n, wander = len(t), np.cumsum(rng.normal(size=len(t)))
    rough = np.convolve(rng.normal(size=n), np.full(4, 0.5), mode="same")
    swell = 0.35 + 0.65 * np.abs(np.sin(2 * np.pi * 0.17 * t + rng.uniform(0, 2 * np.pi)))
    x[1] += LOOSE_MV * swell * rough + WANDER_MV * wander / max(float(np.std(wander)), 1e-12)
    for k in LOST:
        hum = np.sin(2 * np.pi * 50.0 * t + rng.uniform(0, 2 * np.pi)) * (1.0 + 0.05 * rng.normal(size=n))
        x[k] = HUM_MV * hum + 0.01 * rng.normal(size=n)


def wfdb_pair(
    name: str, leads: Iterable[str], signal: NDArray[np.floating[Any]], fs: int, comments: Iterable[str] = ()
) -> dict[str, bytes]:
    """Return a signal, (n_leads, n) in mV, as a WFDB pair of 16 bit and 1 uV: file names and bytes."""
    digital = np.round(signal.astype(np.float64) * GAIN).astype("<i2")
    lines = [f"{name} {len(digital)} {fs} {digital.shape[1]}"]
    for lead, row in zip(leads, digital, strict=True):
        total = int(row.astype(np.int64).sum()) % 65536
        lines.append(f"{name}.dat 16 {GAIN}.0(0)/mV 16 0 {row[0]} {total} 0 {lead}")
    header = "\n".join([*lines, *(f"# {comment}" for comment in comments)]) + "\n"
    return {f"{name}.hea": header.encode("ascii"), f"{name}.dat": digital.T.tobytes()}


def write_pair(pair: dict[str, bytes], folder: str | Path) -> Path:
    """Write a WFDB pair and return the header's path."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    for name, data in pair.items():
        (out / name).write_bytes(data)
    return out / next(name for name in pair if name.endswith(".hea"))


def encode(spec: Synthetic) -> dict[str, bytes]:
    """Return a synthetic record as a WFDB pair: file names and bytes, marked synthetic in the header."""
    comments = (
        SYNTHETIC_COMMENT,
        f"kind: {spec.kind}, {spec.heart_rate:g} beats per minute, seed {spec.seed}",
        f"age: {spec.age}",
        f"sex: {spec.sex}",
    )
    return wfdb_pair(spec.name, LEADS, synthesize(spec), spec.fs, comments)


def make_record(spec: Synthetic) -> Record:
    """Return a synthetic record as a reader would, with its note."""
    return read_record(encode(spec))


def write_record(spec: Synthetic, folder: str | Path) -> Path:
    """Write a synthetic record as a WFDB pair and return the header's path."""
    return write_pair(encode(spec), folder)


def example_paths() -> list[Path]:
    """Return the headers of the examples that ship with Leadwise, the normal ones first."""
    folder = Path(__file__).parent / "examples"
    return [folder / f"{spec.name}.hea" for spec in EXAMPLES]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the examples to a folder."""
    parser = argparse.ArgumentParser(prog="python -m ecg_core.synthetic", description="Write the synthetic examples.")
    parser.add_argument("out", type=Path, metavar="OUT", help="folder for the WFDB pairs")
    args = parser.parse_args(argv)
    for spec in EXAMPLES:
        write_record(spec, args.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
