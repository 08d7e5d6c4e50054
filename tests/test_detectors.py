"""The classical detectors: hand-computed values, scikit-learn as the reference, and no clip its own neighbour."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor

from asd_bench.builtin.detectors import GmmConfig, KnnConfig, LofConfig, MahalanobisConfig
from asd_bench.builtin.detectors.gaussians import Gmm, Mahalanobis
from asd_bench.builtin.detectors.neighbours import Knn, Lof
from asd_bench.builtin.detectors.vectors import clip_vectors
from asd_bench.data.clips import Clips
from asd_bench.errors import BenchError


class Vectors:
    """Stands for an `Audio` whose clips have one frame each, so that a clip's mean is that frame."""

    def __init__(self, values, prefix="clip"):
        values = np.asarray(values, dtype=np.float32)
        self.values = torch.from_numpy(values)
        text = np.array(["fan"] * len(values))
        ids = np.array([f"{prefix}{number}" for number in range(len(values))])
        none = np.zeros(len(values), dtype=np.int64)
        self.clips = Clips(ids, text, text, text, text, none, none, ((0,),) * len(values))

    def __len__(self):
        return len(self.values)

    def frames(self):
        return [value.unsqueeze(0) for value in self.values]


class Seeded:
    def seed_of(self, *axis):
        return 7


