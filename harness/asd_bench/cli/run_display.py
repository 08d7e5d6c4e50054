"""What a person sees of a run: a progress bar at the bottom, results per machine as they come, a table at the end."""

from __future__ import annotations

import contextlib
import datetime
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from asd_bench.keys import short

if TYPE_CHECKING:
    from asd_bench.fit import FitJob, FitOutcome
    from asd_bench.metrics.official import Evaluation
    from asd_bench.plan import ResultPlan
    from asd_bench.runner import RunReport
    from asd_bench.session import Session


@contextlib.contextmanager
def display_on(as_json: bool) -> Iterator[RunDisplay]:
    """A display on the terminal; on standard error where standard output is for JSON."""
    # The stream as it is now: while a fit runs in this process, sys.stdout is the fit's log.
    console = Console(file=sys.stderr if as_json else sys.stdout, highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        yield RunDisplay(console, progress)


class RunDisplay:
    """Shows a `Session` being prepared and run."""

    def __init__(self, console: Console, progress: Progress) -> None:
        self.console = console
        self.progress = progress
        self._steps: dict[str, TaskID] = {}
        self._fits: TaskID | None = None
        self._details: dict[str, TaskID] = {}

    # -- preparing -------------------------------------------------------------------------------------------------

    def step(self, what: str, done: int, total: int) -> None:
        if what not in self._steps:
            self._steps[what] = self.progress.add_task(what, total=total)
        self.progress.update(self._steps[what], completed=done, visible=done < total)

    def plan(self, session: Session) -> None:
        """Print what would be done."""
        table = Table("fit", "on", "seed", "state", "key", title="fits")
        todo = {job.score_key for job in session.plan.todo()}
        for key, job in session.plan.jobs.items():
            state = "to do" if key in todo else "done"
            table.add_row(job.spec.detector, job.spec.scope_name, str(job.spec.seed), state, short(job.spec.key))
        self.console.print(table)
        for result in session.plan.results:
            self.console.print(f"result: {result.label} ({result.system.profile}), {', '.join(result.machines)}")
        self.console.print(f"{len(todo)} of {len(session.plan.jobs)} fits to do; nothing was computed")

    # -- running ---------------------------------------------------------------------------------------------------

    def start(self, session: Session) -> None:
        for dataset in session.datasets:
            clips = sum(len(store.table) for store in dataset.stores.values())
            self.console.print(f"[bold]{dataset.name}[/]  {', '.join(dataset.machines)}: {clips:,} clips")
            for note in dataset.notes:
                self.console.print(f"  [yellow]note:[/] {escape(note)}")
        for system in session.systems:
            if system.profile_changes:
                changes = ", ".join(f"{name}={value}" for name, value in system.profile_changes.items())
                self.console.print(f"[bold]{system.spec.name}[/]  profile {system.profile} changes {changes}")
        self._fits = self.progress.add_task("fits", total=len(session.plan.jobs))

    def fit_started(self, job: FitJob) -> None:
        name = f"  {job.spec.detector} on {job.spec.scope_name}"
        self._details[job.score_key] = self.progress.add_task(name, total=None)

    def fit_events(self, job: FitJob, events: list[dict[str, Any]]) -> None:
        latest = [event["values"] for event in events if event["kind"] == "progress"]
        if not latest or job.score_key not in self._details:
            return
        values = latest[-1]
        if not {"epoch", "epochs", "loss", "steps_per_second", "seconds_left"} <= values.keys():
            # Not of asd_bench.training: a detector may log what it likes.
            return
        left = datetime.timedelta(seconds=round(values["seconds_left"]))
        text = (
            f"  {job.spec.detector} on {job.spec.scope_name}  epoch {values['epoch']:.0f}/{values['epochs']:.0f}  "
            f"loss {values['loss']:.4g}  {values['steps_per_second']:.0f} steps/s  {left} left"
        )
        self.progress.update(
            self._details[job.score_key], description=text, completed=values["epoch"] - 1, total=values["epochs"]
        )

    def fit_finished(self, job: FitJob, outcome: FitOutcome) -> None:
        if job.score_key in self._details:
            self.progress.remove_task(self._details.pop(job.score_key))
        if self._fits is not None:
            self.progress.advance(self._fits)
        if outcome.state == "failed":
            self.console.print(f"[red]failed[/] {job.spec.detector} on {job.spec.scope_name}, seed {job.spec.seed}")
            self.console.print(f"  {outcome.message}", markup=False)
            self.console.print(f"  log: {job.folder / 'log.txt'}", markup=False)

    def machine_done(self, plan: ResultPlan, machine: str, evaluation: Evaluation) -> None:
        rows = evaluation.machines[evaluation.machines.machine == machine]
        values = dict(zip(rows.metric, rows.value, strict=True))
        shown = [metric.name for metric in evaluation.rule.roc_metrics if metric.in_omega]
        text = "  ".join(f"{name.replace('_', ' ')} {100 * values[name]:.2f}" for name in shown)
        self.console.print(
            f"  {plan.system.spec.name:<18} {machine:<12} {text}  [dim]seed {plan.seed}[/]", soft_wrap=True
        )

    def result_made(self, plan: ResultPlan, document: Mapping[str, Any]) -> None:
        omega = document["metrics"]["overall"]["omega"]
        low, high = document["intervals"]["overall"]["omega"]
        interval = (
            f"95 % over clips {100 * low:.2f}–{100 * high:.2f}, seed {plan.seed}, result {short(document['key'])}"
        )
        self.console.print(
            f"[bold]{plan.system.spec.name:<18}[/] [bold green]Ω {100 * omega:.2f}[/] [dim]{interval}[/]",
            soft_wrap=True,
        )

    def result_failed(self, plan: ResultPlan, message: str) -> None:
        self.console.print(f"[red]no result[/] {plan.label}")
        self.console.print(f"  {message}", markup=False)

    # -- the end ---------------------------------------------------------------------------------------------------

    def summary(self, session: Session, report: RunReport) -> None:
        states = [outcome.state for outcome in report.outcomes.values()]
        text = ", ".join(f"{states.count(state)} {state}" for state in ("done", "skipped", "failed") if state in states)
        self.console.print(
            f"fits: {text or 'none'}; results: {len(report.results)}, in {session.workspace.path}", soft_wrap=True
        )
        for problem in session.host.problems:
            self.console.print(f"[yellow]plugin problem:[/] {escape(str(problem))}")
        if report.results:
            self.console.print("next: asd-bench leaderboard; asd-bench ui")
