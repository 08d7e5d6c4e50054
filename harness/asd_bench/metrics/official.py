"""The rule of each challenge year: which clips enter which number, and how the numbers become Ω.

A year is data (`YearRule`), and one function, `evaluate`, serves them all. The rules follow the organisers' evaluators
and the numbers agree with theirs to a relative 1e-12. Not reproduced, because they are slips of those programs: the
2022 evaluator's per-machine "source" and "target" lines, which split the list of values at the wrong place, and the
"ci95" of 2022 and later, whose standard error is too small by a factor of about the number of clips.

A metric of a section is named after its kind and the domain of its clips: ``auc_source``, ``pauc``, ``recall_target``.
Its kind alone, ``auc``, is the column of the official tables: the mean over both domains' values. ``auc_all`` is the
evaluators' "AUC (all)" of 2022 and later: reported, but part neither of ``auc`` nor of Ω.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from asd_bench.errors import BenchError
from asd_bench.metrics import roc

Domain = Literal["source", "target"]

EPSILON = sys.float_info.epsilon

#: What the clips given to `evaluate` must say about themselves; ``decision`` may be there too.
CLIP_COLUMNS = ("clip_id", "machine", "section", "domain", "label", "score")

#: Where Ω stands among the metrics of a machine, or of them all.
OMEGA = "omega"


@dataclass(frozen=True)
class RocMetric:
    """An area under the ROC curve that a year computes for every section.

    Attributes:
        name: the metric's name, e.g. ``auc_source``.
        kind: ``auc`` or ``pauc``.
        normals: the domain of the normal clips that enter; None for every domain.
        anomalies: the domain of the anomalous clips that enter; None for every domain.
        in_omega: whether it enters Ω, and the mean of its kind.
    """

    name: str
    kind: Literal["auc", "pauc"]
    normals: Domain | None = None
    anomalies: Domain | None = None
    in_omega: bool = True

    def select(self, labels: ArrayLike, domains: ArrayLike) -> NDArray[np.bool_]:
        """Which clips of a section enter; labels and domains of shape ``(n_clips,)``, as is the mask."""
        label_array = np.asarray(labels)
        normal = (label_array == 0) & _of_domain(domains, self.normals)
        anomalous = (label_array == 1) & _of_domain(domains, self.anomalies)
        return normal | anomalous


@dataclass(frozen=True)
class YearRule:
    """How a challenge year turns scores into numbers.

    Attributes:
        year: the challenge year, e.g. ``"2023"``.
        roc_metrics: the threshold-free metrics of a section.
        decision_domains: the groups of clips whose decisions are judged; None for every domain together.
        mean: how a machine type's sections are averaged.
        official_omega: whether that year's organisers rank by Ω; where not, Ω is our own construction.
        official_decisions: whether that year's organisers report precision, recall and F1.
    """

    year: str
    roc_metrics: tuple[RocMetric, ...]
    decision_domains: tuple[Domain | None, ...]
    mean: Literal["arithmetic", "harmonic"] = "harmonic"
    official_omega: bool = True
    official_decisions: bool = True

    @property
    def domains(self) -> tuple[str, ...]:
        """The values that a clip's ``domain`` may have; the empty string in years without domains."""
        named = {d for metric in self.roc_metrics for d in (metric.normals, metric.anomalies) if d is not None}
        return tuple(sorted(named)) or ("",)

    def averages(self) -> dict[str, tuple[str, ...]]:
        """What is averaged over sections: its name -> the section metrics whose values enter."""
        averaged: dict[str, tuple[str, ...]] = {metric.name: (metric.name,) for metric in self.roc_metrics}
        for kind in ("auc", "pauc"):
            averaged[kind] = tuple(m.name for m in self.roc_metrics if m.kind == kind and m.in_omega)
        for kind in ("precision", "recall", "f1"):
            names = tuple(_with_domain(kind, domain) for domain in self.decision_domains)
            averaged |= {name: (name,) for name in names} | {kind: names}
        return averaged | {OMEGA: tuple(m.name for m in self.roc_metrics if m.in_omega)}


