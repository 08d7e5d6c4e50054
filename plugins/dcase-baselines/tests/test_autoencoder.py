"""The network: its size, what it computes, and how it begins."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from asd_bench_dcase_baselines.autoencoder import DenseAutoencoder, initialise


def trainable(network):
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


@pytest.mark.parametrize(("n_in", "n_out", "count"), [(5 * 128, 5 * 128, 267_928), (4 * 128, 128, 185_496)])
def test_parameters(n_in, n_out, count):
    assert trainable(DenseAutoencoder(n_in, n_out)) == count


def test_layers():
    network = DenseAutoencoder(640, 640)
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in linear] == [128] * 4 + [8] + [128] * 4 + [640]
    kinds = [type(layer) for layer in network.layers]
    assert kinds == [nn.Linear, nn.BatchNorm1d, nn.ReLU] * 9 + [nn.Linear]
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm1d):
            assert (layer.eps, layer.momentum) == (1e-3, 0.01)


@pytest.fixture
def wire():
    """A network in evaluation mode that passes its first number on from layer to layer, and nothing else."""
    network = DenseAutoencoder(3, 2).eval()
    for layer in network.modules():
        if isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
            layer.weight.data[0, 0] = 1
        if isinstance(layer, nn.BatchNorm1d):
            # With the epsilon this makes a division by one.
            layer.running_var.fill_(1 - 1e-3)
    return network


def first_outputs(network, *inputs):
    vectors = torch.tensor([[value, 100.0, 100.0] for value in inputs])
    return network(vectors)[:, 0].tolist()


def test_forward(wire):
    assert first_outputs(wire, 3, 0.5, -2) == pytest.approx([3, 0.5, 0])


def test_no_relu_and_no_normalisation_after_the_last_layer(wire):
    wire.layers[-1].weight.data[0, 0] = -2
    wire.layers[-1].bias.data[0] = 0.25
    assert first_outputs(wire, 3) == pytest.approx([-5.75])


def test_the_bottleneck_is_normalised_and_rectified(wire):
    bottleneck = wire.layers[13]
    assert bottleneck.num_features == 8
    bottleneck.running_mean[0], bottleneck.weight.data[0], bottleneck.bias.data[0] = 1, 2, 0.5
    assert first_outputs(wire, 3, 0.5) == pytest.approx([4.5, 0])


def test_initialisation_of_keras():
    network = DenseAutoencoder(640, 640)
    initialise(network, "keras", torch.Generator().manual_seed(0))
    first = network.layers[0]
    limit = (6 / (640 + 128)) ** 0.5
    assert 0.99 * limit < first.weight.abs().max() <= limit
    assert not first.bias.any()


def test_initialisation_of_torch():
    network = DenseAutoencoder(640, 640)
    initialise(network, "torch", torch.Generator().manual_seed(0))
    first, limit = network.layers[0], 640**-0.5
    assert 0.99 * limit < first.weight.abs().max() <= limit
    assert 0.9 * limit < first.bias.abs().max() <= limit


def test_initialisation_draws_from_its_generator_alone():
    networks = [DenseAutoencoder(10, 10) for _ in range(3)]
    for network, seed in zip(networks, (0, 0, 1), strict=True):
        torch.manual_seed(seed + 17)
        initialise(network, "torch", torch.Generator().manual_seed(seed))
    first, same, other = (torch.cat([value.flatten() for value in net.parameters()]) for net in networks)
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
