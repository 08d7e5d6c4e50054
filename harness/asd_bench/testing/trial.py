"""A detector's fits on a small dataset, and ways to make and score them again that should change nothing."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from asd_bench import fit, records
from asd_bench.config import Layer, ResolvedDetector, ResolvedMember, ResolvedSystem, resolve_system
from asd_bench.context import UpstreamFit
from asd_bench.errors import BenchError
from asd_bench.executors.process import ProcessExecutor
from asd_bench.fit import FitJob, FitOutcome, run_fit
from asd_bench.plan import Plan, Planner
from asd_bench.plugins import Host
from asd_bench.records import Workspace
from asd_bench.specs import PAPER, DetectorSpec, Member, SystemSpec
from asd_bench.testing.tiny import TinyData

if TYPE_CHECKING:
    import pandas as pd

    from asd_bench.data.dataset import Dataset
    from asd_bench.training import Recipe

#: Enough training clips for neighbour detectors, and little noise, so that most anomalies are plain.
OPTIONS: Mapping[str, Any] = {
    "n_train": 24,
    "n_target_train": 8,
    "n_normal": 10,
    "n_anomaly": 10,
    "seconds": 2.0,
    "snr_db": 20.0,
}

#: The machine types whose faults are plain to hear in two seconds.
MACHINES = ("slider", "valve")


@dataclass
class Trial:
    """A detector's fits on a small dataset.

    Attributes:
        detector: with every value decided.
        origin: which system and profile its values come from.
        dataset: the data.
        plan: its fits and those of the detectors that it uses.
        jobs: its own fits.
        folder: the workspace; its packed clips and frames are kept for the next trial.
        outcomes: what became of the fits that were made, by score key.
    """

    detector: ResolvedDetector
    origin: str
    dataset: Dataset
    plan: Plan
    jobs: tuple[FitJob, ...]
    folder: Path
    outcomes: dict[str, FitOutcome] = field(default_factory=dict)

    def make(self) -> list[str]:
        """Make every fit, in this process; what failed, in sentences."""
        self.outcomes = {key: run_fit(job.document()) for key, job in self.plan.jobs.items()}
        return [
            f"{self.plan.jobs[key].spec.detector} on {self.plan.jobs[key].spec.scope_name}: {outcome.message}"
            for key, outcome in self.outcomes.items()
            if outcome.state == "failed"
        ]

    def test_scores(self, job: FitJob) -> pd.DataFrame:
        return records.read_scores(job.scores_path).set_index("clip_id")

    def train_scores(self, job: FitJob) -> pd.DataFrame:
        return records.read_scores(job.folder / "train_scores.parquet").set_index("clip_id")

    def make_again(self, job: FitJob) -> str:
        """Fit from nothing, with the same seed; what went wrong."""
        return run_fit(replace(job, rerun=True).document()).message

    def score_elsewhere(self, job: FitJob) -> str:
        """Score the test clips in a process that never fitted the detector; what went wrong."""
        job.scores_path.unlink()
        return other_process().submit(job.document()).result().message

    def score_reordered(self, job: FitJob) -> tuple[FitJob, str]:
        """Score every other test clip, in another order, with the fit that is there; the job, and what went wrong."""
        workspace = Path(job.workspace)
        stores = {machine: _reordered(workspace / path) for machine, path in job.stores.items()}
        paths = {machine: path.relative_to(workspace).as_posix() for machine, path in stores.items()}
        other = replace(job, stores=paths, scored_key="every other clip, in another order")
        return other, run_fit(other.document()).message

    def emitted(self, job: FitJob) -> Mapping[str, Any]:
        """What the fitted detector returns for the test clips, exactly as it returns it."""
        import torch

        device = torch.device(job.device)
        _, _, test, classes = fit._listen(job, device)
        detector = UpstreamFit(job.spec.scope_name, job.folder).detector
        return detector.score(test, fit._context(job, device, classes))

    def recipes(self, job: FitJob) -> list[Recipe]:
        """What a fit would train, as it hands it to ``ctx.train``."""
        import torch

        asked: list[Recipe] = []

        class Enough(Exception):
            """Ends the fit: what follows a training has no meaning without it."""

        def remember(recipe: Recipe, context: Any) -> None:
            asked.append(recipe)
            raise Enough

        device = torch.device("cpu")
        audio, _, _, classes = fit._listen(job, device)
        with mock.patch("asd_bench.training.train", remember), contextlib.suppress(Enough):
            fit._detector(job).fit(audio, fit._context(job, device, classes))
        return asked

    def forget(self) -> None:
        """Delete the fits."""
        shutil.rmtree(self.folder / "fits", ignore_errors=True)

    def labels(self) -> pd.Series:
        """0 or 1 by clip id."""
        return self.dataset.truth(self.dataset.machines).set_index("clip_id").label


def prepare(
    host: Host,
    name: str,
    *,
    profile: str,
    system: str | None,
    settings: Mapping[str, Any],
    data: Mapping[str, Any],
    device: str,
) -> Trial:
    """Plan a detector's fits; the arguments are those of `asd_bench.testing.check_detector`."""
    resolved = _system_with(host, name, profile, system, [Layer("settings", settings)])
    detector = _detector_in(resolved, name)
    assert detector is not None
    alone = replace(resolved, members=(ResolvedMember(name, "", detector),))
    tiny = _data(tuple(sorted({**OPTIONS, **data}.items())))
    dataset = tiny.open(machines=MACHINES)
    plan = Planner(Workspace(tiny.folder), device, rerun=False).plan([alone], dataset, [0], None)
    origin = f"{resolved.spec.name}, profile {resolved.profile}"
    return Trial(detector, origin, dataset, plan, plan.results[0].fits[name], tiny.folder)


