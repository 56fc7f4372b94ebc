"""What normal anatomy allows of a beat: each of P, QRS and ST-T as the other two would have it.

Ridge regressions, fitted on normals' median beats, predict a part of the beat in all leads from the rest of the same
beat. What is unusual in one part alone (an elevated ST segment, an inverted T wave) does not enter its own prediction.
All on the networks' compressed scale, where what normals vary by grows with the wave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_core.measurements.median_beat import BEFORE, UP
from ecg_core.preprocessing import COMPRESSION, MODEL_FS, compress, expand
from ecg_core.records import eight_from_twelve, twelve_from_eight

F32 = NDArray[np.float32]
Array = NDArray[np.float64]

FIRST_S, LAST_S = -0.35, 0.64
FIRST, N_GRID = round(FIRST_S * MODEL_FS), round((LAST_S - FIRST_S) * MODEL_FS) + 1
GRID = BEFORE + UP * np.arange(FIRST, FIRST + N_GRID)
"""Samples of the 500 Hz median beat that stand on the models' grid of 100 Hz: 350 ms before R to 640 ms after."""

PARTS_MS: dict[str, tuple[float, float]] = {"P": (-350, -60), "QRS": (-60, 50), "ST-T": (50, 650)}
"""Stretches of the beat from R on that are predicted from the other two."""

PARTS = {name: slice(round(lo / 10) - FIRST, round(hi / 10) - FIRST) for name, (lo, hi) in PARTS_MS.items()}

RIDGE = 0.1
"""Weight of the penalty, in units of the mean variance of a predictor."""

CLIP_SD: dict[str, float] = {"P": 1.0, "QRS": 2.0, "ST-T": 0.5}
"""Each part is held to so many standard deviations about its prediction. Chosen on fold 9 (training/EXPERIMENTS.md): as
little change to normal beats as takes most of a planted ST elevation or T inversion away."""

PASSES = 3
"""A part is first predicted from the others as they are, then from the others as held: an elevated ST segment would
otherwise move the QRS that is expected with it."""

REACH_PERCENTILES = (0.5, 99.5)
"""A prediction stays between these of the normals at its lead and sample. From a bundle branch block's ST-T, far out
of what they were fitted on, the regressions would expect a QRS that no normal has."""

MIN_SD = 0.04
"""On the compressed scale: 8 uV near zero."""


def level_of(beat: F32, onset_ms: float) -> F32:
    """Return the level of the PR segment of a median beat, shape (n_leads, 1), mV: the mean of 12 ms before the QRS.

    Parameters
    ----------
    beat : shape (n_leads, 576), mV at 500 Hz.
    onset_ms : of the QRS from R; NaN where unknown, then 60 ms before R.
    """
    at = BEFORE + round((onset_ms if np.isfinite(onset_ms) else -60.0) / 2.0)
    return np.asarray(beat[:, max(at - 6, 0) : max(at, 1)].mean(axis=1, keepdims=True), dtype=np.float32)


def _inputs(beats: F32, rr_s: Array, part: str) -> F32:
    """Return what a part is predicted from, shape (n, n_inputs): the rest of the beat, the rate, and 1."""
    rest = np.ones(N_GRID, bool)
    rest[PARTS[part]] = False
    rate = np.stack([rr_s, np.sqrt(rr_s), 1.0 / rr_s, np.ones_like(rr_s)], axis=1)
    return np.concatenate([beats[:, :, rest].reshape(len(beats), -1), rate], axis=1).astype(np.float32)


