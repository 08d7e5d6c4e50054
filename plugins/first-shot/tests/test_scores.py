"""Clips' scores from their segments', and Gaussian mixtures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, spearmanr
from sklearn.mixture import GaussianMixture

from asd_bench import BenchError
from asd_bench_first_shot import AGGREGATIONS
from asd_bench_first_shot.aggregation import aggregated
from asd_bench_first_shot.mixtures import as_arrays, fit_mixtures, from_arrays, negative_log_likelihoods


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([4.0, 1, 3, 2], {"mean": 2.5, "max": 4, "median": 2.5, "upper": 3.5}),
        ([9.0, 1, 2, 3, 5], {"mean": 4, "max": 9, "median": 3, "upper": 17 / 3}),
        ([7.0], {"mean": 7, "max": 7, "median": 7, "upper": 7}),
    ],
)
def test_aggregations_by_hand(scores, expected):
    found = aggregated(np.array([scores, [0.0] * len(scores)]))
    assert tuple(found) == AGGREGATIONS
    for name, value in expected.items():
        assert found[name].tolist() == pytest.approx([value, 0])


def rows_and_queries(seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((400, 4)) @ rng.standard_normal((4, 4)) + 3
    return rows, 3 * rng.standard_normal((50, 4))


def test_one_gaussian_ranks_as_the_mahalanobis_distance_does():
    rows, queries = rows_and_queries()
    found = negative_log_likelihoods(fit_mixtures(rows, (1,), "full", 1e-6, seed=0), queries)[0]
    offsets = queries - rows.mean(axis=0)
    precision = np.linalg.inv(np.cov(rows.T, bias=True) + 1e-6 * np.eye(4))
    distance = np.einsum("ni,ij,nj->n", offsets, precision, offsets)
    assert spearmanr(found, distance).statistic == pytest.approx(1)
    expected = -multivariate_normal(rows.mean(axis=0), np.linalg.inv(precision)).logpdf(queries)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("covariance", ["full", "diag"])
def test_mixtures_are_scikit_learns_and_survive_being_written(covariance):
    rows, queries = rows_and_queries()
    mixtures = fit_mixtures(rows, (1, 4), covariance, 1e-3, seed=2**40 + 5)
    found = negative_log_likelihoods(mixtures, queries)
    for values, size in zip(found, (1, 4), strict=True):
        own = GaussianMixture(size, covariance_type=covariance, reg_covar=1e-3, random_state=(2**40 + 5) % 2**32)
        np.testing.assert_allclose(values, -own.fit(rows).score_samples(queries), rtol=1e-9)
    assert fit_mixtures(rows, (3, 3), covariance, 1e-3, seed=0)[0].n_components == 3, "lowered sizes may be equal"
    restored = from_arrays(as_arrays(mixtures), covariance)
    np.testing.assert_array_equal(negative_log_likelihoods(restored, queries), found)


def test_segments_that_a_mixture_cannot_be_fitted_to():
    """Copies span no dimension, and of numbers this large the floor is lost in rounding."""
    rows = np.repeat(1e8 * np.random.default_rng(0).standard_normal((2, 4)), 20, axis=0)
    with pytest.raises(BenchError, match="a mixture of 1 Gaussians cannot be fitted to 40 segments") as error:
        fit_mixtures(rows, (1,), "full", 1e-6, seed=0)
    assert "detector.floor" in error.value.fix
