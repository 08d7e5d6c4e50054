"""The classifiers' networks: an image network of the core's between the input's standardisation and a last layer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from asd_bench import BandScale, backbones


class ImageClassifier(nn.Module):
    """Images of log-mel frames to logits.

    Args:
        n_bands: of a frame.
        backbone: images of shape (images, 1, frames, bands) to embeddings.
        head: embeddings to logits.
    """

    def __init__(self, n_bands: int, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.bands = BandScale(n_bands)
        # Convolutions of this size are a third faster when a pixel's channels lie side by side.
        self.backbone = backbone.to(memory_format=torch.channels_last)
        self.head = head

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Images in dB, shape (images, frames, bands), to embeddings, shape (images, features)."""
        return self.backbone(self.bands(images).unsqueeze(1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images in dB, shape (images, frames, bands), to logits, shape (images, classes)."""
        return self.head(self.embed(images))


def mobilenet_v2(width: float, norm_momentum: float) -> nn.Module:
    """MobileNetV2 with Keras's epsilon: 687,392 parameters at half width.

    Args:
        width: multiplies the numbers of channels.
        norm_momentum: the share of a new batch in the statistics of the batch normalisation.
    """
    return backbones.mobilenet_v2(width, norm_eps=1e-3, norm_momentum=norm_momentum)


def resnet50(channels: Sequence[int], norm_momentum: float) -> nn.Module:
    """ResNet-50: 23,501,760 parameters with the published channels.

    Args:
        channels: of the four stages' bottlenecks.
        norm_momentum: the share of a new batch in the statistics of the batch normalisation.
    """
    network = backbones.resnet50(channels=channels)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = norm_momentum
    return network
