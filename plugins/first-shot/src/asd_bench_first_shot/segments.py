"""Segments of clips' waveforms: where they begin, what short clips are filled with, how they are standardised."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from asd_bench import Waves

#: The smallest standard deviation that a waveform counts as having, one step of 16 bits: silence stays silent.
SMALLEST_DEVIATION = 1.0


def starts(n_samples: int, length: int, count: int) -> np.ndarray:
    """First samples of ``count`` segments that lie over a clip at equal distances, the last at its very end.

    The distance is rounded down, (n_samples - length) // (count - 1). Ten segments of 2 s in 10 s begin at 0, 14222, …,
    113776 and 128000.

    Args:
        n_samples: of the clip, at least ``length``.
        length: of a segment, in samples.
        count: how many segments; a single one lies at the end.

    Returns:
        int64 of shape (count,).
    """
    spare = n_samples - length
    hop = spare // max(1, count - 1)
    return np.append(hop * np.arange(count - 1, dtype=np.int64), spare)


def filled(waves: Waves, length: int) -> Waves:
    """The same clips, those shorter than ``length`` samples repeated from their beginning until they have as many."""
    lengths = np.diff(waves.offsets)
    if (lengths >= length).all():
        return waves
    parts = []
    for begin, n_samples in zip(waves.offsets[:-1], lengths, strict=True):
        part = waves.values[begin : begin + n_samples]
        parts.append(part.repeat(-(-length // n_samples))[:length] if n_samples < length else part)
    offsets = np.concatenate([[0], np.cumsum(np.maximum(lengths, length))])
    return Waves(torch.cat(parts), offsets)


@dataclass(frozen=True)
class Standardisation:
    """What makes a waveform's mean 0 and its variance 1.

    Attributes:
        mean, deviation: in steps of 16 bits.
    """

    mean: float
    deviation: float


def standardisations(waves: Waves, groups: Sequence[str]) -> dict[str, Standardisation]:
    """Of all samples of each group of clips together; the deviation is the population's.

    Args:
        waves: the clips, as they are, not `filled`.
        groups: name of every clip's group.
    """
    # Integers: the sums are exact, so they do not depend on the order of the clips.
    sums = []
    for begin, end in zip(waves.offsets[:-1], waves.offsets[1:], strict=True):
        clip = waves.values[begin:end].long()
        sums.append(torch.stack([clip.sum(), clip.square().sum()]))
    of_clips = torch.stack(sums).cpu().numpy()
    names, group = np.unique(np.asarray(groups), return_inverse=True)
    totals = np.zeros((len(names), 3), dtype=np.int64)
    np.add.at(totals, group, np.column_stack([of_clips, np.diff(waves.offsets)]))
    found = {}
    for name, (total, squares, n_samples) in zip(names.tolist(), totals.tolist(), strict=True):
        variance = (squares - total**2 / n_samples) / n_samples
        found[name] = Standardisation(total / n_samples, max(math.sqrt(max(variance, 0.0)), SMALLEST_DEVIATION))
    return found


class Segments:
    """Standardised segments of some clips, cut on the device.

    Args:
        waves: the clips; the shorter ones are `filled`.
        length: of a segment, in samples.
        standardisation: of every clip.
    """

    def __init__(self, waves: Waves, length: int, standardisation: Sequence[Standardisation]) -> None:
        self.length = length
        self.waves = filled(waves, length)
        self.n_samples = np.diff(self.waves.offsets)
        device = self.waves.values.device
        self._mean = torch.tensor([one.mean for one in standardisation], device=device)
        self._scale = torch.tensor([1 / one.deviation for one in standardisation], device=device)

    def draw(self, clip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A random segment of each of the clips, as the position of its first sample; int64 of the shape of ``clip``.

        Every place is as likely.
        """
        return self.waves.offsets[clip] + rng.integers(self.n_samples[clip] - self.length + 1)

    def spread(self, clip: np.ndarray, count: int, within: np.ndarray | None = None) -> np.ndarray:
        """``count`` segments of each of the clips (see `starts`), int64 of shape (clips, count).

        Args:
            clip: their numbers, shape (clips,).
            count: how many segments.
            within: how many of a clip's first samples they are to lie over; all of them if None.
        """
        n_samples = self.n_samples[clip] if within is None else within
        return np.stack(
            [
                begin + starts(int(n), self.length, count)
                for begin, n in zip(self.waves.offsets[clip], n_samples, strict=True)
            ]
        )

    def cut(self, clip: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        """Segments, float32 of shape (chosen, length).

        Args:
            clip: the clips' numbers, int64 of shape (chosen,), on the device.
            start: positions of first samples, likewise.
        """
        samples = self.waves.gather(start, self.length).float()
        return (samples - self._mean[clip].unsqueeze(1)) * self._scale[clip].unsqueeze(1)
