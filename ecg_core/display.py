"""Filters for the eye: put on a copy of what is on view, at the record's own rate, never on what is scored.

Each is run forwards and backwards, so that no wave moves in time. None is on unless the reader chooses it, and the
paper names each that is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from ecg_core.errors import ConfigError
from ecg_core.records import Record

F32 = NDArray[np.float32]

ORDER = 2
NOTCH_Q = 30.0
MARGIN_S = 10.0
"""What lies this far before and after the stretch on view settles the filter, where the record has it."""


@dataclass(frozen=True)
class DisplayFilter:
    """One filter.

    Attributes
    ----------
    title : as it is named in the menu and on the paper.
    kind : "bandpass", "lowpass" or "notch".
    edges_hz : lower and upper cut-off; the cut-off; or the frequency that is taken out. At a cut-off of a pass band
        the amplitude is halved (twice 3 dB, forwards and backwards).
    """

    title: str
    kind: Literal["bandpass", "lowpass", "notch"]
    edges_hz: tuple[float, ...]


FILTERS: dict[str, DisplayFilter] = {
    "0.05-150": DisplayFilter("0.05–150 Hz", "bandpass", (0.05, 150.0)),
    "low-40": DisplayFilter("40 Hz low-pass", "lowpass", (40.0,)),
    "notch-50": DisplayFilter("50 Hz notch", "notch", (50.0,)),
    "notch-60": DisplayFilter("60 Hz notch", "notch", (60.0,)),
}
"""The filters by name, in the order in which they are offered and put on."""


def available(fs: float) -> tuple[str, ...]:
    """Return the names of the filters that a sampling rate can carry: those that end below half of it."""
    return tuple(name for name, f in FILTERS.items() if f.edges_hz[-1] < fs / 2)


def titles(names: Iterable[str]) -> tuple[str, ...]:
    """Return how the chosen filters are named, in the order in which they are put on."""
    chosen = set(names)
    return tuple(f.title for name, f in FILTERS.items() if name in chosen)


def filtered(signal: F32, fs: float, names: Iterable[str]) -> F32:
    """Return a filtered copy, shape and dtype as given; samples that are missing stay missing.

    Parameters
    ----------
    signal : shape (..., n_samples), mV.
    fs : Hz.
    names : keys of `FILTERS`.

    Raises
    ------
    ConfigError
        For a name that is not a filter, or a filter that the sampling rate cannot carry.
    """
    chosen = set(names)
    for name in sorted(chosen):
        _check(name, fs)
    if not chosen:
        return signal
    lost = ~np.isfinite(signal)
    x = _bridged(signal, lost) if lost.any() else np.asarray(signal, dtype=np.float64)
    for name in (key for key in FILTERS if key in chosen):
        x = sps.sosfiltfilt(_sections(name, fs), x, axis=-1, padtype="odd", padlen=_pad(name, fs, x.shape[-1]))
    out = np.ascontiguousarray(x, dtype=np.float32)
    out[lost] = np.nan
    return out


def on_view(record: Record, start_s: float, stop_s: float, names: Iterable[str] = ()) -> Record:
    """Return the stretch of a record between two times, as it is to be shown.

    Parameters
    ----------
    start_s, stop_s : seconds from the recording's start (`record.start_s` is where `record.signal` begins).

    Raises
    ------
    ConfigError
        As `filtered`.
    """
    chosen = tuple(names)
    begin, end = start_s - record.start_s, stop_s - record.start_s
    shown = record.crop(max(begin, 0.0), min(end, record.duration))
    if not chosen:
        return shown
    before = max(begin - MARGIN_S, 0.0)
    wide = record.crop(before, min(end + MARGIN_S, record.duration))
    skip = round((shown.start_s - wide.start_s) * record.fs)
    smooth = filtered(wide.signal, record.fs, chosen)[:, skip : skip + shown.n_samples]
    return replace(shown, signal=np.ascontiguousarray(smooth))


def _check(name: str, fs: float) -> None:
    if name not in FILTERS:
        raise ConfigError(f"Expected a display filter, one of {', '.join(FILTERS)}; found {name!r}.")
    if name not in available(fs):
        top = FILTERS[name].edges_hz[-1]
        raise ConfigError(
            f"Expected a sampling rate above {2 * top:g} Hz for the filter {FILTERS[name].title}; "
            f"found {fs:g} Hz; choose another filter."
        )


@lru_cache(maxsize=32)
def _sections(name: str, fs: float) -> NDArray[np.float64]:
    """Return second-order sections of one run of the filter."""
    f = FILTERS[name]
    if f.kind == "notch":
        return np.asarray(sps.tf2sos(*sps.iirnotch(f.edges_hz[0], NOTCH_Q, fs=fs)), dtype=np.float64)
    edges = f.edges_hz[0] if f.kind == "lowpass" else f.edges_hz
    return np.asarray(sps.butter(ORDER, edges, f.kind, fs=fs, output="sos"), dtype=np.float64)


def _pad(name: str, fs: float, n: int) -> int:
    """Return how many samples are reflected at each end: the whole signal for the slow high-pass, else 1 s."""
    wanted = n if FILTERS[name].kind == "bandpass" else round(fs)
    return max(0, min(wanted, n - 1))


def _bridged(signal: F32, lost: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the signal with a straight line over what is missing."""
    rows = np.array(signal, dtype=np.float64).reshape(-1, signal.shape[-1])
    at = np.arange(rows.shape[-1])
    for row, gone in zip(rows, lost.reshape(rows.shape), strict=True):
        if gone.any():
            row[gone] = np.interp(at[gone], at[~gone], row[~gone]) if not gone.all() else 0.0
    return rows.reshape(signal.shape)
