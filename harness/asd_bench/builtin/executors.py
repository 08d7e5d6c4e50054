"""The executors that come with the core."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asd_bench import hookimpl
from asd_bench.executors import Executor


@hookimpl
def asd_make_executor(name: str, options: Mapping[str, Any]) -> Executor | None:
    if name == "inline":
        from asd_bench.executors.inline import InlineExecutor

        return InlineExecutor()
    if name == "process":
        from asd_bench.executors.process import ProcessExecutor

        return ProcessExecutor(options["workers"], options["timeout"])
    if name == "streams":
        from asd_bench.executors.streams import StreamsExecutor

        return StreamsExecutor(options["workers"])
    return None
