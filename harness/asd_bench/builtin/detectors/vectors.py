"""Clips to vectors, and the scaling of vectors: what the classical detectors share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from asd_bench import Audio, BenchError
from asd_bench.builtin.detectors import Pool, VectorConfig

#: Dimensions that hardly vary among the training clips would otherwise be blown up to dominate every distance.
SD_FLOOR = 1e-3


def clip_vectors(audio: Audio, pool: Pool) -> np.ndarray:
    """Statistics of every clip's frames over time.

    Returns:
        float64 of shape (clips, features) for ``mean``, (clips, 2 * features) for ``mean+sd``.
    """
    vectors = []
    for frames in audio.frames():
        mean = frames.mean(dim=0, dtype=torch.float64)
        if pool == "mean":
            vectors.append(mean)
        else:
            # Population standard deviation: a clip of a single frame has one, too.
            vectors.append(torch.cat([mean, frames.double().std(dim=0, correction=0)]))
    return torch.stack(vectors).cpu().numpy()


class Scaler:
    """Standardises vectors with the training clips' statistics.

    Attributes:
        mean, sd: float64 of shape (dimensions,); 0 and 1 where the configuration asks for no scaling.
    """

    def __init__(self, mean: np.ndarray, sd: np.ndarray) -> None:
        self.mean = mean
        self.sd = sd

    @classmethod
    def of(cls, train: np.ndarray, config: VectorConfig) -> Scaler:
        if not config.standardize:
            return cls(np.zeros(train.shape[1]), np.ones(train.shape[1]))
        return cls(train.mean(axis=0), np.maximum(train.std(axis=0), SD_FLOOR))

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        return (vectors - self.mean) / self.sd


def need_clips(audio: Audio, least: int, what: str) -> None:
    """Refuse too few training clips.

    Raises:
        BenchError: there are fewer than ``least``.
    """
    if len(audio) < least:
        place = f"{audio.clips.machine[0]} section {audio.clips.section[0]}"
        raise BenchError(f"{what} needs at least {least} training clips, and {place} has {len(audio)}")


def save_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays to a safetensors file."""
    # safetensors takes the memory as it lies, so a strided view would come back as other numbers.
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, path)
