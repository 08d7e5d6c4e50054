"""The additive angular margin of ArcFace (Deng et al. 2019): pure mathematics."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

#: Where the sine is smaller its gradient would blow up: at angles below a tenth of a degree.
_SMALLEST_SQUARED_SINE = 1e-6


def add_margin(cosines: torch.Tensor, labels: torch.Tensor, margin: float) -> torch.Tensor:
    """cos(θ + m) in place of cos θ for every row's own class, and for no other.

    Where θ + m would pass π, cos θ − m·sin m stands for it, so that a larger angle always makes a smaller value (what
    implementations call ``easy_margin=False``; with it, angles beyond 90° would get no margin).

    Args:
        cosines: shape (rows, classes).
        labels: int64 of shape (rows,).
        margin: m in radians, from 0 to π.

    Returns:
        of the shape of ``cosines``.
    """
    own = cosines.gather(1, labels.unsqueeze(1))
    sine = (1 - own.square()).clamp(min=_SMALLEST_SQUARED_SINE).sqrt()
    moved = own * math.cos(margin) - sine * math.sin(margin)
    moved = torch.where(own > -math.cos(margin), moved, own - margin * math.sin(margin))
    return cosines.scatter(1, labels.unsqueeze(1), moved)


class ArcFace(nn.Module):
    """A classifier's last layer that compares directions: s·cos of the angle between an embedding and a class's weight.

    Args:
        n_features: of the embeddings.
        n_classes: how many.
        scale: s.
        margin: m in radians, see `add_margin`.
    """

    def __init__(self, n_features: int, n_classes: int, *, scale: float, margin: float) -> None:
        super().__init__()
        self.scale = scale
        self.margin = margin
        self.weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(n_classes, n_features)))

    def cosines(self, embeddings: torch.Tensor) -> torch.Tensor:
        """cos θ, float32 of shape (rows, classes), from embeddings of shape (rows, features)."""
        # Eight bits of a cosine, times s = 30, would be steps of a tenth.
        with torch.autocast(embeddings.device.type, enabled=False):
            return functional.normalize(embeddings.float()) @ functional.normalize(self.weight.float()).T

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Logits without a margin, s·cos θ, for scoring: shape (rows, classes)."""
        return self.scale * self.cosines(embeddings)

    def with_margin(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Logits for training, with the margin on the labels' classes: shape (rows, classes)."""
        return self.scale * add_margin(self.cosines(embeddings), labels, self.margin)
