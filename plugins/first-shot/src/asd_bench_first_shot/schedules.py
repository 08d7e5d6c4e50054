"""The learning rate's schedule: one cycle (Smith and Topin 2019), as torch's OneCycleLR has it by default."""

from __future__ import annotations

import numpy as np

#: The share of the steps in which the rate rises.
RISE = 0.3

#: The first rate is the highest by this, and the last is the first by that.
FIRST, LAST = 25.0, 1e4

#: β1 of Adam where the rate is lowest and where it is highest.
BETA1_SLOW, BETA1_FAST = 0.95, 0.85


def one_cycle(lr: float, steps: int) -> dict[str, np.ndarray]:
    """Half a cosine up to the learning rate, another down to almost nothing; Adam's β1 goes the other way.

    Args:
        lr: the highest rate, reached after 30 % of the steps.
        steps: of the whole training.

    Returns:
        ``lr`` and ``beta1``, float64 of shape (steps,).
    """
    step = np.arange(steps)
    top, end = RISE * steps - 1, steps - 1
    rising = step <= top
    # Each half's own progress from 0 to 1. A training of three steps or fewer only falls.
    progress = np.where(rising, step / max(top, 1e-9), (step - top) / (end - top))
    bend = (1 + np.cos(np.pi * progress)) / 2

    def between(first: float, middle: float, last: float) -> np.ndarray:
        begin, finish = np.where(rising, first, middle), np.where(rising, middle, last)
        return finish + (begin - finish) * bend

    return {
        "lr": between(lr / FIRST, lr, lr / FIRST / LAST),
        "beta1": between(BETA1_SLOW, BETA1_FAST, BETA1_SLOW),
    }
