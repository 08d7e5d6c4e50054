"""Fits in worker processes that live as long as the run.

A worker is a Python process that reads one job per line and answers with one outcome per line. Each is looked after
by one thread here, so that a worker that dies or hangs costs the fit it was making and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from asd_bench.errors import BenchError
from asd_bench.executors import FitOutcome
from asd_bench.executors.worker import READY
from asd_bench.fit import FitJob
from asd_bench.threads import thread_environment

#: Seconds between looks at whether a fit has run out of time or the executor is being closed.
POLL_INTERVAL = 0.2

#: Seconds that an idle worker has to end by itself.
STOP_TIMEOUT = 5.0

_Item = tuple[Mapping[str, Any], "Future[FitOutcome]"]


class ProcessExecutor:
    """A pool of worker processes.

    Args:
        workers: how many.
        timeout: seconds after which a fit is given up, or None.
    """

    def __init__(self, workers: int, timeout: float | None = None) -> None:
        self.slots = workers
        self._timeout = timeout
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._environment = {**os.environ, **thread_environment(workers)}
        self._closed = False
        self._threads = [threading.Thread(target=self._serve, name=f"worker-{n}", daemon=True) for n in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Mapping[str, Any]) -> Future[FitOutcome]:
        if self._closed:
            raise RuntimeError("the executor is closed")
        future: Future[FitOutcome] = Future()
        self._queue.put((job, future))
        return future

    def close(self) -> None:
        """Stop. Fits that are under way are killed: they go on from their last checkpoint in the next run."""
        self._closed = True
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        worker: subprocess.Popen[str] | None = None
        while (item := self._queue.get()) is not None:
            job, future = item
            if self._closed:
                future.cancel()
                continue
            try:
                if worker is None or worker.poll() is not None:
                    worker = self._start()
                outcome = self._ask(worker, job)
            except Exception as error:
                # Whatever goes wrong here, the run must hear of it: it waits for this future.
                outcome = FitOutcome("failed", 0.0, str(error) or type(error).__name__)
            future.set_result(outcome)
        if worker is not None:
            _stop(worker)

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "asd_bench.executors.worker"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        worker = subprocess.Popen(command, text=True, env=self._environment, **pipes)  # type: ignore[call-overload]
        # Its start is nobody's fit: a busy disk must not use up the first one's time.
        if self._answer(worker, timeout=None) != f"{READY}\n":
            raise BenchError(f"a worker process could not be started ({_end_of(worker)})", where=" ".join(command))
        return worker

    def _ask(self, worker: subprocess.Popen[str], job: Mapping[str, Any]) -> FitOutcome:
        spec = FitJob.of(job).spec
        name = f"{spec.detector} on {spec.scope_name}"
        assert worker.stdin is not None
        # One that died while it was idle takes no job; how it ended is told below.
        with contextlib.suppress(BrokenPipeError):
            worker.stdin.write(json.dumps(job) + "\n")
            worker.stdin.flush()
        start = time.monotonic()
        answer = self._answer(worker, self._timeout)
        seconds = time.monotonic() - start
        if answer:
            return FitOutcome(**json.loads(answer))
        end = _end_of(worker)
        if answer == "":
            hint = ", probably for lack of memory: fewer --workers may help" if end == "SIGKILL" else ""
            return FitOutcome("failed", seconds, f"the worker process of {name} died ({end}{hint})")
        if self._closed:
            return FitOutcome("failed", seconds, f"{name} was stopped")
        return FitOutcome("failed", seconds, f"{name} was given up after {self._timeout:g} s (--fit-timeout)")

    def _answer(self, worker: subprocess.Popen[str], timeout: float | None) -> str | None:
        """A worker's next line; empty if it died, None if the time ran out or the executor was closed before."""
        assert worker.stdout is not None
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        while not self._closed and (left := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([worker.stdout], [], [], min(POLL_INTERVAL, left))
            if ready:
                return worker.stdout.readline()
        return None


def _end_of(worker: subprocess.Popen[str]) -> str:
    """Kill a worker that has not ended, and say how it did: ``SIGSEGV`` or ``exit code 3``."""
    try:
        # One that closed its end of the pipe is about to end by itself.
        code = worker.wait(POLL_INTERVAL)
    except subprocess.TimeoutExpired:
        worker.kill()
        code = worker.wait()
    _close_pipes(worker)
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _stop(worker: subprocess.Popen[str]) -> None:
    """End an idle worker; one that something of a detector's keeps alive is killed."""
    _close_pipes(worker)
    try:
        worker.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()


def _close_pipes(worker: subprocess.Popen[str]) -> None:
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            # What was not read by a worker that died is of no use any more.
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
