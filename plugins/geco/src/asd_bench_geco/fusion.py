"""Frame-level and clip-level scores as one (paper, equation 4): MSE + γ · (1 − cos)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from asd_bench import BenchError, Scores
from asd_bench_geco import FusionConfig

#: The γ by machine type that the paper found by grid search on the test labels of the development data.
PUBLISHED = {"ToyCar": 125.0, "ToyConveyor": 135.0, "fan": 495.0, "pump": 225.0, "slider": 110.0, "valve": 125.0}


class Fusion:
    """The member ``pae`` plus γ times the member ``geco``, with one γ for all machine types."""

    def __init__(self, config: FusionConfig) -> None:
        self.config = config

    def fit(self, train: Mapping[str, Scores]) -> None:
        if set(train) != {"pae", "geco"}:
            raise BenchError(
                f"GeCo's fusion takes the members 'pae' and 'geco', and the system has: {', '.join(train)}"
            )

    def combine(self, scores: Mapping[str, Scores]) -> np.ndarray:
        return scores["pae"].values + self._gamma(scores["geco"].machine) * scores["geco"].values

    def _gamma(self, machine: np.ndarray) -> np.ndarray:
        """γ of clips, from their machine types: both of shape (clips,)."""
        return np.full(len(machine), self.config.gamma)


class FusionPerMachine(Fusion):
    """The same with the published γ of each machine type; ``gamma`` is for those that have none, and they are named."""

    def __init__(self, config: FusionConfig) -> None:
        super().__init__(config)
        self.notes: list[str] = []

    def fit(self, train: Mapping[str, Scores]) -> None:
        super().fit(train)
        without = sorted(set(train["geco"].machine.tolist()) - set(PUBLISHED))
        if without:
            self.notes = [f"no γ was published for {', '.join(without)}: {self.config.gamma:g} stands for it"]

    def _gamma(self, machine: np.ndarray) -> np.ndarray:
        return np.array([PUBLISHED.get(name, self.config.gamma) for name in machine.tolist()])
