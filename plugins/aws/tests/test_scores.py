"""From logits to scores: by hand, and where a float32 would see no difference."""

from __future__ import annotations

import math

import pytest
import torch

from asd_bench_aws.scores import negative_log_odds, negative_probabilities

#: Two IDs and two perturbed classes, of probabilities .2, .5, .1, .2 and .7, .1, .1, .1.
LOGITS = torch.tensor([[0.2, 0.5, 0.1, 0.2], [0.7, 0.1, 0.1, 0.1]]).log() + 3


def test_probabilities_are_among_all_classes():
    scores = negative_probabilities(LOGITS, 2)
    assert scores.dtype == torch.float64
    assert scores.flatten().tolist() == pytest.approx([-0.2, -0.5, -0.7, -0.1])


def test_log_odds_by_hand():
    expected = [math.log(0.8 / 0.2), 0.0, math.log(0.3 / 0.7), math.log(9)]
    assert negative_log_odds(LOGITS, 2).flatten().tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("score", [negative_probabilities, negative_log_odds])
def test_sure_and_surer(score):
    """In float32 both probabilities would be 1."""
    sure, surer = score(torch.tensor([[20.0, 0.0, 0.0], [25.0, 0.0, 0.0]]), 1)[:, 0].tolist()
    assert surer < sure
