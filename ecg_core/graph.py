"""An autoencoder as a graph of operations, run by ONNX Runtime: what scores a record.

The graph is written from the torch model (`training.graph`) and holds no weights: they come from the checkpoint's
model.safetensors by name. It takes less time than torch for the same sums, and nothing that scores waits for torch.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as state

if TYPE_CHECKING:
    from ecg_core.models import Autoencoder

onnxruntime.disable_telemetry_events()  # there are some on Windows; releases that have them elsewhere are not asked for

F32 = NDArray[np.float32]

ARCHITECTURE = "architecture"
"""Key under which a graph's metadata names the architecture that it was written from, as JSON."""

REFUSED = (
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NoSuchFile,
    state.NotImplemented,
    state.RuntimeException,
)
"""What ONNX Runtime raises of a graph that it cannot run, classes that have only Exception in common."""

INPUTS = ("x", "visible")
OUTPUTS = ("x_hat", "features", "logvar", "logvar_z", "lead_attention", "time_attention")
"""Of the graph; log-variances and attention only for a model that has them."""


class Analysis(NamedTuple):
    """What a network says of records seen three times: under two complementary masks, and whole.

    Attributes
    ----------
    x_hat : (2, batch, 8, n), what it puts in place of the hidden blocks of each masked pass, compressed mV.
    logvar : the same shape, log-variance of `x_hat`; None for a model without one.
    features : (batch, n_features), pooled encoder features of the whole pass.
    """

    x_hat: F32
    logvar: F32 | None
    features: F32


class Received(NamedTuple):
    """The attention that leads, (n_tokens, 8), and tokens, (n_tokens,), receive, over heads and queries."""

    lead: F32
    time: F32


class GraphNetwork:
    """A network that ONNX Runtime runs, one record after the other on one thread.

    So a record scores the same, to the last bit, alone and among others.

    Parameters
    ----------
    graph : the ONNX model, its initializers without data.
    weights : what fills them, by name: the torch model's `state_dict`.
    architecture : what `ecg_core.models.build_model` needs to build the same network.

    Raises
    ------
    ValueError
        If the graph was written from another architecture, or the weights are not what it asks for.
    """

    def __init__(self, graph: bytes, weights: dict[str, NDArray[Any]], architecture: dict[str, Any]) -> None:
        self._architecture, self.weights = architecture, weights
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # what goes wrong is raised
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in weights.values()]
        options.add_external_initializers(list(weights), values)
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except REFUSED as error:
            raise ValueError(f"its graph cannot be run: {error}") from error
        self._given = {output.name for output in self._session.get_outputs()}
        self._outputs = [name for name in ("x_hat", "features", "logvar") if name in self._given]
        written_from = self._session.get_modelmeta().custom_metadata_map.get(ARCHITECTURE, "{}")
        if json.loads(written_from) != json.loads(json.dumps(architecture)):
            raise ValueError(f"its graph was written from {written_from}")

    def analyse(self, x: F32, visible: F32) -> Analysis:
        """Run the three passes of each record.

        Parameters
        ----------
        x : (3, batch, 8, n), compressed mV; two masked passes, then the whole one.
        visible : the same shape, 1 where the network may look.
        """
        one = np.ascontiguousarray
        found = [
            self._session.run(self._outputs, dict(zip(INPUTS, (one(x[:, k]), one(visible[:, k])), strict=True)))
            for k in range(x.shape[1])
        ]
        by_name = dict(zip(self._outputs, zip(*found, strict=True), strict=True))
        logvar = np.stack(by_name["logvar"], axis=1) if "logvar" in by_name else None
        return Analysis(np.stack(by_name["x_hat"], axis=1), logvar, np.concatenate(by_name["features"]))

    @property
    def has_attention(self) -> bool:
        """Whether the network attends."""
        return "lead_attention" in self._given

    def attention(self, x: F32, visible: F32) -> Received | None:
        """Return the attention over a record, x and visible (8, n); None for a model without."""
        if not self.has_attention:
            return None
        passes = dict(zip(INPUTS, (np.stack([value] * 3) for value in (x, visible)), strict=True))
        lead, time = self._session.run(["lead_attention", "time_attention"], passes)
        return Received(lead[0], time[0])

    @cached_property
    def model(self) -> Autoencoder:
        """The same network in torch: for training."""
        from ecg_core.models import load_model  # only where it is asked for: torch comes with it

        return load_model(self._architecture, self.weights)
