"""From a network to scores: where a record is unusual (sample, lead) and how much (the two parts)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from ecg_core.density import Density
from ecg_core.graph import Analysis, Received
from ecg_core.imputation import LeadCovariance
from ecg_core.preprocessing import COMPRESSION, MODEL_FS, compress, expand
from ecg_core.records import INDEPENDENT_LEADS, LEADS, twelve_from_eight
from ecg_core.sign_head import SignHead

if TYPE_CHECKING:
    from ecg_core.models import Autoencoder

F32 = NDArray[np.float32]

BLOCK_S = 0.48
"""Length of the blocks that the network restores without seeing them."""

PHASE_BIN_S = 0.02
PHASE_BEFORE_S, PHASE_AFTER_S = 0.30, 0.50
N_PHASES = round((PHASE_BEFORE_S + PHASE_AFTER_S) / PHASE_BIN_S) + 1
"""Phases of the beat in steps of 20 ms around R, and one for the rest of the cycle."""

TRACE_S = 0.05
MIN_SCALE_MV = 0.005


class Forward(Protocol):
    """What runs a network: `ecg_core.graph.GraphNetwork`, or `ecg_core.torch_network.TorchNetwork`."""

    def analyse(self, x: F32, visible: F32) -> Analysis:
        """Run the three passes of each record, x and visible (3, batch, 8, n)."""
        ...

    def attention(self, x: F32, visible: F32) -> Received | None:
        """Return the attention over a record, x and visible (8, n); None for a network without."""
        ...

    @property
    def has_attention(self) -> bool:
        """Whether `attention` has any to return."""
        ...

    @property
    def model(self) -> Autoencoder:
        """The network itself, in torch."""
        ...

    @property
    def weights(self) -> dict[str, NDArray[Any]]:
        """Its weights by the names of the torch model's `state_dict`."""
        ...


class Restoration(NamedTuple):
    """What the network put in place of hidden blocks.

    Attributes
    ----------
    x_hat : (batch, 8, n), mV.
    sd : (batch, 8, n), mV; None for a model without variance.
    nll : (batch, 8, n), nats on the compressed scale; None for a model without variance.
    """

    x_hat: F32
    sd: F32 | None
    nll: F32 | None