_SINCE_2022 = YearRule(
    year="2022",
    roc_metrics=(
        # One domain's normal clips against the anomalies of both: the detector is not told the domain.
        RocMetric("auc_source", "auc", normals="source"),
        RocMetric("auc_target", "auc", normals="target"),
        RocMetric("pauc", "pauc"),
        RocMetric("auc_all", "auc", in_omega=False),
    ),
    decision_domains=("source", "target"),
)

#: The rule of every challenge year. A further year is one more entry.
RULES: Mapping[str, YearRule] = {
    rule.year: rule
    for rule in (
        YearRule(
            year="2020",
            roc_metrics=(RocMetric("auc", "auc"), RocMetric("pauc", "pauc")),
            decision_domains=(None,),
            mean="arithmetic",
            official_omega=False,
            official_decisions=False,
        ),
        YearRule(
            year="2021",
            roc_metrics=(
                RocMetric("auc_source", "auc", normals="source", anomalies="source"),
                RocMetric("auc_target", "auc", normals="target", anomalies="target"),
                RocMetric("pauc_source", "pauc", normals="source", anomalies="source"),
                RocMetric("pauc_target", "pauc", normals="target", anomalies="target"),
            ),
            decision_domains=("source", "target"),
        ),
        _SINCE_2022,
        replace(_SINCE_2022, year="2023"),
        replace(_SINCE_2022, year="2024"),
        replace(_SINCE_2022, year="2025"),
        replace(_SINCE_2022, year="2026"),
    )
}


@dataclass(frozen=True)
class Evaluation:
    """Everything a year's rule says about a system's scores; tidy tables.

    Attributes:
        rule: the rule applied.
        sections: ``machine, section, metric, value``.
        machines: ``machine, metric, value, arithmetic, harmonic``: means over a machine type's sections, the year's own
            kind as ``value``; besides the section metrics the kinds (``auc``, ``pauc``, …) and ``omega``.
        overall: ``metric, value, arithmetic, harmonic, over_machines``: the same over all machine types.
            ``arithmetic`` and ``harmonic`` are means over all sections' values, as the official tables have them;
            ``over_machines`` is the arithmetic mean of the machine types' ``value``, the papers' "Average". ``value``
            is the one to quote: ``over_machines`` for 2020, which has no official overall number, ``harmonic`` from
            2021 on, and for Ω always.
    """

    rule: YearRule
    sections: pd.DataFrame
    machines: pd.DataFrame
    overall: pd.DataFrame

    @property
    def omega(self) -> float:
        """Harmonic mean of all AUC and pAUC values of the year's rule: official where ``rule.official_omega``."""
        return self._overall(OMEGA, "value")

    @property
    def auc_mean(self) -> float:
        """Arithmetic mean over machine types of their AUC."""
        return self._overall("auc", "over_machines")

    @property
    def pauc_mean(self) -> float:
        """Arithmetic mean over machine types of their pAUC."""
        return self._overall("pauc", "over_machines")

    def _overall(self, metric: str, column: str) -> float:
        return float(self.overall.set_index("metric").loc[metric, column])


def rule_of(year: str) -> YearRule:
    """The rule of a challenge year.

    Raises:
        BenchError: a year that has none.
    """
    if year not in RULES:
        raise BenchError(f"no rule for the year {year!r}", fix=f"the years known are {', '.join(RULES)}")
    return RULES[year]


