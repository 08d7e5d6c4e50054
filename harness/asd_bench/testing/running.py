"""Running systems in this process, and asking what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asd_bench import records
from asd_bench.config import layer_from_pairs
from asd_bench.plugins import Host
from asd_bench.testing.tiny import TinyData

if TYPE_CHECKING:
    import pandas as pd

    from asd_bench.runner import RunReport
    from asd_bench.session import Session


def loaded_host() -> Host:
    """The plugins that are there now: unlike `asd_bench.plugins.host`, not those of the first time."""
    host = Host()
    host.load_builtin()
    host.load_installed()
    return host


def run_systems(
    workspace: Path,
    systems: str,
    data: TinyData,
    *,
    settings: Iterable[str] = (),
    host: Host | None = None,
    **request: Any,
) -> Outcome:
    """Run systems as ``asd-bench run`` does, untracked unless asked for otherwise.

    Args:
        workspace: where fits and results are kept.
        systems: one name, or several with commas between.
        data: what they run on.
        settings: as after ``--set``: ``["knn.k=3"]``.
        host: the plugins; those that are installed if None.
        request: further fields of `asd_bench.session.Request`.

    Raises:
        BenchError: what is asked for does not exist or does not fit.
    """
    from asd_bench.session import Request, Session

    host = host or loaded_host()
    data.open(workspace)
    asked: dict[str, Any] = {"tracking": False, "device": "cpu", "data_root": data.root} | request
    session = Session(
        Request(
            systems=tuple(systems.split(",")),
            datasets=(data.dataset,),
            layers=(data.layer, layer_from_pairs(settings)),
            workspace=workspace,
            **asked,
        ),
        host,
    )
    display = Display()
    session.prepare(display)
    return Outcome(session, session.run(display), display)


@dataclass
class Display:
    """Remembers what a run shows, as (what, details) in order."""

    shown: list[tuple[str, Any]] = field(default_factory=list)

    def __getattr__(self, what: str) -> Any:
        if what.startswith("_"):
            raise AttributeError(what)
        return lambda *details: self.shown.append((what, details))


@dataclass
class Outcome:
    """A run that is over.

    Attributes:
        session: with its host, plan and workspace.
        report: outcomes, results and failures.
        display: what a person would have seen.
    """

    session: Session
    report: RunReport
    display: Display

    def states(self) -> dict[str, str]:
        """``"knn on fan/00"`` -> done, skipped or failed. Seeds are put together: the worst counts."""
        worst = ("done", "skipped", "failed")
        found: dict[str, str] = {}
        for key, outcome in self.report.outcomes.items():
            spec = self.session.plan.jobs[key].spec
            name = f"{spec.detector} on {spec.scope_name}"
            found[name] = max(found.get(name, "done"), outcome.state, key=worst.index)
        return found

    def count(self, state: str) -> int:
        """How many fits are ``done``, ``skipped`` or ``failed``."""
        return sum(outcome.state == state for outcome in self.report.outcomes.values())

    def assert_ok(self) -> Outcome:
        """Every fit and every result is there."""
        assert not self.report.failures, "\n".join(self.report.failures)
        assert len(self.report.results) == len(self.session.plan.results)
        return self

    def assert_failed(self, *words: str) -> Outcome:
        """Something failed, and one failure's message has all of these words."""
        assert self.report.failures, "nothing failed"
        matching = [failure for failure in self.report.failures if all(word in failure for word in words)]
        assert matching, f"no failure says {' and '.join(words)}:\n" + "\n".join(self.report.failures)
        return self

    def document(self, system: str | None = None, seed: int = 0) -> dict[str, Any]:
        """A result's ``result.json``; the system may be left out where there is one."""
        return records.read_json(self._folder(system, seed) / "result.json")

    def scores(self, system: str | None = None, seed: int = 0) -> pd.DataFrame:
        """A result's fused scores of test clips, ordered by clip."""
        table = records.read_scores(self._folder(system, seed) / "scores.parquet")
        return table.sort_values("clip_id", ignore_index=True)

    def _folder(self, system: str | None, seed: int) -> Path:
        documents = {folder: records.read_json(folder / "result.json") for folder in self.report.results}
        found = [
            folder
            for folder, document in documents.items()
            if system in (None, document["system"]) and document["seed"] == seed
        ]
        assert len(found) == 1, f"{len(found)} results of {system or 'the run'} with seed {seed}"
        return found[0]
