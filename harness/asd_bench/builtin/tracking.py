"""The MLflow sink: hears what happens in a run and has it written to the tracking store.

It does nothing when the run is not to be tracked. MLflow is imported by the tracker's thread, while fits go on.
"""

from __future__ import annotations

from asd_bench import hookimpl
from asd_bench.events import FitEvents, FitFinished, FitStarted, ResultMade, RunFinished, RunStarted
from asd_bench.tracking import Tracker, default_uri

_tracker: Tracker | None = None


@hookimpl
def asd_run_started(run: RunStarted) -> None:
    global _tracker
    if run.tracking:
        _tracker = Tracker(run.tracking_uri or default_uri(run.workspace.path), run.workspace)


@hookimpl
def asd_fit_started(fit: FitStarted) -> None:
    if _tracker:
        _tracker.put(fit)


@hookimpl
def asd_fit_progress(progress: FitEvents) -> None:
    if _tracker:
        _tracker.put(progress)


@hookimpl
def asd_fit_finished(fit: FitFinished) -> None:
    if _tracker:
        _tracker.put(fit)


@hookimpl
def asd_result(result: ResultMade) -> None:
    if _tracker:
        _tracker.put(result)


@hookimpl
def asd_run_finished(run: RunFinished) -> None:
    """Wait until everything is written.

    Raises:
        BenchError: some of it could not be; the records are safe.
    """
    global _tracker
    if _tracker:
        tracker, _tracker = _tracker, None
        tracker.close()
