"""The networks: their sizes, what they compute, and what padding has no part in."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from asd_bench_small_rice.networks import (
    Autoencoder,
    Classifier,
    JointModel,
    Projections,
    gamp,
    mean_over_windows,
    windows_that_count,
)


def trainable(network):
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)


@pytest.fixture(scope="module")
def published():
    return JointModel(Classifier("efficientnet-b0", 7, 0.2, 3), Autoencoder(5, 128, 32))


def test_parameters(published):
    assert trainable(published.classifier.backbone) == 4_006_972
    assert trainable(published.classifier) == 4_010_815
    assert trainable(published.autoencoder) == 274_144
    assert trainable(published.projections) == 327_936 + 8_448 + 131_584
    assert trainable(published) == 4_752_927


@pytest.mark.parametrize(
    ("frames", "bottleneck", "parameters", "running"),
    [(5, 32, 274_144, 2_112), (5, 8, 267_928, 2_064), (64, 8, 2_208_792, 2_064)],
)
def test_parameters_of_autoencoders(frames, bottleneck, parameters, running):
    network = Autoencoder(frames, 128, bottleneck)
    assert trainable(network) == parameters
    assert sum(values.numel() for values in network.buffers() if values.ndim) == running


def test_parameters_with_six_sections():
    assert trainable(Classifier("efficientnet-b0", 7, 0.2, 6)) == 4_014_658


def test_layers_of_the_autoencoder():
    network = Autoencoder(5, 128, 32)
    layers = [*network.encoder, *network.decoder[0], network.decoder[1]]
    widths = [layer.out_features for layer in layers if isinstance(layer, nn.Linear)]
    assert widths == [128] * 4 + [32] + [128] * 4 + [640]
    assert [type(layer) for layer in layers] == [nn.Linear, nn.BatchNorm1d, nn.ReLU] * 9 + [nn.Linear]


@pytest.mark.parametrize("stages", [1, 3, 6, 7])
@pytest.mark.parametrize("backbone", ["efficientnet-b0", "mobilenetv2"])
def test_fewer_stages(backbone, stages):
    classifier = Classifier(backbone, stages, 0.0, 3).eval()
    assert len(classifier.backbone.blocks) == stages
    assert classifier.embed(torch.zeros(2, 24, 32)).shape == (2, classifier.n_features)
    assert classifier(torch.zeros(2, 24, 32)).shape == (2, 3)


def test_bands_are_the_height_of_images_and_time_is_the_width(published, monkeypatch):
    seen = []
    monkeypatch.setattr(
        published.classifier.backbone,
        "forward_features",
        lambda images: seen.append(images) or images.repeat(1, 1280, 1, 1),
    )
    frames = torch.randn(2, 7, 128)
    features = published.classifier.embed(frames)
    assert seen[0].shape == (2, 1, 128, 7)
    assert torch.equal(seen[0][1, 0, :, 3], frames[1, 3])
    expected = frames.mean(dim=2).mean(dim=1) + frames.mean(dim=2).amax(dim=1)
    torch.testing.assert_close(features[:, 0], expected)


def test_dropout_stands_before_the_last_layer_in_training_alone(published):
    features = torch.ones(200, 1280)
    published.classifier.train()
    assert published.classifier.classify(features).std(dim=0).min() > 0
    published.classifier.eval()
    assert torch.equal(published.classifier.classify(features)[0], published.classifier.classify(features)[7])


# -- GAMP --------------------------------------------------------------------------------------------------------------


def test_gamp_by_hand():
    # Means over the two bands: 2, 3, 10. Their mean is 5 and their largest 10.
    maps = torch.tensor([[[[1.0, 2.0, 9.0], [3.0, 4.0, 11.0]]]])
    assert gamp(maps).tolist() == [[15.0]]


@pytest.mark.parametrize("size", [(4, 10), (4, 9), (1, 1)])
def test_gamp_of_a_constant_map_is_twice_the_constant(size):
    assert torch.equal(gamp(torch.full((2, 3, *size), 1.5)), torch.full((2, 3), 3.0))


@settings(deadline=None)
@given(st.integers(0, 2**31))
def test_gamp_is_at_least_twice_the_mean(seed):
    maps = torch.randn(3, 5, 4, 10, generator=torch.Generator().manual_seed(seed))
    assert (gamp(maps) >= 2 * maps.mean(dim=(2, 3)) - 1e-6).all()


# -- the autoencoder's windows -----------------------------------------------------------------------------------------


def test_windows_that_count():
    # Of seven frames two are padding in the second segment; the third is shorter than a window.
    counts = windows_that_count(torch.tensor([7, 5, 2]), 5, 3)
    assert counts.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]


def test_means_are_over_the_windows_that_count():
    values = torch.tensor([[[1.0, 10.0], [3.0, 30.0], [100.0, 100.0]]])
    assert mean_over_windows(values, torch.tensor([[1.0, 1.0, 0.0]])).tolist() == [[2.0, 20.0]]


def test_error_and_mean_code_are_those_of_all_windows():
    network = Autoencoder(5, 4, 3).eval()
    frames = torch.randn(2, 9, 4)
    error, codes = network(frames, torch.tensor([9, 9]))
    vectors = torch.stack([frames[:, start : start + 5].flatten(1) for start in range(5)], dim=1)
    expected = network.encoder(vectors.flatten(0, 1)).unflatten(0, (2, 5)).mean(dim=1)
    torch.testing.assert_close(codes, expected)
    residual = network.decoder(network.encoder(vectors.flatten(0, 1))) - vectors.flatten(0, 1)
    torch.testing.assert_close(error, residual.square().mean())


def test_the_padding_has_no_part_in_error_and_code():
    network = Autoencoder(5, 4, 3).eval()
    sound = torch.randn(2, 8, 4)
    padded = [torch.cat([sound, filling], dim=1) for filling in (torch.zeros(2, 3, 4), torch.randn(2, 3, 4))]
    (error, codes), (other_error, other_codes) = (network(frames, torch.tensor([8, 8])) for frames in padded)
    torch.testing.assert_close(error, other_error)
    torch.testing.assert_close(codes, other_codes)
    alone_error, alone_codes = network(sound, torch.tensor([8, 8]))
    torch.testing.assert_close(error, alone_error)
    torch.testing.assert_close(codes, alone_codes)


# -- projections -------------------------------------------------------------------------------------------------------


def test_hidden_vectors_count_by_their_direction():
    projections = Projections(6, 4)
    features, codes = torch.randn(3, 6), torch.randn(3, 4)
    u, p = projections(features, codes)
    longer_u, longer_p = projections(100 * features, 100 * codes)
    assert u.shape == p.shape == (3, 256)
    torch.testing.assert_close(longer_u, u)
    torch.testing.assert_close(longer_p, p)
    assert (u.norm(dim=1) - 1).abs().max() > 0.1


def test_both_are_projected_by_one_perceptron():
    projections = Projections(4, 4)
    projections.of_autoencoder.load_state_dict(projections.of_classifier.state_dict())
    same = torch.randn(3, 4)
    u, p = projections(same, same)
    assert torch.equal(u, p)


def test_the_classifier_says_the_same_beside_the_autoencoder_as_alone(published):
    """In the authors' code it was given features of length 1 in training, and others in the test."""
    published.eval()
    frames = torch.randn(2, 32, 128)
    logits, *_ = published(frames, torch.tensor([32, 32]))
    torch.testing.assert_close(logits, published.classifier(frames))
    features = published.classifier.embed(frames)
    torch.testing.assert_close(logits, features @ published.classifier.head.weight.T + published.classifier.head.bias)


def test_the_classifier_learns_from_all_that_it_says_and_the_autoencoder_from_both_of_its_losses(published):
    published.train()
    logits, error, u, p = published(torch.randn(2, 32, 128), torch.tensor([32, 32]))
    assert logits.shape == (2, 3)

    def reaches(value, part):
        gradients = torch.autograd.grad(value.sum(), list(part.parameters()), retain_graph=True, allow_unused=True)
        return any(gradient is not None and bool(gradient.any()) for gradient in gradients)

    assert reaches(u, published.classifier.backbone)
    assert reaches(p, published.autoencoder.encoder)
    assert not reaches(p, published.autoencoder.decoder)
    assert reaches(error, published.autoencoder.decoder)
    assert not reaches(error, published.classifier)
    assert not reaches(logits, published.autoencoder)
    assert not reaches(logits, published.projections)
