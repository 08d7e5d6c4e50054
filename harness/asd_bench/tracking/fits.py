"""Fits in the store: one run each in the experiment ``<dataset>-fits``, written while they go on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asd_bench.events import FitEvents, FitFinished, FitStarted
from asd_bench.records import read_json
from asd_bench.tracking import describe
from asd_bench.tracking.store import NOTE, Point, Store, TrackedRun, milliseconds

#: When the attempt that the run shows ended, by the record's own time.
ENDED = "asd.ended"

#: Why a fit failed.
MESSAGE = "asd.message"

ARTIFACTS = ("fit.json", "env.json", "timing.json", "log.txt")

#: What is worth a curve of what a fit tells about once a second, and the curve's name.
IN_PROGRESS = {"loss": "recent_loss", "steps_per_second": "steps_per_second"}

Events = Iterable[Mapping[str, Any]]


class Curves:
    """Turns a fit's events into points of its run's curves, each of them once.

    A point of a step is known by its step, because a fit that goes on from a checkpoint tells some of them again.
    A point without a step is known by its time, and numbered in the order of arrival. What a fit tells within an epoch
    has curves of its own, as ``recent_loss``: it would take the place of the epochs' values.

    Args:
        points: what the store holds already.
    """

    def __init__(self, points: Iterable[Point]) -> None:
        self._steps: set[tuple[str, int]] = set()
        self._times: dict[str, set[int]] = {}
        for point in points:
            self._steps.add((point.name, point.step))
            self._times.setdefault(point.name, set()).add(point.time)

    def new(self, events: Events) -> list[Point]:
        """The points of events that were not there yet."""
        found = []
        for event in events:
            for name, value in _curves_of(event).items():
                point = self._place(name, float(value), milliseconds(event["time"]), event["step"])
                if point is not None:
                    found.append(point)
        return found

    def _place(self, name: str, value: float, at: int, step: int | None) -> Point | None:
        times = self._times.setdefault(name, set())
        if (at in times) if step is None else ((name, step) in self._steps):
            return None
        point = Point(name, value, at, len(times) if step is None else step)
        self._steps.add((name, point.step))
        times.add(at)
        return point


def _curves_of(event: Mapping[str, Any]) -> dict[str, float]:
    values = event["values"]
    if event["kind"] != "progress":
        return dict(values)
    return {curve: values[name] for name, curve in IN_PROGRESS.items() if name in values}


@dataclass
class _LiveFit:
    """A fit that goes on: its document, what it reported since the last flush, and its run once there is one."""

    document: Mapping[str, Any]
    events: list[Mapping[str, Any]] = field(default_factory=list)
    run: TrackedRun | None = None
    curves: Curves = field(default_factory=lambda: Curves(()))


class FitLog:
    """Writes fits to a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._live: dict[str, _LiveFit] = {}

    def started(self, fit: FitStarted) -> None:
        """Remember it. Its run is made when it reports something: until then it may be waiting for a free worker."""
        self._live[fit.key] = _LiveFit(fit.document)

    def progressed(self, progress: FitEvents) -> None:
        """Keep what a fit reports for the next flush."""
        if progress.key in self._live:
            self._live[progress.key].events.extend(progress.events)

    def finished(self, fit: FitFinished) -> bool:
        """Write what the fit came to, unless the store has it; whether it was written."""
        live = self._live.pop(fit.key, None)
        document = _document(fit.folder) or (live.document if live else None)
        if document is None:
            # It never began, because a fit that it uses failed: there is nothing to show.
            return False
        ended = _ended(fit.folder)
        status = "FAILED" if fit.state == "failed" else "FINISHED"
        known = self._store.find(self._experiment(document), *_identity(document))
        if known and known.status == status and float(known.tags.get(ENDED, "0")) >= ended:
            return False
        events = [*(live.events if live else ()), *read_events(fit.folder / "events.jsonl")]
        live = live or _LiveFit(document)
        run = self._open(live, _began(events, ended))
        points = [*live.curves.new(events), *_timing(fit.folder, milliseconds(ended))]
        tags = {ENDED: repr(ended), NOTE: _note(fit)}
        if fit.message or MESSAGE in run.tags:
            tags[MESSAGE] = fit.message
        self._store.write(run, points, describe.fit_params(document), tags)
        self._store.upload(run, {name: fit.folder / name for name in ARTIFACTS})
        self._store.conclude(run, status, milliseconds(ended))
        return True

    def flush(self) -> None:
        """Write the new points of fits that go on."""
        for live in self._live.values():
            if live.events:
                live.run = self._open(live, _began(live.events, time.time()))
                self._store.write(live.run, live.curves.new(live.events), describe.fit_params(live.document))
                live.events.clear()

    def close(self) -> None:
        """Mark fits that were started and never finished; the same command goes on with them."""
        self.flush()
        for live in self._live.values():
            if live.run is not None:
                self._store.conclude(live.run, "KILLED", milliseconds())
        self._live.clear()

    def _open(self, live: _LiveFit, start: int) -> TrackedRun:
        """The fit's run, running, with what it holds already known to the fit's curves."""
        if live.run is not None:
            return live.run
        fit = live.document
        name, tags = describe.fit_name(fit), describe.fit_tags(fit)
        run = self._store.find_or_create(self._experiment(fit), *_identity(fit), name, start, tags)
        self._store.reopen(run)
        live.curves = Curves(self._store.points(run))
        return run

    def _experiment(self, document: Mapping[str, Any]) -> str:
        return fits_experiment(self._store, document["dataset"])


def fits_experiment(store: Store, dataset: str) -> str:
    """The id of a dataset's experiment of fits."""
    return store.experiment(f"{dataset}-fits", describe.FITS, describe.experiment_note(describe.FITS, dataset))


def read_events(path: Path) -> list[dict[str, Any]]:
    """The lines of an event log; one that a killed fit left unfinished is passed over."""
    if not path.is_file():
        return []
    events = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            events.append(json.loads(line))
        except ValueError:
            continue
    return events


def _identity(document: Mapping[str, Any]) -> tuple[tuple[str, str], str]:
    return (describe.DETECTOR_TAG, document["detector"]), document["key"]


def _document(folder: Path) -> dict[str, Any] | None:
    path = folder / "fit.json"
    return read_json(path) if path.is_file() else None


def _timing(folder: Path, at: int) -> list[Point]:
    """How long each stage of the fit took."""
    path = folder / "timing.json"
    stages = read_json(path) if path.is_file() else {}
    return [Point(f"seconds_{stage}", seconds, at) for stage, seconds in stages.items()]


def _ended(folder: Path) -> float:
    """When the fit ended: now, where its worker died before it could say so."""
    path = folder / "status.json"
    status = read_json(path) if path.is_file() else {"state": "running"}
    return float(status["time"]) if status["state"] in ("done", "failed") else time.time()


def _began(events: list[Mapping[str, Any]], ended: float) -> int:
    return milliseconds(min((event["time"] for event in events), default=ended))


def _note(fit: FitFinished) -> str:
    if fit.state == "failed":
        return f"**Failed.**\n\n```\n{fit.message}\n```\n\nThe traceback is in `log.txt` among the artifacts."
    return f"Its records: `fits/{'/'.join(fit.folder.parts[-2:])}` in the workspace."
