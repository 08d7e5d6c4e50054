"""What the classifier is given of clips: each as a whole, zero-padded at its end, or patches of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from asd_bench import Audio, BenchError, Frames, Windows
from asd_bench_small_rice import SmallRiceConfig
from asd_bench_small_rice.augmentation import median_filter, shifted_positions

#: Clips that are filtered at a time.
CPU_BATCH = 4
GPU_BATCH = 128


@dataclass(frozen=True)
class Segments:
    """Segments of one number of frames each.

    Attributes:
        windows: where they are.
        lengths: int64 of shape (segments,), the frames of each that are no padding.
    """

    windows: Windows
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.windows)

    def gather(self, index: torch.Tensor) -> torch.Tensor:
        """The chosen segments in decibels, shape (chosen, frames, bands)."""
        return self.windows.gather(index)

    def gather_shifted(self, index: torch.Tensor, by: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """The chosen segments, each shifted circularly in time; see `shifted_positions`."""
        row = self.windows.start[index].unsqueeze(1) + shifted_positions(by, lengths, self.windows.n)
        return self.windows.frames.values.index_select(0, row.flatten()).unflatten(0, row.shape)


def training_segments(audio: Audio, config: SmallRiceConfig) -> Segments:
    """The segments of all training clips; whole clips are padded to the longest.

    Raises:
        BenchError: a clip is too short for the median filter or for a patch.
    """
    frames = _frames(audio, config)
    if config.patch_frames:
        return _patches(audio, frames, config)
    (segments,) = _whole_clips(frames, int(np.diff(frames.offsets).max()))
    return segments


def scored_segments(audio: Audio, config: SmallRiceConfig, n_frames: int) -> list[Segments]:
    """The segments of clips that are scored, in groups of equal size.

    A clip's segments depend on no other clip: whole clips are padded to the longest of the fit, and longer ones stay as
    they are.

    Args:
        audio: the clips.
        config: how they are cut.
        n_frames: of the fit's segments.

    Raises:
        BenchError: as for `training_segments`.
    """
    frames = _frames(audio, config)
    return [_patches(audio, frames, config)] if config.patch_frames else list(_whole_clips(frames, n_frames))


def _patches(audio: Audio, frames: Frames, config: SmallRiceConfig) -> Segments:
    windows = dataclasses.replace(audio.windows(config.patch_frames, config.patch_hop), frames=frames)
    return Segments(windows, np.full(len(windows), config.patch_frames))


def _whole_clips(frames: Frames, at_least: int) -> Iterator[Segments]:
    """Clips as one segment each, in groups by the number of frames that they have with their padding."""
    device = frames.values.device
    lengths = np.diff(frames.offsets)
    padded = np.maximum(lengths, at_least)
    for n in np.unique(padded):
        rows = np.flatnonzero(padded == n)
        of_group, start = frames, frames.offsets[:-1][rows]
        if (lengths[rows] < n).any():
            of_group, start = _padded(frames, rows, int(n)), np.arange(len(rows)) * n
        windows = Windows(of_group, int(n), torch.from_numpy(start).to(device), torch.from_numpy(rows).to(device))
        yield Segments(windows, lengths[rows])


def _padded(frames: Frames, rows: np.ndarray, n: int) -> Frames:
    """Some clips' frames, each followed by as many of zero decibels as make n."""
    values = frames.values.new_zeros((len(rows), n, frames.values.shape[1]))
    for number, row in enumerate(rows):
        clip = frames.clip(row)
        values[number, : len(clip)] = clip
    return Frames(values.flatten(0, 1), np.arange(len(rows) + 1) * n)


# -- the median filter -------------------------------------------------------------------------------------------------


def _frames(audio: Audio, config: SmallRiceConfig) -> Frames:
    """The clips' frames, filtered if they are to be."""
    frames = audio.frames()
    if not config.median:
        return frames
    lengths = np.diff(frames.offsets)
    if lengths.min() <= config.median // 2:
        raise BenchError(
            f"the clip {audio.clips.clip_id[int(lengths.argmin())]} has {lengths.min()} frames, too few for a median "
            f"filter of {config.median}",
            fix=f"choose a shorter filter (--set detector.median={2 * int(lengths.min()) - 1} at most) or none (0)",
        )
    return Frames(_filtered(frames, config.median), frames.offsets)


@torch.no_grad()
def _filtered(frames: Frames, n: int) -> torch.Tensor:
    """All clips' frames after `median_filter`, shape (frames, bands)."""
    values = torch.empty_like(frames.values)
    lengths = np.diff(frames.offsets)
    size = CPU_BATCH if values.device.type == "cpu" else GPU_BATCH
    for length in np.unique(lengths):
        same = np.flatnonzero(lengths == length)
        for rows in (same[start : start + size] for start in range(0, len(same), size)):
            filtered = median_filter(torch.stack([frames.clip(row) for row in rows]), n)
            for row, clip in zip(rows, filtered, strict=True):
                values[frames.offsets[row] : frames.offsets[row + 1]] = clip
    return values
