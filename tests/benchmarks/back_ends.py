"""The first-shot system's back ends over one section's segments, against scikit-learn's loop over the settings."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch
from timing import Measured, in_turns

#: Rows of a section: ten segments of 1,000 clips and of 50 mixtures; and segments of 200 test clips.
ROWS, QUERIES, DIMENSIONS = 10_500, 2_000, 128

#: Clusters that rows and queries lie around, as embeddings do around their classes.
CLUSTERS = 12


def measure() -> Iterator[Measured]:
    from asd_bench_first_shot import SETTINGS
    from asd_bench_first_shot.mixtures import fit_mixtures, negative_log_likelihoods

    rows, queries = _embeddings()
    for one, other in zip(_ours(rows, queries), _scikit_learns(rows, queries), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    rate, reference = in_turns(lambda: _ours(rows, queries), lambda: _scikit_learns(rows, queries), QUERIES)
    yield Measured("KNN and LOF, 12 settings", "queries/s", rate, "scikit-learn's loop", reference, target=3)
    start = time.perf_counter()
    mixtures = fit_mixtures(rows, SETTINGS, "full", 1e-6, 0)
    negative_log_likelihoods(mixtures, queries)
    yield Measured("six GMMs, scikit-learn", "s", time.perf_counter() - start)


def _embeddings() -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(0)
    centres = 3 * draws.standard_normal((CLUSTERS, DIMENSIONS))
    n = ROWS + QUERIES
    drawn = centres[draws.integers(CLUSTERS, size=n)] + draws.standard_normal((n, DIMENSIONS))
    return drawn[:ROWS], drawn[ROWS:]


def _ours(rows: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean distances and outlier factors, each of shape (settings, queries)."""
    from asd_bench_first_shot import SETTINGS
    from asd_bench_first_shot.neighbours import Density, Hidden, mean_distances, nearest, outlier_factors

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    fitted, asked = (torch.from_numpy(values).to(device) for values in (rows, queries))
    most = max(SETTINGS)
    density = Density.of(nearest(fitted, fitted, most, Hidden.own(len(fitted), device)), SETTINGS)
    found = nearest(asked, fitted, most)
    return mean_distances(found, SETTINGS).cpu().numpy(), outlier_factors(found, density).cpu().numpy()


def _scikit_learns(rows: np.ndarray, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

    from asd_bench_first_shot import SETTINGS

    distances = [NearestNeighbors(n_neighbors=k).fit(rows).kneighbors(queries)[0].mean(axis=1) for k in SETTINGS]
    factors = [-LocalOutlierFactor(n_neighbors=k, novelty=True).fit(rows).score_samples(queries) for k in SETTINGS]
    return np.stack(distances), np.stack(factors)
