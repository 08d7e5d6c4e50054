"""What a run will do: fits, each once, upstream first; and the results that are made from them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from asd_bench.config import ResolvedDetector, ResolvedSystem
from asd_bench.data.clips import Split, content, visible
from asd_bench.data.dataset import Dataset
from asd_bench.errors import BenchError
from asd_bench.fit import FitJob, FitSpec
from asd_bench.keys import canonical, digest
from asd_bench.records import Workspace


@dataclass(frozen=True)
class ResultPlan:
    """One system × dataset × seed and the fits that its members' scores come from.

    Attributes:
        machines: machine types that are reported.
        fits: member label -> its jobs.
        trained_on: machines that any of its fits trained on.
    """

    system: ResolvedSystem
    dataset: Dataset
    seed: int
    machines: tuple[str, ...]
    fits: Mapping[str, tuple[FitJob, ...]]
    trained_on: tuple[str, ...]

    @property
    def label(self) -> str:
        return f"{self.system.spec.name} on {self.dataset.name}, seed {self.seed}"


@dataclass
class Plan:
    """Jobs by key in an order in which they can be made, what each waits for, and the results."""

    jobs: dict[str, FitJob] = field(default_factory=dict)
    waits: dict[str, frozenset[str]] = field(default_factory=dict)
    results: list[ResultPlan] = field(default_factory=list)

    def compute_on(self, device: str) -> None:
        """Set the device of every job, also in the results' lists of them."""
        self.jobs = {key: replace(job, device=device) for key, job in self.jobs.items()}
        self.results = [
            replace(
                result,
                fits={label: tuple(self.jobs[job.score_key] for job in jobs) for label, jobs in result.fits.items()},
            )
            for result in self.results
        ]

    def todo(self) -> list[FitJob]:
        return [job for job in self.jobs.values() if job.rerun or not job.is_done()]


@dataclass(frozen=True)
class Planner:
    """Makes plans for one workspace, device and policy."""

    workspace: Workspace
    device: str
    rerun: bool

    def plan(
        self,
        systems: Iterable[ResolvedSystem],
        dataset: Dataset,
        seeds: Iterable[int],
        machines: tuple[str, ...] | None,
    ) -> Plan:
        """Plan every system × seed on a dataset.

        Args:
            systems: resolved systems.
            dataset: with every machine packed that a fit of dataset scope trains on.
            seeds: seeds.
            machines: what is scored and reported; all that are there if None.
        """
        plan, chosen = Plan(), machines or dataset.machines
        for system in systems:
            for seed in seeds:
                fits = {}
                # Members may be many components of one detector.
                made: dict[str, tuple[FitJob, ...]] = {}
                for member in system.members:
                    same = canonical(dataclasses.asdict(member.detector))
                    if same not in made:
                        scopes = _scopes(member.detector, dataset, chosen, "test")
                        made[same] = tuple(self._fits(plan, member.detector, dataset, seed, scopes, chosen))
                    fits[member.label] = made[same]
                trained = {machine for jobs in fits.values() for job in jobs for machine in job.stores}
                on = tuple(machine for machine in dataset.stores if machine in trained)
                plan.results.append(ResultPlan(system, dataset, seed, chosen, fits, on))
        return plan

    def _fits(
        self,
        plan: Plan,
        detector: ResolvedDetector,
        dataset: Dataset,
        seed: int,
        scopes: list[dict[str, str]],
        scored: tuple[str, ...],
    ) -> list[FitJob]:
        """The detector's fits for some scopes, after the fits that they use."""
        jobs = []
        for scope in scopes:
            within = (scope["machine"],) if "machine" in scope else tuple(dataset.stores)
            upstream = {}
            for role, used in detector.uses.items():
                needed = [other for other in _scopes(used, dataset, within, "train") if _overlap(other, scope)]
                upstream[role] = self._fits(plan, used, dataset, seed, needed, scored)
            job = self._job(detector, dataset, seed, scope, within, scored, upstream)
            identity = job.score_key
            if identity not in plan.jobs:
                plan.jobs[identity] = job
                plan.waits[identity] = frozenset(used.score_key for fits in upstream.values() for used in fits)
            jobs.append(plan.jobs[identity])
        return jobs

    def _job(
        self,
        detector: ResolvedDetector,
        dataset: Dataset,
        seed: int,
        scope: Mapping[str, str],
        within: tuple[str, ...],
        scored: tuple[str, ...],
        upstream: Mapping[str, list[FitJob]],
    ) -> FitJob:
        reveals, section = dataset.spec.reveals, scope.get("section")
        stores = {machine: dataset.stores[machine] for machine in within}
        scored = tuple(machine for machine in within if machine in scored)
        tested = [stores[machine] for machine in scored]
        train = visible(stores.values(), "train", section, reveals)
        if train.empty:
            raise BenchError(f"{dataset.name} has no training clips for {detector.name} on {'/'.join(scope.values())}")
        spec = FitSpec(
            detector=detector.name,
            target=detector.target,
            plugin=detector.plugin,
            source=detector.source,
            scope=scope,
            config=detector.config,
            config_type=detector.config_type,
            frontend=detector.frontend,
            components=detector.components,
            min_classes=detector.min_classes,
            seed=seed,
            train=content(train),
            upstream={role: tuple(sorted(job.spec.key for job in jobs)) for role, jobs in upstream.items()},
        )
        return FitJob(
            spec=spec,
            workspace=str(self.workspace.path),
            dataset=dataset.name,
            stores={
                machine: store.path.relative_to(self.workspace.path).as_posix() for machine, store in stores.items()
            },
            scored=scored,
            scored_key=content(visible(tested, "test", section, reveals)) if tested else digest([]),
            reveals={"train": tuple(sorted(reveals.train)), "test": tuple(sorted(reveals.test))},
            upstream={
                role: {job.spec.scope_name: job.folder.relative_to(self.workspace.path).as_posix() for job in jobs}
                for role, jobs in upstream.items()
            },
            files=detector.files,
            device=self.device,
            rerun=self.rerun,
        )


def _scopes(
    detector: ResolvedDetector, dataset: Dataset, machines: tuple[str, ...], split: Split
) -> list[dict[str, str]]:
    """What a detector's fits for some machines are made for.

    Args:
        split: a section counts if it has such clips: test clips where the fits are to score it, training clips where
            another detector needs them. Additional training data have sections without test clips.
    """
    if detector.scope == "dataset":
        return [{"kind": "dataset"}]
    if detector.scope == "machine":
        return [{"kind": "machine", "machine": machine} for machine in machines]
    return [
        {"kind": "section", "machine": machine, "section": section}
        for machine in machines
        for section in _sections(dataset, machine, split)
    ]


def _sections(dataset: Dataset, machine: str, split: Split) -> list[str]:
    table = dataset.stores[machine].table
    return sorted(table.section[table.split == split].unique())


def _overlap(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two scopes share clips: they do unless they name different machines or sections."""
    return all(one[name] == other[name] for name in ("machine", "section") if name in one and name in other)


def needs_all_machines(systems: Iterable[ResolvedSystem]) -> bool:
    """Whether a fit of dataset scope is among the systems, which trains on every machine that is there."""
    return any(
        detector.scope == "dataset"
        for system in systems
        for member in system.members
        for detector in member.detector.walk()
    )


def merge(plans: Iterable[Plan]) -> Plan:
    """Several plans as one; fits that they share are made once."""
    merged = Plan()
    for plan in plans:
        merged.jobs |= {key: job for key, job in plan.jobs.items() if key not in merged.jobs}
        merged.waits |= plan.waits
        merged.results += plan.results
    return merged
