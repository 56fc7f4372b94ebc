"""Write the graph by which ONNX Runtime scores with a network; `training.calibrate` does so for a new checkpoint.

    python -m training.graph --store STORE          # every autoencoder of a store, such as one made before graphs were

The graph is the three passes of one record (`ecg_core.scoring`), any length. Its weights are left out: they stay in
model.safetensors, once, and are given to it by name.
"""

from __future__ import annotations

import argparse
import io
import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor, nn

from ecg_core.checkpoints import default_store, list_checkpoints, load_checkpoint, save_checkpoint
from ecg_core.checkpoints.autoencoder import AutoencoderCheckpoint
from ecg_core.graph import ARCHITECTURE, INPUTS, OUTPUTS
from ecg_core.models import Autoencoder, build_model
from ecg_core.models.layers import N_LEADS
from ecg_core.scoring import complementary_masks

OPSET = 20
PASSES, MASKED = 3, 2
N_SAMPLES = 1000
"""Length of the record that the graph is traced with; it runs for every length."""

PREFIX = "model."


class _ThreePasses(nn.Module):
    """What the graph computes: see `ecg_core.graph.GraphNetwork.analyse`."""

    def __init__(self, model: Autoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, visible: Tensor) -> tuple[Tensor, ...]:
        out, features, attention = self.model.analyse(x, visible, MASKED)
        # logvar_z is asked for by nobody: it gives every weight its place
        found = (out.x_hat, features, out.logvar, out.logvar_z, *(attention or ()))
        return tuple(value for value in found if value is not None)


def graph_of(architecture: dict[str, Any]) -> bytes:
    """Return the ONNX graph of every network of an architecture, without weights.

    torch's older exporter is asked, for its newer one takes an LSTM apart into 125 steps. It runs in inference mode, so
    that the layers take the layout in which scoring is fast (`ecg_core.models.layers.side_by_side`).
    """
    with torch.random.fork_rng(), torch.no_grad():
        model = build_model(architecture).eval()
        for weight in model.state_dict().values():
            weight.normal_()  # of two weights that are equal, the exporter would make one
    x = torch.zeros(PASSES, N_LEADS, N_SAMPLES)
    visible = torch.ones_like(x)
    visible[:MASKED] = torch.from_numpy(complementary_masks(N_SAMPLES).copy())[:, None]
    written = io.BytesIO()
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the older exporter, and of shapes that are the same for every record
        passes = _ThreePasses(model)
        outputs = OUTPUTS[: len(passes(x, visible))]
        long = {name: {2: "n"} for name in (*INPUTS, "x_hat", "logvar")}
        long |= {name: {1: "n_tokens"} for name in ("logvar_z", "lead_attention", "time_attention")}
        torch.onnx.export(
            passes,
            (x, visible),
            written,
            dynamo=False,
            opset_version=OPSET,
            input_names=list(INPUTS),
            output_names=list(outputs),
            dynamic_axes={name: axes for name, axes in long.items() if name in (*INPUTS, *outputs)},
            do_constant_folding=False,  # what is folded loses its name
        )
    graph = onnx.load_from_string(written.getvalue())
    weights = {PREFIX + name for name in model.state_dict()}
    _without_data(graph, weights)
    onnx.helper.set_model_props(graph, {ARCHITECTURE: json.dumps(architecture)})
    return bytes(graph.SerializeToString(deterministic=True))


def _without_data(graph: onnx.ModelProto, weights: set[str]) -> None:
    """Leave out the weights' values and give them the names of the `state_dict`."""
    for tensor in graph.graph.initializer:
        if tensor.name not in weights:
            raise ValueError(f"{tensor.name} is no weight of the network.")
        tensor.name = tensor.name.removeprefix(PREFIX)
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="given by name")
    for node in graph.graph.node:
        node.ClearField("doc_string")
        node.input[:] = [name.removeprefix(PREFIX) if name in weights else name for name in node.input]


def main(argv: list[str] | None = None) -> None:
    """Write the graph of every autoencoder of a store."""
    parser = argparse.ArgumentParser(prog="python -m training.graph", description="Write the graphs of a store.")
    parser.add_argument("--store", type=Path, default=default_store())
    args = parser.parse_args(argv)
    for name in list_checkpoints(args.store):
        checkpoint = load_checkpoint(args.store / name)
        if isinstance(checkpoint, AutoencoderCheckpoint):
            graph = graph_of(checkpoint.config.architecture)
            config = save_checkpoint(replace(checkpoint, graph=graph), args.store / name)
            print(f"{name}: {len(graph) / 1000:.0f} kB, sha256 {config.graph_sha256[:12]}")


if __name__ == "__main__":
    main()
