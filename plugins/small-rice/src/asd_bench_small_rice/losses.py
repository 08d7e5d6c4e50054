"""The terms of the training loss, as pure functions.

Autocast is off in the contrastive ones: divided by a temperature of 0.07, the rounding of bfloat16 would show.
"""

from __future__ import annotations

import torch
from torch.nn import functional


def nt_xent(one: torch.Tensor, other: torch.Tensor, temperature: float) -> torch.Tensor:
    """The authors' contrastive loss: NT-Xent of SimCLR (Chen et al. 2020) over two views of every sample.

    Each of the 2·B vectors is to find its other view among all vectors but itself. It is never negative, and the same
    when the views change places.

    Args:
        one, other: the two views' vectors, shape (B, size). They are compared by inner product, as they are.
        temperature: ρ.

    Returns:
        the mean over the 2·B vectors.
    """
    with torch.autocast(one.device.type, enabled=False):
        vectors = torch.cat([one, other]).float()
        similarity = vectors @ vectors.T / temperature
        itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
        partner = torch.arange(len(vectors), device=vectors.device).roll(len(one))
        return functional.cross_entropy(similarity.masked_fill(itself, -torch.inf), partner)


def equation_4_terms(anchor: torch.Tensor, other: torch.Tensor, temperature: float) -> torch.Tensor:
    """The terms of the sum in the paper's equation 4, as printed, one per sample.

    A sample's own pair is missing from the denominator. So a term has no lower bound: it falls for as long as vectors
    grow.

    Args:
        anchor: u, of the classifier, shape (B, size), B > 1.
        other: p, of the autoencoder, of the same shape.
        temperature: ρ.

    Returns:
        shape (B,).
    """
    with torch.autocast(anchor.device.type, enabled=False):
        similarity = anchor.float() @ other.float().T / temperature
        itself = torch.eye(len(anchor), dtype=torch.bool, device=anchor.device)
        return similarity.masked_fill(itself, -torch.inf).logsumexp(dim=1) - similarity.diagonal()


def guarded_equation_4(anchor: torch.Tensor, other: torch.Tensor, temperature: float) -> torch.Tensor:
    """Equation 4 with a floor under every term, so that training cannot run away.

    The floor is -2/ρ, the least that vectors of length 1 could reach with one other sample. A term that has fallen to
    it counts as that, and has no gradient any more.

    Args, Returns: as for `equation_4_terms`; the sum of the terms.
    """
    return equation_4_terms(anchor, other, temperature).clamp(min=-2 / temperature).sum()
