"""The patient's dominant beat: the shape that most beats have, lead by lead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

F32 = NDArray[np.float32]
INT = NDArray[np.int64]

BEFORE, AFTER = 90, 162
"""A beat is 252 samples at 360 Hz: from 0.25 s before the R peak to 0.45 s after it."""

WIDTH = BEFORE + AFTER
MARGIN = 18
"""A beat is moved by at most so many samples (50 ms) to lie on the dominant one."""

QRS = slice(BEFORE - 22, BEFORE + 36)
P = slice(BEFORE - 79, BEFORE - 25)
T = slice(BEFORE + 50, BEFORE + 144)
WHOLE = slice(0, BEFORE + 144)
"""Parts of a beat: -0.06 to 0.10 s, -0.22 to -0.07 s, 0.14 to 0.40 s. What follows is there for the eye."""

MOST_BEATS = 600
"""A dominant beat is made of so many beats, spread over the recording, at most."""

GUESSES, JUDGES = 24, 120
"""Beats that may be the first guess at the dominant beat, and beats that choose among them."""

SMALLEST = np.float32(1e-9)

TOGETHER = 512
"""Beats that are correlated at once: their sums stay in the processor's cache."""


def cut_beats(clean: F32, at: INT, start: int = 0) -> F32:
    """Return beats with a margin, shape (n_beats, n_leads, WIDTH + 2 * MARGIN).

    Samples before the recording and later than 0.45 s after the R peak repeat their neighbours: so a beat can be
    judged as soon as it is over.

    Parameters
    ----------
    clean : (n_leads, n), mV at 360 Hz.
    at : (n_beats,), R peaks, samples from the recording's start.
    start : number of the first sample of `clean`.
    """
    n, first = WIDTH + MARGIN, at - BEFORE - MARGIN - start
    out = np.empty((len(at), len(clean), n + MARGIN), np.float32)
    out[:, :, :n] = windows(clean, first, n).swapaxes(0, 1)
    out[:, :, n:] = out[:, :, n - 1 : n]
    return out


def windows(x: F32, first: INT, n: int) -> F32:
    """Return samples first ... first + n - 1 of rows, (n_rows, len(first), n); those beyond an end repeat the end's.

    Parameters
    ----------
    x : (n_rows, n_samples); first : places among its samples.
    """
    if not len(first) or (first.min() >= 0 and first.max() + n <= x.shape[1]):
        return sliding_window_view(x, n, axis=1)[:, first] if len(first) else np.zeros((len(x), 0, n), np.float32)
    return x[:, np.clip(first[:, None] + np.arange(n), 0, x.shape[1] - 1)]


def lag_of(beats: F32, template: F32) -> tuple[INT, F32]:
    """Return by how much each beat must be moved for its QRS complex to lie on the template's, and their correlation.

    Sums run over samples in order and beat by beat: a beat's numbers do not depend on those it is looked at with.

    Parameters
    ----------
    beats : (n_beats, WIDTH + 2 * MARGIN), one lead.
    template : (WIDTH,), of the same lead.

    Returns
    -------
    (n_beats,) samples from -MARGIN to MARGIN, (n_beats,) correlations.
    """
    pieces = (beats[k : k + TOGETHER] for k in range(0, max(len(beats), 1), TOGETHER))
    correlation = np.concatenate([_correlations(_side_by_side(piece), template) for piece in pieces], axis=1)
    best = correlation.argmax(axis=0)
    return best - MARGIN, correlation[best, np.arange(len(beats))]


def _side_by_side(beats: F32) -> tuple[F32, F32]:
    """Return where QRS complexes may lie, (n_samples, n_beats), and their energy at each lag, (n_lags, n_beats)."""
    n, lags = QRS.stop - QRS.start, 2 * MARGIN + 1
    held = np.ascontiguousarray(beats[:, QRS.start : QRS.stop + 2 * MARGIN].T)
    squared = held * held
    total, squares = np.zeros((2, lags, len(beats)), np.float32)
    for k in range(n):
        total += held[k : k + lags]
        squares += squared[k : k + lags]
    return held, np.maximum(squares - total * total / np.float32(n), SMALLEST)


