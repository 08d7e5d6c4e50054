"""Mixup of waveforms (Zhang et al. 2018), and how it is drawn for an epoch."""

from __future__ import annotations

import math

import numpy as np
import torch


def mixing_probability(epoch: int, epochs: int) -> float:
    """How likely a segment is mixed in an epoch, counted from 0: cos(π/2 · epoch/epochs), from 1 towards 0."""
    return math.cos(math.pi / 2 * epoch / epochs)


def shares(shape: tuple[int, ...], alpha: float, probability: float, rng: np.random.Generator) -> np.ndarray:
    """What share every segment has in its mixture, float32: λ ~ Beta(α, α), or 1 for those that are not mixed.

    Args:
        shape: of the result.
        alpha: α; nothing is mixed if it is 0.
        probability: of being mixed.
        rng: the plan's generator.
    """
    if alpha == 0:
        return np.ones(shape, dtype=np.float32)
    drawn = rng.beta(alpha, alpha, size=shape)
    return np.where(rng.random(shape) < probability, drawn, 1.0).astype(np.float32)


def partners(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Whom every member of a batch is mixed with: a random order of each batch, int64 of shape (…, batch)."""
    return rng.permuted(np.broadcast_to(np.arange(shape[-1]), shape), axis=-1)


def mixed(first: torch.Tensor, second: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """λ · first + (1 - λ) · second, with one λ per row; the first itself where λ is 1."""
    weight = share.view(-1, *[1] * (first.ndim - 1))
    return weight * first + (1 - weight) * second
