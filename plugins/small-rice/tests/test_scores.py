"""Anomaly scores: their bounds."""

from __future__ import annotations

import math

import pytest
import torch

from asd_bench_small_rice.scores import bounded_log_odds


def test_scores_are_never_infinite_and_a_sure_classifier_still_tells_clips_apart():
    scores = bounded_log_odds(torch.tensor([[0.0, 25.0], [0.0, 26.0], [0.0, 1e30]]))
    bound = math.log((1 - 2.0**-52) / 2.0**-52)
    assert scores[:, 1].tolist() == pytest.approx([-25, -26, -bound])
    assert scores[:, 0].tolist() == pytest.approx([25, 26, bound])
    # The mean-probability ensembler takes them back to probabilities.
    assert torch.logit(torch.sigmoid(scores)).isfinite().all()


@pytest.mark.parametrize(("probability", "score"), [(0.5, 0.0), (0.9, -2.19722), (0.99, -4.59512), (0.1, 2.19722)])
def test_scores_by_hand(probability, score):
    logits = torch.tensor([[probability, 1 - probability]], dtype=torch.float64).log()
    assert bounded_log_odds(logits).tolist()[0] == pytest.approx([score, -score], abs=1e-5)
