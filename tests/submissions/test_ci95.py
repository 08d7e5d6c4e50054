"""The evaluators' "ci95", by their own definition written out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from asd_bench.metrics.roc import auc, pauc
from asd_bench.submissions.ci95 import official_ci95


def _written_out(labels, scores):
    half_widths = []
    for area in (auc, pauc):
        n = len(labels)
        left_out = np.array([area(np.delete(labels, i), np.delete(scores, i)) for i in range(n)])
        standard_error = np.sqrt(np.sum((left_out - left_out.mean()) ** 2) / (n * (n - 1)))
        half_widths.append(t.ppf(0.975, n - 1) * standard_error)
    return np.mean(half_widths)


@pytest.mark.parametrize("decimals", [8, 1, 0], ids=["no ties", "ties", "many ties"])
@pytest.mark.parametrize("n_normals", [2, 30, 47])
def test_it_is_the_evaluators_jackknife(n_normals, decimals):
    rng = np.random.default_rng(n_normals)
    labels = np.repeat([0, 1], [n_normals, 25])
    scores = np.round(rng.normal(labels, 1), decimals)
    assert official_ci95(labels, scores) == pytest.approx(_written_out(labels, scores), rel=1e-12)
