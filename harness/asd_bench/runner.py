"""Running a plan: a fit starts as soon as what it waits for is done, a result is made as soon as its fits are.

The driver is the only one that talks to plugins' event hooks, and through them to the tracking store.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from asd_bench import records
from asd_bench.errors import BenchError
from asd_bench.events import FitEvents, FitFinished, FitStarted, ResultMade
from asd_bench.executors import Executor, FitOutcome
from asd_bench.fit import FitJob
from asd_bench.plan import Plan, ResultPlan
from asd_bench.plugins import Host
from asd_bench.records import Workspace

if TYPE_CHECKING:
    from asd_bench.metrics.official import Evaluation

#: Seconds between looks at the event logs of running fits.
TAIL_INTERVAL = 1.0


class Display(Protocol):
    """Whoever shows a run to a person."""

    def fit_started(self, job: FitJob) -> None: ...

    def fit_events(self, job: FitJob, events: list[dict[str, Any]]) -> None: ...

    def fit_finished(self, job: FitJob, outcome: FitOutcome) -> None: ...

    def machine_done(self, plan: ResultPlan, machine: str, evaluation: Evaluation) -> None: ...

    def result_made(self, plan: ResultPlan, document: Mapping[str, Any]) -> None: ...

    def result_failed(self, plan: ResultPlan, message: str) -> None: ...


@dataclass
class RunReport:
    """What a run came to.

    Attributes:
        outcomes: job key -> outcome.
        results: folders of results, made or found.
        failures: sentences about fits and results that failed.
    """

    outcomes: dict[str, FitOutcome] = field(default_factory=dict)
    results: list[Path] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def run_plan(
    plan: Plan, host: Host, executor: Executor, workspace: Workspace, display: Display, remake: bool
) -> RunReport:
    """Make every fit and result of a plan.

    A fit that fails fails what waits for it and the results that need it; everything else goes on.

    Args:
        plan: what to do.
        host: plugins to tell.
        executor: computes fits.
        workspace: holds records.
        display: shows progress.
        remake: whether results that are there are made again.
    """
    report = RunReport()
    tail = _Tail(host, display)
    with tail.running():
        for key in _schedule(plan, host, executor, display, tail, report):
            for result in plan.results:
                _machines_done(result, plan.jobs[key], report, display)
                if _is_ready(result, report) and any(job.score_key == key for job in _jobs(result)):
                    _make(result, host, workspace, display, remake, report)
    return report


def _schedule(
    plan: Plan, host: Host, executor: Executor, display: Display, tail: _Tail, report: RunReport
) -> Iterator[str]:
    """Settle every job, as many at once as the executor can; yield each key when its outcome is in the report."""
    waiting = dict(plan.jobs)
    running: dict[Future[FitOutcome], str] = {}
    while waiting or running:
        key = _next(waiting, plan, report)
        known = None if key is None else _known_outcome(plan, key, report)
        if key is not None and known is not None:
            _finish(waiting.pop(key), known, host, display, tail, report)
            yield key
        elif key is not None and len(running) < executor.slots:
            job = waiting.pop(key)
            _start(job, host, display, tail)
            running[executor.submit(job.document())] = key
        else:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                key = running.pop(future)
                _finish(plan.jobs[key], future.result(), host, display, tail, report)
                yield key


def _next(waiting: Mapping[str, FitJob], plan: Plan, report: RunReport) -> str | None:
    """The first job whose own upstream fits have outcomes, or None."""
    return next((key for key in waiting if all(other in report.outcomes for other in plan.waits[key])), None)


def _known_outcome(plan: Plan, key: str, report: RunReport) -> FitOutcome | None:
    """The outcome of a job that need not be computed, or cannot be."""
    job = plan.jobs[key]
    if any(report.outcomes[other].state == "failed" for other in plan.waits[key]):
        return FitOutcome("failed", 0.0, "a fit that it uses failed")
    return FitOutcome("skipped", 0.0) if job.is_done() and not job.rerun else None


def _start(job: FitJob, host: Host, display: Display, tail: _Tail) -> None:
    display.fit_started(job)
    tail.follow(job)
    document = {**job.document()["spec"], "key": job.spec.key, "dataset": job.dataset}
    host.tell("asd_fit_started", fit=FitStarted(job.spec.key, job.folder, job.dataset, document))


def _finish(job: FitJob, outcome: FitOutcome, host: Host, display: Display, tail: _Tail, report: RunReport) -> None:
    tail.leave(job)
    report.outcomes[job.score_key] = outcome
    if outcome.state == "failed":
        report.failures.append(f"{job.spec.detector} on {job.spec.scope_name}, seed {job.spec.seed}: {outcome.message}")
    display.fit_finished(job, outcome)
    finished = FitFinished(job.spec.key, job.folder, job.dataset, outcome.state, outcome.message)
    host.tell("asd_fit_finished", fit=finished)


# -- results -----------------------------------------------------------------------------------------------------------


def _jobs(result: ResultPlan) -> Iterator[FitJob]:
    for jobs in result.fits.values():
        yield from jobs


def _is_ready(result: ResultPlan, report: RunReport) -> bool:
    return all(job.score_key in report.outcomes for job in _jobs(result))


def _machines_done(result: ResultPlan, job: FitJob, report: RunReport, display: Display) -> None:
    """Show the machines that a fit completed, without waiting for the others."""
    from asd_bench.result import evaluate, fuse

    if not any(other.score_key == job.score_key for other in _jobs(result)):
        return
    for machine in job.scored:
        needed = [other for other in _jobs(result) if machine in other.scored]
        outcomes = [report.outcomes.get(other.score_key) for other in needed]
        if all(outcome is not None and outcome.state != "failed" for outcome in outcomes):
            # What is wrong with it is said once, when the whole result is made.
            with contextlib.suppress(Exception):
                display.machine_done(result, machine, evaluate(result, fuse(result, (machine,))))


def _make(
    result: ResultPlan, host: Host, workspace: Workspace, display: Display, remake: bool, report: RunReport
) -> None:
    from asd_bench.plots import draw_result
    from asd_bench.result import make_result

    if any(report.outcomes[job.score_key].state == "failed" for job in _jobs(result)):
        display.result_failed(result, "not made: a fit failed")
        return
    try:
        folder = make_result(result, workspace, remake)
        if remake or not (folder / "plots").is_dir():
            draw_result(folder)
        document = records.read_json(folder / "result.json")
    except Exception as error:
        # An ensembler is a plugin's too: whatever it raises, the other results are made.
        cause = str(error) if isinstance(error, BenchError) else f"{type(error).__name__}: {error}"
        report.failures.append(f"{result.label}: {cause}")
        display.result_failed(result, cause)
        return
    report.results.append(folder)
    display.result_made(result, document)
    host.tell("asd_result", result=ResultMade(document["key"], folder, document))


# -- events ------------------------------------------------------------------------------------------------------------


class _Tail:
    """Reads the event logs of running fits as they grow and passes new lines on."""

    def __init__(self, host: Host, display: Display) -> None:
        self._host = host
        self._display = display
        self._positions: dict[str, tuple[FitJob, int]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._loop, name="event-tail", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def follow(self, job: FitJob) -> None:
        with self._lock:
            self._positions[job.score_key] = (job, 0)

    def leave(self, job: FitJob) -> None:
        """Pass on a finished fit's last lines."""
        with self._lock:
            if job.score_key in self._positions:
                self._read(job.score_key)
                del self._positions[job.score_key]

    def _loop(self) -> None:
        while not self._stop.wait(TAIL_INTERVAL):
            with self._lock:
                for key in list(self._positions):
                    self._read(key)

    def _read(self, key: str) -> None:
        job, position = self._positions[key]
        path = job.folder / "events.jsonl"
        if not path.is_file():
            return
        if path.stat().st_size < position:
            # The fit was begun again, with a log of its own.
            position = 0
        with open(path, "rb") as file:
            file.seek(position)
            chunk = file.read()
        # A line that is still being written is left for the next look.
        whole = chunk[: chunk.rfind(b"\n") + 1]
        self._positions[key] = (job, position + len(whole))
        events = list(_parsed(whole.splitlines()))
        if events:
            self._display.fit_events(job, events)
            self._host.tell("asd_fit_progress", progress=FitEvents(job.spec.key, events))


def _parsed(lines: list[bytes]) -> Iterator[dict[str, Any]]:
    """The lines that are whole: a killed fit may have left half of one, which its successor wrote on after."""
    for line in lines:
        with contextlib.suppress(ValueError):
            yield json.loads(line)
