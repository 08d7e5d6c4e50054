"""What pulls a class's original crops together and pushes their reconstructions away (paper, section 2.2).

Embeddings are not normalised: the paper's equation 2 has plain dot products, without a temperature.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class PairContrast(nn.Module):
    """The binary form: each class has a weight vector for originals, w_p, and one for reconstructions, w_n.

    The loss of an original z is log(1 + exp(z·w_n − z·w_p)), that of a reconstruction the same with w_p and w_n
    exchanged; they are averaged over all of a batch. Of equation 2 with one positive and one negative it is what is
    left when these two embeddings are replaced by weight vectors.

    Args:
        n_pairs: one pair per class, or one that all classes share.
        width: of an embedding.
    """

    def __init__(self, n_pairs: int, width: int) -> None:
        super().__init__()
        #: w_p and w_n of every pair.
        self.weights = nn.Parameter(torch.empty(n_pairs, 2, width))
        nn.init.uniform_(self.weights, -(width**-0.5), width**-0.5)

    def forward(self, originals: torch.Tensor, reconstructions: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss of a batch.

        Args:
            originals, reconstructions: embeddings of shape (crops, width).
            labels: class of every crop and of its reconstruction, int64 of shape (crops,).
        """
        return torch.cat(
            [
                functional.softplus(self._margin(originals, labels)),
                functional.softplus(-self._margin(reconstructions, labels)),
            ]
        ).mean()

    def _margin(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """z·w_n − z·w_p by the pair of each crop's class, shape (crops,)."""
        pair = labels if len(self.weights) > 1 else torch.zeros_like(labels)
        difference = self.weights[:, 1] - self.weights[:, 0]
        # By every pair, of which one is picked: as cheap as looking pairs up, and its gradient needs no atomic sums.
        with torch.autocast(embeddings.device.type, enabled=False):
            return (embeddings.to(difference.dtype) @ difference.T).gather(1, pair[:, None]).squeeze(1)


class SupervisedContrast(nn.Module):
    """Equation 2 itself, which has no weights: positives are the batch's other originals of an original's class.

    The only negative is the original's own reconstruction. Originals without a positive have no loss; the others' is
    averaged.
    """

    def forward(self, originals: torch.Tensor, reconstructions: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss of a batch; arguments as of `PairContrast.forward`."""
        losses, counted = anchor_losses(originals, reconstructions, labels)
        return losses.sum() / counted.sum().clamp(min=1)


def anchor_losses(
    originals: torch.Tensor, reconstructions: torch.Tensor, labels: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Equation 2 for every original as the anchor.

    Args:
        originals, reconstructions: embeddings of shape (crops, width).
        labels: int64 of shape (crops,).

    Returns:
        losses of shape (crops,), 0 for anchors without a positive; and which have one, bool of shape (crops,).
    """
    with torch.autocast(originals.device.type, enabled=False):
        originals, reconstructions = originals.float(), reconstructions.float()
        alike = originals @ originals.T
        own = (originals * reconstructions).sum(dim=1, keepdim=True)
    positive = (labels[:, None] == labels[None, :]).fill_diagonal_(False)
    n_positive = positive.sum(dim=1)
    candidates = torch.cat([alike.masked_fill(~positive, -torch.inf), own], dim=1)
    mean_positive = (alike * positive).sum(dim=1) / n_positive.clamp(min=1)
    counted = n_positive > 0
    # An anchor without positives is left with its own reconstruction, whose share of itself is log 1 = 0 but whose dot
    # product is not.
    return torch.where(counted, candidates.logsumexp(dim=1) - mean_positive, 0.0), counted
