"""How many beats are found: by the published rule of the 187-sample beats, and by Leadwise, over all marked records.

    python -m training.peak_rule --mitbih DIR

Kachuee et al. (2018, doi:10.1109/ICHI.2018.00092): 10 s at 125 Hz, scaled from 0 to 1; local maxima above 0.9 are R
peaks. Printed of both: the share of marked beats found within 150 ms, of ventricular ones among them, and the share of
what was found that is a marked beat.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from ecg_core.ambulatory import detect_beats
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


@dataclass
class Found:
    """Counts over records.

    Attributes
    ----------
    marked, found : marked beats, and those with a peak within 150 ms.
    ventricular, ventricular_found : of AAMI class V among them.
    peaks : all that were found.
    """

    marked: int = 0
    found: int = 0
    ventricular: int = 0
    ventricular_found: int = 0
    peaks: int = 0

    def add(self, times_s: NDArray[np.float64], classes: NDArray[np.str_], peaks_s: NDArray[np.float64]) -> None:
        """Count one record: its marked beats, (n,), their AAMI classes, and the peaks found, (m,)."""
        hit = match(times_s, peaks_s) >= 0
        ventricular = classes == "V"
        self.marked += len(hit)
        self.found += int(hit.sum())
        self.ventricular += int(ventricular.sum())
        self.ventricular_found += int((hit & ventricular).sum())
        self.peaks += len(peaks_s)

    def __str__(self) -> str:
        sensitivity, ppv = self.found / max(self.marked, 1), self.found / max(self.peaks, 1)
        ventricular = self.ventricular_found / max(self.ventricular, 1)
        return (
            f"{self.found} of {self.marked} beats, sensitivity {sensitivity:.4f}, PPV {ppv:.4f}, "
            f"ventricular {ventricular:.4f} of {self.ventricular}"
        )


def main(argv: Iterable[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.peak_rule", description="Count the beats that are found.")
    parser.add_argument("--mitbih", type=Path, required=True, help="folder of marked records")
    args = parser.parse_args(None if argv is None else list(argv))
    rule, own = Found(), Found()
    try:
        for stem in tqdm(annotated_stems(args.mitbih), disable=None):
            one = read_annotated(stem)
            times_s = one.samples / one.record.fs
            x = resampled(one.record.lead(lead_of(one.record)), one.record.fs, FROM_R.fs)
            rule.add(times_s, one.classes, published_peaks(x) / FROM_R.fs)
            own.add(times_s, one.classes, detect_beats(one.record))
    except ECGError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(f"Within {1000 * WITHIN_S:.0f} ms: the published rule finds {rule}; Leadwise finds {own}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
