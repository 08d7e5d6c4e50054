"""Where fits are computed. Executors are made by the hook ``asd_make_executor``; two come with the core."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class FitOutcome:
    """What became of a job: ``done``, ``skipped`` (it was there already) or ``failed``."""

    state: str
    seconds: float
    message: str = ""
    traceback: str = ""


class Executor(Protocol):
    """Takes a job's JSON document and promises its outcome.

    Attributes:
        slots: how many fits it makes side by side; it is given no more at a time.
    """

    slots: int

    def submit(self, job: Mapping[str, Any]) -> Future[FitOutcome]:
        """Start a fit, or queue it. A fit that fails is an outcome, not an exception."""
        ...

    def close(self) -> None:
        """Stop; jobs that have not begun are dropped."""
        ...
