"""Fits side by side in this process, each in a thread and on a CUDA stream of its own.

One small network leaves most of a GPU idle, and the processes of several would take it in turns. Streams of one process
share it. The fits' Python runs one at a time (`asd_bench.turns`); what runs side by side is the GPU's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

from asd_bench.executors import FitOutcome
from asd_bench.fit import run_fit
from asd_bench.turns import Turns


class StreamsExecutor:
    """A thread for each of so many fits at a time."""

    def __init__(self, workers: int) -> None:
        self.slots = workers
        self._turns = Turns()
        self._threads = ThreadPoolExecutor(workers, "fit", initializer=_share, initargs=(torch.get_num_threads(),))

    def submit(self, job: Mapping[str, Any]) -> Future[FitOutcome]:
        return self._threads.submit(self._run, job)

    def close(self) -> None:
        """Stop; fits that are under way end at their next look and go on from their last checkpoint in the next run."""
        self._turns.stop()
        self._threads.shutdown(cancel_futures=True)

    def _run(self, job: Mapping[str, Any]) -> FitOutcome:
        with self._turns.turn():
            return run_fit(job)


def _share(threads: int) -> None:
    """Have torch share this thread's sums among as many threads as the first thread's: their digits depend on it."""
    torch.set_num_threads(threads)
    # A thread takes up a number when it first asks: by then another may have set one of its own.
    torch.get_num_threads()
