"""What the driver tells plugins while a run goes on: one frozen object per hook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asd_bench.records import Workspace


@dataclass(frozen=True)
class FitStarted:
    """A fit begins. ``document`` is its ``fit.json``."""

    key: str
    folder: Path
    dataset: str
    document: Mapping[str, Any]


@dataclass(frozen=True)
class FitEvents:
    """New lines of a fit's event log: dictionaries with time, kind (metric, system), step and values."""

    key: str
    events: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class FitFinished:
    """A fit ended: ``done``, ``skipped`` (found done) or ``failed``."""

    key: str
    folder: Path
    dataset: str
    state: str
    message: str = ""


@dataclass(frozen=True)
class ResultMade:
    """A result is on disk. ``document`` is its ``result.json``."""

    key: str
    folder: Path
    document: Mapping[str, Any]


@dataclass(frozen=True)
class RunStarted:
    """A run begins.

    Attributes:
        tracking: whether the user wants it tracked.
        tracking_uri: the store that the user named, or None for the default.
    """

    workspace: Workspace
    tracking: bool = True
    tracking_uri: str | None = None


@dataclass(frozen=True)
class RunFinished:
    """A run is over; ``failed`` counts its failed fits."""

    failed: int
