"""The networks: the published sizes, torchvision's first weights, and that torchvision's operators stay declared."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from asd_bench import backbones


@pytest.mark.parametrize(
    ("build", "features", "parameters"),
    [
        (lambda: backbones.resnet18(), 512, 11_170_240),
        (lambda: backbones.resnet50(), 2048, 23_501_760),
        (lambda: backbones.mobilenet_v2(), 1280, 2_223_296),
        (lambda: backbones.mobilenet_v2(0.5), 1280, 687_392),
        (lambda: backbones.efficientnet_b0(), 1280, 4_006_972),
        (lambda: backbones.resnet18(channels=(8, 8, 16, 32)), 32, None),
    ],
    ids=["resnet18", "resnet50", "mobilenet_v2", "mobilenet_v2 0.5", "efficientnet_b0", "narrow resnet18"],
)
def test_networks(build, features, parameters):
    network = build().eval()
    assert network.num_features == features
    if parameters is not None:
        assert sum(value.numel() for value in network.parameters()) == parameters
    images = torch.zeros(2, 1, 65, 128)
    assert network(images).shape == (2, features)
    assert network.forward_features(images).shape == (2, features, 3, 4)


def test_residual_branches_count_from_the_beginning():
    """torchvision begins with ones in every block's last normalisation, timm with zeros."""
    network = backbones.resnet18()
    assert all(block.bn2.weight.eq(1).all() for stage in (network.layer1, network.layer4) for block in stage)


def test_normalisation_as_keras_has_it():
    layers = [
        layer
        for layer in backbones.mobilenet_v2(0.5, norm_eps=1e-3, norm_momentum=1e-3).modules()
        if isinstance(layer, torch.nn.BatchNorm2d)
    ]
    assert len(layers) == 52
    assert {(layer.eps, layer.momentum) for layer in layers} == {(1e-3, 1e-3)}


def test_weights_come_from_torchs_default_generator():
    def first(seed):
        torch.manual_seed(seed)
        return next(backbones.resnet18(channels=(8, 8, 8, 8)).parameters()).detach().clone()

    assert torch.equal(first(0), first(0))
    assert not torch.equal(first(0), first(1))


def test_torchvision_can_be_imported_before_or_after():
    for modules in ("asd_bench.backbones, torchvision, timm", "asd_bench.backbones, asd_bench.backbones"):
        done = subprocess.run([sys.executable, "-c", f"import {modules}"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
