"""What ``asd-bench score`` shows of a system: its machine types' metrics, their means, and Ω."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from asd_bench.cli.present import indented, percent, table, text
from asd_bench.submissions.names import PHASES
from asd_bench.submissions.report import is_whole, machine_means, overall_means

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from asd_bench.errors import BenchError
    from asd_bench.submissions.scoring import ScoredSystem

_HEADINGS = {"auc": "AUC", "pauc": "pAUC", "precision": "precision", "recall": "recall", "f1": "F1"}


def print_system(out: Console, scored: ScoredSystem) -> None:
    """Print a scored system, metrics in percent."""
    rule = scored.year.rule
    what = f"{scored.year.dataset}, {PHASES[scored.phase]} data; {rule.mean} means over sections, in %"
    out.print(f"[bold]{text(scored.name)}[/]  [dim]{what}[/]\n", soft_wrap=True)
    out.print(indented(_metrics(scored, [metric.name for metric in rule.roc_metrics if metric.in_omega])))
    out.print()
    if "precision" in overall_means(scored):
        decisions = [f"{kind}_{domain}" for kind in ("precision", "recall", "f1") for domain in rule.decision_domains]
        out.print(indented(_metrics(scored, decisions)))
        out.print()
    out.print(_omega_line(scored), soft_wrap=True)
    for reason in (*scored.missing, *scored.undecided):
        out.print(f"[yellow]incomplete:[/] {text(reason)}", soft_wrap=True)
    for note in scored.notes:
        out.print(f"[dim]note: {text(note)}[/]", soft_wrap=True)
    out.print()


def _metrics(scored: ScoredSystem, metrics: Sequence[str]) -> Table:
    headings = {metric: _heading(metric) for metric in metrics}
    made = table("", *headings.values(), right=headings.values())
    for machine, means in machine_means(scored).items():
        share = "" if is_whole(scored, machine) else f" [yellow]({', '.join(scored.sections_of(machine))} only)[/]"
        made.add_row(text(machine) + share, *_cells(means, metrics, "value"))
    made.add_section()
    for kind, name in _overall_rows(scored):
        made.add_row(name, *_cells(overall_means(scored), metrics, kind), style="bold")
    return made


def _heading(metric: str) -> str:
    kind, _, domain = metric.partition("_")
    return f"{_HEADINGS[kind]}\n{domain}" if domain else _HEADINGS[kind]


def _overall_rows(scored: ScoredSystem) -> Iterable[tuple[str, str]]:
    if scored.year.rule.mean == "arithmetic":
        return [("over_machines", "average")]
    return [("arithmetic", "arithmetic mean"), ("harmonic", "harmonic mean")]


def _cells(means: Mapping[str, Mapping[str, float]], metrics: Iterable[str], kind: str) -> list[str]:
    return [percent(means[metric][kind]) for metric in metrics]


def _omega_line(scored: ScoredSystem) -> str:
    n_scored, n_expected = scored.coverage
    if scored.is_official:
        standing = f"official score, {n_scored} of {n_expected} sections"
    elif scored.missing:
        standing = f"[yellow]not official: {n_scored} of {n_expected} sections, incomplete[/]"
    else:
        standing = f"not official: {scored.year.year} had no overall score"
    return f"[bold green]Ω {percent(scored.evaluation.omega)}[/]  {standing}"


def print_failure(out: Console, system: str, error: BenchError) -> None:
    """Say why a system has no result."""
    out.print(f"[red]no result[/] {text(system)}")
    out.print(indented(text(error)))
    out.print()


def print_comparison(out: Console, systems: Sequence[ScoredSystem]) -> None:
    """One line per system."""
    made = table("system", "Ω", "AUC", "pAUC", "", right=("AUC", "pAUC"))
    for scored in systems:
        overall = overall_means(scored)
        values = [percent(overall[metric]["value"]) for metric in ("omega", "auc", "pauc")]
        made.add_row(text(scored.name), *values, "" if scored.is_complete else "[yellow]incomplete[/]")
    out.print(made)
