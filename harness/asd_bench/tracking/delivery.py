"""Bringing records to a store that lacks them: after a run without tracking, a store that failed, or from a bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from asd_bench.errors import BenchError
from asd_bench.events import FitFinished, ResultMade
from asd_bench.records import FORMAT, Workspace, read_json
from asd_bench.tracking.store import said_plainly
from asd_bench.tracking.writer import Writer


@dataclass
class Delivery:
    """What became of records.

    Attributes:
        fits, results: how many were delivered.
        known: how many the store had already.
        unfinished: fits that are going on, or were killed and wait for their run to go on.
        problems: one sentence about every record that could not be read.
    """

    fits: int = 0
    results: int = 0
    known: int = 0
    unfinished: int = 0
    problems: list[str] = field(default_factory=list)


def deliver(
    uri: str,
    workspace: Workspace,
    fits: Iterable[Path],
    results: Iterable[Path],
    progress: Callable[[], None] = lambda: None,
) -> Delivery:
    """Write fits and results to a store, each once.

    Args:
        uri: the tracking store.
        workspace: where the records are.
        fits: folders of fits.
        results: folders of results.
        progress: called after each.

    Raises:
        BenchError: the store cannot be used.
    """
    delivery = Delivery()
    with said_plainly(uri):
        writer = Writer(uri, workspace)
        # Results link to the runs of their fits, which therefore come first.
        for folder in fits:
            _deliver_fit(folder, writer, delivery)
            progress()
        for folder in results:
            _deliver_result(folder, writer, delivery)
            progress()
        writer.close()
    return delivery


def _deliver_fit(folder: Path, writer: Writer, delivery: Delivery) -> None:
    try:
        status, fit = _document(folder / "status.json"), read_json(folder / "fit.json")
    except BenchError as error:
        delivery.problems.append(str(error))
        return
    if status["state"] not in ("done", "failed"):
        delivery.unfinished += 1
    elif writer.write(FitFinished(fit["key"], folder, fit["dataset"], status["state"], status["message"])):
        delivery.fits += 1
    else:
        delivery.known += 1


def _deliver_result(folder: Path, writer: Writer, delivery: Delivery) -> None:
    try:
        result = _document(folder / "result.json")
    except BenchError as error:
        delivery.problems.append(str(error))
        return
    if writer.write(ResultMade(result["key"], folder, result)):
        delivery.results += 1
    else:
        delivery.known += 1


def _document(path: Path) -> dict:
    document = read_json(path)
    if document.get("format") != FORMAT:
        raise BenchError("the record was written by another version of asd-bench", where=path, fix="run again")
    return document
