"""Fits in this process, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from asd_bench.executors import FitOutcome
from asd_bench.fit import run_fit


class InlineExecutor:
    slots = 1

    def submit(self, job: Mapping[str, Any]) -> Future[FitOutcome]:
        future: Future[FitOutcome] = Future()
        future.set_result(run_fit(job))
        return future

    def close(self) -> None:
        pass
