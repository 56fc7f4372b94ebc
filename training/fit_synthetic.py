"""Fit the synthetic generator's waves to the average normal beat: ``python -m training.fit_synthetic PREPARED``.

Prints the tables that stand in `ecg_core.synthetic_waves`. Only averages over thousands of records leave this script:
the beat of normals of folds 1-8, each record's median beat warped so that P, R and T peaks coincide before the mean,
and medians of intervals, RR variability and residual noise.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import least_squares
from scipy.signal import welch
from tqdm import tqdm

from ecg_core.beats import detect_beats
from ecg_core.preprocessing import MODEL_FS
from ecg_core.records import INDEPENDENT_LEADS, LEADS, twelve_from_eight

Array = NDArray[np.float64]

GRID = np.arange(-0.36, 0.56, 0.002)
"""Time from R in s, 500 Hz."""

CENTRES = np.array(
    [-0.19, -0.16, -0.13, -0.05, -0.03, -0.018, -0.006, 0.006, 0.018, 0.03, 0.045, 0.09, 0.15, 0.2, 0.25, 0.29, 0.33]
)
WIDTHS = np.array([0.02] * 3 + [0.012] * 8 + [0.04] * 6)
BANDS = ((0.5, 1), (1, 2), (2, 5), (5, 10), (10, 20), (20, 40))


def median_beat(x: NDArray[np.float32], r: Array) -> Array:
    """Return the median beat, shape (8, len(GRID)), of a record (8, n) with R peaks at `r` seconds."""
    spline = CubicSpline(np.arange(x.shape[1]) / MODEL_FS, x, axis=1)
    inner = r[(r > -GRID[0]) & (r < x.shape[1] / MODEL_FS - GRID[-1] - 0.02)]
    beats = spline(inner[:, None] + GRID)  # (8, n_beats, n_grid)
    return np.asarray(np.median(beats, axis=1))


def peak_times(beat: Array) -> tuple[float, float]:
    """Return when P and T peak, s from R, on the magnitude over leads."""
    flat = beat - np.median(beat[:, (GRID > -0.09) & (GRID < -0.06)], axis=1, keepdims=True)
    size = np.sqrt((flat**2).mean(axis=0))
    p, t = (GRID > -0.24) & (GRID < -0.09), (GRID > 0.16) & (GRID < 0.42)
    return float(GRID[p][size[p].argmax()]), float(GRID[t][size[t].argmax()])


def warp(beat: Array, peaks: tuple[float, float], to: tuple[float, float]) -> Array:
    """Return the beat with its P and T peaks moved to `to`; the QRS stays as it is."""
    there = [GRID[0], to[0], -0.06, 0.06, to[1], GRID[-1]]
    here = [GRID[0], peaks[0], -0.06, 0.06, peaks[1], GRID[-1]]
    source = np.interp(GRID, there, here)
    return np.stack([np.interp(source, GRID, row) for row in beat])


def residual_power(x: NDArray[np.float32], r: Array, beat: Array) -> Array:
    """Return the power, mV^2, of what is left of each lead without its median beat, shape (8, n_bands)."""
    t = np.arange(x.shape[1]) / MODEL_FS
    edges = (r[1:] + r[:-1]) / 2 - 0.1
    which = np.searchsorted(edges, t)
    offset = t - r[which]
    inside = (offset > GRID[0]) & (offset < GRID[-1])
    model = np.stack([np.interp(offset, GRID, row) for row in beat])
    f, power = welch(np.where(inside, x - model, 0.0), MODEL_FS, nperseg=400, axis=1)
    return np.stack([power[:, (f >= lo) & (f < hi)].sum(axis=1) * (f[1] - f[0]) for lo, hi in BANDS], axis=1)


def collect(prepared: Path, limit: int) -> dict[str, Array]:
    """Return beats, peak times, RR statistics and residual powers of up to `limit` normals of the training split."""
    table = pd.read_parquet(prepared / "records.parquet")
    signals = np.load(prepared / "signals.npy", mmap_mode="r")
    normals = np.flatnonzero((table.split == "train") & (table.label == "normal") & (table.bad_leads == ""))
    found: dict[str, list[object]] = {key: [] for key in ("beat", "peaks", "rr", "rr_sd", "power")}
    for k in tqdm(normals[:: max(len(normals) // limit, 1)], unit="record"):
        x = np.array(signals[k])
        beats = detect_beats(twelve_from_eight(x), LEADS)
        if len(beats.samples) < 6:
            continue
        beat = median_beat(x, beats.times_s)
        found["beat"].append(beat)
        found["peaks"].append(peak_times(beat))
        found["rr"].append(beats.rr_ms.mean() / 1000)
        found["rr_sd"].append(beats.rr_sd_ms)
        found["power"].append(residual_power(x, beats.times_s, beat))
    return {key: np.array(values, dtype=np.float64) for key, values in found.items()}


def average_beat(found: dict[str, Array]) -> tuple[Array, tuple[float, float]]:
    """Return the mean warped beat of records at 55 to 85 beats per minute, and the median P and T peak times."""
    resting = (found["rr"] > 60 / 85) & (found["rr"] < 60 / 55)
    middle = np.median(found["peaks"][resting], axis=0)
    to = (float(middle[0]), float(middle[1]))
    beats = [warp(b, (p[0], p[1]), to) for b, p in zip(found["beat"][resting], found["peaks"][resting], strict=True)]
    return np.mean(beats, axis=0), to


def fit_waves(beat: Array) -> tuple[Array, Array, Array, float]:
    """Fit Gaussians with centres and widths that all leads share; amplitudes follow by least squares.

    Returns
    -------
    Centres (k,), widths (k,), amplitudes (k, 8), and the RMS of what is left, mV.
    """
    n = len(CENTRES)
    level = beat - beat[:, (GRID > -0.33) & (GRID < -0.27)].mean(axis=1, keepdims=True)
    taper = np.clip(np.minimum((GRID + 0.33) / 0.04, (0.52 - GRID) / 0.06), 0, 1)
    target = level * taper

    def basis(parameters: Array) -> Array:
        return np.exp(-0.5 * ((GRID[:, None] - parameters[:n]) / np.exp(parameters[n:])) ** 2)

    def solve(parameters: Array) -> tuple[Array, Array]:
        b = basis(parameters)
        ridge = np.concatenate([b, 0.02 * np.eye(n)])
        wanted = np.concatenate([target.T, np.zeros((n, target.shape[0]))])
        return b, np.linalg.lstsq(ridge, wanted, rcond=None)[0]

    def left(parameters: Array) -> Array:
        b, amplitudes = solve(parameters)
        return np.concatenate([(b @ amplitudes - target.T).ravel(), 0.02 * amplitudes.ravel()])

    start = np.concatenate([CENTRES, np.log(WIDTHS)])
    reach = np.concatenate([np.where(np.abs(CENTRES) < 0.06, 0.012, 0.04), np.full(n, 0.7)])
    fit = least_squares(left, start, bounds=(start - reach, start + reach), max_nfev=60)
    b, amplitudes = solve(fit.x)
    rms = float(np.sqrt(np.mean((b @ amplitudes - target.T) ** 2)))
    return fit.x[:n], np.exp(fit.x[n:]), amplitudes, rms


def main() -> None:
    """Print what `ecg_core.synthetic_waves` holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path, help="folder written by training.prepare from PTB-XL")
    parser.add_argument("--limit", type=int, default=3000, help="normals used at most")
    args = parser.parse_args()
    found = collect(args.prepared, args.limit)
    beat, to = average_beat(found)
    centres, widths, amplitudes, rms = fit_waves(beat)
    print(
        f"# {len(found['beat'])} normals; P and T peak at {to[0]:.3f} and {to[1]:.3f} s; left {1000 * rms:.1f} uV RMS"
    )
    print("# centre s, width s, amplitudes mV of", " ".join(INDEPENDENT_LEADS))
    for k in np.argsort(centres):
        row = ", ".join(f"{a:.3f}" for a in amplitudes[k])
        print(f"    ({centres[k]:.4f}, {widths[k]:.4f}, ({row})),")
    slope = np.polyfit(np.sqrt(found["rr"]), found["peaks"][:, 1], 1)
    print(f"# T peak = {slope[0]:.3f} sqrt(RR) + {slope[1]:.3f}")
    print("# RR SD ms, quartiles", np.quantile(found["rr_sd"], [0.25, 0.5, 0.75]))
    size = np.abs(found["beat"]).max(axis=2)
    print("# spread of log amplitude over records", np.round(np.std(np.log(size), axis=0), 3))
    print("# residual, uV RMS by band", BANDS)
    for lead, row in zip(INDEPENDENT_LEADS, 1000 * np.sqrt(np.median(found["power"], axis=0)), strict=True):
        print(f"#   {lead}: " + ", ".join(f"{v:.1f}" for v in row))


if __name__ == "__main__":
    main()