@lru_cache(maxsize=16)
def complementary_masks(n_samples: int) -> NDArray[np.float32]:
    """Return two masks, (2, n_samples), 1 = visible: each hides the blocks of 0.48 s that the other shows."""
    odd = (np.arange(n_samples) // round(BLOCK_S * MODEL_FS)) % 2
    masks = np.stack([odd, 1 - odd]).astype(np.float32)
    masks.flags.writeable = False
    return masks


def masked(x: F32, usable: NDArray[np.bool_]) -> tuple[F32, F32]:
    """Return the records as a network takes them, (batch, 8, n), and what is visible in both masked passes, (2, ...).

    Parameters
    ----------
    x : (batch, 8, n), mV at 100 Hz.
    usable : (batch, 8): leads that are not hidden throughout; the others are zero.
    """
    y = np.where(usable[..., None], compress(x), np.float32(0))
    return y, complementary_masks(x.shape[-1])[:, None, None, :] * usable[None, :, :, None].astype(np.float32)


def gaussian_nll(y: F32, logvar: F32, target: F32) -> F32:
    """Return the negative log-likelihood of each sample, as `ecg_core.models.losses.gaussian_nll` in torch."""
    return np.asarray(0.5 * (logvar + (target - y) ** 2 * np.exp(-logvar)), dtype=np.float32)


def joined(x_hat: F32, logvar: F32 | None, target: F32) -> Restoration:
    """Put together what each of the two masked passes restored.

    Parameters
    ----------
    x_hat, logvar : (2, batch, 8, n), on the compressed scale.
    target : (batch, 8, n), what was to be restored, on the same scale.
    """
    first = complementary_masks(target.shape[-1])[0] == 0  # hidden, so restored, in the first pass
    y = np.where(first, x_hat[0], x_hat[1])
    restored = expand(y)
    if logvar is None:
        return Restoration(restored, None, None)
    spread = np.where(first, logvar[0], logvar[1])
    slope = 1.0 / COMPRESSION + np.abs(restored)  # d expand / dy: the standard deviation back in mV
    sd = np.asarray(np.exp(0.5 * spread) * slope, dtype=np.float32)
    return Restoration(restored, sd, gaussian_nll(y, spread, target))


@dataclass(frozen=True, eq=False)
class Inputs:
    """What every network is given of a batch of records: worked out once, whichever networks look at it.

    Attributes
    ----------
    x : (batch, 8, n), mV at 100 Hz.
    usable : (batch, 8), leads that are not masked.
    phases : (batch, n), see `beat_phase`.
    y : (batch, 8, n), x on the compressed scale, masked leads at zero.
    visible : (3, batch, 8, n), what both masked passes may look at, and all of the whole one.
    """

    x: F32
    usable: NDArray[np.bool_]
    phases: NDArray[np.int_]
    y: F32
    visible: F32


def inputs_of(x: F32, usable: NDArray[np.bool_], phases: NDArray[np.int_]) -> Inputs:
    """Return what networks are given of x, (batch, 8, n) in mV."""
    y, visible = masked(x, usable)
    return Inputs(x, usable, phases, y, np.concatenate([visible, np.ones_like(visible[:1])]))


def together(several: Sequence[Inputs]) -> Inputs:
    """Return batches of records of one length as one batch."""
    if len(several) == 1:
        return several[0]
    return Inputs(
        np.concatenate([one.x for one in several]),
        np.concatenate([one.usable for one in several]),
        np.concatenate([one.phases for one in several]),
        np.concatenate([one.y for one in several]),
        np.concatenate([one.visible for one in several], axis=1),
    )


def restore_and_describe(forward: Forward, inputs: Inputs, filled: F32) -> tuple[Restoration, F32]:
    """Restore every block of every lead from what surrounds it, and pool the encoder's features of `filled`.

    A plain forward pass copies the anomaly into the reconstruction; a block that was hidden cannot be copied.

    Parameters
    ----------
    filled : (batch, 8, n), the records with something in place of masked leads.
    """
    y = inputs.y
    found = forward.analyse(np.stack([y, y, y if filled is inputs.x else compress(filled)]), inputs.visible)
    return joined(found.x_hat, found.logvar, y), found.features


def beat_phase(beats: NDArray[np.int_], n_samples: int) -> NDArray[np.int_]:
    """Return the phase of each sample, (n_samples,): steps of 20 ms from 300 ms before R to 500 ms after.

    The last phase is the rest of the cycle, and the whole record where no beats were found. A sample between two
    beats belongs to the next one within 300 ms of it.
    """
    phase = np.full(n_samples, N_PHASES - 1)
    before, after, step = (round(s * MODEL_FS) for s in (PHASE_BEFORE_S, PHASE_AFTER_S, PHASE_BIN_S))
    for r in np.sort(beats):
        lo, hi = max(r - before, 0), min(r + after, n_samples)
        phase[lo:hi] = (np.arange(lo, hi) - (r - before)) // step
    return phase


@dataclass(frozen=True)
class ErrorScale:
    """The normals' error of restoration: RMS in mV, shape (12, N_PHASES), by lead and phase of the beat."""

    rms: F32

    def at(self, phase: NDArray[np.int_]) -> F32:
        """Return the scale along a record, (12, n_samples), mV."""
        return np.maximum(self.rms, MIN_SCALE_MV)[:, phase]


def squared_error(x: F32, x_hat: F32) -> F32:
    """Return the squared error of the twelve leads, (..., 12, n), mV^2, from the eight (..., 8, n)."""
    return np.asarray(twelve_from_eight(x - x_hat) ** 2)


def fit_error_scale(errors: F32, phases: NDArray[np.int_]) -> ErrorScale:
    """Average squared errors of normals, (n, 12, n_samples), by lead and phase (n, n_samples)."""
    total = np.zeros((len(LEADS), N_PHASES))
    count = np.bincount(phases.ravel(), minlength=N_PHASES)
    for error, phase in zip(errors, phases, strict=True):
        for row, lead_error in enumerate(error):
            total[row] += np.bincount(phase, lead_error, minlength=N_PHASES)
    return ErrorScale(np.sqrt(total / np.maximum(count, 1)).astype(np.float32))


def usable_in_map(usable: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which of the twelve leads have an error: the limb leads derived from I and II need both."""
    both = usable[0] and usable[1]
    return np.concatenate([usable[:2], np.full(4, both), usable[2:]])


def score_trace(error: F32) -> F32:
    """Return the anomaly trace of a record, (n,), from its error map (12, n): 50 ms mean, highest lead."""
    return np.asarray(smooth_error(error).max(axis=0), dtype=np.float32)


def smooth_error(error: F32) -> F32:
    """Return the error's 50 ms mean, (..., n); zero in leads left out."""
    return np.asarray(uniform_filter1d(np.nan_to_num(error), round(TRACE_S * MODEL_FS), axis=-1, mode="nearest"))


def reconstruction_part(error: F32, nll: F32 | None, usable: NDArray[np.bool_]) -> float:
    """Return how badly a record was restored: the higher, the more anomalous.

    The VAEs' mean negative log-likelihood a sample; for the CAE the mean logarithm of one plus the error in units
    of the normals' at that lead and phase (a mean of squares would be a few spikes).

    Parameters
    ----------
    error : (12, n), squared, in units of the normals'.
    nll : (8, n), nats, or None.
    usable : (8,): leads that count.
    """
    if nll is not None:
        return float(nll[usable].mean(dtype=np.float64))
    rows = [LEADS.index(lead) for lead in INDEPENDENT_LEADS]
    return float(np.log1p(error[rows][usable]).mean(dtype=np.float64))


@dataclass(frozen=True)
class Network:
    """An autoencoder with what was fitted around it on training normals.

    Attributes
    ----------
    forward : runs it.
    density : of pooled encoder features.
    signs : read off the same features.
    error_scale : the normals' error of restoration.
    leads : stands in for masked leads where the latent needs all.
    """

    forward: Forward
    density: Density
    signs: SignHead
    error_scale: ErrorScale
    leads: LeadCovariance

    @property
    def model(self) -> Autoencoder:
        """The network in torch: for training."""
        return self.forward.model


class RawParts(NamedTuple):
    """The parts of a batch's scores on their own scales, and the maps behind them.

    Attributes
    ----------
    reconstruction, latent, signs : (batch,) each; higher = more anomalous.
    restoration : what the network put in place of hidden blocks.
    scale : (batch, 12, n), the normals' RMS error at each lead and phase, mV.
    error : (batch, 12, n), squared error in units of `scale`.
    features : (batch, n_features), the pooled features that `latent` and `signs` were read off.
    """

    reconstruction: NDArray[np.float64]
    latent: NDArray[np.float64]
    signs: NDArray[np.float64]
    restoration: Restoration
    scale: F32
    error: F32
    features: F32


def raw_parts(network: Network, inputs: Inputs) -> RawParts:
    """Run a network on a batch and return the parts of its score."""
    x, usable = inputs.x, inputs.usable
    restoration, features = restore_and_describe(network.forward, inputs, network.leads.fill(x, usable))
    scale = np.stack([network.error_scale.at(phase) for phase in inputs.phases])
    error = squared_error(x, restoration.x_hat) / scale**2
    nll = restoration.nll
    reconstruction = [reconstruction_part(error[k], None if nll is None else nll[k], usable[k]) for k in range(len(x))]
    latent, signs = network.density.score(features), network.signs.score(features)
    return RawParts(np.array(reconstruction), latent, signs, restoration, scale, error, features)
