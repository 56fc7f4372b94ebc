"""Lesions of known time and leads, planted in normal ECGs: what a map must point at.

Each takes a normal record with its median beat and returns it with one lesion, at full size or smaller. Beats are
taken out by subtracting the median beat where they stand, so that the record's own noise stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from ecg_core.beats import Beats
from ecg_core.measurements import Measurements, measure_prepared
from ecg_core.measurements.median_beat import AFTER, BEFORE, GRID_FS, MedianBeat
from ecg_core.preprocessing import HIGH_HZ, MODEL_FS
from ecg_core.records import INDEPENDENT_LEADS, LEADS, eight_from_twelve, twelve_from_eight
from ecg_core.segments import beats_of_eight

F32 = NDArray[np.float32]
Array = NDArray[np.float64]

FIRST_S, LAST_S = 2.5, 8.0
"""A lesion of one time is planted between these."""

PREMATURE = (0.25, 0.38)
"""How much earlier than due a premature beat comes, share of RR."""

PVC_WIDTH_S, PVC_T_S = 0.055, 0.26
PVC_SIZE_MV = (0.9, 1.8)
NOISE_S, NOISE_MV = 0.6, 0.25
ST_MV = 0.2
T_TIMES = 2.0

TERRITORIES: dict[str, dict[str, float]] = {
    "anterior": {"V1": 0.6, "V2": 1.0, "V3": 1.0, "V4": 0.8},
    "inferior": {"II": 1.0},
    "lateral": {"I": 1.0, "II": 0.4, "V5": 1.0, "V6": 1.0},
}
"""ST elevation in the independent leads, as shares of the largest; the limb leads derived from them follow."""

NAMED: dict[str, tuple[str, ...]] = {
    "anterior": ("V1", "V2", "V3", "V4"),
    "inferior": ("II", "III", "aVF"),
    "lateral": ("I", "aVL", "V5", "V6"),
}
"""The leads that carry it. Others that it reaches by Einthoven's law (reciprocal changes) count on neither side."""

INVERTED = ("V3", "V4", "V5", "V6")


@dataclass(frozen=True)
class Base:
    """A normal record to plant in.

    Attributes
    ----------
    x : shape (8, n), mV at 100 Hz.
    beats : its R peaks; measurements : of it.
    """

    x: F32
    beats: Beats
    measurements: Measurements

    @property
    def beat(self) -> MedianBeat:
        """The median beat."""
        assert self.measurements.beat is not None
        return self.measurements.beat

    @property
    def rr_s(self) -> float:
        """Median RR interval."""
        return float(np.median(self.beats.rr_ms)) / 1000.0


@dataclass(frozen=True)
class Lesion:
    """A record with one lesion.

    Attributes
    ----------
    x : shape (8, n), mV.
    when : shape (n,), True where the lesion is; None for one in every beat.
    leads : names of the leads that carry it; None for all.
    aside : leads that it changes without carrying it.
    """

    x: F32
    when: NDArray[np.bool_] | None = None
    leads: tuple[str, ...] | None = None
    aside: tuple[str, ...] = field(default=())


Plant = Callable[[Base, float, np.random.Generator], Lesion]


def base_of(x: F32) -> Base | None:
    """Return a record, shape (8, n), ready to plant in; None where it lacks regular beats with all their points."""
    beats = beats_of_eight(x, np.ones(len(x), bool))
    found = measure_prepared(twelve_from_eight(x), beats, LEADS)
    rr = beats.rr_ms
    if found.beat is None or not found.points.has("p_onset", "qrs_offset", "t_end") or len(rr) < 6:
        return None
    if not found.beat.classes.all() or rr.max() > 1.2 * np.median(rr) or rr.min() < 0.8 * np.median(rr):
        return None
    return Base(x, beats, found)


def _one_beat(base: Base, size: float = 1.0) -> F32:
    """Return the median beat from P to T as it is laid, shape (8, 576) at 500 Hz, from and to zero at its ends."""
    points = base.measurements.points
    lo = max(points.sample("p_onset") - round(0.03 * GRID_FS), 0)
    hi = min(points.sample("t_end") + round(0.03 * GRID_FS), BEFORE + AFTER)
    beat = eight_from_twelve(base.beat.x)
    ramp = np.linspace(0, 1, hi - lo, dtype=np.float32)
    own = beat[:, lo:hi] - beat[:, lo : lo + 1] * (1 - ramp) - beat[:, hi - 1 : hi] * ramp
    out = np.zeros_like(beat)
    out[:, lo:hi] = size * own
    return out


