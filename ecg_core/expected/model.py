"""What normals teach of a patient's expected ECG, fitted once and kept as a few arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecg_core.beats import Beats
from ecg_core.errors import CheckpointError, ConfigError
from ecg_core.expected.beat import ExpectedBeat, expected_beat
from ecg_core.expected.laying import Places, lay, places, with_neighbours
from ecg_core.expected.phase_out import GRID, PARTS, PhaseOut, fit_phase_out, level_of
from ecg_core.expected.territories import st_t_units
from ecg_core.expected.time_map import Channels, MarkLevels, channels, fit_levels
from ecg_core.imputation import LeadCovariance, fit_lead_covariance
from ecg_core.measurements import Measurements
from ecg_core.measurements.median_beat import BEFORE, GRID_FS
from ecg_core.measurements.norms import Band
from ecg_core.preprocessing import MODEL_FS
from ecg_core.records import LEADS, twelve_from_eight
from ecg_core.scoring import N_PHASES, ErrorScale, beat_phase, squared_error, usable_in_map

F32 = NDArray[np.float32]
Array = NDArray[np.float64]

BAND_STEP = 2
BAND_AT = np.arange(BEFORE - 175, BEFORE + 326, BAND_STEP)
"""Samples of the 500 Hz median beat at which normals' bands are kept: -350 to 650 ms, 250 Hz."""

BAND_PERCENTILES = (5.0, 95.0)
EDGE_S = 0.45


class NormalBeats(NamedTuple):
    """Median beats of normals.

    Attributes
    ----------
    x : shape (n, 8, 576), mV at 500 Hz.
    onset_ms : shape (n,), QRS onset from R.
    rr_s : shape (n,), median RR interval.
    """

    x: F32
    onset_ms: Array
    rr_s: Array


class NormalRecord(NamedTuple):
    """A normal record: shape (8, n), mV at 100 Hz, its R peaks, its measurements."""

    x: F32
    beats: Beats
    measurements: Measurements


class Expectation(NamedTuple):
    """What was to be expected of one record.

    Attributes
    ----------
    places : where beats are, and were due.
    beat : the expected beat and what it was made of.
    own, x_hat : shape (8, n), mV: the median beat, and the expected beat, laid along the record.
    sd : shape (12, n), mV: normals' standard deviation about the prediction, laid alike.
    """

    places: Places
    beat: ExpectedBeat
    own: F32
    x_hat: F32
    sd: F32


@dataclass(frozen=True)
class ExpectedModel:
    """The expected ECG's model.

    Attributes
    ----------
    phase_out : each part of the beat as the other two would have it.
    leads : stands in for leads that cannot be read.
    own_scale, wave_scale : the normals' error against their own median beat, and against their expected ECG.
    levels : of the time map's channels.
    band : shape (2, 12, 251), mV: 5th and 95th percentile of normals' median beats at `BAND_AT`, PR segment as zero.
    st_t : shape (12,), the normals' mean of `territories.st_t_units` in each lead.
    """

    phase_out: PhaseOut
    leads: LeadCovariance
    own_scale: ErrorScale
    wave_scale: ErrorScale
    levels: MarkLevels
    band: F32
    st_t: F32

    @property
    def mark_level(self) -> float:
        """Level of the squared error, 50 ms mean in the highest lead, at which a stretch is marked."""
        return self.levels.wave**2

    @property
    def normal_beats(self) -> Band:
        """The band of normals' median beats."""
        low, high = self.band
        return Band(np.asarray((BAND_AT - BEFORE) * 1000.0 / GRID_FS, dtype=np.float64), low, high)

    def expect(self, x: F32, usable: NDArray[np.bool_], beats: Beats, found: Measurements) -> Expectation | None:
        """Return what is expected of a record, shape (8, n) in mV; None without a median beat.

        Parameters
        ----------
        usable : shape (8,), leads that are not masked; the others are imputed.
        """
        if found.beat is None or not len(beats.samples) or not usable.any():
            return None
        rr_s = float(np.median(beats.rr_ms)) / 1000.0
        beat = expected_beat(found.beat, found.points, rr_s, usable, self.phase_out, self.leads)
        where = places(x[usable], beat.own[usable], found.beat, beats)
        at = with_neighbours(where.at, rr_s, x.shape[1])
        laid = lay(np.concatenate([beat.own, beat.expected, beat.sd]), at, x.shape[1])
        return Expectation(where, beat, laid[:8], laid[8:16], laid[16:])

    def errors(self, x: F32, expected: Expectation) -> tuple[F32, F32]:
        """Return squared errors against own beat and expected ECG in units of the normals', shape (12, n) each."""
        phase = phase_of(expected.places, x.shape[1])
        own = squared_error(x, expected.own) / self.own_scale.at(phase) ** 2
        return own, squared_error(x, expected.x_hat) / self.wave_scale.at(phase) ** 2

    def arrays(self) -> dict[str, NDArray[np.float32] | NDArray[np.float16]]:
        """Return the model as arrays by name; `from_arrays` takes them back."""
        levels = self.levels
        marks = [levels.own, levels.wave, levels.rhythm]
        weights = {f"phase_out/{part}": w.astype(np.float16) for part, w in self.phase_out.weights.items()}
        return {
            **weights,
            "phase_out_sd": self.phase_out.sd.astype(np.float32),
            "phase_out_reach": self.phase_out.reach.astype(np.float32),
            "leads": self.leads.matrix.astype(np.float32),
            "own_scale": self.own_scale.rms.astype(np.float32),
            "wave_scale": self.wave_scale.rms.astype(np.float32),
            "st_t": self.st_t.astype(np.float32),
            "marks": np.array(marks, dtype=np.float32),
            "band": self.band.astype(np.float16),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.floating]]) -> ExpectedModel:
        """Rebuild the model.

        Raises
        ------
        CheckpointError
            If an array is missing or has another shape.
        """
        try:
            found = {name: np.asarray(value, dtype=np.float32) for name, value in arrays.items()}
            own, wave, rhythm = (float(v) for v in found["marks"])
            weights = {part: found[f"phase_out/{part}"] for part in PARTS}
            phase_out = PhaseOut(weights, found["phase_out_sd"], found["phase_out_reach"])
            scales = ErrorScale(found["own_scale"]), ErrorScale(found["wave_scale"])
            leads = LeadCovariance(found["leads"])
            levels = MarkLevels(own, wave, rhythm)
            return cls(phase_out, leads, *scales, levels, found["band"], found["st_t"])
        except (KeyError, ValueError) as error:
            raise CheckpointError(
                f"The expected ECG's arrays are damaged ({error}); get the checkpoint again."
            ) from error


