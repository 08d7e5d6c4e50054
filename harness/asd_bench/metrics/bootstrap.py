"""How sure the numbers are: bootstrap intervals over test clips, and paired differences between systems.

A resample draws, with replacement, as many clips as there are from every stratum (machine, section, domain, label), so
every resample has the class and domain counts of the real test set. All metrics of a section are computed on the same
resample. Intervals are percentile intervals (Efron & Tibshirani 1993, "An Introduction to the Bootstrap", ch. 13). They
say how much the numbers depend on which clips were recorded, not how they vary with a detector's seed.

The draws of a stratum depend on the seed, the stratum's name and its clips, on nothing else: the order of rows does not
matter, adding a machine type changes nothing for the others, and two systems scored on the same clips get the same
draws.

Sorting the scores anew for every resample would be slow. A resample only changes *how often* each clip counts, never
the order of the scores: clips are sorted once, and the ROC curves of all resamples are running sums of their counts.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from asd_bench.errors import BenchError
from asd_bench.metrics.official import OMEGA, YearRule, evaluate, summarise
from asd_bench.metrics.roc import MAX_FALSE_POSITIVE_RATE

#: The numbers that get an interval, overall and for every machine type.
SUMMARY_METRICS = (OMEGA, "auc", "pauc")


@dataclass(frozen=True)
class Intervals:
    """Bootstrap intervals of Ω, AUC and pAUC, or of their differences between two systems; tidy tables.

    Attributes:
        overall: ``metric, value, low, high``, for `SUMMARY_METRICS`; ``value`` is that of the real test clips.
        machines: ``machine, metric, value, low, high``, the same for every machine type.
        level: how much of the resamples lies between ``low`` and ``high``.
        resamples: how many resamples there were.

    Both tables of a paired difference have a further column, ``p``.
    """

    overall: pd.DataFrame
    machines: pd.DataFrame
    level: float
    resamples: int


def omega_interval(
    rule: YearRule, clips: pd.DataFrame, *, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Intervals:
    """Percentile intervals of Ω, AUC and pAUC, overall and for each machine type.

    Args:
        rule: the challenge year's rule, see `asd_bench.metrics.official.RULES`.
        clips: as for `asd_bench.metrics.official.evaluate`.
        resamples: how many resamples to draw.
        level: how much of them the interval covers, in (0, 1).
        seed: of the draws.

    Raises:
        BenchError: as `evaluate`, or `resamples` or `level` out of range.
    """
    _check_options(resamples, level)
    values = _values(rule, clips)
    table = _percentiles(values, _resampled_values(rule, clips, resamples, seed), level)
    return _split(table, level, resamples)


def paired_difference(
    rule: YearRule,
    clips_a: pd.DataFrame,
    clips_b: pd.DataFrame,
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Intervals:
    """How much better system a is than system b, both scored on the same clips: a minus b.

    Every resample consists of the same clips for both systems, so that what makes a clip easy or hard for both cancels.
    ``p`` is two-sided, from the share of resampled differences on the far side of zero:
    ``2 · min(#{d ≤ 0} + 1, #{d ≥ 0} + 1) / (resamples + 1)``, at most 1 (Davison & Hinkley 1997, "Bootstrap Methods and
    their Application", §4.4); its smallest value is ``2 / (resamples + 1)``.

    Args:
        rule: the challenge year's rule.
        clips_a: system a's clips, as for `asd_bench.metrics.official.evaluate`.
        clips_b: system b's scores of the same clips, joined by ``clip_id``; the order does not matter.
        resamples: how many resamples to draw.
        level: how much of them the interval covers, in (0, 1).
        seed: of the draws.

    Returns:
        `Intervals` of the differences, with a column ``p``.

    Raises:
        BenchError: as `omega_interval`, or the two systems were not scored on the same clips.
    """
    _check_options(resamples, level)
    values_a, values_b = _values(rule, clips_a), _values(rule, clips_b)
    _check_same_clips(clips_a, clips_b)
    # One seed and the same clips give both systems the same draws.
    resampled_a = _resampled_values(rule, clips_a, resamples, seed)
    resampled_b = _resampled_values(rule, clips_b, resamples, seed)
    resampled = {key: resampled_a[key] - resampled_b[key] for key in values_a}
    table = _percentiles({key: values_a[key] - values_b[key] for key in values_a}, resampled, level)
    table["p"] = [_two_sided_p(difference) for difference in resampled.values()]
    return _split(table, level, resamples)


def resampled_auc(labels: ArrayLike, scores: ArrayLike, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The AUC of many resamples of one set of clips; each equals `roc.auc` of its clips.

    Args:
        labels: 0 normal, 1 anomaly; shape ``(n_clips,)``.
        scores: finite, higher means more anomalous; shape ``(n_clips,)``.
        counts: how often each resample holds each clip; shape ``(n_resamples, n_clips)``, every resample with clips of
            both classes.

    Returns:
        Shape ``(n_resamples,)``.
    """
    false_positives, true_positives = _roc_counts(labels, scores, counts)
    heights = (true_positives[:, 1:] + true_positives[:, :-1]) / 2
    area = np.einsum("ij,ij->i", np.diff(false_positives, axis=1), heights)
    return area / (false_positives[:, -1] * true_positives[:, -1])


def resampled_pauc(
    labels: ArrayLike, scores: ArrayLike, counts: NDArray[np.int64], p: float = MAX_FALSE_POSITIVE_RATE
) -> NDArray[np.float64]:
    """The standardised pAUC of many resamples of one set of clips; each equals `roc.pauc` of its clips.

    Args:
        labels, scores, counts: as for `resampled_auc`.
        p: the largest false-positive rate, in (0, 1].

    Returns:
        Shape ``(n_resamples,)``.
    """
    false_positives, true_positives = _roc_counts(labels, scores, counts)
    limit = p * false_positives[:, -1:]
    widths = np.diff(false_positives, axis=1)
    widths_inside = np.diff(np.minimum(false_positives, limit), axis=1)
    # The share of a step that lies left of the limit: 1 before it, 0 behind it, between them where a step crosses it.
    shares_inside = np.divide(widths_inside, widths, out=np.zeros_like(widths), where=widths > 0)
    heights = true_positives[:, :-1] + shares_inside * np.diff(true_positives, axis=1) / 2
    area = np.einsum("ij,ij->i", widths_inside, heights) / (false_positives[:, -1] * true_positives[:, -1])
    chance = p**2 / 2
    return (1 + (area - chance) / (p - chance)) / 2


def draw_counts(section: pd.DataFrame, resamples: int, seed: int) -> NDArray[np.int64]:
    """How often each resample holds each clip of one section, drawn within each domain and label.

    Args:
        section: the clips of one machine type's section, sorted by ``clip_id``.
        resamples: how many resamples to draw.
        seed: of the draws.

    Returns:
        Shape ``(resamples, n_clips)``.
    """
    counts = np.empty((resamples, len(section)), dtype=np.int64)
    machine, section_name = section["machine"].iloc[0], section["section"].iloc[0]
    for (domain, label), rows in section.groupby(["domain", "label"]).indices.items():
        name = f"{machine}/{section_name}/{domain}/{label}"
        stream = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
        drawn = np.random.default_rng([seed, stream]).integers(len(rows), size=(resamples, len(rows)))
        # One count over all resamples: the clips of resample r are numbered from r · n on.
        numbered = drawn + np.arange(resamples)[:, None] * len(rows)
        counts[:, rows] = np.bincount(numbered.ravel(), minlength=numbered.size).reshape(numbered.shape)
    return counts


def _roc_counts(
    labels: ArrayLike, scores: ArrayLike, counts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False and true positives of each resample at every threshold, from none to all; ``(n_resamples, n_thresholds)``.

    Clips that tie pass the threshold together, so there is one threshold per distinct score.
    """
    score_array = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-score_array, kind="stable")
    distinct = np.append(np.diff(score_array[order]) != 0, True)
    anomalous = np.asarray(labels)[order] == 1
    sorted_counts = counts[:, order].astype(np.float64)

    def passing(of_class: NDArray[np.bool_]) -> NDArray[np.float64]:
        sums = np.cumsum(sorted_counts * of_class, axis=1)[:, distinct]
        return np.pad(sums, ((0, 0), (1, 0)))

    return passing(~anomalous), passing(anomalous)


def _values(rule: YearRule, clips: pd.DataFrame) -> dict[tuple[str | None, str], NDArray[np.float64]]:
    sections = evaluate(rule, clips).sections
    return _summary(rule, sections, sections["value"].to_numpy())


def _resampled_values(
    rule: YearRule, clips: pd.DataFrame, resamples: int, seed: int
) -> dict[tuple[str | None, str], NDArray[np.float64]]:
    area = {"auc": resampled_auc, "pauc": resampled_pauc}
    cells, values = [], []
    for (machine, section), members in clips.sort_values("clip_id").groupby(["machine", "section"], sort=True):
        counts = draw_counts(members, resamples, seed)
        labels, scores = members["label"].to_numpy(), members["score"].to_numpy(dtype=np.float64)
        for metric in rule.roc_metrics:
            if metric.in_omega:
                entering = metric.select(labels, members["domain"])
                cells.append((machine, section, metric.name))
                values.append(area[metric.kind](labels[entering], scores[entering], counts[:, entering]))
    return _summary(rule, pd.DataFrame(cells, columns=["machine", "section", "metric"]), np.stack(values))


def _summary(
    rule: YearRule, cells: pd.DataFrame, values: NDArray[np.float64]
) -> dict[tuple[str | None, str], NDArray[np.float64]]:
    """The numbers that get an interval, by machine type (None for all) and metric; arguments of `summarise`."""
    of_machines, overall = summarise(rule, cells, values)
    summary: dict[tuple[str | None, str], NDArray[np.float64]] = {
        (None, metric): overall[metric].value for metric in SUMMARY_METRICS
    }
    return summary | {key: means.value for key, means in of_machines.items() if key[1] in SUMMARY_METRICS}


def _percentiles(
    values: dict[tuple[str | None, str], NDArray[np.float64]],
    resampled: dict[tuple[str | None, str], NDArray[np.float64]],
    level: float,
) -> pd.DataFrame:
    rows = []
    for (machine, metric), value in values.items():
        low, high = np.quantile(resampled[machine, metric], [(1 - level) / 2, (1 + level) / 2])
        rows.append((machine, metric, value, low, high))
    return pd.DataFrame(rows, columns=["machine", "metric", "value", "low", "high"])


def _two_sided_p(differences: NDArray[np.float64]) -> float:
    far_side = min(np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0))
    return min(1.0, 2 * (far_side + 1) / (len(differences) + 1))


def _split(table: pd.DataFrame, level: float, resamples: int) -> Intervals:
    of_all = table["machine"].isna()
    return Intervals(
        overall=table[of_all].drop(columns="machine").reset_index(drop=True),
        machines=table[~of_all].reset_index(drop=True),
        level=level,
        resamples=resamples,
    )


def _check_options(resamples: int, level: float) -> None:
    if resamples < 1:
        raise BenchError(f"a bootstrap needs at least one resample, got {resamples}", fix="use 1000 or more")
    if not 0 < level < 1:
        raise BenchError(f"the level of an interval lies between 0 and 1, got {level}", fix="use 0.95")


def _check_same_clips(clips_a: pd.DataFrame, clips_b: pd.DataFrame) -> None:
    only_one = set(clips_a["clip_id"]) ^ set(clips_b["clip_id"])
    if only_one:
        raise BenchError(
            f"the two systems were not scored on the same clips: {len(only_one)} clips have a score of one system only",
            where=f"clip {min(only_one)} first",
            fix="compare results on the same dataset and machine types",
        )
    about = ["machine", "section", "domain", "label"]
    a, b = (clips.set_index("clip_id")[about].sort_index() for clips in (clips_a, clips_b))
    differing = (a != b).any(axis=1)
    if differing.any():
        raise BenchError(
            f"the two systems disagree about what {differing.sum()} clips are (machine, section, domain or label)",
            where=f"clip {differing.index[differing][0]} first",
            fix="evaluate both with the same ground truth",
        )
