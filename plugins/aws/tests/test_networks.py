"""The classifiers' networks: published sizes, Keras's batch normalisation, standardised input."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from asd_bench_aws import ArcFaceConfig, MobileNetConfig, ResNetConfig
from asd_bench_aws.classification import ArcFaceClassifier, MobileNetClassifier, ResNetClassifier


def network(classifier, config, n_ids, n_bands=128, **settings):
    detector = classifier(config(**{"warps": (), "speeds": ()} | settings))
    detector.n_ids = n_ids
    return detector._new_network(n_bands)


def size(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("n_classes", "parameters"), [(4, 692_516), (7, 696_359)])
def test_size_of_mobilenet(n_classes, parameters):
    made = network(MobileNetClassifier, MobileNetConfig, n_classes)
    assert size(made) == parameters
    assert size(made.backbone) == 687_392


def test_size_of_resnet():
    assert size(network(ResNetClassifier, ResNetConfig, 4)) == 23_509_956


def test_size_of_arcface():
    """Directions have no offsets."""
    assert size(network(ArcFaceClassifier, ArcFaceConfig, 4)) == 687_392 + 4 * 1280


def test_a_class_for_every_variant_of_an_id():
    made = network(MobileNetClassifier, MobileNetConfig, 4, warps=(-0.3, 0.3), speeds=(0.9, 1.1))
    assert made.head.out_features == 4 * 5


@pytest.mark.parametrize(
    ("classifier", "config", "eps", "momentum"),
    [
        (MobileNetClassifier, MobileNetConfig, 1e-3, 1e-3),
        (ArcFaceClassifier, ArcFaceConfig, 1e-3, 1e-3),
        (ResNetClassifier, ResNetConfig, 1e-5, 1e-2),
    ],
)
def test_batch_normalisation(classifier, config, eps, momentum):
    for settings, expected in (({}, momentum), ({"norm_momentum": 0.1}, 0.1)):
        layers = [
            layer for layer in network(classifier, config, 2, **settings).modules() if isinstance(layer, nn.BatchNorm2d)
        ]
        assert len(layers) > 50
        assert {(layer.eps, layer.momentum) for layer in layers} == {(eps, expected)}


def test_shapes():
    made = network(MobileNetClassifier, MobileNetConfig, 4).eval()
    images = torch.randn(2, 64, 128)
    assert made.embed(images).shape == (2, 1280)
    assert made(images).shape == (2, 4)
    maps = made.backbone.forward_features(images.unsqueeze(1))
    assert maps.shape == (2, 1280, 2, 4)


def test_input_is_standardised():
    made = network(MobileNetClassifier, MobileNetConfig, 4, n_bands=32).eval()
    images = torch.randn(2, 32, 32)
    expected = made(images)
    made.bands.mean.fill_(-40)
    made.bands.deviation.fill_(5)
    torch.testing.assert_close(made(images * 5 - 40), expected, rtol=1e-3, atol=1e-4)
