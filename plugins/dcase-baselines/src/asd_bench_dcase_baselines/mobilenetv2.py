"""The network of the baselines that classify: pure mathematics, no training and no audio."""

from __future__ import annotations

import torch
from torch import nn

from asd_bench import backbones
from asd_bench_dcase_baselines import Width

#: Of Keras's MobileNetV2, which has three by default; each is given the same image.
N_CHANNELS = 3


class ImageClassifier(nn.Module):
    """MobileNetV2 without dropout, and a linear layer: images of log-mel frames, in dB, to logits.

    At half width, four classes make 692,804 trainable parameters and three 691,523. The batch normalisation has Keras's
    epsilon, 1e-3.

    Args:
        n_classes: how many logits.
        width: multiplies the numbers of channels.
        norm_momentum: the share of a new batch in the running statistics of the batch normalisation.
    """

    def __init__(self, n_classes: int, width: Width, norm_momentum: float) -> None:
        super().__init__()
        backbone = backbones.mobilenet_v2(width, in_channels=N_CHANNELS, norm_eps=1e-3, norm_momentum=norm_momentum)
        self.head = nn.Linear(backbone.num_features, n_classes)
        # Convolutions of this size are faster when a pixel's channels lie side by side.
        self.backbone = backbone.to(memory_format=torch.channels_last)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Images of shape (images, frames, bands) to logits of shape (images, classes)."""
        return self.head(self.backbone(images.unsqueeze(1).expand(-1, N_CHANNELS, -1, -1)))


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw Keras's first weights in place: Glorot-uniform kernels, biases of zero.

    Batch normalisation begins as the identity in both frameworks.

    Args:
        network: on the CPU, where draws are the same whatever the network is trained on.
        generator: the source of the draws.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