def _lay(x: F32, beat: F32, r_s: float) -> F32:
    """Add a beat, shape (8, 576) at 500 Hz, with its R at a time."""
    out = x.copy()
    grid = np.arange(-BEFORE, beat.shape[1] - BEFORE) / GRID_FS + r_s
    t = np.arange(x.shape[1]) / MODEL_FS
    for row, wave in zip(out, beat, strict=True):
        row += np.interp(t, grid, wave, left=0.0, right=0.0).astype(np.float32)
    return out


def _choose(base: Base, rng: np.random.Generator) -> tuple[int, float]:
    """Return one of the beats in the middle of the record, and its time as the median beat is aligned."""
    times = _aligned(base)
    k = int(rng.choice(np.flatnonzero((times > FIRST_S) & (times < LAST_S))))
    return k, float(times[k])


def _between(n: int, lo_s: float, hi_s: float) -> NDArray[np.bool_]:
    t = np.arange(n) / MODEL_FS
    return (t >= lo_s) & (t <= hi_s)


def _span(base: Base, r_s: float) -> NDArray[np.bool_]:
    points = base.measurements.points
    return _between(base.x.shape[1], r_s + points.p_onset / 1000.0, r_s + points.t_end / 1000.0)


def premature_ventricular(base: Base, size: float, rng: np.random.Generator) -> Lesion:
    """Put a wide beat without P, of a random direction, 25-38 % of RR before one that was due, which is blocked."""
    _, at = _choose(base, rng)
    r = at - rng.uniform(*PREMATURE) * base.rr_s
    t = (np.arange(-BEFORE, AFTER + 1) / GRID_FS).astype(np.float64)
    height = rng.uniform(*PVC_SIZE_MV) * size
    direction = _direction(rng) * height
    other = _direction(rng) * height
    qrs = np.exp(-0.5 * (t / PVC_WIDTH_S) ** 2)
    late = np.exp(-0.5 * ((t - 0.06) / PVC_WIDTH_S) ** 2) * 0.5
    wave = -0.4 * np.exp(-0.5 * ((t - PVC_T_S) / 0.07) ** 2)
    beat = direction[:, None] * (qrs + wave) + other[:, None] * late
    x = _lay(_lay(base.x, -_one_beat(base), at), beat.astype(np.float32), r)
    return Lesion(x, _between(x.shape[1], r - 0.12, r + 0.42))


def _direction(rng: np.random.Generator) -> Array:
    """Return how the eight leads see a dipole of random direction; the tallest sees 1."""
    field_of_leads = np.array(
        [
            *([0.65, -0.10, 0.05], [0.30, 0.90, -0.05], [-0.50, 0.10, -0.90], [-0.10, 0.10, -1.60]),
            *([0.50, 0.15, -1.40], [1.10, 0.20, -0.80], [1.10, 0.20, -0.20], [0.85, 0.20, 0.15]),
        ]
    )
    seen = field_of_leads @ rng.normal(size=3)
    return np.asarray(seen / np.abs(seen).max())


def dropped(base: Base, size: float, rng: np.random.Generator) -> Lesion:
    """Take out a beat from P to T; at half size it is half as tall."""
    _, at = _choose(base, rng)
    return Lesion(_lay(base.x, -_one_beat(base, size), at), _span(base, at))


def noise(base: Base, size: float, rng: np.random.Generator) -> Lesion:
    """Add 0.6 s of muscle-like noise (5-40 Hz) of 0.25 mV RMS to one of the independent leads."""
    n = base.x.shape[1]
    start = rng.uniform(FIRST_S, LAST_S - NOISE_S)
    sos = butter(2, (5.0, HIGH_HZ), "bandpass", fs=MODEL_FS, output="sos")
    wild = sosfiltfilt(sos, rng.normal(size=n))
    when = _between(n, start, start + NOISE_S)
    lead = int(rng.integers(len(INDEPENDENT_LEADS)))
    x = base.x.copy()
    x[lead, when] += (size * NOISE_MV * wild / wild.std())[when].astype(np.float32)
    return Lesion(x, when)


