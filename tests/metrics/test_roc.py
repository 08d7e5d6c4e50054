"""AUC and pAUC of hand-computed vectors, and what must hold for any scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asd_bench.errors import BenchError
from asd_bench.metrics.roc import auc, pauc, roc_points

EXACT = {"rel": 1e-12, "abs": 1e-15}


def labelled(normals, anomalies):
    return [0] * len(normals) + [1] * len(anomalies), [*normals, *anomalies]


@st.composite
def labels_and_scores(draw):
    """Labels of both classes and scores with many ties, as whole numbers so that transforms stay exact."""
    score = st.integers(-20, 20)
    return labelled(draw(st.lists(score, min_size=1, max_size=40)), draw(st.lists(score, min_size=1, max_size=40)))


@pytest.mark.parametrize(
    ("normals", "anomalies", "expected"),
    [
        # 2.5 outscores 1 and 2, 5 outscores all four: 6 of 8 pairs.
        ([1, 2, 3, 4], [2.5, 5], 6 / 8),
        # 2 outscores 1 and ties with 2, 3 outscores both: 3.5 of 4 pairs.
        ([1, 2], [2, 3], 3.5 / 4),
        # Every pair ties.
        ([7, 7, 7], [7, 7], 0.5),
        ([1, 2], [3, 4], 1.0),
        ([3, 4], [1, 2], 0.0),
        ([-3.5], [-3.4], 1.0),
    ],
)
def test_auc_by_hand(normals, anomalies, expected):
    assert auc(*labelled(normals, anomalies)) == pytest.approx(expected, **EXACT)


@pytest.mark.parametrize(
    ("normals", "anomalies", "expected"),
    [
        # 20 normals, so 0.1 is two false positives. From the top: 21 (TPR 1/4), normal 20 (FPR .05), 19.5 (TPR 2/4),
        # normal 19 (FPR .1). Area .05 · 1/4 + .05 · 2/4 = .0375; (1 + (.0375 - .005) / .095) / 2 = 51/76.
        (range(1, 21), [21, 19.5, 18.5, 5.5], 51 / 76),
        # 5 normals, so 0.1 is half a false positive. 6 (TPR 1/2), then normal 5 and anomalous 5 tie: a slope from
        # (0, 1/2) to (.2, 1), which is at 3/4 where FPR is .1. Area .1 · (1/2 + 3/4) / 2 = .0625; 61/76.
        ([1, 2, 3, 4, 5], [5, 6], 61 / 76),
        # All tie: the diagonal is chance.
        ([7] * 30, [7] * 9, 0.5),
        ([1, 2], [3, 4], 1.0),
        # No anomaly before the limit: area 0; (1 - .005 / .095) / 2 = 9/19, the smallest pAUC there is.
        ([3, 4], [1, 2], 9 / 19),
    ],
)
def test_pauc_by_hand(normals, anomalies, expected):
    assert pauc(*labelled(normals, anomalies)) == pytest.approx(expected, **EXACT)


def test_pauc_is_not_the_formula_of_the_task_description():
    # Mean over the floor(.1 · 20) = 2 highest normals of the share of anomalies above them: (1/4 + 2/4) / 2 = .375.
    assert abs(pauc(*labelled(range(1, 21), [21, 19.5, 18.5, 5.5])) - 0.375) > 0.2


@settings(deadline=None)
@given(labels_and_scores())
def test_a_strictly_increasing_transform_changes_nothing(test_set):
    labels, scores = test_set
    transformed = np.exp(np.array(scores) / 7.0) * 3 - 100
    assert auc(labels, transformed) == pytest.approx(auc(labels, scores), **EXACT)
    assert pauc(labels, transformed) == pytest.approx(pauc(labels, scores), **EXACT)


@settings(deadline=None)
@given(labels_and_scores())
def test_flipping_labels_mirrors_the_auc(test_set):
    labels, scores = np.array(test_set[0]), np.array(test_set[1])
    assert auc(1 - labels, scores) == pytest.approx(1 - auc(labels, scores), **EXACT)
    assert auc(1 - labels, -scores) == pytest.approx(auc(labels, scores), **EXACT)


@settings(deadline=None)
@given(labels_and_scores())
def test_pauc_has_its_range(test_set):
    assert 9 / 19 - 1e-12 <= pauc(*test_set) <= 1 + 1e-12
    assert pauc(*test_set, p=1) == pytest.approx(auc(*test_set), **EXACT)


@settings(deadline=None)
@given(labels_and_scores())
def test_auc_is_the_area_under_the_roc_points(test_set):
    false_positive_rate, true_positive_rate = roc_points(*test_set)
    assert (false_positive_rate[0], true_positive_rate[0]) == (0, 0)
    assert (false_positive_rate[-1], true_positive_rate[-1]) == (1, 1)
    assert np.trapezoid(true_positive_rate, false_positive_rate) == pytest.approx(auc(*test_set), **EXACT)


@pytest.mark.parametrize("area", [auc, pauc, roc_points])
@pytest.mark.parametrize(
    ("labels", "scores", "message"),
    [
        ([0, 0], [1, 2], "2 normal and 0 anomalous"),
        ([1, 1, 1], [1, 2, 3], "0 normal and 3 anomalous"),
        ([], [], "0 normal and 0 anomalous"),
        ([0, 1], [1, float("nan")], "1 of 2 scores are NaN or infinite"),
        ([0, 1, 1], [float("inf"), float("-inf"), 0], "2 of 3 scores are NaN or infinite"),
        ([0, 2], [1, 2], "labels must be 0 (normal) or 1 (anomaly)"),
        ([-1, 1], [1, 2], "labels must be 0 (normal) or 1 (anomaly)"),
        ([0, 1, 1], [1, 2], "got shapes (3,) and (2,)"),
        ([[0, 1]], [[1, 2]], "got shapes (1, 2) and (1, 2)"),
    ],
)
def test_bad_input_is_refused_in_words(area, labels, scores, message):
    with pytest.raises(BenchError) as refusal:
        area(labels, scores)
    assert message in str(refusal.value)
    assert refusal.value.fix


@pytest.mark.parametrize("p", [0, -0.1, 1.1, float("nan")])
def test_pauc_refuses_an_impossible_rate(p):
    with pytest.raises(BenchError, match=r"false-positive rate in \(0, 1\]"):
        pauc([0, 1], [1, 2], p=p)
