"""Where a record is unusual against the ECG to be expected of this patient."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ecg_core.detection import Explanation
from ecg_core.expected.model import ExpectedModel
from ecg_core.expected.territories import Territory, lead_scores, territory_of
from ecg_core.expected.time_map import WAVE_S, channels, early_by
from ecg_core.explanation import find_stretches
from ecg_core.measurements import Measurements
from ecg_core.measurements.scores import RankScores
from ecg_core.preprocessing import MODEL_FS
from ecg_core.records import LEADS, twelve_from_eight
from ecg_core.scoring import usable_in_map
from ecg_core.segments import SegmentInput

F32 = NDArray[np.float32]


class Where(NamedTuple):
    """Where a record is unusual.

    Attributes
    ----------
    explanation : maps against the expected ECG, as the models' own.
    territory : the leads that are unusual in every beat, in words.
    early_s : times of beats that come early, s from the record's start.
    missing_s : times at which a beat was due and none came.
    """

    explanation: Explanation
    territory: Territory
    early_s: tuple[float, ...]
    missing_s: tuple[float, ...]


def explain_expected(
    model: ExpectedModel, segment: SegmentInput, found: Measurements, ranks: RankScores
) -> Where | None:
    """Return the maps of a segment against its expected ECG; None where it has no median beat.

    Parameters
    ----------
    segment : from `ecg_core.segments.prepare_segment`; masked leads are left out.
    found : its measurements.
    ranks : normal scores of measurements, with `territories.TAILS` of each lead among its names.
    """
    x = segment.eight
    read = np.zeros(len(LEADS), bool)
    if found.beat is not None:
        read[list(found.beat.rows)] = True
    usable = segment.usable & read[[0, 1, *range(6, 12)]]
    expected = model.expect(x, usable, segment.beats, found)
    if expected is None:
        return None
    shown = usable_in_map(usable) & np.array([lead not in segment.quality.faults for lead in LEADS])
    kept = np.where(shown[:, None], np.float32(1), np.float32(np.nan))
    own, wave = model.errors(x, expected)
    error = np.asarray(wave * kept, dtype=np.float32)
    trace = model.levels.of(channels(own * kept, error, expected.places))
    level = model.mark_level
    smooth = uniform_filter1d(np.nan_to_num(error), round(WAVE_S * MODEL_FS), axis=-1, mode="nearest")
    scores = lead_scores(expected.beat.units, model.st_t, found, ranks)
    by_lead = {lead: float(s) if ok else None for lead, s, ok in zip(LEADS, scores, shown, strict=True)}
    explanation = Explanation(
        start_s=segment.start_s,
        fs=MODEL_FS,
        leads=LEADS,
        signal=segment.x,
        reconstruction=twelve_from_eight(expected.x_hat),
        reconstruction_sd=expected.sd,
        error=error,
        sample_scores=trace,
        stretches=find_stretches(trace, np.sqrt(smooth / np.float32(level)), segment.start_s),
        lead_scores=by_lead,
        mark_level=level,
    )
    real = expected.places.times_s[~expected.places.due]
    early = real[early_by(real) > model.levels.rhythm] + segment.start_s
    missing = expected.places.times_s[expected.places.due] + segment.start_s
    return Where(explanation, territory_of(by_lead), tuple(map(float, early)), tuple(map(float, missing)))