def _correlations(side_by_side: tuple[F32, F32], template: F32) -> F32:
    """Return the correlations of QRS complexes with the template's at each lag, (n_lags, n_beats)."""
    held, energy = side_by_side
    want = template[QRS] - template[QRS].mean()
    product, term = np.zeros_like(energy), np.empty_like(energy)
    for k, value in enumerate(want):
        product += np.multiply(value, held[k : k + len(energy)], out=term)
    return np.asarray(product / np.sqrt(energy * np.maximum(np.square(want).sum(), SMALLEST)))


def moved(beats: F32, lag: INT) -> F32:
    """Return beats of one lead moved by their lags, shape (n_beats, WIDTH)."""
    return sliding_window_view(beats, WIDTH, axis=1)[np.arange(len(beats)), lag + MARGIN]


@dataclass(frozen=True, eq=False)
class Dominant:
    """A patient's dominant beat.

    Attributes
    ----------
    template : (n_leads, WIDTH), mV at 360 Hz.
    n_beats : that it was made of.
    """

    template: F32
    n_beats: int


def find_dominant(beats: F32) -> Dominant:
    """Return the median of the beats that lie best on the beat that most others resemble.

    Where nearly half of a patient's beats are ectopic the median of all beats is none of them. So the first guess is
    one of the beats, that which most others resemble; the median of the half that lies best on it takes its place,
    three times over.

    Parameters
    ----------
    beats : (n_beats, n_leads, WIDTH + 2 * MARGIN), from `cut_beats`; at least one.
    """
    chosen = beats[_spread_out(len(beats), MOST_BEATS)]
    template = _most_alike(chosen)
    for _ in range(3):
        found = [lag_of(chosen[:, k], row) for k, row in enumerate(template)]
        correlation = np.mean([one[1] for one in found], axis=0)
        better = correlation >= np.median(correlation)
        aligned = (moved(chosen[better, k], lag[better]) for k, (lag, _) in enumerate(found))
        template = np.stack([np.median(lead, axis=0) for lead in aligned]).astype(np.float32)
    return Dominant(template - np.median(template, axis=1, keepdims=True), int(better.sum()))


def _most_alike(beats: F32) -> F32:
    """Return the beat that most others resemble, (n_leads, WIDTH); of two alike in this the one with the faster QRS.

    Counted are the beats that lie on it, in the leads together and in the lead where most do: noise in one lead does
    not decide.
    """
    guesses = beats[_spread_out(len(beats), GUESSES), :, MARGIN:-MARGIN]
    chosen = beats[_spread_out(len(beats), JUDGES)]
    judges = [_side_by_side(chosen[:, k]) for k in range(beats.shape[1])]
    slowness = np.log(_slowness(guesses))
    points = []
    for guess, slow in zip(guesses, slowness - slowness.min(), strict=True):
        by_lead = [_share_alike(_correlations(judges[k], row).max(axis=0)) for k, row in enumerate(guess)]
        points.append((np.mean(by_lead) + np.max(by_lead)) / 2 - 0.15 * slow)
    return np.asarray(guesses[int(np.argmax(points))], dtype=np.float32)


def _share_alike(correlation: F32) -> float:
    return float(np.mean(np.clip((correlation - 0.8) / 0.15, 0.0, 1.0) + 0.1 * correlation))


def _slowness(beats: F32) -> F32:
    """Return how slow QRS complexes are, (n_beats,): their swing over their root mean squared slope, all leads."""
    qrs = beats[:, :, QRS]
    swing, slope = np.square(np.ptp(qrs, axis=2)).sum(axis=1), np.square(np.diff(qrs, axis=2)).mean(axis=2).sum(axis=1)
    return np.sqrt((swing + SMALLEST) / (slope + SMALLEST))


def _spread_out(n: int, most: int) -> INT:
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))
