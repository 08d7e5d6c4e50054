"""What happened in a run, written to a store: fits to one experiment, results to another."""

from __future__ import annotations

from asd_bench.events import FitEvents, FitFinished, FitStarted, ResultMade
from asd_bench.records import Workspace
from asd_bench.tracking.fits import FitLog
from asd_bench.tracking.results import ResultLog
from asd_bench.tracking.store import Store


class Writer:
    """Writes events to a store, each once: what the store holds already is left as it is.

    Args:
        uri: the tracking store; it is created where it can be.
        workspace: where the records are.
    """

    def __init__(self, uri: str, workspace: Workspace) -> None:
        store = Store(uri)
        self._fits = FitLog(store)
        self._results = ResultLog(store, workspace)

    def write(self, event: FitStarted | FitEvents | FitFinished | ResultMade) -> bool:
        """Write an event, or keep it for the next `flush`.

        Returns:
            whether it was an outcome that the store lacked.
        """
        match event:
            case FitStarted():
                self._fits.started(event)
            case FitEvents():
                self._fits.progressed(event)
            case FitFinished():
                return self._fits.finished(event)
            case ResultMade():
                return self._results.made(event)
        return False

    def flush(self) -> None:
        """Write what has been kept: new points of running fits, and means over seeds."""
        self._fits.flush()
        self._results.flush()

    def close(self) -> None:
        """Write all that is left. Fits that are still running were interrupted, and are marked so."""
        self._fits.close()
        self._results.flush()
