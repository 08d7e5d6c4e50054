"""Who stands where: results grouped into rows, averaged over seeds, and ranked. Pure functions of a table's results."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from asd_bench.errors import BenchError
from asd_bench.leaderboard.table import ALL, Line, Result
from asd_bench.metrics.official import YearRule, rule_of
from asd_bench.specs import PAPER

#: What ranks where the year has no official Ω: the mean of the papers' two averages, of AUC and of pAUC.
PAPERS_AVERAGE = "papers_average"


@dataclass(frozen=True)
class Standing:
    """A row of a leaderboard: the seeds of one configuration of one system on the same clips.

    Attributes:
        results: one per seed, in the order of the seeds.
    """

    results: tuple[Result, ...]

    @property
    def first(self) -> Result:
        """Any of its results: for what is the same for all seeds."""
        return self.results[0]

    @property
    def system(self) -> str:
        return self.first.system

    @property
    def profile(self) -> str:
        return self.first.profile

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(result.seed for result in self.results)

    @property
    def ranked(self) -> bool:
        return all(result.ranked for result in self.results)

    @property
    def shortcomings(self) -> tuple[str, ...]:
        """Why it is not listed among the complete results of its profile; empty where it is."""
        reasons = dict.fromkeys(reason for result in self.results for reason in result.unranked_because)
        return tuple(reason for reason in reasons if reason != f"profile {self.profile}")

    @property
    def flags(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(flag for result in self.results for flag in result.flags))

    def classes(self, machine: str) -> str:
        """The classes that a machine type's training clips form, e.g. ``4 by section``; empty where it has none."""
        line = self.first.line(machine)
        return "" if line is None or line.classes is None else f"{line.classes} by {line.class_rule}"

    def mean(self, metric: str, machine: str = ALL, section: str = ALL) -> float | None:
        """A metric's mean over the seeds; None where a seed lacks it."""
        values = self._values(metric, machine, section)
        return None if values is None else statistics.fmean(values)

    def sd(self, metric: str, machine: str = ALL, section: str = ALL) -> float | None:
        """A metric's sample standard deviation over the seeds; None for a single seed."""
        values = self._values(metric, machine, section)
        return None if values is None or len(values) < 2 else statistics.stdev(values)

    def interval(self, metric: str) -> tuple[float, float] | None:
        """An overall metric's interval over clips: its ends, averaged over the seeds."""
        low, high = self.mean(f"{metric}_low"), self.mean(f"{metric}_high")
        return None if low is None or high is None else (low, high)

    def _values(self, metric: str, machine: str, section: str) -> list[float] | None:
        """One value per seed, or None: a mean over the seeds that happen to have one would be another quantity."""
        values = [_value(result.line(machine, section), metric) for result in self.results]
        known = [value for value in values if value is not None]
        return known if len(known) == len(values) else None


def _value(line: Line | None, metric: str) -> float | None:
    if line is None:
        return None
    if metric == PAPERS_AVERAGE:
        auc, pauc = line.metrics.get("auc"), line.metrics.get("pauc")
        return None if auc is None or pauc is None else (auc + pauc) / 2
    return line.metrics.get(metric)


