"""Standardisation per band: what many networks do to decibels before they look at them."""

from __future__ import annotations

import torch
from torch import nn

#: The smallest deviation that a band counts as having, in the frames' unit (dB). Less is digital silence, and any sound
#: in such a band would be infinitely far away.
SMALLEST_DEVIATION = 0.1

#: Frames that are summed up at a time: their doubles are a few hundred megabytes at most.
CHUNK = 2**18


class BandScale(nn.Module):
    """Decibels to standard scores per band and back, by statistics that are saved with a network's weights.

    It changes nothing before it has learned (`learn`). Of frames without a logarithm whole bands may vary less than the
    smallest deviation that counts, and would come out flat.

    Args:
        n_bands: of a frame.

    Attributes:
        mean, deviation: float32 of shape (bands,).
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, n_bands: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_bands))
        self.register_buffer("deviation", torch.ones(n_bands))

    def learn(self, frames: torch.Tensor) -> None:
        """Take the mean and the population's standard deviation of frames, shape (frames, bands), on any device."""
        parts = frames.split(CHUNK)
        mean = torch.stack([part.double().sum(dim=0) for part in parts]).sum(dim=0) / len(frames)
        squares = torch.stack([(part.double() - mean).square().sum(dim=0) for part in parts]).sum(dim=0)
        self.mean.copy_(mean)
        self.deviation.copy_((squares / len(frames)).sqrt().clamp(min=SMALLEST_DEVIATION))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Standard scores of frames, shape (…, bands)."""
        return (frames - self.mean) / self.deviation

    def undo(self, scores: torch.Tensor) -> torch.Tensor:
        """Frames with these standard scores, shape (…, bands)."""
        return scores * self.deviation + self.mean
