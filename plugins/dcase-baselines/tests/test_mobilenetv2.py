"""The classifiers' network: its size, its input, its first weights."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from asd_bench_dcase_baselines.mobilenetv2 import ImageClassifier, initialise


def made(n_classes=4, width=0.5, seed=0):
    network = ImageClassifier(n_classes, width, norm_momentum=1e-3)
    initialise(network, torch.Generator().manual_seed(seed))
    return network


@pytest.mark.parametrize(("n_classes", "expected"), [(4, 692_804), (3, 691_523)])
def test_number_of_parameters(n_classes, expected):
    assert sum(values.numel() for values in made(n_classes).parameters()) == expected


def test_batch_normalisation_is_keras_s():
    norms = [layer for layer in made().modules() if isinstance(layer, nn.BatchNorm2d)]
    assert len(norms) == 52
    assert {(norm.eps, norm.momentum) for norm in norms} == {(1e-3, 1e-3)}


def test_each_of_three_channels_is_the_image_frames_by_bands(monkeypatch):
    network, images = made(), torch.randn(2, 64, 128)
    given = []
    monkeypatch.setattr(network.backbone, "forward", lambda pixels: given.append(pixels) or torch.zeros(2, 1280))
    assert network(images).shape == (2, 4)
    assert given[0].shape == (2, 3, 64, 128)
    for channel in range(3):
        assert torch.equal(given[0][:, channel], images)


@pytest.mark.parametrize(
    ("layer", "inputs", "outputs"),
    [
        ("backbone.conv_stem", 3 * 9, 16 * 9),
        # In Keras's form a depthwise kernel of 96 channels has 96 inputs and one output.
        ("backbone.blocks.1.1.conv_dw", 96 * 9, 9),
        ("backbone.conv_head", 160, 1280),
        ("head", 1280, 4),
    ],
)
def test_first_kernels_are_glorot_uniform(layer, inputs, outputs):
    weight = made().get_submodule(layer).weight
    bound = (6 / (inputs + outputs)) ** 0.5
    assert 0.95 * bound < weight.abs().max().item() <= bound
    assert weight.var().item() == pytest.approx(bound**2 / 3, rel=0.15)


def test_first_biases_are_zero_and_normalisation_is_the_identity():
    network = made()
    assert not network.head.bias.any()
    for norm in (layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)):
        assert (norm.weight == 1).all()
        assert not norm.bias.any()


def test_first_weights_depend_on_the_generator_alone():
    torch.manual_seed(1)
    first = made(seed=3).state_dict()
    torch.manual_seed(2)
    same, other = made(seed=3).state_dict(), made(seed=4).state_dict()
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])
