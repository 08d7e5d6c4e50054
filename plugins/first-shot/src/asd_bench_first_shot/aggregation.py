"""A clip's score from those of its segments."""

from __future__ import annotations

import numpy as np

from asd_bench_first_shot import AGGREGATIONS


def aggregated(scores: np.ndarray) -> dict[str, np.ndarray]:
    """Mean, maximum, median and mean of the upper half of segments' scores.

    The median of an even number is the mean of the middle two; the upper half of an odd number has the middle one.

    Args:
        scores: of shape (…, segments).

    Returns:
        by name, those of `AGGREGATIONS`, each of shape (…,).
    """
    ordered = np.sort(scores, axis=-1)
    made = {
        "mean": ordered.mean(axis=-1),
        "max": ordered[..., -1],
        "median": np.median(ordered, axis=-1),
        "upper": ordered[..., ordered.shape[-1] // 2 :].mean(axis=-1),
    }
    return {name: made[name] for name in AGGREGATIONS}
