"""Options that several commands share, and the console."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from asd_bench.errors import BenchError

DEFAULT_WORKSPACE = "asd-workspace"


def workspace_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--workspace",
        type=click.Path(path_type=Path, file_okay=False),
        default=DEFAULT_WORKSPACE,
        envvar="ASD_BENCH_WORKSPACE",
        show_default=True,
        show_envvar=True,
        help="Folder of fits, results, caches and the tracking store.",
    )(function)


def data_root_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--data-root",
        type=click.Path(path_type=Path),
        help="Folder of the dataset, in any layout in which it is unpacked. Default: $ASD_BENCH_DATA/<dataset>.",
    )(function)


def tracking_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--tracking-uri",
        envvar="MLFLOW_TRACKING_URI",
        show_envvar=True,
        help="MLflow store. Default: sqlite:///<workspace>/mlflow.db.",
    )(function)


class Names(click.ParamType):
    """A comma-separated list of names."""

    name = "A,B,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        if not names:
            self.fail("names nothing", param, ctx)
        return names


class Seeds(click.ParamType):
    """Seeds as ``0``, ``0,1,2`` or ``0-4``."""

    name = "0,1,2|0-4"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        from asd_bench.session import seeds_of

        try:
            return seeds_of(value)
        except BenchError as error:
            self.fail(str(error), param, ctx)