def phase_of(where: Places, n: int) -> NDArray[np.int_]:
    """Return the phase of the beat of n samples, beats that were due counted as beats.

    The ends of the record are a phase of their own: the filter knows one side of them only, and a beat that is cut off
    is not found.
    """
    phase = beat_phase(np.round(where.times_s * MODEL_FS).astype(np.int64), n)
    edge = round(EDGE_S * MODEL_FS)
    phase[:edge] = phase[-edge:] = N_PHASES
    return phase


def fit_scale(errors: Sequence[F32], phases: Sequence[NDArray[np.int_]]) -> ErrorScale:
    """Average squared errors of normals, shape (12, n) each, by lead and phase, the ends of the record included."""
    total, count = np.zeros((len(LEADS), N_PHASES + 1)), np.zeros(N_PHASES + 1)
    for error, phase in zip(errors, phases, strict=True):
        one_hot = np.zeros((len(phase), N_PHASES + 1), np.float32)
        one_hot[np.arange(len(phase)), phase] = 1.0
        total += error @ one_hot
        count += one_hot.sum(axis=0)
    return ErrorScale(np.sqrt(total / np.maximum(count, 1)).astype(np.float32))


def channels_of(model: ExpectedModel, x: F32, expected: Expectation, shown: NDArray[np.bool_]) -> Channels:
    """Return the channels of the time map of a record, shape (8, n).

    Parameters
    ----------
    shown : shape (12,), leads that count.
    """
    own, wave = model.errors(x, expected)
    kept = np.where(shown[:, None], np.float32(1), np.float32(np.nan))
    return channels(own * kept, wave * kept, expected.places)


def fit_expected(
    normals: NormalBeats, records: Iterable[NormalRecord], validation: Iterable[NormalRecord]
) -> ExpectedModel:
    """Fit on normals.

    Parameters
    ----------
    normals : median beats of the training normals: regressions and bands.
    records : training normals, some 2,000 of them: their errors.
    validation : normals that nothing was fitted on: where a stretch is marked.

    Raises
    ------
    ConfigError
        If there are no records to fit on.
    """
    if not len(normals.x):
        raise ConfigError("Expected median beats of normal records to fit the expected ECG on; found none.")
    levelled = np.stack([b - level_of(b, on) for b, on in zip(normals.x, normals.onset_ms, strict=True)])
    phase_out = fit_phase_out(np.ascontiguousarray(levelled[:, :, GRID]), normals.rr_s)
    band = np.percentile(twelve_from_eight(levelled[:, :, BAND_AT]), BAND_PERCENTILES, axis=0).astype(np.float32)
    leads = fit_lead_covariance(levelled)
    unit = ErrorScale(np.ones((len(LEADS), 1), np.float32))
    model = ExpectedModel(
        phase_out, leads, unit, unit, MarkLevels(1.0, 1.0, 1.0), band, np.ones(len(LEADS), np.float32)
    )
    model = _with_scales(model, records)
    return _with_levels(model, validation)


ALL = np.ones(8, bool)


def _with_scales(model: ExpectedModel, records: Iterable[NormalRecord]) -> ExpectedModel:
    own, wave, phases, st_t = [], [], [], []
    for record in records:
        expected = model.expect(record.x, ALL, record.beats, record.measurements)
        if expected is not None:
            own.append(squared_error(record.x, expected.own))
            wave.append(squared_error(record.x, expected.x_hat))
            phases.append(phase_of(expected.places, record.x.shape[1]))
            st_t.append(st_t_units(expected.beat.units, record.measurements))
    if not phases:
        raise ConfigError("Expected normal records with beats to fit the expected ECG on; found none.")
    usual = np.mean(st_t, axis=0).astype(np.float32)
    return replace(model, own_scale=fit_scale(own, phases), wave_scale=fit_scale(wave, phases), st_t=usual)


def _with_levels(model: ExpectedModel, records: Iterable[NormalRecord]) -> ExpectedModel:
    found = []
    for record in records:
        expected = model.expect(record.x, ALL, record.beats, record.measurements)
        if expected is not None:
            found.append(channels_of(model, record.x, expected, usable_in_map(ALL)))
    if not found:
        raise ConfigError("Expected normal records with beats to calibrate the expected ECG on; found none.")
    return replace(model, levels=fit_levels(found))
