"""The classifier of crops that GeCo and its baseline train: pure mathematics, no training and no audio."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from asd_bench import BandScale
from asd_bench.backbones import resnet18


class CropClassifier(nn.Module):
    """A ResNet-18 of spectrograms with a linear layer over classes; with 23 classes 11,182,039 parameters.

    A crop of 65 frames of 128 bands is an image with one channel, of which the last stage leaves 3 × 4 places.

    Args:
        n_bands: of a frame.
        n_classes: to tell apart.
        channels: of the four stages; the last is the embedding's size.
    """

    def __init__(self, n_bands: int, n_classes: int, channels: Sequence[int] = (64, 128, 256, 512)) -> None:
        super().__init__()
        self.scale = BandScale(n_bands)
        # Convolutions read and write this layout fastest: a step on a CPU takes two thirds of the time.
        self.backbone = resnet18(channels=channels).to(memory_format=torch.channels_last)
        self.head = nn.Linear(channels[-1], n_classes)

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings (crops, width) and logits (crops, classes), from decibels of shape (crops, frames, bands)."""
        embeddings = self.embed(crops)
        return embeddings, self.head(embeddings)

    def embed(self, crops: torch.Tensor) -> torch.Tensor:
        """Embeddings of shape (crops, width), from decibels of shape (crops, frames, bands)."""
        return self.backbone(self.scale(crops).unsqueeze(1))
