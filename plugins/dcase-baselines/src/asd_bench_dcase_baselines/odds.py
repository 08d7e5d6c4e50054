"""The odds against a clip's being what it should be: pure functions of probabilities, in float64.

Probabilities are kept from 0 and 1 by the machine epsilon of float64, as in the published code, so that scores lie
between -36.04 and 36.04 and are never infinite.
"""

from __future__ import annotations

import sys

import torch

EPSILON = sys.float_info.epsilon


def log_odds(p: torch.Tensor) -> torch.Tensor:
    """log((1 - p) / p): -2.19722 for p = 0.9.

    Args:
        p: float64, any shape; what rounding has put beyond 0 or 1 counts as 0 or 1.

    Returns:
        of the same shape.
    """
    return (1 - p).clamp(min=EPSILON).log() - p.clamp(min=EPSILON).log()


def slipped_log_odds(p: torch.Tensor) -> torch.Tensor:
    """log((1 - p) - log(p)): what a misplaced bracket makes of `log_odds`, -1.58299 for p = 0.9.

    It falls as p rises, too. Near p = 1 it is larger by log(2); near p = 0 it ends at 3.61 where the other goes up to
    36.04, so that a mean over images heeds the strangest of them less. Arguments and result as for `log_odds`.
    """
    # A probability just above 1 would make the outer logarithm that of a negative number.
    return ((1 - p).clamp(min=EPSILON) - p.clamp(EPSILON, 1).log()).log()
