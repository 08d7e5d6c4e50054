"""The networks: the published sizes, torchvision's first weights, and that torchvision's operators stay declared."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from asd_bench import BenchError, backbones


@pytest.mark.parametrize(
    ("build", "features", "parameters"),
    [
        (lambda: backbones.resnet18(), 512, 11_170_240),
        (lambda: backbones.resnet50(), 2048, 23_501_760),
        (lambda: backbones.mobilenet_v2(), 1280, 2_223_296),
        (lambda: backbones.mobilenet_v2(0.5), 1280, 687_392),
        (lambda: backbones.efficientnet_b0(), 1280, 4_006_972),
        (lambda: backbones.tf_efficientnet_b0(), 1280, 4_006_972),
        (lambda: backbones.tf_efficientnet_b0(in_channels=3), 1280, 4_007_548),
        (lambda: backbones.resnet18(channels=(8, 8, 16, 32)), 32, None),
    ],
    ids=[
        *("resnet18", "resnet50", "mobilenet_v2", "mobilenet_v2 0.5", "efficientnet_b0", "tf_efficientnet_b0"),
        *("tf_efficientnet_b0 of 3 channels", "narrow resnet18"),
    ],
)
def test_networks(build, features, parameters):
    network = build().eval()
    assert network.num_features == features
    if parameters is not None:
        assert sum(value.numel() for value in network.parameters()) == parameters
    images = torch.zeros(2, next(network.parameters()).shape[1], 65, 128)
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


def test_normalisation_as_tensorflow_has_it():
    layers = [layer for layer in backbones.tf_efficientnet_b0().modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert len(layers) == 49
    assert {layer.eps for layer in layers} == {1e-3}


def test_weights_that_cannot_be_fetched_are_an_error_that_says_what_to_do(monkeypatch):
    create = backbones.timm.create_model

    def offline(name, pretrained, **options):
        if pretrained:
            raise ConnectionError("no route to host")
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(backbones.timm, "create_model", offline)
    with pytest.raises(BenchError, match="Noisy-Student weights") as error:
        backbones.tf_efficientnet_b0(weights="noisy-student")
    assert "no route to host" in str(error.value)
    assert "HF_HOME" in error.value.fix
    assert "weights=scratch" in error.value.fix
    backbones.tf_efficientnet_b0(weights="scratch")


def test_noisy_student_weights_are_those_that_timm_has(monkeypatch):
    asked = []
    monkeypatch.setattr(backbones.timm, "create_model", lambda *name, **options: asked.append((name, options)))
    backbones.tf_efficientnet_b0(in_channels=3, weights="noisy-student")
    assert asked == [(("tf_efficientnet_b0.ns_jft_in1k",), {"pretrained": True, "in_chans": 3, "num_classes": 0})]


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
