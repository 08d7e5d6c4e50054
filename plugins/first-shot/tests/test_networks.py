"""The networks: published sizes, and the Transformer's positions and token."""

from __future__ import annotations

import math

import pytest
import torch

from asd_bench_first_shot.exposure import ExposureHeads
from asd_bench_first_shot.networks import EfficientNetBody, Embedder, TransformerBody, sinusoids


def n_parameters(*modules):
    return sum(value.numel() for module in modules for value in module.parameters())


def transformer(n_frames=63, n_bands=224):
    return TransformerBody(n_frames, n_bands, layers=4, heads=4, hidden=128)


def test_efficientnet_has_its_published_size():
    body = EfficientNetBody("scratch").eval()
    assert n_parameters(body) == 4_007_548
    embedder = Embedder(body, 128, dropout=0.3)
    assert n_parameters(embedder.neck) == 180_737
    # With the parent recipe's heads for six sections.
    assert n_parameters(embedder, ExposureHeads(128, 6)) == 4_189_055
    with torch.inference_mode():
        assert body.network.forward_features(torch.zeros(1, 3, 224, 126)).shape == (1, 1280, 7, 4)
        assert body(torch.zeros(2, 126, 224)).shape == (2, 1280)


def test_transformer_has_its_published_size():
    body = transformer()
    assert n_parameters(body.layers[0]) == 260_192
    assert n_parameters(body) == 1_040_768
    embedder = Embedder(body, 128, dropout=0.0)
    assert n_parameters(embedder, ExposureHeads(128, 6)) == 1_087_107
    assert embedder.eval()(torch.zeros(2, 63, 224)).shape == (2, 128)


def test_bands_are_the_images_height():
    body = EfficientNetBody("scratch").eval()
    body.network = torch.nn.Identity()
    frames = torch.randn(2, 5, 7)
    images = body(frames)
    assert images.shape == (2, 3, 7, 5)
    for channel in range(3):
        assert torch.equal(images[:, channel], frames.transpose(1, 2))


@pytest.mark.parametrize("width", [4, 32])
def test_positions_by_hand(width):
    codes = sinusoids(6, width)
    assert codes.shape == (6, width)
    for position in (0, 1, 5):
        for pair in range(width // 2):
            angle = position / 10_000 ** (2 * pair / width)
            assert codes[position, 2 * pair].item() == pytest.approx(math.sin(angle), abs=1e-5)
            assert codes[position, 2 * pair + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)


def test_the_first_token_is_the_mean_frame():
    body = transformer(5, 8)
    body.layers = torch.nn.ModuleList()
    frames = torch.randn(3, 5, 8)
    torch.testing.assert_close(body(frames), frames.mean(dim=1) * math.sqrt(8) + body.positions[0])


def test_the_order_of_frames_matters():
    torch.manual_seed(0)
    body = transformer(6, 16).eval()
    frames = 0.1 * torch.randn(2, 6, 16)
    assert (body(frames) - body(frames.flip(1))).abs().max() > 1e-4


def test_layers_begin_with_weights_of_their_own():
    first, second, *_ = transformer(5, 16).layers
    assert not torch.equal(first.linear1.weight, second.linear1.weight)
