"""Standardisation per mel band: what both networks do to decibels before they look at them."""

from __future__ import annotations

import torch
from torch import nn

#: Frames per pass over the training frames: the doubles of a pass are a few hundred megabytes at most.
CHUNK = 2**18


class BandScale(nn.Module):
    """Decibels to standard scores per band and back, by statistics that are saved with the network's weights.

    Args:
        n_bands: of a frame.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, n_bands: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_bands))
        self.register_buffer("deviation", torch.ones(n_bands))

    def learn(self, frames: torch.Tensor) -> None:
        """Take the mean and the standard deviation of frames, shape (frames, bands), on any device.

        A band that never changes counts as having a deviation of 1 dB, so that nothing is divided by zero.
        """
        parts = frames.split(CHUNK)
        mean = torch.stack([part.double().sum(dim=0) for part in parts]).sum(dim=0) / len(frames)
        squares = torch.stack([(part.double() - mean).square().sum(dim=0) for part in parts]).sum(dim=0)
        deviation = (squares / len(frames)).sqrt()
        self.mean.copy_(mean)
        # Less than a millidecibel is the rounding of a constant, not a change.
        self.deviation.copy_(torch.where(deviation < 1e-3, 1.0, deviation))

    def forward(self, decibels: torch.Tensor) -> torch.Tensor:
        """Standard scores, of the shape (…, bands) of the decibels."""
        return (decibels - self.mean) / self.deviation

    def undo(self, scores: torch.Tensor) -> torch.Tensor:
        """Decibels, of the shape (…, bands) of the standard scores."""
        return scores * self.deviation + self.mean
