"""Log-odds by hand, with the bracket where it belongs and where it slipped to; never infinite, never NaN."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from asd_bench_dcase_baselines.odds import log_odds, slipped_log_odds

#: log(ε) of float64.
LOWEST = -36.04365


def of(function, p):
    return function(torch.tensor([p], dtype=torch.float64)).item()


@pytest.mark.parametrize(("p", "expected"), [(0.5, 0.0), (0.9, -2.19722), (0.99, -4.59512), (0.1, 2.19722)])
def test_log_odds(p, expected):
    assert of(log_odds, p) == pytest.approx(expected, abs=5e-6)


# log(0.1 + 0.10536), log(0.5 + 0.69315), log(0.9 + 2.30259)
@pytest.mark.parametrize(("p", "expected"), [(0.9, -1.58299), (0.5, 0.17659), (0.1, 1.16396)])
def test_log_odds_with_the_bracket_misplaced(p, expected):
    assert of(slipped_log_odds, p) == pytest.approx(expected, abs=5e-6)


@pytest.mark.parametrize(
    ("function", "certain", "impossible"),
    # log(1 + 36.04365) where the probability is 0.
    [(log_odds, LOWEST, -LOWEST), (slipped_log_odds, LOWEST, 3.61210)],
)
def test_certainty_is_clamped(function, certain, impossible):
    # A softmax may end a rounding error above 1.
    for p in (1.0, 1 + 1.2e-7, 1 + 1e-15):
        assert of(function, p) == pytest.approx(certain, abs=5e-6)
    for p in (0.0, 1e-300):
        assert of(function, p) == pytest.approx(impossible, abs=5e-6)


@given(st.floats(0, 1, width=32), st.floats(0, 1, width=32))
def test_a_likelier_sound_never_scores_higher(one, other):
    for function in (log_odds, slipped_log_odds):
        lower, higher = (of(function, p) for p in sorted((one, other), reverse=True))
        assert math.isfinite(lower)
        assert math.isfinite(higher)
        assert lower <= higher + 1e-12
