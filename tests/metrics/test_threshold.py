"""The decision threshold: the organisers' gamma percentile, and the fallback where no gamma can be fitted."""

import numpy as np
import pytest
from scipy import stats

from asd_bench.errors import BenchError
from asd_bench.metrics.threshold import Threshold, gamma_threshold


def test_it_is_the_baselines_percentile():
    scores = np.random.default_rng(0).gamma(3.0, 2.0, size=1000) + 5.0
    shape, location, scale = stats.gamma.fit(scores)
    threshold = gamma_threshold(scores)
    assert threshold == Threshold(float(stats.gamma.ppf(0.9, shape, loc=location, scale=scale)), "gamma")
    # The 90th percentile of the distribution the scores were drawn from is 15.64.
    assert threshold.value == pytest.approx(stats.gamma.ppf(0.9, 3.0, loc=5.0, scale=2.0), rel=0.03)


def test_negative_scores_are_fitted_too():
    scores = np.random.default_rng(1).normal(-20.0, 2.0, size=1000)
    threshold = gamma_threshold(scores)
    assert threshold.method == "gamma"
    assert threshold.value == pytest.approx(stats.norm.ppf(0.9, -20.0, 2.0), abs=0.3)


def test_quantile():
    scores = np.random.default_rng(2).gamma(3.0, 2.0, size=500)
    assert gamma_threshold(scores, quantile=0.5).value < gamma_threshold(scores).value
    assert np.mean(scores > gamma_threshold(scores, quantile=0.5).value) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([3.0] * 100, 3.0),  # constant: scipy gives up
        ([0.0, 10.0], 9.0),  # too few: linear interpolation at 0.9
        (list(range(9)), 7.2),  # one short of enough
        ([0.0] * 50 + [1.0] * 50, 1.0),  # two values: the fitted percentile is 1.14, above every score
        ([42.0], 42.0),
    ],
)
def test_fallback_is_the_scores_own_percentile(scores, expected):
    threshold = gamma_threshold(scores)
    assert threshold.method == "empirical"
    assert threshold.value == pytest.approx(expected)


def test_a_fit_that_flags_every_clip_falls_back():
    # Log-normal scores with σ = 3 collapse scipy's fit onto the smallest score.
    scores = np.random.default_rng(0).lognormal(0.0, 3.0, size=1000)
    collapsed = stats.gamma.ppf(0.9, *stats.gamma.fit(scores))
    assert collapsed <= scores.min()
    assert gamma_threshold(scores) == Threshold(float(np.quantile(scores, 0.9)), "empirical")


def test_the_threshold_itself_is_normal():
    decisions = Threshold(2.0, "gamma").decide([1.0, 2.0, np.nextafter(2.0, 3.0), 3.0])
    assert decisions.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("scores", "quantile", "message"),
    [
        ([], 0.9, "got shape (0,)"),
        ([[1.0, 2.0]], 0.9, "got shape (1, 2)"),
        ([1.0, float("nan"), float("inf")], 0.9, "2 of 3 training scores are NaN or infinite"),
        ([1.0, 2.0], 1.0, "between 0 and 1, got 1.0"),
        ([1.0, 2.0], 0, "between 0 and 1, got 0"),
    ],
)
def test_bad_input_is_refused_in_words(scores, quantile, message):
    with pytest.raises(BenchError) as refusal:
        gamma_threshold(scores, quantile)
    assert message in str(refusal.value)
    assert refusal.value.fix
