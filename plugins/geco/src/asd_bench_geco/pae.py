"""The Predictive AutoEncoder (paper, section 2.1): pure mathematics, no training and no audio."""

from __future__ import annotations

import torch
from torch import nn

from asd_bench import BandScale
from asd_bench_geco import PaeConfig

#: Transformer blocks of the encoder, and of the decoder.
N_BLOCKS = 2


class PredictiveAutoencoder(nn.Module):
    """Predicts a masked frame from the other frames of its window by self-attention.

    Frames are standardised per band and projected to the encoder's width; a learnt token takes the masked frame's
    place; two transformer blocks, a bottleneck of two layers, two narrower blocks and a projection give every frame of
    the window back. With 128 bands and the default configuration it has 8,037,056 parameters.

    Args:
        n_bands: of a frame.
        config: the window's length, the widths, the attention heads.
    """

    def __init__(self, n_bands: int, config: PaeConfig) -> None:
        super().__init__()
        encoder, decoder = config.encoder_width, config.decoder_width
        self.n_frames = config.n_frames
        self.scale = BandScale(n_bands)
        self.embed = nn.Linear(n_bands, encoder)
        self.mask_token = nn.Parameter(torch.empty(encoder))
        self.encoder_positions = nn.Parameter(torch.empty(config.n_frames, encoder))
        self.encoder = nn.Sequential(*(Block(encoder, config) for _ in range(N_BLOCKS)))
        self.bottleneck = nn.Sequential(
            nn.Linear(encoder, config.bottleneck_width), nn.GELU(), nn.Linear(config.bottleneck_width, decoder)
        )
        self.decoder_positions = nn.Parameter(torch.empty(config.n_frames, decoder))
        self.decoder = nn.Sequential(*(Block(decoder, config) for _ in range(N_BLOCKS)))
        self.predict = nn.Linear(decoder, n_bands)
        self.register_buffer("order", torch.arange(config.n_frames), persistent=False)
        self._initialise()

    def forward(self, windows: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
        """Predict windows with one masked frame each.

        Args:
            windows: decibels of shape (windows, frames, bands); what the masked frame holds makes no difference.
            position: int64 of shape (windows,), which frame is masked.

        Returns:
            decibels of the windows' shape. Only the masked frame's are trained to mean anything.
        """
        masked = (position[:, None] == self.order).unsqueeze(2)
        frames = torch.where(masked, self.mask_token, self.embed(self.scale(windows)))
        encoded = self.encoder(frames + self.encoder_positions)
        decoded = self.decoder(self.bottleneck(encoded) + self.decoder_positions)
        return self.scale.undo(self.predict(decoded))

    def _initialise(self) -> None:
        """First weights as in masked autoencoders (He et al. 2022), which the paper cites."""
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        for parameter in (self.mask_token, self.encoder_positions, self.decoder_positions):
            nn.init.normal_(parameter, std=0.02)


class Block(nn.Module):
    """A transformer block that normalises before each of its two halves: self-attention, and a GELU network.

    Args:
        width: of the frames.
        config: the attention heads, and how much wider the GELU network is.
    """

    def __init__(self, width: int, config: PaeConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.norm_attention = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.join = nn.Linear(width, width)
        self.norm_feed_forward = nn.LayerNorm(width)
        self.feed_forward = nn.Sequential(
            nn.Linear(width, config.ffn_ratio * width), nn.GELU(), nn.Linear(config.ffn_ratio * width, width)
        )

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames of shape (windows, frames, width) to the same shape."""
        frames = frames + self._attend(self.norm_attention(frames))
        return frames + self.feed_forward(self.norm_feed_forward(frames))

    def _attend(self, frames: torch.Tensor) -> torch.Tensor:
        # Written out: torch's fused attention is made for long sequences, and on a CPU took twice as long for five
        # frames. The weights of five frames are no memory to save.
        parts = self.queries_keys_values(frames).unflatten(2, (3, self.heads, -1))
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        weights = ((queries @ keys.transpose(2, 3)) * queries.shape[3] ** -0.5).softmax(dim=3)
        return self.join((weights @ values).transpose(1, 2).flatten(2))


def frame_at(windows: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """One frame of each window, shape (windows, bands), from (windows, frames, bands) and positions (windows,)."""
    index = position[:, None, None].expand(-1, 1, windows.shape[2])
    return windows.gather(1, index).squeeze(1)


def masked_error(predicted: torch.Tensor, windows: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """The paper's equation 1: squared error of the masked frames alone, in dB², as the mean over bands.

    Args:
        predicted, windows: decibels of shape (windows, frames, bands).
        position: int64 of shape (windows,), which frame was masked.

    Returns:
        of shape (windows,).
    """
    return (frame_at(predicted, position) - frame_at(windows, position)).square().mean(dim=1)
