"""A scored system as a document for programs (``asd-bench score --json``)."""

from __future__ import annotations

from typing import Any

from asd_bench.submissions.scoring import ScoredSystem

Means = dict[str, dict[str, float]]


def document(scored: ScoredSystem) -> dict[str, Any]:
    """Everything known of a scored system; metrics are fractions of one.

    Names of metrics and means are those of `asd_bench.metrics.official.Evaluation`. ``official_ci95_compat`` is no
    confidence interval, see `asd_bench.submissions.ci95`.
    """
    evaluation = scored.evaluation
    n_scored, n_expected = scored.coverage
    return {
        "system": scored.name,
        "complete": scored.is_complete,
        "missing": list(scored.missing),
        "undecided": list(scored.undecided),
        "notes": list(scored.notes),
        "n_clips": len(scored.clips),
        "sections_scored": n_scored,
        "sections_expected": n_expected,
        "omega": evaluation.omega,
        "omega_is_official": scored.is_official,
        "official_ci95_compat": scored.official_ci95,
        "overall": overall_means(scored),
        "machines": {
            machine: {
                "complete": is_whole(scored, machine),
                "means": means,
                "sections": section_values(scored, machine),
            }
            for machine, means in machine_means(scored).items()
        },
    }


def overall_means(scored: ScoredSystem) -> Means:
    """Metric -> kind of mean -> value."""
    return {row.pop("metric"): row for row in scored.evaluation.overall.to_dict("records")}


def machine_means(scored: ScoredSystem) -> dict[str, Means]:
    """Machine type -> metric -> kind of mean -> value; machine types in the order of official tables."""
    by_machine: dict[str, Means] = {machine: {} for machine in scored.year.machines[scored.phase]}
    for row in scored.evaluation.machines.to_dict("records"):
        by_machine[row.pop("machine")][row.pop("metric")] = row
    return {machine: means for machine, means in by_machine.items() if means}


def section_values(scored: ScoredSystem, machine: str) -> dict[str, dict[str, float]]:
    """Section -> metric -> value, of a machine type."""
    sections = scored.evaluation.sections
    values: dict[str, dict[str, float]] = {}
    for row in sections[sections["machine"] == machine].itertuples():
        values.setdefault(str(row.section), {})[str(row.metric)] = float(row.value)
    return values


def is_whole(scored: ScoredSystem, machine: str) -> bool:
    """Whether all sections of a machine type were scored."""
    return len(scored.sections_of(machine)) == len(scored.year.machines[scored.phase][machine])
