"""The one writer of a run: a thread that takes what happened from a queue and writes it to the store."""

from __future__ import annotations

import queue
import threading
import time

from asd_bench.errors import BenchError
from asd_bench.events import FitEvents, FitFinished, FitStarted, ResultMade
from asd_bench.records import Workspace
from asd_bench.tracking.store import said_plainly
from asd_bench.tracking.writer import Writer

Event = FitStarted | FitEvents | FitFinished | ResultMade

#: Seconds between writes of what running fits report.
INTERVAL = 5.0


class Tracker:
    """Tracks one run. `put` returns at once; the thread imports MLflow, opens the store and writes while fits go on.

    When the store fails, the run goes on untracked, and `close` tries once more to deliver all that the run came to.

    Args:
        uri: the tracking store.
        workspace: where the run's records are.
    """

    def __init__(self, uri: str, workspace: Workspace) -> None:
        self._uri = uri
        self._workspace = workspace
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._outcomes: list[FitFinished | ResultMade] = []
        self._failed = False
        self._thread = threading.Thread(target=self._work, name="tracker", daemon=True)
        self._thread.start()

    def put(self, event: Event) -> None:
        """Have an event written."""
        if isinstance(event, FitFinished | ResultMade):
            self._outcomes.append(event)
        self._queue.put(event)

    def close(self) -> None:
        """Wait until everything is written.

        Raises:
            BenchError: the store failed, and failed again when it was tried once more.
        """
        self._queue.put(None)
        self._thread.join()
        if self._failed:
            self._try_again()

    def _work(self) -> None:
        try:
            writer = Writer(self._uri, self._workspace)
            while self._write_until(time.monotonic() + INTERVAL, writer):
                writer.flush()
            writer.close()
        except Exception:
            # Whatever it was, a run is worth more than its tracking; `close` tries again and reports.
            self._failed = True

    def _write_until(self, deadline: float, writer: Writer) -> bool:
        """Write what comes before a deadline; False when the run is over."""
        while (left := deadline - time.monotonic()) > 0:
            try:
                event = self._queue.get(timeout=left)
            except queue.Empty:
                return True
            if event is None:
                return False
            writer.write(event)
        return True

    def _try_again(self) -> None:
        try:
            with said_plainly(self._uri):
                writer = Writer(self._uri, self._workspace)
                for outcome in self._outcomes:
                    writer.write(outcome)
                writer.close()
        except BenchError as error:
            raise BenchError(
                f"{error.what}; the records are safe in {self._workspace.path}",
                where=error.where,
                fix="asd-bench sync delivers them once the store can be reached",
            ) from error