def evaluate(rule: YearRule, clips: pd.DataFrame) -> Evaluation:
    """Score test clips by the rule of a challenge year.

    Works for any subset of machine types and sections: every mean is over what is there.

    Args:
        rule: one of `RULES`.
        clips: one row per test clip with the columns `CLIP_COLUMNS`: ``domain`` is ``source`` or ``target`` (the empty
            string in 2020), ``label`` 0 (normal) or 1 (anomaly), ``score`` finite, higher meaning more anomalous. Where
            there is a ``decision`` (0 or 1; missing everywhere or nowhere), precision, recall and F1 are computed too.

    Raises:
        BenchError: a column is missing, a value is none of the above, a clip appears twice, or a section lacks the
            clips that one of the year's metrics needs.
    """
    check_clips(rule, clips)
    decided = "decision" in clips and not clips["decision"].isna().all()
    rows = []
    for (machine, section), members in clips.groupby(["machine", "section"], sort=True):
        values = _roc_values(rule, members)
        if decided:
            values |= _decision_values(rule, members)
        rows += [(machine, section, metric, value) for metric, value in values.items()]
    sections = pd.DataFrame(rows, columns=["machine", "section", "metric", "value"])
    of_machines, overall = summarise(rule, sections, sections["value"].to_numpy())
    return Evaluation(
        rule=rule,
        sections=sections,
        machines=pd.DataFrame(
            [(machine, metric, *means) for (machine, metric), means in of_machines.items()],
            columns=["machine", "metric", "value", "arithmetic", "harmonic"],
        ),
        overall=pd.DataFrame(
            [(metric, *means) for metric, means in overall.items()],
            columns=["metric", "value", "arithmetic", "harmonic", "over_machines"],
        ),
    )


class MachineMeans(NamedTuple):
    """Means over a machine type's sections; each a number, or one per resample."""

    value: NDArray[np.float64]
    arithmetic: NDArray[np.float64]
    harmonic: NDArray[np.float64]


class OverallMeans(NamedTuple):
    """Means over machine types; each a number, or one per resample."""

    value: NDArray[np.float64]
    arithmetic: NDArray[np.float64]
    harmonic: NDArray[np.float64]
    over_machines: NDArray[np.float64]


def summarise(
    rule: YearRule, cells: pd.DataFrame, values: NDArray[np.float64]
) -> tuple[dict[tuple[str, str], MachineMeans], dict[str, OverallMeans]]:
    """Average section metrics into machine types' and overall numbers, see `Evaluation`.

    Args:
        cells: what each value is: ``machine, section, metric``, one row per value.
        values: shape ``(n_cells,)``, or ``(n_cells, n_resamples)`` to average each resample on its own.

    Returns:
        Means by machine type and metric, and by metric. Metrics without values (decisions not made) are left out.
    """
    machine_of_cell, metric_of_cell = cells["machine"].to_numpy(), cells["metric"].to_numpy()
    machines = list(dict.fromkeys(machine_of_cell))
    averages = {name: np.isin(metric_of_cell, metrics) for name, metrics in rule.averages().items()}
    averages = {name: entering for name, entering in averages.items() if entering.any()}

    of_machines = {}
    for machine in machines:
        for name, entering in averages.items():
            of_machine = values[entering & (machine_of_cell == machine)]
            arithmetic, harmonic = of_machine.mean(axis=0), harmonic_mean(of_machine)
            value = arithmetic if rule.mean == "arithmetic" and name != OMEGA else harmonic
            of_machines[machine, name] = MachineMeans(value, arithmetic, harmonic)

    overall = {}
    for name, entering in averages.items():
        arithmetic, harmonic = values[entering].mean(axis=0), harmonic_mean(values[entering])
        over_machines = np.mean([of_machines[machine, name].value for machine in machines], axis=0)
        value = over_machines if rule.mean == "arithmetic" and name != OMEGA else harmonic
        overall[name] = OverallMeans(value, arithmetic, harmonic, over_machines)
    return of_machines, overall


def harmonic_mean(values: ArrayLike) -> NDArray[np.float64]:
    """Harmonic mean over the first axis of values raised to at least the machine epsilon, as the evaluators do.

    A single zero thus gives a mean of the order of 1e-16, not 0.
    """
    from scipy.stats import hmean

    return hmean(np.maximum(np.asarray(values, dtype=np.float64), EPSILON), axis=0)