TRAIN = [[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]


def plain(config_class, **values):
    return config_class(pool="mean", standardize=False, **values)


def fitted(detector, audio):
    detector.fit(audio, Seeded())
    return detector


def test_mean_and_sd_over_time_by_hand():
    class Two:
        def frames(self):
            return [torch.tensor([[1.0, 10.0], [3.0, 10.0]])]

    assert clip_vectors(Two(), "mean+sd").tolist() == [[2.0, 10.0, 1.0, 0.0]]
    assert clip_vectors(Two(), "mean").tolist() == [[2.0, 10.0]]


def test_knn_distances_by_hand():
    one = fitted(Knn(plain(KnnConfig, k=1)), Vectors(TRAIN))
    assert one.score(Vectors([[0.0, 3.0], [3.0, 4.0]], "test"), Seeded())["distance"].tolist() == [2.0, 0.0]
    two = fitted(Knn(plain(KnnConfig, k=2)), Vectors(TRAIN))
    # To (0, 1) it is 2, to (0, 0) 3.
    assert two.score(Vectors([[0.0, 3.0]], "test"), Seeded())["distance"].tolist() == [2.5]


def test_a_training_clip_is_not_its_own_neighbour():
    train = Vectors(TRAIN)
    knn = fitted(Knn(plain(KnnConfig, k=1)), train)
    assert knn.score(train, Seeded())["distance"].tolist() == [1.0, pytest.approx(18**0.5), 1.0]


def test_standardising_uses_the_training_clips_moments():
    values = np.array([[0.0, 0.0], [2.0, 200.0], [4.0, 400.0]])
    knn = fitted(Knn(KnnConfig(k=1, pool="mean")), Vectors(values))
    sd = values.std(axis=0)
    test = np.array([[1.0, 0.0]])
    expected = np.linalg.norm((test - values) / sd, axis=1).min()
    assert knn.score(Vectors(test, "test"), Seeded())["distance"] == pytest.approx([expected], rel=1e-6)


def test_a_constant_dimension_does_not_dominate():
    values = np.c_[np.arange(5.0), np.full(5, 3.0)]
    knn = fitted(Knn(KnnConfig(k=1, pool="mean")), Vectors(values))
    assert np.isfinite(knn.score(Vectors([[2.0, 3.01]], "test"), Seeded())["distance"]).all()


def test_lof_is_scikit_learns_for_training_and_test_clips():
    draws = np.random.default_rng(0)
    train, test = (
        draws.standard_normal((60, 4)).astype(np.float32),
        draws.standard_normal((9, 4)).astype(np.float32) * 2,
    )
    lof = fitted(Lof(plain(LofConfig, k=5)), Vectors(train))
    reference = LocalOutlierFactor(n_neighbors=5, novelty=True).fit(train.astype(np.float64))
    assert lof.score(Vectors(train), Seeded())["factor"] == pytest.approx(-reference.negative_outlier_factor_, rel=1e-6)
    expected = -reference.score_samples(test.astype(np.float64))
    assert lof.score(Vectors(test, "test"), Seeded())["factor"] == pytest.approx(expected, rel=1e-6)


def test_lof_survives_repeated_clips():
    train = np.repeat(np.eye(3), 4, axis=0)
    lof = fitted(Lof(plain(LofConfig, k=2)), Vectors(train))
    assert np.isfinite(lof.score(Vectors(train), Seeded())["factor"]).all()
    assert np.isfinite(lof.score(Vectors([[5.0, 5.0, 5.0]], "test"), Seeded())["factor"]).all()


def test_mahalanobis_does_not_mind_the_vectors_units():
    draws = np.random.default_rng(1)
    train, test = draws.standard_normal((200, 3)), draws.standard_normal((5, 3))
    units = np.array([1.0, 50.0, 0.01])
    scores = [
        fitted(Mahalanobis(MahalanobisConfig(pool="mean")), Vectors(train * scale)).score(
            Vectors(test * scale, "test"), Seeded()
        )["distance"]
        for scale in (1.0, units)
    ]
    assert scores[0] == pytest.approx(scores[1], rel=1e-3)


def test_mahalanobis_of_the_mean_is_zero_and_grows_with_distance():
    train = np.random.default_rng(2).standard_normal((50, 2)) + [5.0, -3.0]
    detector = fitted(Mahalanobis(plain(MahalanobisConfig)), Vectors(train))
    mean = train.astype(np.float32).astype(np.float64).mean(axis=0)
    scores = detector.score(Vectors([mean, mean + [1, 0], mean + [2, 0]], "test"), Seeded())["distance"]
    assert scores[0] == pytest.approx(0, abs=1e-8)
    # Squared: twice as far is four times the distance.
    assert scores[2] / scores[1] == pytest.approx(4, rel=1e-4)


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_gmm_is_scikit_learns_negative_log_likelihood(covariance):
    train = np.random.default_rng(3).standard_normal((80, 3)).astype(np.float32)
    config = plain(GmmConfig, components=2, covariance=covariance, floor=1e-3)
    scores = fitted(Gmm(config), Vectors(train)).score(Vectors(train), Seeded())["nll"]
    reference = GaussianMixture(2, covariance_type=covariance, reg_covar=1e-3, random_state=7).fit(
        train.astype(np.float64)
    )
    assert scores == pytest.approx(-reference.score_samples(train.astype(np.float64)), rel=1e-9)


@pytest.mark.parametrize(
    ("detector", "config"),
    [
        (Knn, KnnConfig(k=2)),
        (Lof, LofConfig(k=3)),
        (Mahalanobis, MahalanobisConfig()),
        (Gmm, GmmConfig(components=3)),
        (Gmm, GmmConfig(covariance="full")),
    ],
)
def test_a_saved_detector_scores_the_same(detector, config, tmp_path):
    draws = np.random.default_rng(4)
    train, test = Vectors(draws.standard_normal((30, 4))), Vectors(draws.standard_normal((6, 4)), "test")
    one = fitted(detector(config), train)
    one.save(tmp_path)
    other = detector(config)
    other.load(tmp_path)
    for audio in (train, test):
        (before,), (after,) = one.score(audio, Seeded()).values(), other.score(audio, Seeded()).values()
        assert np.array_equal(before, after)


@pytest.mark.parametrize(
    ("detector", "config", "message"),
    [
        (Knn, KnnConfig(k=3), "knn with k=3 needs at least 4 training clips, and fan section fan has 3"),
        (Lof, LofConfig(k=16), "lof with k=16 needs at least 17 training clips"),
        (Gmm, GmmConfig(components=5), "gmm with 5 components needs at least 5 training clips"),
    ],
)
def test_too_few_training_clips_are_refused(detector, config, message):
    with pytest.raises(BenchError, match=message):
        detector(config).fit(Vectors(TRAIN), Seeded())
