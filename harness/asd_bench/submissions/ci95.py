"""The "official score ci95" that the evaluators of 2022 and later print. It is no confidence interval.

They jackknife AUC and pAUC over the clips of all machine types thrown together, raw scores and all, and divide the sum
of squares by N (N - 1) where the jackknife multiplies it by (N - 1) / N: the standard error comes out too small by the
factor N - 1. Here for comparison with official files only; for intervals see `asd_bench.metrics.bootstrap`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asd_bench.metrics.roc import MAX_FALSE_POSITIVE_RATE


def official_ci95(labels: ArrayLike, scores: ArrayLike) -> float:
    """The evaluators' "ci95": the mean of their half-widths for AUC and pAUC.

    Args:
        labels: 0 normal, 1 anomaly, of the clips of all machine types; shape ``(n_clips,)``, at least two of each.
        scores: higher means more anomalous; shape ``(n_clips,)``.
    """
    of_score = np.unique(-np.asarray(scores, dtype=np.float64), return_inverse=True)[1]
    label_array = np.asarray(labels, dtype=np.float64)
    # How many clips each distinct score has, the highest score first: any of them leaves the same ROC curve behind.
    anomalies: NDArray[np.float64] = np.bincount(of_score, weights=label_array).astype(np.float64)
    normals: NDArray[np.float64] = np.bincount(of_score, weights=1 - label_array).astype(np.float64)
    return float(np.mean([_half_width(normals, anomalies, p) for p in (1.0, MAX_FALSE_POSITIVE_RATE)]))


def _half_width(normals: NDArray[np.float64], anomalies: NDArray[np.float64], p: float) -> float:
    from scipy.stats import t

    areas, weights = [], []
    for counts in (normals, anomalies):
        for score in np.flatnonzero(counts):
            weights.append(counts[score])
            counts[score] -= 1
            areas.append(_standardised_area(normals, anomalies, p))
            counts[score] += 1
    n_clips = np.sum(weights)
    deviations = np.array(areas) - np.average(areas, weights=weights)
    standard_error = np.sqrt(np.dot(weights, deviations**2) / (n_clips * (n_clips - 1)))
    return float(t.ppf(0.975, n_clips - 1) * standard_error)


def _standardised_area(normals: NDArray[np.float64], anomalies: NDArray[np.float64], p: float) -> float:
    """pAUC over false-positive rates up to `p`, as `asd_bench.metrics.roc.pauc`, from clips per distinct score.

    scikit-learn gives the same number, too slowly for the thousands of calls here.
    """
    n_normals, n_anomalies = normals.sum(), anomalies.sum()
    passed_normals = np.cumsum(normals) - normals
    passed_anomalies = np.cumsum(anomalies) - anomalies
    # A step of the curve is as wide as its score has normal clips, and cut off where the rate reaches p.
    width = np.minimum(np.maximum(p * n_normals - passed_normals, 0), normals)
    rise = anomalies * width / np.maximum(normals, 1)
    area = np.dot(width, passed_anomalies + rise / 2) / (n_normals * n_anomalies)
    return (1 + (area - p * p / 2) / (p - p * p / 2)) / 2
