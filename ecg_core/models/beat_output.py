"""What every network of single beats returns."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class BeatOutput(NamedTuple):
    """A restored window.

    Attributes
    ----------
    x_hat : (batch, n_samples), on the scale of the input.
    z : (batch, n_latents), what the window was restored from.
    attention : (batch, n_tokens), where the network looked, each row adding up to one; None where it does not attend.
    """

    x_hat: Tensor
    z: Tensor
    attention: Tensor | None
