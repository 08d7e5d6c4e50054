"""Mixtures of Gaussians, one for every number that is predicted: pure mathematics."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

#: A component's log σ is kept within these, in standardised units: without a floor, a component that sits on one
#: training value would make the likelihood as large as it likes.
LOG_SIGMA_MIN, LOG_SIGMA_MAX = -5.0, 5.0

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class Mixture(NamedTuple):
    """Parameters of one mixture per number, each of shape (…, components), as a network puts them out.

    Attributes:
        weight_logits: the weights are their softmax.
        mean: the components' means.
        log_sigma: logarithms of the components' standard deviations, before they are kept within their bounds.
    """

    weight_logits: torch.Tensor
    mean: torch.Tensor
    log_sigma: torch.Tensor


def negative_log_likelihood(values: torch.Tensor, mixture: Mixture) -> torch.Tensor:
    """−log p of every value under its mixture, in nats; of the shape of ``values``."""
    log_sigma = mixture.log_sigma.clamp(LOG_SIGMA_MIN, LOG_SIGMA_MAX)
    deviation = (values.unsqueeze(-1) - mixture.mean) * torch.exp(-log_sigma)
    log_density = -0.5 * deviation.square() - log_sigma - _HALF_LOG_2PI
    return -torch.logsumexp(mixture.weight_logits.log_softmax(dim=-1) + log_density, dim=-1)