@dataclass(frozen=True)
class Board:
    """A dataset's leaderboard.

    Attributes:
        dataset: its name.
        rule: the challenge year whose rule scores it.
        ranked: (rank, row), best first; rows of the same score share a rank.
        profiles: complete rows of the other profiles, best first, by profile. They have no rank.
        incomplete: every other row.
    """

    dataset: str
    rule: YearRule
    ranked: tuple[tuple[int, Standing], ...]
    profiles: dict[str, tuple[Standing, ...]]
    incomplete: tuple[Standing, ...]

    def title(self, row: Standing) -> str:
        """A row's system, and its profile where rows of several profiles stand together: among the incomplete."""
        alone = row.profile == PAPER or row not in self.incomplete
        return row.system if alone else f"{row.system} ({row.profile})"

    @property
    def standings(self) -> tuple[Standing, ...]:
        """All rows in the order in which the page lists them."""
        others = tuple(row for rows in self.profiles.values() for row in rows)
        return (*(row for _, row in self.ranked), *others, *self.incomplete)

    @property
    def has_figure(self) -> bool:
        """Whether there is a complete row to draw."""
        return bool(self.ranked or self.profiles)

    @property
    def synthetic(self) -> bool:
        """Whether the sounds are made up; such datasets always say so in their name."""
        return "synthetic" in self.dataset

    @property
    def machines(self) -> tuple[str, ...]:
        """The dataset's machine types: those published, and any others that were scored."""
        return tuple(
            sorted(
                {
                    line.machine
                    for row in self.standings
                    for line in row.first.lines
                    if line.test_clips is not None or line.test_clips_published is not None
                }
                - {ALL}
            )
        )

    def sections(self, machine: str) -> tuple[str, ...]:
        """The sections of a machine type, published or scored."""
        lines = (line for row in self.standings for line in row.first.lines)
        return tuple(sorted({line.section for line in lines if line.machine == machine} - {ALL}))

    @property
    def score(self) -> str:
        """The metric that ranks."""
        return _score(self.rule)

    @property
    def parts(self) -> tuple[str, ...]:
        """The metrics that the year computes for a section and puts into Ω, e.g. AUC source, AUC target, pAUC."""
        return tuple(metric.name for metric in self.rule.roc_metrics if metric.in_omega)

    def has_other_data(self, row: Standing) -> bool:
        """Whether a ranked row was scored on other clips than most ranked rows."""
        return row.ranked and row.first.data != _most_common(ranked.first.data for _, ranked in self.ranked)

    def classes(self, machine: str) -> str:
        """The classes that a machine type's training clips form in most rows."""
        return _most_common(row.classes(machine) for row in self.standings if row.classes(machine))


def make_board(dataset: str, results: Iterable[Result]) -> Board:
    """Group a dataset's results into rows and rank them.

    Seeds are averaged where everything but the seed is the same: system, configuration, machine types scored, machine
    types trained on, and clips.

    Args:
        dataset: its name.
        results: of its table, in any order; at least one.

    Raises:
        BenchError: the results follow the rules of different years.
    """
    groups: dict[tuple, list[Result]] = {}
    for result in sorted(results, key=lambda result: (*result.identity, result.data)):
        groups.setdefault((*result.identity[:-1], result.data), []).append(result)
    rows = [Standing(tuple(group)) for group in groups.values()]
    years = sorted({row.first.rule for row in rows})
    if len(years) != 1:
        raise BenchError(
            f"the results of {dataset} follow the rules of {' and '.join(years) or 'no year'}",
            fix=f"remove those of other years from data/{dataset}.csv",
        )
    rule = rule_of(years[0])
    scored = [(row.mean(_score(rule)), row) for row in rows if not row.shortcomings]
    complete = [(value, row) for value, row in scored if value is not None]
    complete.sort(key=lambda pair: (-pair[0], pair[1].first.identity, pair[1].first.data))
    ranked = [(value, row) for value, row in complete if row.ranked]
    others = [row for _, row in complete if not row.ranked and row.profile != PAPER]
    listed = {id(row) for row in (*(row for _, row in ranked), *others)}
    return Board(
        dataset=dataset,
        rule=rule,
        ranked=tuple((1 + sum(rival > value for rival, _ in ranked), row) for value, row in ranked),
        profiles={
            profile: tuple(row for row in others if row.profile == profile)
            for profile in sorted({row.profile for row in others})
        },
        incomplete=tuple(row for row in rows if id(row) not in listed),
    )


def _score(rule: YearRule) -> str:
    return "omega" if rule.official_omega else PAPERS_AVERAGE


def _most_common(values: Iterable[str]) -> str:
    """The value that occurs most often, the first by the alphabet of those that tie; empty if there is none."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], value), default="")
