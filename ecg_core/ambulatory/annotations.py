"""Beats as WFDB annotations, which other software opens beside the record.

A beat above the threshold is marked "?" (a beat that is not classified: Leadwise does not say of what kind it is), with
score, shape and lead beside it; every other beat is marked "N", the mark that software takes for a beat of the usual
kind. A comment at the second sample says so. The bytes are in MIT format (WFDB Applications Guide, annot(5)).
"""

from __future__ import annotations

import numpy as np

from ecg_core.ambulatory.detections import BeatDetections
from ecg_core.plain import plain

USUAL, UNCLASSIFIED, COMMENT = 1, 30, 22
"""Codes of the marks "N", "?" and the quote mark."""

SKIP, AUX = 59, 63
LONGEST_STEP = 1023
LONGEST_AUX = 254


def annotation_bytes(found: BeatDetections) -> bytes:
    """Return the beats of a recording as the contents of an annotation file (save it as NAME.atr or NAME.lw).

    Times are samples at the recording's own rate.
    """
    words = [
        *_annotation(COMMENT, 0, f"## time resolution: {found.fs:g}"),
        *_annotation(
            COMMENT,
            1,  # readers take comments at sample 0 for definitions
            f"Leadwise {found.model} {found.checkpoint[:12]}: ? is above the threshold {found.threshold:.3f} "
            f"({100 * found.false_alarm_rate:g} % false alarms), N is not; research use, not a diagnosis.",
        ),
    ]
    last = 1
    samples = np.round(found.times_s * found.fs).astype(np.int64)
    for k, sample in enumerate(samples.tolist()):
        sample = max(sample, last)
        if found.anomalous[k]:
            text = f"score {found.score[k]:.2f}, shape {found.cluster[k]}, {found.lead[k]}"
            words += _annotation(UNCLASSIFIED, sample - last, text)
        else:
            words += _annotation(USUAL, sample - last)
        last = sample
    return b"".join([*words, b"\0\0"])


def _annotation(code: int, step: int, aux: str = "") -> list[bytes]:
    """Return one annotation, `step` samples after the one before."""
    out = []
    if step > LONGEST_STEP:
        high, low = divmod(step, 1 << 16)
        out += [_word(SKIP, 0), high.to_bytes(2, "little"), low.to_bytes(2, "little")]
        step = 0
    out.append(_word(code, step))
    if aux:
        text = plain(aux).encode("ascii", "replace")[:LONGEST_AUX]
        out += [_word(AUX, len(text)), text + b"\0" * (len(text) % 2)]
    return out


def _word(code: int, value: int) -> bytes:
    return (code << 10 | value).to_bytes(2, "little")
