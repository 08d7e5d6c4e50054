"""The decision threshold, from the anomaly scores of normal training clips alone.

The organisers' baselines of 2021 to 2026 fit a gamma distribution with free location to such scores
(``scipy.stats.gamma.fit``), take its 90th percentile, and call a clip anomalous where its score is *greater* than that:
``01_test.py`` of dcase2021_task2_baseline_ae and dcase2022_task2_baseline_ae and ``dcase2023t2_ae.py`` of
dcase2023_task2_baseline_ae all compare with ``>``, none with ``>=``. A score equal to the threshold is normal.

The baselines of 2021 and 2022 fit one score per training clip, as is done here; those of 2023 and later fit the mean
losses of mini-batches instead, a far narrower distribution, so their decisions are not comparable with ours.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asd_bench.errors import BenchError

#: The percentile that all baselines use.
BASELINE_QUANTILE = 0.9

#: Below this many scores a fit of three parameters says more about the optimiser than about the scores.
MIN_SCORES_TO_FIT = 10


@dataclass(frozen=True)
class Threshold:
    """Where normal ends.

    Attributes:
        value: the largest score that is still called normal.
        method: ``gamma``, the fitted distribution's percentile, or ``empirical``, the percentile of the scores
            themselves where no distribution could be fitted.
    """

    value: float
    method: Literal["gamma", "empirical"]

    def decide(self, scores: ArrayLike) -> NDArray[np.int64]:
        """1 (anomaly) where a score is greater than the threshold, else 0; shape of `scores`."""
        return (np.asarray(scores, dtype=np.float64) > self.value).astype(np.int64)


def gamma_threshold(train_scores: ArrayLike, quantile: float = BASELINE_QUANTILE) -> Threshold:
    """The percentile of a gamma distribution fitted to the scores of normal training clips.

    Falls back to the scores' own percentile, and says so in `Threshold.method`, where there are fewer than
    `MIN_SCORES_TO_FIT` scores, where they are constant, and where the fit fails: scipy gives up, or its percentile is
    not finite or lies outside the scores it was fitted to. Such fits do occur: official baseline runs contain machines
    with every clip flagged, or none.

    Args:
        train_scores: one score per normal training clip, higher means more anomalous; shape ``(n_clips,)``.
        quantile: which percentile, as a fraction in (0, 1).

    Raises:
        BenchError: no scores, scores that are not finite, or `quantile` outside (0, 1).
    """
    scores = np.asarray(train_scores, dtype=np.float64)
    if not 0 < quantile < 1:
        raise BenchError(f"a quantile lies between 0 and 1, got {quantile}", fix="the baselines use 0.9")
    if scores.ndim != 1 or not len(scores):
        raise BenchError(
            f"a threshold needs a list of training scores, got shape {scores.shape}",
            fix="score the normal training clips as well as the test clips",
        )
    if not np.isfinite(scores).all():
        raise BenchError(
            f"{np.count_nonzero(~np.isfinite(scores))} of {len(scores)} training scores are NaN or infinite",
            fix="a detector must give every clip a finite score",
        )
    fitted = _gamma_percentile(scores, quantile) if len(scores) >= MIN_SCORES_TO_FIT else None
    # A percentile of the training scores must separate some of them from others: one outside their range comes from a
    # collapsed fit, and NaN compares false.
    if fitted is not None and scores.min() < fitted < scores.max():
        return Threshold(fitted, "gamma")
    return Threshold(float(np.quantile(scores, quantile)), "empirical")


def _gamma_percentile(scores: NDArray[np.float64], quantile: float) -> float | None:
    from scipy import stats

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # the caller judges the outcome; scipy's running commentary adds nothing
        try:
            shape, location, scale = stats.gamma.fit(scores)
        except (stats.FitError, ValueError, FloatingPointError):
            return None
        return float(stats.gamma.ppf(quantile, shape, loc=location, scale=scale))
