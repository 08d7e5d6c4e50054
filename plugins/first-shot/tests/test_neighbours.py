"""Neighbours against scikit-learn, what is hidden against brute force, and copies and ties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors

from asd_bench_first_shot import neighbours
from asd_bench_first_shot.neighbours import Density, Hidden, mean_distances, nearest, outlier_factors

KS = (1, 2, 4, 8, 16, 32)


def normal(n, dimensions, seed=0):
    return np.random.default_rng(seed).standard_normal((n, dimensions)).astype(np.float32)


def tensor(array):
    return torch.from_numpy(np.ascontiguousarray(array))


def ours(rows, queries, ks=KS):
    """Mean distances and outlier factors, each of shape (settings, queries)."""
    rows, queries = tensor(rows), tensor(queries)
    density = Density.of(nearest(rows, rows, max(ks), Hidden.own(len(rows))), ks)
    found = nearest(queries, rows, max(ks))
    return mean_distances(found, ks).numpy(), outlier_factors(found, density).numpy()


def sklearns(rows, queries, ks=KS):
    rows, queries = rows.astype(np.float64), queries.astype(np.float64)
    distances, factors = [], []
    for k in ks:
        distances.append(NearestNeighbors(n_neighbors=k).fit(rows).kneighbors(queries)[0].mean(axis=1))
        factors.append(-LocalOutlierFactor(n_neighbors=k, novelty=True).fit(rows).score_samples(queries))
    return np.stack(distances), np.stack(factors)


@pytest.mark.parametrize("chunk", [2**20, 3000], ids=["one chunk", "many chunks"])
@pytest.mark.parametrize("shift", [0.0, 100.0], ids=["centred", "far from the origin"])
def test_scores_are_those_of_scikit_learn(chunk, shift, monkeypatch):
    monkeypatch.setattr(neighbours, "CPU_CHUNK", chunk)
    rows, queries = normal(300, 16) + np.float32(shift), 1.5 * normal(80, 16, seed=1) + np.float32(shift)
    for own, expected in zip(ours(rows, queries), sklearns(rows, queries), strict=True):
        assert own.dtype == np.float64
        np.testing.assert_allclose(own, expected, rtol=1e-6)


@settings(deadline=None, max_examples=25)
@given(n=st.integers(8, 60), dimensions=st.integers(1, 20), seed=st.integers(0, 1000))
def test_scores_of_few_rows_are_those_of_scikit_learn(n, dimensions, seed):
    rows, queries = normal(n, dimensions, seed), normal(9, dimensions, seed + 1)
    for own, expected in zip(ours(rows, queries, (1, 3, 7)), sklearns(rows, queries, (1, 3, 7)), strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-6)


def test_copies_have_the_scores_that_scikit_learn_gives_them():
    """Rows with more copies than neighbours have no distance to any, and a density for it nevertheless."""
    rows = np.concatenate([np.repeat(normal(5, 4), 12, axis=0), normal(60, 4, seed=1)])
    queries = np.concatenate([rows[::7], normal(10, 4, seed=2)])
    for own, expected in zip(ours(rows, queries, (1, 2, 4, 8)), sklearns(rows, queries, (1, 2, 4, 8)), strict=True):
        assert np.isfinite(own).all()
        np.testing.assert_allclose(own, expected, rtol=1e-6, atol=1e-9)


def test_distances_between_close_rows_are_exact():
    """The squares that a matrix product would leave of them are lost in rounding."""
    rows = np.full((40, 8), 1000.0)
    rows[:, 0] += 1e-6 * np.arange(40)
    found = nearest(tensor(rows[:1]), tensor(rows), 5)
    np.testing.assert_allclose(found.distance[0].numpy(), 1e-6 * np.arange(5), rtol=1e-3)


def test_of_rows_at_one_distance_the_first_come_first():
    rows = tensor([[1.0, 0], [0, 1], [-1, 0], [0, -1], [3, 0]])
    found = nearest(tensor([[0.0, 0]]), rows, 4)
    assert found.index.tolist() == [[0, 1, 2, 3]]
    assert found.distance.tolist() == [[1.0] * 4]


def test_a_row_is_its_own_neighbour_unless_it_is_hidden():
    rows = tensor(normal(40, 3))
    assert mean_distances(nearest(rows, rows, 1), (1,)).max() == 0
    assert mean_distances(nearest(rows, rows, 1, Hidden.own(40)), (1,)).min() > 0


# -- what is hidden, by brute force ------------------------------------------------------------------------------------


def families():
    """Rows of 6 clips with 5 rows each, and 4 mixtures of two clips with 5 rows each: rows and their parents."""
    pairs = [(clip, clip) for clip in range(6)] + [(0, 3), (1, 3), (0, 4), (2, 5)]
    return normal(50, 4), np.repeat(pairs, 5, axis=0)


def brute_force(rows, parents, query, owner, ks):
    """Mean distances and outlier factors of one query, by the definitions."""

    def distances(one, hidden):
        far = np.sqrt(((rows.astype(np.float64) - one) ** 2).sum(axis=1))
        return np.where(hidden, np.inf, far)

    means, factors = [], []
    for k in ks:
        reach, near = np.zeros(len(rows)), {}
        for number, row in enumerate(rows):
            far = distances(row, np.arange(len(rows)) == number)
            near[number] = np.argsort(far, kind="stable")[:k]
            reach[number] = far[near[number]][-1]
        density = np.array(
            [
                1 / np.mean([max(reach[other], np.linalg.norm(rows[number].astype(np.float64) - rows[other]))
                             for other in near[number]])
                for number in range(len(rows))
            ]
        )  # fmt: skip
        far = distances(query, (parents == owner).any(axis=1))
        nearest_rows = np.argsort(far, kind="stable")[:k]
        means.append(far[nearest_rows].mean())
        own = 1 / np.maximum(far[nearest_rows], reach[nearest_rows]).mean()
        factors.append(density[nearest_rows].mean() / own)
    return means, factors


def test_a_clips_rows_and_its_mixtures_are_hidden_from_it():
    rows, parents = families()
    hidden = Hidden(torch.arange(6).repeat_interleave(5), tensor(parents))
    queries = tensor(rows[:30])
    density = Density.of(nearest(tensor(rows), tensor(rows), 8, Hidden.own(50)), (1, 3, 8))
    found = nearest(queries, tensor(rows), 8, hidden)
    means, factors = mean_distances(found, (1, 3, 8)), outlier_factors(found, density)
    for number in (0, 7, 16, 29):
        owner = number // 5
        assert not {owner} & set(parents[found.index[number].numpy()].ravel())
        expected = brute_force(rows, parents, rows[number].astype(np.float64), owner, (1, 3, 8))
        np.testing.assert_allclose(means[:, number].numpy(), expected[0], rtol=1e-9)
        np.testing.assert_allclose(factors[:, number].numpy(), expected[1], rtol=1e-7)


def test_nothing_is_hidden_from_other_clips():
    rows, parents = families()
    queries = tensor(normal(7, 4, seed=3))
    hidden = Hidden(torch.full((7,), -1), tensor(parents))
    free, restricted = nearest(queries, tensor(rows), 8), nearest(queries, tensor(rows), 8, hidden)
    assert torch.equal(free.index, restricted.index)


def test_hidden_rows_are_not_taken_where_few_are_left():
    """Clip 3 sees 35 of 50 rows, and every one of them is a neighbour."""
    rows, parents = families()
    hidden = Hidden(torch.full((2,), 3), tensor(parents))
    assert hidden.fewest_seen() == 35
    found = nearest(tensor(rows[15:17]), tensor(rows), 35, hidden)
    assert torch.isfinite(found.distance).all()
    assert set(found.index[0].tolist()) == set(np.flatnonzero((parents != 3).all(axis=1)))


def test_the_fewest_that_any_sees():
    _, parents = families()
    assert Hidden(torch.arange(6), tensor(parents)).fewest_seen() == 35
    assert Hidden(torch.tensor([-1, 5]), tensor(parents)).fewest_seen() == 40
    assert Hidden(torch.tensor([-1]), tensor(parents)).fewest_seen() == 50
