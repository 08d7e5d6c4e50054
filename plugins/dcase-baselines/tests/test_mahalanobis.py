"""Covariances of residual rows and distances by them, worked out by hand."""

from __future__ import annotations

import logging

import numpy as np
import torch

from asd_bench_dcase_baselines.mahalanobis import ResidualCovariance, precision, squared_length

CPU = torch.device("cpu")


def covariance_of(*batches):
    covariance = ResidualCovariance(batches[0].shape[-1], CPU)
    for batch in batches:
        covariance.add(batch)
    return covariance


def test_covariance_by_hand():
    # Three vectors of two rows. The rows' mean is (2, 1).
    residuals = torch.tensor([[[1.0, 1.0], [3.0, 1.0]], [[2.0, 0.0], [2.0, 2.0]], [[4.0, 1.0], [0.0, 1.0]]])
    covariance = covariance_of(residuals)
    # Squares off the mean: 1 + 1 + 0 + 0 + 4 + 4 and 0 + 0 + 1 + 1 + 0 + 0, over three vectors less one.
    assert covariance.value().tolist() == [[5.0, 0.0], [0.0, 1.0]]
    assert covariance.value().dtype == torch.float64


def test_five_rows_per_vector_make_it_five_times_as_large():
    rows = np.random.default_rng(0).standard_normal((400, 5, 3))
    covariance = covariance_of(torch.from_numpy(rows)).value().numpy()
    honest = np.cov(rows.reshape(-1, 3).T)
    np.testing.assert_allclose(covariance, honest * (5 * 400 - 1) / (400 - 1), rtol=1e-12)


def test_every_batch_loses_its_own_mean():
    rng = np.random.default_rng(1)
    batches = [torch.from_numpy(rng.standard_normal((4, 5, 2)) + 10 * number) for number in range(3)]
    scatter = sum(np.cov(batch.reshape(-1, 2).numpy().T, bias=True) * 20 for batch in batches)
    np.testing.assert_allclose(covariance_of(*batches).value().numpy(), scatter / (12 - 1), rtol=1e-12)


def test_a_batch_may_hold_nothing_of_a_domain():
    rows = torch.randn(6, 5, 2, generator=torch.Generator().manual_seed(0))
    nothing = rows[:0]
    assert torch.equal(covariance_of(nothing, rows, nothing).value(), covariance_of(rows).value())
    assert not covariance_of(nothing).is_known
    assert not covariance_of(rows[:1]).is_known
    assert covariance_of(rows[:2]).is_known


def test_precision_is_the_inverse():
    matrix = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    assert torch.allclose(precision(matrix, "it") @ matrix, torch.eye(2, dtype=torch.float64), rtol=0, atol=1e-12)


def test_directions_without_variation_count_for_nothing(caplog):
    with caplog.at_level(logging.WARNING):
        inverse = precision(torch.tensor([[4.0, 0.0], [0.0, 0.0]], dtype=torch.float64), "the target's residuals")
    assert inverse.tolist() == [[0.25, 0.0], [0.0, 0.0]]
    assert "the target's residuals has rank 1 of 2" in caplog.text


def test_squared_length_by_hand():
    matrix = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    rows = torch.tensor([[[1.0, 0.0], [1.0, 2.0]]])
    # 2, and 2 + 2·1·2 + 3·4.
    assert squared_length(rows, matrix).tolist() == [[2.0, 18.0]]
