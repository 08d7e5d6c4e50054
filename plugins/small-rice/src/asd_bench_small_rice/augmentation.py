"""What is done to spectrograms before the networks see them: pure functions of decibels, on any device.

The order is: median filter, time shift, mixup, time masks. The filter is no augmentation proper, since it is applied to
test clips as well; nothing random comes before it, so it is applied to whole clips once and not in every step. The rest
follows the authors' code for another task of the same challenge, where waveforms are shifted, and spectrograms are
mixed and then masked.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional


def median_filter(frames: torch.Tensor, n: int) -> torch.Tensor:
    """The median over n frames around each, in every band by itself; ends are mirrored (paper, section 2.4).

    Args:
        frames: shape (clips, frames, bands), more than n // 2 frames.
        n: odd.

    Returns:
        of the same shape.
    """
    bands = frames.transpose(1, 2)
    mirrored = functional.pad(bands, (n // 2, n // 2), mode="reflect")
    return mirrored.unfold(2, n, 1).median(dim=3).values.transpose(1, 2)


def shifted_positions(by: torch.Tensor, lengths: torch.Tensor, n: int) -> torch.Tensor:
    """Where the frames of segments come from that are shifted circularly; padding at their ends stays where it is.

    Args:
        by: int64 of shape (segments,), how many frames later everything is to happen; negative for earlier.
        lengths: int64 of shape (segments,), how many of a segment's frames are no padding.
        n: frames of a segment.

    Returns:
        int64 of shape (segments, n).
    """
    position = torch.arange(n, device=by.device)
    lengths = lengths.unsqueeze(1)
    return torch.where(position < lengths, (position - by.unsqueeze(1)) % lengths, position)


def mix(pairs: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Mixup (Zhang et al. 2018): λ times the first of every pair plus 1 - λ times the second.

    Args:
        pairs: shape (pairs, 2, …): decibels, or targets.
        share: λ, shape (pairs,).

    Returns:
        shape (pairs, …).
    """
    share = share.reshape(-1, *[1] * (pairs.ndim - 2))
    return share * pairs[:, 0] + (1 - share) * pairs[:, 1]


def mask_times(frames: torch.Tensor, start: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """Set spans of frames to zero decibels in all bands, as torchaudio's ``TimeMasking`` does.

    Args:
        frames: shape (segments, frames, bands).
        start, end: int64 of shape (segments, masks); the frames from start up to, but not including, end.
    """
    position = torch.arange(frames.shape[1], device=frames.device).unsqueeze(1)
    masked = (position >= start.unsqueeze(1)) & (position < end.unsqueeze(1))
    return frames.masked_fill(masked.any(dim=2, keepdim=True), 0.0)


# -- what an epoch's plan draws ----------------------------------------------------------------------------------------


def draw_shifts(lengths: np.ndarray, largest_share: float, rng: np.random.Generator) -> np.ndarray:
    """Shifts in frames, int64 and as likely in both directions.

    Args:
        lengths: of the segments, any shape.
        largest_share: of its length that a segment is shifted by at most.
        rng: the plan's generator.
    """
    largest = np.rint(largest_share * lengths).astype(np.int64)
    return rng.integers(-largest, largest, endpoint=True)


def draw_masks(
    lengths: np.ndarray, n_masks: int, largest_share: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """First frames of masks, and the frames after their last ones.

    Widths are uniform from nothing to the largest, places within the segment.

    Args:
        lengths: of the segments, any shape.
        n_masks: per segment.
        largest_share: of its length that a mask covers at most.
        rng: the plan's generator.

    Returns:
        two int64 arrays of shape (*lengths.shape, n_masks).
    """
    lengths = np.repeat(lengths[..., None], n_masks, axis=-1)
    width = rng.integers(0, np.rint(largest_share * lengths).astype(np.int64), endpoint=True)
    start = rng.integers(0, lengths - width, endpoint=True)
    return start, start + width
