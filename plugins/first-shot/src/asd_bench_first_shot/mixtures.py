"""Gaussian mixtures of several sizes over the same rows; scikit-learn's, each on a thread of its own.

k-means adds up what its threads found in the order in which they are done: with one, every run gives the same. And the
products of small matrices gain little from a second thread, but are 80 times slower where it has to wait for a core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from asd_bench import BenchError
from asd_bench_first_shot import Covariance

#: What scoring needs of a fitted mixture.
PARAMETERS = ("weights", "means", "precisions_cholesky")


def fit_mixtures(
    rows: np.ndarray, sizes: Sequence[int], covariance: Covariance, floor: float, seed: int
) -> list[GaussianMixture]:
    """A mixture of each size, by expectation maximisation from k-means.

    Args:
        rows: float64 of shape (rows, dimensions).
        sizes: numbers of Gaussians, at most one per row.
        covariance: shape of the covariances.
        floor: added to their diagonals.
        seed: of k-means.

    Returns:
        the mixtures, one per size; equal sizes are fitted once.

    Raises:
        BenchError: rows lie in fewer dimensions than they have, and the floor is too low for that.
    """

    def fitted(size: int) -> GaussianMixture:
        mixture = GaussianMixture(size, covariance_type=covariance, reg_covar=floor, random_state=seed % 2**32)
        # OpenMP's limit is that of the thread that sets it.
        with threadpool_limits(1):
            try:
                return mixture.fit(rows)
            except ValueError as error:
                raise BenchError(
                    f"a mixture of {size} Gaussians cannot be fitted to {len(rows)} segments: {error}",
                    fix="raise what is added to the covariances' diagonals: --set detector.floor=1e-3",
                ) from error

    different = list(dict.fromkeys(sizes))
    # Before the limit, which is torch's as well.
    n_threads = torch.get_num_threads()
    with threadpool_limits(1), ThreadPoolExecutor(n_threads) as pool:
        # The largest takes longest, so it begins first.
        found = dict(zip(different[::-1], pool.map(fitted, different[::-1]), strict=True))
    return [found[size] for size in sizes]


def negative_log_likelihoods(mixtures: Sequence[GaussianMixture], queries: np.ndarray) -> np.ndarray:
    """-log p of every query under every mixture, in nats; float64 of shape (mixtures, queries)."""
    with threadpool_limits(1):
        return np.stack([-mixture.score_samples(queries) for mixture in mixtures])


def as_arrays(mixtures: Sequence[GaussianMixture]) -> dict[str, np.ndarray]:
    """The mixtures' parameters by number and name."""
    return {
        f"{number}.{name}": np.ascontiguousarray(getattr(mixture, f"{name}_"))
        for number, mixture in enumerate(mixtures)
        for name in PARAMETERS
    }


def from_arrays(arrays: Mapping[str, np.ndarray], covariance: Covariance) -> list[GaussianMixture]:
    """Mixtures that score as those did whose parameters these are."""
    mixtures = []
    for number in range(len(arrays) // len(PARAMETERS)):
        mixture = GaussianMixture(len(arrays[f"{number}.weights"]), covariance_type=covariance)
        for name in PARAMETERS:
            setattr(mixture, f"{name}_", arrays[f"{number}.{name}"])
        mixtures.append(mixture)
    return mixtures
