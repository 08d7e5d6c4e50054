"""Made-up clips like a challenge year's: its machine types, sections and, scaled, its numbers of clips."""

from __future__ import annotations

from typing import Literal

from asd_bench.builtin.datasets.years import Counts, Year
from asd_bench.builtin.synthetic.layouts import Group
from asd_bench.builtin.synthetic.writing import Groups

#: A group of clips is never scaled below this, unless the year has fewer: a detector needs a few.
FEWEST_CLIPS = 3


def groups_like(year: Year, scale: float) -> Groups:
    """The development clips of a year.

    Args:
        year: the challenge year.
        scale: what the published numbers of clips are multiplied by, above 0 and at most 1.
    """
    return {place: _groups(counts, scale) for place, counts in year.counts.items()}


def additional_like(year: Year, scale: float) -> Groups:
    """The additional training clips of a year, scaled likewise."""
    groups = _groups(Counts(train=year.additional_train, test={}), scale)
    return {(machine, section): groups for machine, sections in year.evaluation.items() for section in sections}


def _groups(counts: Counts, scale: float) -> tuple[Group, ...]:
    groups = [_group("train", domain, "normal", n, scale) for domain, n in counts.train.items()]
    for domain, (normal, anomalous) in counts.test.items():
        groups.append(_group("test", domain, "normal", normal, scale))
        groups.append(_group("test", domain, "anomaly", anomalous, scale))
    return tuple(groups)


def _group(
    split: Literal["train", "test"], domain: str, label: Literal["normal", "anomaly"], n: int, scale: float
) -> Group:
    # Where a year has no domains, its machines run as they do in the source domain.
    n_clips = min(n, max(FEWEST_CLIPS, round(n * scale)))
    return Group(split, "target" if domain == "target" else "source", label, n_clips)