def _system_with(host: Host, name: str, profile: str, system: str | None, layers: list[Layer]) -> ResolvedSystem:
    """A system in which the detector's values are those of a profile: the one that is asked for, or any that has it.

    Raises:
        BenchError: the system that is asked for does not use the detector, or nobody uses one that scores nothing.
    """
    spec: DetectorSpec = host.get("detector", name).spec
    if system is not None:
        specs = [host.get("system", system).spec]
    else:
        specs = [entries[0].spec for entries in host.entries("system").values() if len(entries) == 1]
    using = [candidate for candidate in specs if _uses(host, candidate, name)]
    if system is not None and not using:
        raise BenchError(f"the system '{system}' does not use the detector '{name}'")
    # A system that has the profile is better than one that is lucky to come first.
    for candidate in sorted(using, key=lambda candidate: profile not in candidate.profiles):
        known = profile if profile in candidate.profiles else PAPER
        return resolve_system(host, candidate, known, layers)
    if not spec.components:
        raise BenchError(
            f"the detector '{name}' scores nothing and no system uses it", fix="declare a system that does"
        )
    lonely = SystemSpec(name=f"{name} alone", summary="", members=(Member(name, spec.components[0]),))
    return resolve_system(host, lonely, PAPER, layers)


def _uses(host: Host, spec: SystemSpec, name: str) -> bool:
    # A system that cannot be resolved is a matter for `check_plugin`.
    with contextlib.suppress(BenchError):
        return _detector_in(resolve_system(host, spec, PAPER, []), name) is not None
    return False


def _detector_in(system: ResolvedSystem, name: str) -> ResolvedDetector | None:
    found = (part for member in system.members for part in member.detector.walk() if part.name == name)
    return next(found, None)


@functools.cache
def _data(options: tuple[tuple[str, Any], ...]) -> TinyData:
    """Made once per process, and deleted at its end."""
    folder = tempfile.TemporaryDirectory(prefix="asd-bench-checks-")
    atexit.register(folder.cleanup)
    return TinyData(Path(folder.name), options=dict(options))


def _reordered(store: Path) -> Path:
    """A store of the same sound that lists other clips in another order: all training clips, every other test clip."""
    import pandas as pd

    folder = store.parent.with_name(f"{store.parent.name}-reordered") / store.name
    if folder.is_dir():
        return folder
    shutil.copytree(store, folder)
    table = pd.read_parquet(store / "clips.parquet")
    is_test = table.split == "test"
    kept = pd.concat([table[~is_test], table[is_test].iloc[::2]])
    # Seeded, so that a failing check fails again.
    kept.sample(frac=1.0, random_state=0).to_parquet(folder / "clips.parquet", index=False)
    return folder


_others: dict[tuple[str, ...], ProcessExecutor] = {}


def other_process() -> ProcessExecutor:
    """A worker that has fitted nothing, kept for the checks that follow: it takes seconds to start."""
    # A plugin may have become importable, or have ceased to be, since the last call.
    path = tuple(entry for entry in sys.path if entry)
    if path not in _others:
        while _others:
            _others.popitem()[1].close()
        with mock.patch.dict(os.environ, {"PYTHONPATH": os.pathsep.join(path)}):
            _others[path] = ProcessExecutor(workers=1)
    return _others[path]
