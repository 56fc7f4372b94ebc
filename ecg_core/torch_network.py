"""A network run by torch: in training, and for a checkpoint that has no graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ecg_core.graph import Analysis, Received
from ecg_core.models import Autoencoder
from ecg_core.models.layers import ModelOutput
from ecg_core.models.vae_bilstm_mha import VAEBiLSTMMHA, received
from ecg_core.preprocessing import compress
from ecg_core.scoring import Restoration, joined, masked

F32 = NDArray[np.float32]


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run torch on one thread: on 10 s of ECG, threads wait for each other longer than they compute.

    And what two threads add up, they may add up in another order.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class TorchNetwork:
    """A network that torch runs, a batch at once: the same as `ecg_core.graph.GraphNetwork` to some 1e-6."""

    def __init__(self, model: Autoencoder) -> None:
        self.model = model

    @property
    def weights(self) -> dict[str, NDArray[Any]]:
        """Its weights by name."""
        return {name: value.detach().cpu().numpy() for name, value in self.model.state_dict().items()}

    @torch.inference_mode()
    def analyse(self, x: F32, visible: F32) -> Analysis:
        """Run the three passes, (3, batch, 8, n), of all records, the encoder once over all of them."""
        with _one_thread():
            found = self.model.analyse(_rows(x), _rows(visible), 2 * x.shape[1])
        return Analysis(*_both(found.out), found.features.numpy())

    @property
    def has_attention(self) -> bool:
        """Whether the network attends."""
        return isinstance(self.model, VAEBiLSTMMHA)

    @torch.inference_mode()
    def attention(self, x: F32, visible: F32) -> Received | None:
        """Return the attention over a record, x and visible (8, n); None for a network without."""
        if not isinstance(self.model, VAEBiLSTMMHA):
            return None
        with _one_thread():
            weights = self.model.attention(*(torch.from_numpy(value)[None] for value in (x, visible)))
        return Received(*(value[0].numpy() for value in received(weights)))


def _rows(passes: F32) -> torch.Tensor:
    """Return passes of a batch, (n_passes, batch, 8, n), one after the other."""
    return torch.from_numpy(np.ascontiguousarray(passes)).flatten(0, 1)


def _both(out: ModelOutput) -> tuple[F32, F32 | None]:
    """Return mean and log-variance of both masked passes, (2, batch, 8, n)."""
    halves = (2, len(out.x_hat) // 2)
    logvar = None if out.logvar is None else out.logvar.unflatten(0, halves).numpy()
    return out.x_hat.unflatten(0, halves).numpy(), logvar


@torch.inference_mode()
def restore(model: Autoencoder, x: F32, usable: NDArray[np.bool_]) -> Restoration:
    """Restore every block of every lead from what surrounds it.

    A plain forward pass copies the anomaly into the reconstruction; a block that was hidden cannot be copied.

    Parameters
    ----------
    x : (batch, 8, n), mV at 100 Hz.
    usable : (batch, 8): leads that are not hidden throughout.
    """
    y, visible = masked(x, usable)
    return joined(*_both(model(_rows(np.stack([y, y])), _rows(visible))), y)


@torch.inference_mode()
def latent_features(model: Autoencoder, x: F32) -> F32:
    """Return the pooled encoder features, (batch, n_features), of complete records x, (batch, 8, n) in mV."""
    target = torch.from_numpy(compress(x))
    return np.asarray(model.features(target, torch.ones_like(target)).numpy())