@dataclass(frozen=True)
class PhaseOut:
    """The regressions, and how far normals stand from them.

    Attributes
    ----------
    weights : by part, shape (n_inputs, 8 * n_samples of the part).
    sd : shape (12, 100): the normals' standard deviation about the prediction, by lead and sample of the beat, on the
        compressed scale; the limb leads derived from I and II have their own.
    reach : shape (2, 8, 100), compressed: between what predictions are kept.
    """

    weights: dict[str, F32]
    sd: F32
    reach: F32

    def predict(self, beats: F32, rr_s: Array) -> F32:
        """Return each part as the other two would have it within `reach`, shape (n, 8, 100), compressed.

        Parameters
        ----------
        beats : shape (n, 8, 100) at 100 Hz, compressed, with the level of the PR segment as zero.
        rr_s : shape (n,), median RR interval, s.
        """
        out = np.empty_like(beats)
        for part, at in PARTS.items():
            found = _inputs(beats, rr_s, part) @ self.weights[part]
            out[:, :, at] = found.reshape(len(beats), beats.shape[1], -1)
        return np.clip(out, *self.reach)

    def hold(self, beat: F32, rr_s: float) -> Held:
        """Hold a beat, shape (8, 100) in mV with the PR segment as zero, to what the rest of it allows."""
        own = compress(beat)[None]
        limit = _limits() * eight_from_twelve(self.sd)
        held = own
        for _ in range(PASSES):
            predicted = self.predict(held, np.array([rr_s]))
            held = np.clip(own, predicted - limit, predicted + limit)
        x_hat, expected = expand(predicted[0]), expand(held[0])
        units = twelve_from_eight(own[0] - predicted[0]) / self.sd
        slope = 1.0 / COMPRESSION + np.abs(twelve_from_eight(x_hat))  # of `expand`: back to mV
        return Held(expected, units, np.asarray(self.sd * slope, dtype=np.float32))


class Held(NamedTuple):
    """A beat held to what normal anatomy allows.

    Attributes
    ----------
    expected : shape (8, 100), mV.
    units : shape (12, 100): how far the own beat stands from the prediction, in the normals' standard deviations.
    sd : shape (12, 100), mV: that standard deviation.
    """

    expected: F32
    units: F32
    sd: F32


def _limits() -> F32:
    """Return `CLIP_SD` at each sample of the beat, shape (100,)."""
    limit = np.zeros(N_GRID, np.float32)
    for part, at in PARTS.items():
        limit[at] = CLIP_SD[part]
    return limit


def _solve(x: F32, y: F32, ridge: float) -> F32:
    xx = x.T.astype(np.float64) @ x
    penalty = np.full(len(xx), ridge * len(x) * float(x[:, :-4].var(axis=0).mean()))
    penalty[-4:] = 1e-6 * len(x)
    return np.asarray(np.linalg.solve(xx + np.diag(penalty), x.T.astype(np.float64) @ y), dtype=np.float32)


def fit_phase_out(beats: F32, rr_s: Array, ridge: float = RIDGE) -> PhaseOut:
    """Fit on normals; the standard deviation is of beats that the regression has not seen (two halves).

    Parameters
    ----------
    beats : shape (n, 8, 100), mV at 100 Hz, level of the PR segment as zero.
    rr_s : shape (n,), s.
    """
    beats = compress(beats)
    half = np.arange(len(beats)) % 2 == 0

    def weights(rows: NDArray[np.bool_]) -> dict[str, F32]:
        own, rate = beats[rows], rr_s[rows]
        return {
            part: _solve(_inputs(own, rate, part), own[:, :, at].reshape(len(own), -1), ridge)
            for part, at in PARTS.items()
        }

    none = np.zeros((12, N_GRID), np.float32)
    reach = np.percentile(beats, REACH_PERCENTILES, axis=0).astype(np.float32)
    total = np.zeros((12, N_GRID))
    for rows in (half, ~half):
        error = beats[rows] - PhaseOut(weights(~rows), none, reach).predict(beats[rows], rr_s[rows])
        total += (twelve_from_eight(error).astype(np.float64) ** 2).sum(axis=0)
    sd = np.maximum(np.sqrt(total / len(beats)), MIN_SD)
    return PhaseOut(weights(np.ones(len(beats), bool)), sd.astype(np.float32), reach)
