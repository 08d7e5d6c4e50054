"""The classifier of crops."""

from __future__ import annotations

import torch

from asd_bench_geco.network import CropClassifier


def test_parameters():
    network = CropClassifier(128, 23)
    assert sum(parameter.numel() for parameter in network.parameters()) == 11_182_039


def test_shapes_of_the_paper():
    network = CropClassifier(128, 23).eval()
    with torch.inference_mode():
        last = network.backbone.forward_features(torch.zeros(1, 1, 65, 128))
        embeddings, logits = network(torch.zeros(2, 65, 128))
    assert last.shape == (1, 512, 3, 4)
    assert embeddings.shape == (2, 512)
    assert logits.shape == (2, 23)


def test_the_embedding_is_what_the_logits_are_made_of():
    torch.manual_seed(0)
    network = CropClassifier(8, 3, (4, 4, 4, 6)).eval()
    crops = torch.randn(2, 10, 8)
    embeddings, logits = network(crops)
    assert torch.equal(network.embed(crops), embeddings)
    assert torch.equal(network.head(embeddings), logits)


def test_input_is_standardised_per_band():
    torch.manual_seed(0)
    network = CropClassifier(8, 3, (4, 4, 4, 6)).eval()
    crops = torch.randn(2, 10, 8)
    before = network.embed(crops)
    network.scale.mean.copy_(torch.arange(8.0))
    network.scale.deviation.fill_(2)
    torch.testing.assert_close(network.embed(2 * crops + torch.arange(8.0)), before)
