"""A network's graph says what torch says, of any length, and runs nothing that it was not written from."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from functools import cache

import numpy as np
import onnx
import pytest
import torch

from ecg_core.checkpoints import default_store, load_autoencoder
from ecg_core.explanation import attention_of
from ecg_core.graph import GraphNetwork
from ecg_core.imputation import LeadCovariance
from ecg_core.models import REGISTRY, architecture_of, build_model
from ecg_core.scoring import Inputs, inputs_of, restore_and_describe
from ecg_core.torch_network import TorchNetwork
from training.graph import graph_of

SMALL = {
    "CAE": {"class": "CAE", "width": 32, "n_latents": 4, "dilations": [2]},
    "VAE-BiLSTM": {"class": "VAE-BiLSTM", "width": 32, "hidden": 16, "n_latents": 8},
    "VAE-BiLSTM-MHA": {"class": "VAE-BiLSTM-MHA", "width": 32, "hidden": 16, "latents_per_lead": 2, "heads": 2},
}
SHIPPED = {"CAE": "cae", "VAE-BiLSTM": "vae-bilstm", "VAE-BiLSTM-MHA": "vae-bilstm-mha"}


def signals(batch: int, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.3, (batch, 8, n)).astype(np.float32)


def given(x: np.ndarray, usable: np.ndarray) -> Inputs:
    return inputs_of(x, usable, np.zeros((len(x), x.shape[-1]), int))


@cache
def both(name: str) -> tuple[TorchNetwork, GraphNetwork]:
    """Return an untrained network of an architecture, as torch and as its graph run it."""
    torch.manual_seed(0)
    torch_network = TorchNetwork(build_model(SMALL[name]).eval())
    return torch_network, GraphNetwork(graph_of(SMALL[name]), torch_network.weights, SMALL[name])


@pytest.mark.parametrize("n", [1000, 500, 733])
@pytest.mark.parametrize("name", REGISTRY)
def test_the_graph_says_what_torch_says(name, n):
    x, usable = signals(2, n), np.ones((2, 8), bool)
    usable[1, 5] = False
    leads = LeadCovariance(np.eye(8, dtype=np.float32) + 0.5)
    (one, features), (two, same) = (
        restore_and_describe(network, given(x, usable), leads.fill(x, usable)) for network in both(name)
    )
    assert np.allclose(features, same, atol=1e-5)
    for a, b in zip(one, two, strict=True):
        assert (a is None) == (b is None)
        assert a is None or np.allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("name", REGISTRY)
def test_the_shipped_graph_says_what_torch_says(name):
    checkpoint = load_autoencoder(default_store() / SHIPPED[name])
    assert isinstance(checkpoint.network.forward, GraphNetwork)
    x, usable = signals(1, 1000), np.ones((1, 8), bool)
    (one, features), (two, same) = (
        restore_and_describe(network, given(x, usable), x)
        for network in (TorchNetwork(checkpoint.network.model), checkpoint.network.forward)
    )
    assert np.allclose(features, same, atol=1e-5)
    assert np.allclose(one.x_hat, two.x_hat, atol=1e-5)
    assert np.ptp(one.x_hat) > 0.1


@pytest.mark.parametrize("name", SHIPPED.values())
def test_the_shipped_graph_is_the_one_that_is_written(name):
    checkpoint = load_autoencoder(default_store() / name)
    assert hashlib.sha256(graph_of(checkpoint.config.architecture)).hexdigest() == checkpoint.config.graph_sha256


@pytest.mark.parametrize("name", SHIPPED.values())
def test_a_record_scores_the_same_alone_and_among_others(name):
    forward = load_autoencoder(default_store() / name).network.forward
    x, usable = signals(3, 1000), np.ones((3, 8), bool)
    together, features = restore_and_describe(forward, given(x, usable), x)
    for k in range(3):
        alone, own = restore_and_describe(forward, given(x[k : k + 1], usable[:1]), x[k : k + 1])
        assert np.array_equal(alone.x_hat[0], together.x_hat[k])
        assert np.array_equal(own[0], features[k])


@pytest.mark.parametrize("name", SHIPPED.values())
def test_a_block_is_restored_without_looking_at_it(name):
    forward = load_autoencoder(default_store() / name).network.forward
    x, usable = signals(1, 1000), np.ones((1, 8), bool)
    changed = x.copy()
    changed[..., 480:528] += 3.0  # the whole of one block
    one, two = (restore_and_describe(forward, given(value, usable), value)[0].x_hat for value in (x, changed))
    assert np.array_equal(one[..., 480:528], two[..., 480:528])
    assert not np.array_equal(one[..., 528:576], two[..., 528:576])  # its neighbour is restored from it


@pytest.mark.parametrize("name", REGISTRY)
def test_a_graph_holds_no_weights(name):
    graph = onnx.load_from_string(graph_of(SMALL[name]))
    assert {tensor.name for tensor in graph.graph.initializer} == set(build_model(SMALL[name]).state_dict())
    assert all(not tensor.raw_data and not tensor.float_data for tensor in graph.graph.initializer)


def test_a_graph_of_another_architecture_is_refused():
    torch_network, _ = both("CAE")
    other = {**SMALL["CAE"], "dilations": [6]}  # weights of the same shapes
    with pytest.raises(ValueError, match="its graph was written from"):
        GraphNetwork(graph_of(SMALL["CAE"]), torch_network.weights, other)


def test_a_graph_without_one_of_its_weights_is_refused():
    torch_network, _ = both("CAE")
    few = {name: value for name, value in torch_network.weights.items() if name != "to_z.weight"}
    with pytest.raises(ValueError, match="its graph cannot be run"):
        GraphNetwork(graph_of(SMALL["CAE"]), few, SMALL["CAE"])


@pytest.mark.parametrize("name", REGISTRY)
def test_the_same_network_in_torch_is_at_hand(name):
    torch_network, graph = both(name)
    assert architecture_of(graph.model) == architecture_of(torch_network.model)
    for key, value in torch_network.model.state_dict().items():
        assert torch.equal(value, graph.model.state_dict()[key])


@pytest.mark.parametrize("n", [1000, 733])
@pytest.mark.parametrize("name", REGISTRY)
def test_attention_is_torchs(name, n):
    usable = np.array([True, True, False, True, True, True, True, True])
    torch_network, graph = both(name)
    assert torch_network.has_attention == graph.has_attention == hasattr(graph.model, "attention")
    one, two = (attention_of(network, signals(1, n)[0], usable) for network in (torch_network, graph))
    assert (one is not None) == (two is not None) == graph.has_attention
    if one is not None and two is not None:
        assert one.lead_weights.shape == two.lead_weights.shape == (8, -(-n // 8))
        assert np.allclose(one.lead_weights, two.lead_weights, atol=1e-5)
        assert np.allclose(one.time_weights, two.time_weights, atol=1e-6)
        assert two.lead_weights.sum(axis=0) == pytest.approx(1.0, abs=1e-4)
        assert two.time_weights.sum() == pytest.approx(1.0, abs=1e-4)


def test_scoring_does_not_load_torch():
    code = (
        "import sys; from ecg_core.detector import AnomalyDetector; from ecg_core.readers import read_record; "
        "from ecg_core.synthetic import example_paths; "
        "record = read_record(example_paths()[0]); AnomalyDetector.from_store().detect(record); "
        "AnomalyDetector.from_store('vae-bilstm-mha').attention(record); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'onnx', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
