"""Recordings with marked beats that tests write themselves: names and lead order of MIT-BIH, made-up patients."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.mitbih import quiet_wfdb

WIDTHS = {"N": 0.012, "A": 0.012, "V": 0.045}


def marked_recording(
    seed: int, seconds: float = 60.0, fs: float = 360.0, abnormal: float = 0.2
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return a recording of two leads, (2, n), mV, its R peaks and their marks; V is wide, inverted and early."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * fs)) / fs
    rr, height = rng.uniform(0.7, 0.9), rng.uniform(0.8, 1.3)
    x = 0.1 * np.sin(2 * np.pi * 0.2 * t) + rng.normal(0, 0.01, t.shape)
    at, marks = [], []
    r = 0.6
    while r < seconds - 0.6:
        mark = "V" if rng.random() < abnormal else "N"
        early = 0.2 * rr if mark == "V" else 0.0
        size = -1.2 * height if mark == "V" else height
        x += size * np.exp(-0.5 * ((t - (r - early)) / WIDTHS[mark]) ** 2)
        x += 0.25 * height * np.exp(-0.5 * ((t - (r - early) - 0.25) / 0.05) ** 2)
        at.append(round((r - early) * fs))
        marks.append(mark)
        r += rr
    return np.stack([x, -0.6 * x]).astype(np.float32), np.array(at), marks


def write_marked(
    folder: Path, name: str, seed: int, leads: tuple[str, str] = ("MLII", "V1"), fs: float = 360.0, **kinds: float
) -> None:
    """Write a WFDB record of format 212 and its marks, with a rhythm mark before them."""
    folder.mkdir(parents=True, exist_ok=True)
    x, at, marks = marked_recording(seed, fs=fs, **kinds)
    x = x[::-1] if leads[1] == "MLII" else x
    values = {"units": ["mV"] * 2, "fmt": ["212"] * 2, "adc_gain": [200.0] * 2, "baseline": [0, 0]}
    with quiet_wfdb() as wfdb:
        wfdb.wrsamp(name, fs, sig_name=list(leads), p_signal=x.T.astype(np.float64), write_dir=str(folder), **values)
    write_marks(folder, name, np.concatenate([[18], at]), ["+", *marks], fs)


def write_marks(folder: Path, name: str, at: np.ndarray, marks: list[str], fs: float = 360.0) -> None:
    """Write NAME.atr; a "+" says sinus rhythm."""
    aux = ["(N" if mark == "+" else "" for mark in marks]
    with quiet_wfdb() as wfdb:
        wfdb.wrann(name, "atr", at, symbol=marks, aux_note=aux, fs=fs, write_dir=str(folder))


def write_mitbih(folder: Path, records: tuple[str, ...]) -> Path:
    """Write records under MIT-BIH's names; in 114 the leads stand in the other order, as they do there."""
    for k, name in enumerate(records):
        write_marked(folder, name, k, ("V5", "MLII") if name == "114" else ("MLII", "V1"))
    return folder