def check_clips(rule: YearRule, clips: pd.DataFrame) -> None:
    """Raise a `BenchError` unless `clips` is what `evaluate` asks for."""
    missing = [column for column in CLIP_COLUMNS if column not in clips]
    if missing:
        raise BenchError(f"the clips lack the column {missing[0]!r}", fix=f"columns needed: {', '.join(CLIP_COLUMNS)}")
    if clips.empty:
        raise BenchError("there are no clips to evaluate", fix="score the test clips first")
    for column in CLIP_COLUMNS[:-1]:
        _refuse(clips, clips[column].isna(), f"no {column}", f"give every clip its {column}")
    _refuse(clips, clips["clip_id"].duplicated(), "a second row", "give every clip one row")
    _refuse(clips, ~clips["label"].isin((0, 1)), "a label other than 0 and 1", "use 0 for normal and 1 for anomaly")
    _refuse(
        clips,
        ~clips["domain"].isin(rule.domains),
        f"a domain that {rule.year} does not have",
        f"the domains of {rule.year} are {rule.domains}",
    )
    _refuse(
        clips,
        ~np.isfinite(pd.to_numeric(clips["score"], errors="coerce").to_numpy(dtype=np.float64)),
        "a score that is not a finite number",
        "a detector must give every clip a finite score",
    )
    if "decision" in clips and not clips["decision"].isna().all():
        _refuse(
            clips,
            ~clips["decision"].isin((0, 1)),
            "a decision other than 0 and 1",
            "decide for every clip (0 normal, 1 anomaly) or for none",
        )
    for (machine, section), members in clips.groupby(["machine", "section"], sort=True):
        for metric in rule.roc_metrics:
            _need(members, 0, metric.normals, f"machine {machine}, section {section}", metric.name)
            _need(members, 1, metric.anomalies, f"machine {machine}, section {section}", metric.name)


def _need(section: pd.DataFrame, label: int, domain: Domain | None, where: str, metric: str) -> None:
    if not ((section["label"] == label) & _of_domain(section["domain"], domain)).any():
        kind = ("normal", "anomalous")[label]
        of_domain = f" of the {domain} domain" if domain else ""
        raise BenchError(
            f"no {kind} test clips{of_domain}: {metric} needs normal and anomalous clips",
            where=where + (f", domain {domain}" if domain else ""),
            fix="complete the section's test clips, or leave the section out",
        )


def _refuse(clips: pd.DataFrame, bad: ArrayLike, what: str, fix: str) -> None:
    offenders = clips[np.asarray(bad)]
    if len(offenders):
        first = offenders.iloc[0]
        raise BenchError(
            f"{len(offenders)} of {len(clips)} clips have {what}",
            where=f"clip {first['clip_id']} (machine {first['machine']}, section {first['section']}) first",
            fix=fix,
        )


def _roc_values(rule: YearRule, section: pd.DataFrame) -> dict[str, float]:
    area = {"auc": roc.auc, "pauc": roc.pauc}
    labels, scores = section["label"].to_numpy(), section["score"].to_numpy()
    values = {}
    for metric in rule.roc_metrics:
        entering = metric.select(labels, section["domain"])
        values[metric.name] = area[metric.kind](labels[entering], scores[entering])
    return values


def _decision_values(rule: YearRule, section: pd.DataFrame) -> dict[str, float]:
    values = {}
    for domain in rule.decision_domains:
        judged = section[_of_domain(section["domain"], domain)]
        true_positives = float(((judged["decision"] == 1) & (judged["label"] == 1)).sum())
        # A zero denominator gives 0, by the evaluators' own arithmetic.
        precision = true_positives / max(float((judged["decision"] == 1).sum()), EPSILON)
        recall = true_positives / max(float((judged["label"] == 1).sum()), EPSILON)
        values[_with_domain("precision", domain)] = precision
        values[_with_domain("recall", domain)] = recall
        values[_with_domain("f1", domain)] = 2 * precision * recall / max(precision + recall, EPSILON)
    return values


def _of_domain(domains: ArrayLike, domain: Domain | None) -> NDArray[np.bool_]:
    domain_array = np.asarray(domains)
    return np.full(domain_array.shape, True) if domain is None else domain_array == domain


def _with_domain(kind: str, domain: Domain | None) -> str:
    return f"{kind}_{domain}" if domain else kind
