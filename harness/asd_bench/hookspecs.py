"""The hooks: everything that a plugin can add, and everything that it can hear of.

The first group answers "what exists" and is called in every process that looks something up; the second answers "what
happened" and is called in the driver process only; of the third the first answer that is not None wins.
Each hook takes one frozen object, so that a later version can tell more without breaking anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import click

    from asd_bench.events import FitEvents, FitFinished, FitStarted, ResultMade, RunFinished, RunStarted
    from asd_bench.executors import Executor
    from asd_bench.specs import DatasetSpec, DetectorSpec, EnsemblerSpec, FrontendSpec, SystemSpec

#: pluggy's project name and the entry-point group of plugins.
PROJECT = "asd_bench"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def asd_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Datasets that this plugin can read."""


@hookspec
def asd_frontends() -> Iterable[FrontendSpec]:  # type: ignore[empty-body]
    """Transforms of waveforms into frames."""


@hookspec
def asd_detectors() -> Iterable[DetectorSpec]:  # type: ignore[empty-body]
    """Detectors: fitted on normal clips, they score clips."""


@hookspec
def asd_ensemblers() -> Iterable[EnsemblerSpec]:  # type: ignore[empty-body]
    """Ways to fuse the scores of several members."""


@hookspec
def asd_systems() -> Iterable[SystemSpec]:  # type: ignore[empty-body]
    """Named recipes: what ``--system`` takes and a leaderboard ranks."""


@hookspec
def asd_run_started(run: RunStarted) -> None:
    """A run begins: its fits are planned, none is started. Driver process only."""


@hookspec
def asd_fit_started(fit: FitStarted) -> None:
    """A fit was handed to an executor. Driver process only."""


@hookspec
def asd_fit_progress(progress: FitEvents) -> None:
    """New events of a running fit: losses, samples of CPU and GPU. Driver process only, about every second."""


@hookspec
def asd_fit_finished(fit: FitFinished) -> None:
    """A fit is done, was found done, or failed. Driver process only."""


@hookspec
def asd_result(result: ResultMade) -> None:
    """A system's result for one seed is on disk. Driver process only; called for results found there as well."""


@hookspec
def asd_run_finished(run: RunFinished) -> None:
    """Everything that can be done is done: the last chance to flush. Driver process only."""


@hookspec(firstresult=True)
def asd_make_executor(name: str, options: Mapping[str, Any]) -> Executor | None:
    """The executor of that name, or None to leave it to others."""


@hookspec(firstresult=True)
def asd_locate_data(dataset: DatasetSpec) -> Path | None:
    """Where the dataset lies on this machine, or None."""


@hookspec
def asd_commands(cli: click.Group) -> None:
    """Add commands to the command line."""