def premature_normal(base: Base, size: float, rng: np.random.Generator) -> Lesion:
    """Let a beat of normal shape come 25-38 % of RR early (half of that at half size) and all after it follow on.

    The sinus node is reset, so that the interval after it is a normal one. What a beat differs by from the median beat
    moves with it.
    """
    k, at = _choose(base, rng)
    shift = round(size * rng.uniform(*PREMATURE) * base.rr_s * MODEL_FS)
    early = shift / MODEL_FS
    beat, still = _one_beat(base), np.zeros_like(base.x)
    before, after = still, still
    for j, r in enumerate(_aligned(base)):
        if j < k:
            before = _lay(before, beat, r)
        else:
            after = _lay(after, beat, r)
    rest = base.x - before - after
    moved_rest = np.concatenate([rest[:, shift:], rest[:, : -shift - 1 : -1]], axis=1)
    moved_after = np.concatenate([after[:, shift:], np.zeros_like(after[:, :shift])], axis=1)
    start = at - early + base.measurements.points.p_onset / 1000.0
    blend = np.clip((np.arange(rest.shape[1]) / MODEL_FS - start) / 0.06 + 1.0, 0.0, 1.0).astype(np.float32)
    x = before + moved_after + rest * (1 - blend) + moved_rest * blend
    return Lesion(np.asarray(x, dtype=np.float32), _span(base, at - early))


def _aligned(base: Base) -> Array:
    """Return the times of R as the median beat is aligned, s; as detected for beats that are not in it."""
    aligned, times = base.beat.positions / GRID_FS, base.beats.times_s
    near = aligned[np.abs(aligned[None] - times[:, None]).argmin(axis=1)]
    return np.asarray(np.where(np.abs(near - times) < 0.05, near, times))


def st_elevation(territory: str) -> Plant:
    """Return what raises the ST segment of a territory by 0.2 mV in every beat."""

    def plant(base: Base, size: float, rng: np.random.Generator) -> Lesion:
        points = base.measurements.points
        t = np.arange(-BEFORE, AFTER + 1) * 1000.0 / GRID_FS
        rise = 1.0 / (1.0 + np.exp(-(t - points.qrs_offset) / 5.0))
        fall = 1.0 / (1.0 + np.exp((t - 0.5 * (points.t_peak + points.t_end)) / 20.0))
        shape = ST_MV * size * rise * fall
        share = TERRITORIES[territory]
        beat = np.stack([share.get(lead, 0.0) * shape for lead in INDEPENDENT_LEADS]).astype(np.float32)
        return _in_every_beat(base, beat, NAMED[territory])

    return plant


def t_inversion(base: Base, size: float, rng: np.random.Generator) -> Lesion:
    """Turn the T wave over in V3-V6; at half size it is flat."""
    points = base.measurements.points
    lo, hi = points.sample("qrs_offset") + 20, min(points.sample("t_end") + 10, BEFORE + AFTER)
    beat = eight_from_twelve(base.beat.x)
    ramp = np.linspace(0, 1, hi - lo, dtype=np.float32)
    wave = np.zeros_like(beat)
    wave[:, lo:hi] = beat[:, lo:hi] - beat[:, lo : lo + 1] * (1 - ramp) - beat[:, hi - 1 : hi] * ramp
    turned = np.array([lead in INVERTED for lead in INDEPENDENT_LEADS], dtype=np.float32)
    return _in_every_beat(base, -T_TIMES * size * turned[:, None] * wave, INVERTED)


def _in_every_beat(base: Base, beat: F32, leads: tuple[str, ...]) -> Lesion:
    x = base.x
    for r in _aligned(base):
        x = _lay(x, beat, r)
    changed = np.abs(twelve_from_eight(beat)).max(axis=1) > 1e-6
    aside = tuple(lead for lead, moved in zip(LEADS, changed, strict=True) if moved and lead not in leads)
    return Lesion(x, None, leads, aside)


IN_TIME: dict[str, Plant] = {
    "premature ventricular beat": premature_ventricular,
    "dropped beat": dropped,
    "noise in one lead": noise,
    "premature beat of normal shape": premature_normal,
}
IN_LEADS: dict[str, Plant] = {
    **{f"ST elevation, {territory}": st_elevation(territory) for territory in TERRITORIES},
    "T inversion V3-V6": t_inversion,
}
