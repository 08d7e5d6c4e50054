"""Pieces of clips: those that training picks from, and those whose embeddings make a clip's."""

from __future__ import annotations

import numpy as np
import torch

from asd_bench import Audio, BenchError, Frames, Windows


def every_crop(audio: Audio, n: int) -> Windows:
    """The crops of n frames at every position within every clip.

    Raises:
        BenchError: a clip has fewer than n frames.
    """
    _need_frames(audio, n)
    return audio.windows(n, 1)


def crops_in_turn(audio: Audio, n: int) -> Windows:
    """Each clip cut into crops of n frames, the last of which ends with the clip and may overlap the one before it.

    Raises:
        BenchError: a clip has fewer than n frames.
    """
    _need_frames(audio, n)
    frames = audio.frames()
    lengths = np.diff(frames.offsets)
    starts = [np.minimum(np.arange(0, length, n), length - n) for length in lengths]
    clip = np.repeat(np.arange(len(starts)), [len(start) for start in starts])
    return _windows(frames, n, frames.offsets[clip] + np.concatenate(starts), clip)


def whole_clips(audio: Audio) -> list[Windows]:
    """Every clip as one piece: a group for every length there is."""
    frames = audio.frames()
    lengths = np.diff(frames.offsets)
    return [
        _windows(frames, int(length), frames.offsets[:-1][lengths == length], np.flatnonzero(lengths == length))
        for length in np.unique(lengths)
    ]


def _windows(frames: Frames, n: int, start: np.ndarray, clip: np.ndarray) -> Windows:
    device = frames.values.device
    return Windows(frames, n, torch.from_numpy(start).to(device), torch.from_numpy(clip).to(device))


def _need_frames(audio: Audio, n: int) -> None:
    lengths = np.diff(audio.frames().offsets)
    if (lengths < n).any():
        shortest = int(lengths.argmin())
        raise BenchError(
            f"the clip {audio.clips.clip_id[shortest]} has {lengths[shortest]} frames, and a crop takes {n}",
            fix="set a smaller crop_frames, for every detector by --set detector.crop_frames=…",
        )
