"""What a training step is given: which segments, how they are changed, and what the classifier is to say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from asd_bench.training import Batch, batches
from asd_bench_small_rice import SmallRiceConfig
from asd_bench_small_rice.augmentation import draw_masks, draw_shifts, mask_times, mix
from asd_bench_small_rice.segments import Segments


def learning_rates(lr: float, halve_every: int, epochs: int) -> np.ndarray:
    """The learning rate of every epoch: halved after every so many (paper, section 3)."""
    return lr * 0.5 ** (np.arange(epochs) // halve_every)


def domain_weights(is_target: np.ndarray, target_share: float) -> np.ndarray | None:
    """The probability of every segment in a draw in which the target domain has a given share (paper, section 3.2).

    Args:
        is_target: of every segment.
        target_share: 0 for none of this.

    Returns:
        float64 of shape (segments,), or None where segments come in turn: where one domain only is there, too.
    """
    n_target = int(is_target.sum())
    n_source = len(is_target) - n_target
    if not target_share or not n_target or not n_source:
        return None
    return np.where(is_target, target_share / n_target, (1 - target_share) / n_source)


def draw_segments(n: int, size: int, weights: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """As many segments as there are, in batches: drawn with replacement by their weights, or each in turn.

    Args:
        n: how many segments there are.
        size: of a batch.
        weights: as `domain_weights` returns them.
        rng: the plan's generator.

    Returns:
        int64 of shape (steps, size).
    """
    if weights is None:
        return batches(n, size, rng)
    return rng.choice(n, size=(-(-n // size), size), p=weights)


@dataclass(frozen=True)
class Inputs:
    """What the networks get in a step.

    Attributes:
        frames: decibels of shape (batch, frames, bands).
        lengths: int64 of shape (batch,), the frames that are no padding.
        target: the probabilities of the classes, shape (batch, classes).
    """

    frames: torch.Tensor
    lengths: torch.Tensor
    target: torch.Tensor


class TrainingSteps:
    """Draws an epoch's steps, and makes their inputs.

    An epoch has as many steps whether segments are mixed or not: to mix them, twice as many are drawn for every step.

    Args:
        segments: of the training clips.
        class_id: of every segment.
        is_target: whether a segment is of the target domain.
        n_classes: how many classes there are.
        config: how segments are drawn and changed.
    """

    def __init__(
        self, segments: Segments, class_id: np.ndarray, is_target: np.ndarray, n_classes: int, config: SmallRiceConfig
    ) -> None:
        device = segments.windows.start.device
        self.config = config
        self.segments = segments
        self.weights = domain_weights(is_target, config.target_share)
        self.lengths = torch.from_numpy(segments.lengths).to(device)
        #: The target of every segment by itself.
        self.targets = torch.eye(n_classes)[class_id].to(device)

    def plan(self, epoch: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Draw an epoch.

        Returns:
            arrays with one row per step: ``segment`` and ``shift`` of shape (steps, batch, 2), or (steps, batch, 1)
            where nothing is mixed; ``share``, float32 of shape (steps, batch), that of the first in the mixture;
            ``mask_start`` and ``mask_end`` of shape (steps, batch, masks). What is not asked for is not there.
        """
        config, n_sides = self.config, 2 if self.config.mixup_alpha else 1
        sides = [draw_segments(len(self.segments), config.batch_size, self.weights, rng) for _ in range(n_sides)]
        segment = np.stack(sides, axis=2)
        lengths = self.segments.lengths[segment]
        rows = {"segment": segment}
        if config.shift:
            rows["shift"] = draw_shifts(lengths, config.shift, rng)
        if config.mixup_alpha:
            shares = rng.beta(config.mixup_alpha, config.mixup_alpha, size=segment.shape[:2])
            rows["share"] = shares.astype(np.float32)
        if config.masks:
            starts, ends = draw_masks(lengths.max(axis=2), config.masks, config.mask_share, rng)
            rows |= {"mask_start": starts, "mask_end": ends}
        return rows

    def inputs(self, batch: Batch) -> Inputs:
        """Make a step's inputs from its row of the plan."""
        segment = batch["segment"]
        lengths, target = self.lengths[segment], self.targets[segment]
        frames = self._gather(batch).unflatten(0, segment.shape)
        if self.config.mixup_alpha:
            frames, target = mix(frames, batch["share"]), mix(target, batch["share"])
        else:
            frames, target = frames[:, 0], target[:, 0]
        if self.config.masks:
            frames = mask_times(frames, batch["mask_start"], batch["mask_end"])
        return Inputs(frames, lengths.amax(dim=1), target)

    def _gather(self, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The step's segments, shifted if they are to be, shape (batch · sides, frames, bands)."""
        segment = batch["segment"].flatten()
        if not self.config.shift:
            return self.segments.gather(segment)
        return self.segments.gather_shifted(segment, batch["shift"].flatten(), self.lengths[segment])
