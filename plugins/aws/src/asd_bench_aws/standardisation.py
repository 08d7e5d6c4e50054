"""Frames in standardised units: every band with the mean and deviation that it has over the training clips."""

from __future__ import annotations

import torch
from torch import nn

#: The smallest deviation that a band counts as having, in dB. Less is digital silence, and any sound in such a band
#: would be infinitely far away.
SMALLEST_DEVIATION = 0.1

#: Frames that are summed up at a time, in float64.
_CHUNK = 2**16


class BandStandardisation(nn.Module):
    """Takes a band's mean off and divides by its standard deviation.

    Args:
        mean, deviation: float32 of shape (bands,).
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, mean: torch.Tensor, deviation: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    @classmethod
    def of(cls, frames: torch.Tensor) -> BandStandardisation:
        """That of some frames, shape (frames, bands), with the population's deviation."""
        mean = sum(chunk.double().sum(dim=0) for chunk in frames.split(_CHUNK)) / len(frames)
        square = sum((chunk.double() - mean).square().sum(dim=0) for chunk in frames.split(_CHUNK)) / len(frames)
        return cls(mean.float(), square.sqrt().clamp(min=SMALLEST_DEVIATION).float())

    @classmethod
    def unknown(cls, n_bands: int) -> BandStandardisation:
        """One that does nothing, into which a saved one is loaded."""
        return cls(torch.zeros(n_bands), torch.ones(n_bands))

    @property
    def n_bands(self) -> int:
        return len(self.mean)

    @property
    def log_volume(self) -> torch.Tensor:
        """Σ log deviation: what a frame's standardised −log p lacks to be that of its values in dB."""
        return self.deviation.log().sum()

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames of shape (…, bands) to the same in standardised units."""
        return (frames - self.mean) / self.deviation
