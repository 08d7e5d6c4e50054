"""Fits in worker processes that live as long as the run.

A worker is a Python process that reads one job per line and answers with one outcome per line. Each is looked after
by one thread here, so that a worker that dies or hangs costs the fit it was making and nothing else.
"""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

from asd_bench.fit import FitJob, FitOutcome
from asd_bench.threads import thread_environment

_Item = tuple[Mapping[str, Any], "Future[FitOutcome]"]


class ProcessExecutor:
    """A pool of worker processes.

    Args:
        workers: how many.
        timeout: seconds after which a fit is given up, or None.
    """

    def __init__(self, workers: int, timeout: float | None = None) -> None:
        self._timeout = timeout
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._environment = {**os.environ, **thread_environment(workers)}
        self._closed = False
        self._threads = [threading.Thread(target=self._serve, name=f"worker-{n}") for n in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, job: Mapping[str, Any]) -> Future[FitOutcome]:
        future: Future[FitOutcome] = Future()
        self._queue.put((job, future))
        return future

    def close(self) -> None:
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
            if worker is None or worker.poll() is not None:
                worker = self._start()
            future.set_result(self._ask(worker, job))
        if worker is not None and worker.poll() is None:
            assert worker.stdin is not None
            worker.stdin.close()
            worker.wait()

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "asd_bench.executors.worker"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        return subprocess.Popen(command, text=True, env=self._environment, **pipes)  # type: ignore[call-overload]

    def _ask(self, worker: subprocess.Popen[str], job: Mapping[str, Any]) -> FitOutcome:
        spec = FitJob.of(job).spec
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            worker.stdin.write(json.dumps(job) + "\n")
            worker.stdin.flush()
            ready, _, _ = select.select([worker.stdout], [], [], self._timeout)
        except BrokenPipeError:
            ready = [worker.stdout]
        name = f"{spec.detector} on {spec.scope_name}"
        if not ready:
            worker.kill()
            worker.wait()
            return FitOutcome(
                "failed", self._timeout or 0.0, f"{name} was given up after {self._timeout:g} s (--fit-timeout)"
            )
        answer = worker.stdout.readline()
        if answer:
            return FitOutcome(**json.loads(answer))
        code = worker.wait()
        how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        hint = ", probably for lack of memory: fewer --workers may help" if how == "SIGKILL" else ""
        return FitOutcome("failed", 0.0, f"the worker process of {name} died ({how}{hint})")
