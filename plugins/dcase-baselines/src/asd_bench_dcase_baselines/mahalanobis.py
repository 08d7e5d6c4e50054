"""The selective Mahalanobis distance: pure functions of residuals, in float64.

A residual is a vector minus what the autoencoder makes of it. Cut into its five frames it gives five rows of 128 bands,
and it is rows that the covariances are taken over, one for the source and one for the target domain.
"""

from __future__ import annotations

import logging

import torch

logger = logging.getLogger(__name__)


class ResidualCovariance:
    """The covariance of one domain's residual rows, summed up batch by batch.

    From every batch the mean of its own rows of the domain is taken off, so that the covariance is that about the batch
    means. The divisor is the number of *vectors* less one, though a vector brings five rows: the covariance is about
    five times that of the rows, a factor that both domains share. Both are the baseline's ways.

    Args:
        n_bands: numbers per row.
        device: of the residuals.
    """

    def __init__(self, n_bands: int, device: torch.device) -> None:
        self.n_vectors = 0
        self._scatter = torch.zeros((n_bands, n_bands), dtype=torch.float64, device=device)

    def add(self, residuals: torch.Tensor) -> None:
        """Take in the domain's residuals of one batch, shape (vectors, frames, bands); there may be none."""
        if not len(residuals):
            return
        rows = residuals.double().flatten(0, 1)
        rows = rows - rows.mean(dim=0)
        self._scatter += rows.T @ rows
        self.n_vectors += len(residuals)

    @property
    def is_known(self) -> bool:
        """Whether there were vectors enough for a covariance."""
        return self.n_vectors > 1

    def value(self) -> torch.Tensor:
        """float64 of shape (bands, bands)."""
        return self._scatter / (self.n_vectors - 1)


def precision(covariance: torch.Tensor, what: str) -> torch.Tensor:
    """The inverse of a covariance, or its pseudo-inverse where it has none.

    Fewer rows than bands leave directions in which no residual was seen to vary. They count for nothing then, and the
    fit's log says so: an error would take away the squared errors of the same fit, too.

    Args:
        covariance: shape (bands, bands).
        what: whose it is, for the log.

    Returns:
        of the same shape, type and device.
    """
    rank, full = int(torch.linalg.matrix_rank(covariance, hermitian=True)), len(covariance)
    if rank < full:
        logger.warning("the covariance of %s has rank %d of %d: its pseudo-inverse is used", what, rank, full)
    return torch.linalg.pinv(covariance, hermitian=True)


def squared_length(rows: torch.Tensor, precision: torch.Tensor) -> torch.Tensor:
    """Squared Mahalanobis length of every row, shape (…,), from rows of shape (…, bands)."""
    return ((rows @ precision) * rows).sum(dim=-1)
