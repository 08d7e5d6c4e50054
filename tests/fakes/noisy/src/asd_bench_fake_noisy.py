"""Raises in every event hook and when it is asked something."""

from asd_bench import hookimpl


@hookimpl
def asd_run_started(run: object) -> None:
    raise RuntimeError("noise at the start of the run")


@hookimpl
def asd_fit_started(fit: object) -> None:
    raise RuntimeError("noise at the start of a fit")


@hookimpl
def asd_fit_progress(progress: object) -> None:
    raise RuntimeError("noise during a fit")


@hookimpl
def asd_fit_finished(fit: object) -> None:
    raise RuntimeError("noise at the end of a fit")


@hookimpl
def asd_result(result: object) -> None:
    raise RuntimeError("noise about a result")


@hookimpl
def asd_run_finished(run: object) -> None:
    raise RuntimeError("noise at the end of the run")


@hookimpl
def asd_make_executor(name: str) -> None:
    raise RuntimeError("noise instead of an executor")


@hookimpl
def asd_locate_data(dataset: object) -> None:
    raise RuntimeError("noise instead of a folder")


@hookimpl
def asd_commands(cli: object) -> None:
    raise RuntimeError("noise instead of a command")
