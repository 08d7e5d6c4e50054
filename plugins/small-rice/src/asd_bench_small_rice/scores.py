"""From logits to anomaly scores (paper, equation 3)."""

from __future__ import annotations

import sys

import torch

from asd_bench import log_odds

#: Probabilities closer to 0 or 1 than this count as being so close, as in the authors' code: it keeps scores within
#: ±36.04.
CLOSEST = sys.float_info.epsilon


def bounded_log_odds(logits: torch.Tensor) -> torch.Tensor:
    """A = log((1 - ŷ) / ŷ) of every class, from -36.04 to 36.04.

    Args:
        logits: shape (segments, classes), two classes or more.

    Returns:
        float64 of shape (segments, classes).
    """
    bound = torch.logit(torch.tensor(CLOSEST, dtype=torch.float64)).item()
    return log_odds(logits).clamp(bound, -bound)
