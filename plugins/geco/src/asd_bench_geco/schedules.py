"""Values that change from epoch to epoch, as the tables that a training recipe takes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np


def stepped(start: float, milestones: Iterable[int], epochs: int) -> np.ndarray:
    """A learning rate that is multiplied by 0.1 from each milestone on.

    Args:
        start: in epoch 0.
        milestones: epochs, counted from 0.
        epochs: how many there are.

    Returns:
        float64 of shape (epochs,).
    """
    passed = sum((np.arange(epochs) >= milestone).astype(float) for milestone in milestones)
    return start * 0.1 ** (passed + np.zeros(epochs))


def ramped(highest: float, start: int, end: int, epochs: int) -> np.ndarray:
    """A weight that is 0 up to one epoch, rises in a straight line, and stays where it is from another on.

    Args:
        highest: from epoch ``end`` on.
        start, end: epochs, counted from 0. Where they are one, the weight jumps there.
        epochs: how many there are.

    Returns:
        float64 of shape (epochs,).
    """
    epoch = np.arange(epochs)
    if start == end:
        return highest * (epoch >= end).astype(float)
    return highest * ((epoch - start) / (end - start)).clip(0, 1)
