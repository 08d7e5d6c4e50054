"""The two networks that embed segments: EfficientNet-B0 and a Transformer, each followed by the same neck.

All take frames, float32 of shape (segments, frames, bands).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn

from asd_bench.backbones import tf_efficientnet_b0


class EfficientNetBody(nn.Module):
    """EfficientNet-B0 on the spectrogram as an image of three equal channels, bands by frames; 4,007,548 parameters.

    Args:
        weights: random first weights, or those of Noisy Student.
    """

    def __init__(self, weights: Literal["scratch", "noisy-student"]) -> None:
        super().__init__()
        self.network = tf_efficientnet_b0(in_channels=3, weights=weights)
        self.n_features = self.network.num_features

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Shape (segments, 1280): the mean over the last map."""
        images = frames.transpose(1, 2).unsqueeze(1).expand(-1, 3, -1, -1)
        # With the channels last in memory the convolutions take two thirds of the time, at least on a CPU.
        return self.network(images.contiguous(memory_format=torch.channels_last))


class TransformerBody(nn.Module):
    """Transformer encoder (Vaswani et al. 2017) whose tokens are frames; 260,192 parameters per layer with 224 bands.

    The frames' mean goes before them as a token of its own, and what becomes of it is the embedding. Tokens are
    multiplied by the root of their width, and sines and cosines of their positions added. Layers are normalised behind
    their residual connections, as in the original.

    Args:
        n_frames: of a segment.
        n_bands: of a frame, which is the network's width; an even multiple of the heads.
        layers, heads: how many.
        hidden: width of the layers' feed-forward networks.
    """

    positions: torch.Tensor

    def __init__(self, n_frames: int, n_bands: int, *, layers: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.n_features = n_bands
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(n_bands, heads, hidden, dropout=0.0, activation="gelu", batch_first=True)
            for _ in range(layers)
        )
        self.register_buffer("positions", sinusoids(n_frames + 1, n_bands), persistent=False)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Shape (segments, bands): the output at the first token."""
        tokens = torch.cat([frames.mean(dim=1, keepdim=True), frames], dim=1)
        tokens = tokens * math.sqrt(self.n_features) + self.positions
        for layer in self.layers:
            tokens = layer(tokens)
        return tokens[:, 0]


def sinusoids(n: int, width: int) -> torch.Tensor:
    """Codes of the positions 0 … n - 1, shape (n, width): sines in even columns, cosines in odd ones."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000.0) / width))
    angle = torch.arange(n).unsqueeze(1) * rate
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)


class Embedder(nn.Module):
    """A body and the neck that makes its output the embedding.

    Args:
        body: frames to features; has ``n_features``.
        size: of the embedding.
        dropout: in front of the neck.
    """

    def __init__(self, body: EfficientNetBody | TransformerBody, size: int, dropout: float) -> None:
        super().__init__()
        self.body = body
        self.neck = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(body.n_features, size),
            nn.BatchNorm1d(size),
            nn.PReLU(),
            nn.Linear(size, size),
        )

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Embeddings of shape (segments, size)."""
        return self.neck(self.body(frames))
