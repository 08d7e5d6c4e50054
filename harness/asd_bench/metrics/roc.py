"""AUC and pAUC of one set of clips, exactly as the challenge's evaluators compute them.

Every official evaluator from 2020 to 2026 calls scikit-learn's ``roc_auc_score``: a tie between a normal and an
anomalous clip counts one half, and ``max_fpr`` asks for the partial area, standardised after McClish (1989, "Analyzing
a portion of the ROC curve"). The formula in the task descriptions, a plain mean over the ⌊p·N⌋ highest-scoring normal
clips, is a different number: do not compare the two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asd_bench.errors import BenchError

#: The challenge's upper limit of the false-positive rate for the pAUC, all years.
MAX_FALSE_POSITIVE_RATE = 0.1


def auc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve: the chance that an anomalous clip outscores a normal one.

    Args:
        labels: 0 normal, 1 anomaly; shape ``(n_clips,)``.
        scores: higher means more anomalous; shape ``(n_clips,)``.

    Returns:
        A number in [0, 1]; 0.5 is chance.

    Raises:
        BenchError: labels other than 0 and 1, one class only, scores that are not finite, or lengths that differ.
    """
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(*_labels_and_scores(labels, scores)))


def pauc(labels: ArrayLike, scores: ArrayLike, p: float = MAX_FALSE_POSITIVE_RATE) -> float:
    """Standardised partial area under the ROC curve, over false-positive rates from 0 to `p`.

    The area left of `p` (trapezoids, the true-positive rate interpolated linearly at `p` itself) is mapped so that 0.5
    is chance and 1 is perfect: ``(1 + (area - p²/2) / (p - p²/2)) / 2``.

    Args:
        labels: 0 normal, 1 anomaly; shape ``(n_clips,)``.
        scores: higher means more anomalous; shape ``(n_clips,)``.
        p: the largest false-positive rate, in (0, 1].

    Returns:
        A number between ``(1 - p / (2 - p)) / 2`` (0.4737 for the challenge's p) and 1. With ``p=1`` it is the AUC.

    Raises:
        BenchError: as `auc`, or `p` outside (0, 1].
    """
    from sklearn.metrics import roc_auc_score

    if not 0 < p <= 1:
        raise BenchError(f"pAUC needs a false-positive rate in (0, 1], got {p}", fix="the challenge uses p=0.1")
    return float(roc_auc_score(*_labels_and_scores(labels, scores), max_fpr=p))


def roc_points(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The corners of the ROC curve, for plots.

    Args:
        labels: 0 normal, 1 anomaly; shape ``(n_clips,)``.
        scores: higher means more anomalous; shape ``(n_clips,)``.

    Returns:
        False-positive and true-positive rates, both rising from 0 to 1; shape ``(n_corners,)`` each.

    Raises:
        BenchError: as `auc`.
    """
    from sklearn.metrics import roc_curve

    false_positive_rate, true_positive_rate, _ = roc_curve(*_labels_and_scores(labels, scores))
    return false_positive_rate, true_positive_rate


def _labels_and_scores(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    label_array = np.asarray(labels)
    score_array = np.asarray(scores, dtype=np.float64)
    if label_array.ndim != 1 or label_array.shape != score_array.shape:
        raise BenchError(
            f"labels and scores must be lists of one length, got shapes {label_array.shape} and {score_array.shape}",
            fix="give one label and one score per clip",
        )
    if not np.isin(label_array, (0, 1)).all():
        raise BenchError("labels must be 0 (normal) or 1 (anomaly)", fix="translate the labels first")
    n_anomalies = np.count_nonzero(label_array)
    if n_anomalies in (0, len(label_array)):
        raise BenchError(
            f"AUC needs normal and anomalous clips, got {len(label_array) - n_anomalies} normal "
            f"and {n_anomalies} anomalous ones",
            fix="score test clips of both classes",
        )
    n_not_finite = np.count_nonzero(~np.isfinite(score_array))
    if n_not_finite:
        raise BenchError(
            f"{n_not_finite} of {len(score_array)} scores are NaN or infinite",
            fix="a detector must give every clip a finite score",
        )
    return label_array.astype(np.int64), score_array
