"""IDNN: the network is not given the frame that it has to put out."""

from __future__ import annotations

import torch

from asd_bench_dcase_baselines.reconstruction import N_FRAMES, Reconstruction

CENTRE = N_FRAMES // 2


class Interpolation(Reconstruction):
    """Predicts the centre frame from the two before and the two after it; ``mse`` is the centre frame's squared error.

    The edge frames of a vector, which are hard to predict whatever the sound, do not enter the score.
    """

    def _inputs_and_targets(self, windows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        around = torch.cat([windows[:, :CENTRE], windows[:, CENTRE + 1 :]], dim=1)
        return around.flatten(1), windows[:, CENTRE]
