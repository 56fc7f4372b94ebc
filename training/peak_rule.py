"""How many beats the published rule of the 187-sample beats finds: maxima above 0.9 of each 10 s.

    python -m training.peak_rule --mitbih DIR

Kachuee et al. (2018, doi:10.1109/ICHI.2018.00092): 10 s at 125 Hz, scaled from 0 to 1; local maxima above 0.9 are R
peaks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.errors import ECGError
from ecg_core.models.beat_windows import FROM_R, resampled
from training.mitbih import WITHIN_S, annotated_stems, lead_of, match, read_annotated

WINDOW_S = 10.0
SHARE = 0.9


def published_peaks(x: NDArray[np.float32], fs: float = FROM_R.fs) -> NDArray[np.int64]:
    """Return the samples that the rule calls R peaks, ascending.

    Parameters
    ----------
    x : (n,), one lead.
    fs : Hz.
    """
    found = []
    n = round(WINDOW_S * fs)
    for start in range(0, len(x), n):
        part = x[start : start + n]
        span = np.ptp(part)
        if len(part) < 3 or span == 0:
            continue
        scaled = (part - part.min()) / span
        rising, falling = np.diff(scaled)[:-1] > 0, np.diff(scaled)[1:] <= 0
        found.append(start + 1 + np.flatnonzero(rising & falling & (scaled[1:-1] > SHARE)))
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def main(argv: Iterable[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.peak_rule", description="Try the published peak rule.")
    parser.add_argument("--mitbih", type=Path, required=True, help="folder of marked records")
    args = parser.parse_args(None if argv is None else list(argv))
    hits = beats = 0
    try:
        for stem in tqdm(annotated_stems(args.mitbih), disable=None):
            one = read_annotated(stem)
            x = resampled(one.record.lead(lead_of(one.record)), one.record.fs, FROM_R.fs)
            hit = match(one.samples / one.record.fs, published_peaks(x) / FROM_R.fs) >= 0
            hits, beats = hits + int(hit.sum()), beats + len(hit)
    except ECGError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"The published rule finds {hits} of {beats} beats, {hits / beats:.1%}, within {1000 * WITHIN_S:.0f} ms.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
