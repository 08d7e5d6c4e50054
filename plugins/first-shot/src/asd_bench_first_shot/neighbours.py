"""Nearest neighbours, and two scores made of them: the mean distance to k of them and the local outlier factor.

Everything is float64, batched, and on the device of its arguments. One search for the most neighbours that any setting
needs serves them all::

    found = nearest(queries, rows, 32)
    mean_distances(found, (1, 2, 4, 8, 16, 32))

    density = Density.of(nearest(rows, rows, 32, hidden=Hidden.own(len(rows))), (1, 2, 4, 8, 16, 32))
    outlier_factors(found, density)

The numbers are those of scikit-learn's brute-force ``NearestNeighbors`` and ``LocalOutlierFactor(novelty=True)``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

#: Distances computed at a time: what a CPU's cache nearly holds, and what keeps a GPU busy.
CPU_CHUNK = 2**20
GPU_CHUNK = 2**27

#: Rows taken beyond k by their approximate distances, before the exact ones decide.
SPARE = 8

#: Added to mean reachabilities, as in scikit-learn: rows with k copies of themselves have a density for it.
SMALLEST_REACH = 1e-10


@dataclass(frozen=True)
class Neighbours:
    """The rows nearest to some queries, nearest first.

    Attributes:
        distance: Euclidean, float64 of shape (queries, k).
        index: which rows they are, int64 of shape (queries, k). Of rows at one distance the first by number comes
            first, unless more than `SPARE` beyond k are at it.
    """

    distance: torch.Tensor
    index: torch.Tensor


@dataclass(frozen=True)
class Hidden:
    """Which rows are no neighbours of which queries: those of which the query's owner is a parent.

    Attributes:
        owner: of every query, int64 of shape (queries,); -1 for one that may see all rows.
        parents: of every row, int64 of shape (rows, parents).
    """

    owner: torch.Tensor
    parents: torch.Tensor

    @classmethod
    def own(cls, n: int, device: torch.device | str = "cpu") -> Hidden:
        """For queries that are the rows themselves: each is hidden from itself alone."""
        number = torch.arange(n, device=device)
        return cls(number, number.unsqueeze(1))

    def fewest_seen(self) -> int:
        """How many rows the query sees that sees fewest."""
        owners = self.owner.unique()
        return len(self.parents) - max(int((self.parents == owner).any(dim=1).sum()) for owner in owners)


def nearest(queries: torch.Tensor, rows: torch.Tensor, k: int, hidden: Hidden | None = None) -> Neighbours:
    """The k rows nearest to every query.

    Rows are ranked by ‖row‖² − 2 · query · row, a matrix product, and the distances to the first of them (and a few
    more) are then computed from the differences, so that those between close rows are exact, too.

    Args:
        queries: shape (queries, dimensions).
        rows: shape (rows, dimensions).
        k: at most the rows that every query sees.
        hidden: which rows are hidden from which queries; none if None.
    """
    queries, rows = queries.double(), rows.double()
    n_taken = min(k + SPARE, len(rows))
    # The smaller the squares, the less is lost where they cancel.
    centre = rows.mean(dim=0)
    centred = rows - centre
    squares = centred.square().sum(dim=1)
    chunk = max(1, (CPU_CHUNK if rows.device.type == "cpu" else GPU_CHUNK) // len(rows))
    distances, indices = [], []
    for begin in range(0, len(queries), chunk):
        part = queries[begin : begin + chunk]
        rank = torch.addmm(squares, part - centre, centred.T, alpha=-2)
        if hidden is not None:
            owner = hidden.owner[begin : begin + chunk].unsqueeze(1)
            for parent in hidden.parents.T:
                rank.masked_fill_(parent == owner, torch.inf)
        taken = rank.topk(n_taken, dim=1, largest=False, sorted=False).indices.sort(dim=1).values
        exact = torch.linalg.vector_norm(rows[taken] - part.unsqueeze(1), dim=2)
        exact.masked_fill_(rank.gather(1, taken).isinf(), torch.inf)
        # Stable, and the rows are in order: so are those at one distance.
        distance, order = exact.sort(dim=1, stable=True)
        distances.append(distance[:, :k])
        indices.append(taken.gather(1, order[:, :k]))
    return Neighbours(torch.cat(distances), torch.cat(indices))


def mean_distances(found: Neighbours, ks: Sequence[int]) -> torch.Tensor:
    """Mean distance to the k nearest, for several k; float64 of shape (settings, queries)."""
    return torch.stack([found.distance[:, :k].mean(dim=1) for k in ks])


@dataclass(frozen=True)
class Density:
    """How dense it is around every row, for several k (Breunig et al. 2000).

    Attributes:
        ks: the numbers of neighbours.
        reach: distance to the k-th neighbour, float64 of shape (settings, rows).
        density: local reachability density, likewise.
    """

    ks: tuple[int, ...]
    reach: torch.Tensor
    density: torch.Tensor

    @classmethod
    def of(cls, found: Neighbours, ks: Sequence[int]) -> Density:
        """From the neighbours of the rows among the other rows."""
        reach = torch.stack([found.distance[:, k - 1] for k in ks])
        density = torch.stack([_reachability_density(found, k, far) for k, far in zip(ks, reach, strict=True)])
        return cls(tuple(ks), reach, density)

    def to(self, device: torch.device) -> Density:
        """The same on a device."""
        return Density(self.ks, self.reach.to(device), self.density.to(device))


def outlier_factors(found: Neighbours, rows: Density) -> torch.Tensor:
    """Local outlier factors, float64 of shape (settings, queries): the mean density of neighbours by one's own.

    Args:
        found: the queries' neighbours among the rows.
        rows: the rows' own densities, which no query changes.
    """
    factors = []
    for k, reach, density in zip(rows.ks, rows.reach, rows.density, strict=True):
        own = _reachability_density(found, k, reach)
        factors.append(density[found.index[:, :k]].mean(dim=1) / own)
    return torch.stack(factors)


def _reachability_density(found: Neighbours, k: int, reach: torch.Tensor) -> torch.Tensor:
    """One by the mean of the reachability distances from the k nearest rows, whose own k-th are ``reach`` away."""
    reachability = torch.maximum(found.distance[:, :k], reach[found.index[:, :k]])
    return 1 / (reachability.mean(dim=1) + SMALLEST_REACH)
