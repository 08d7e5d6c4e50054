"""An ensembler: statistics from training scores, applied to test scores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from asd_bench import Scores
from asd_bench_fake_good import AverageConfig


class Average:
    """Mean of the members' scores, each brought to one scale by its scores of normal training clips."""

    def __init__(self, config: AverageConfig) -> None:
        self.config = config
        self.scales: dict[str, tuple[float, float]] = {}

    def fit(self, train: Mapping[str, Scores]) -> None:
        for label, scores in train.items():
            spread = scores.values.std() or 1.0
            self.scales[label] = (scores.values.mean(), spread) if self.config.standardize else (0.0, 1.0)

    def combine(self, scores: Mapping[str, Scores]) -> np.ndarray:
        return np.mean([(scores[label].values - mean) / sd for label, (mean, sd) in self.scales.items()], axis=0)
