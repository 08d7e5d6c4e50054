"""A run as a program sees it: a request in, a report out. The command line is a thin shell over this."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asd_bench import records
from asd_bench.config import (
    Layer,
    ResolvedSystem,
    flatten,
    knows_address,
    read_yaml,
    resolve_dataset,
    resolve_system,
)
from asd_bench.errors import BenchError
from asd_bench.events import RunFinished, RunStarted
from asd_bench.plan import Plan, Planner, merge, needs_all_machines
from asd_bench.plugins import Host, did_you_mean, host
from asd_bench.records import Workspace
from asd_bench.specs import SystemSpec

if TYPE_CHECKING:
    from asd_bench.data.dataset import Dataset
    from asd_bench.executors import Executor
    from asd_bench.runner import RunReport


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asks for; the fields are the options of ``asd-bench run``."""

    systems: tuple[str, ...]
    datasets: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    profile: str = "paper"
    machines: tuple[str, ...] | None = None
    layers: tuple[Layer, ...] = ()
    data_root: Path | None = None
    workspace: Path = Path("asd-workspace")
    device: str = "auto"
    executor: str | None = None
    workers: int = 1
    fit_timeout: float | None = None
    on_existing: str = "skip"
    tracking: bool = True
    tracking_uri: str | None = None
    bundle: Path | None = None


class Session:
    """One run: `prepare` plans it, `run` carries it out."""

    def __init__(self, request: Request, plugins: Host | None = None) -> None:
        self.request = request
        self.host = plugins or host()
        self.workspace = Workspace(request.workspace).ready()
        self.plan = Plan()
        self.datasets: list[Dataset] = []
        self.systems: list[ResolvedSystem] = []

    def prepare(self, progress: Any) -> None:
        """Resolve systems, open datasets, plan fits.

        Args:
            progress: shows how far packing is, through its method ``step(what, done, total)``.

        Raises:
            BenchError: something asked for does not exist or cannot be read; nothing has been computed then.
        """
        from asd_bench.data.dataset import open_dataset

        request = self.request
        specs = [self.host.get("system", name).spec for name in request.systems]
        self._check_addresses(specs)
        self.systems = [resolve_system(self.host, spec, request.profile, self._layers_for(spec)) for spec in specs]
        for system in self.systems:
            system.check_complete()
        # Which device "auto" is takes an import of torch: not before it is known that there is something to compute.
        device = request.device if request.device == "auto" else resolve_device(request.device)
        planner = Planner(self.workspace, device, request.on_existing == "rerun")
        everything = needs_all_machines(self.systems)
        plans = []
        for name in request.datasets:
            spec = self.host.get("dataset", name).spec
            config, _ = resolve_dataset(spec, request.layers)
            packed = None if everything else request.machines
            dataset = open_dataset(
                self.host, name, config, request.data_root, self.workspace.path, packed, progress.step
            )
            missing = [machine for machine in request.machines or () if machine not in dataset.machines]
            if missing:
                raise BenchError(
                    f"{name} has no machine type '{missing[0]}'{did_you_mean(missing[0], dataset.machines)}",
                    fix=f"there are: {', '.join(dataset.machines)}",
                )
            self.datasets.append(dataset)
            plans.append(planner.plan(self.systems, dataset, request.seeds, request.machines))
        self.plan = merge(plans)
        if device == "auto" and self.plan.todo():
            self.plan.compute_on(resolve_device(device))
        if request.on_existing == "fail":
            self._refuse_existing()

    def run(self, display: Any) -> RunReport:
        """Make every fit and result that is missing; tell plugins; write the bundle."""
        from asd_bench.runner import run_plan

        request = self.request
        executor = self._executor()
        display.start(self)
        self.host.tell("asd_run_started", run=RunStarted(self.workspace, request.tracking, request.tracking_uri))
        report = None
        try:
            remake = request.on_existing == "rerun"
            report = run_plan(self.plan, self.host, executor, self.workspace, display, remake)
        finally:
            executor.close()
            self.host.tell("asd_run_finished", run=RunFinished(len(report.failures) if report else 0))
        if request.bundle:
            fits = [job.folder for job in self.plan.jobs.values() if job.folder.is_dir()]
            records.write_bundle(request.bundle, self.workspace, [*fits, *report.results])
        return report

    def report_document(self, report: RunReport) -> dict[str, Any]:
        """The run as JSON: every result's document and every failure."""
        states = [outcome.state for outcome in report.outcomes.values()]
        return {
            "results": [records.read_json(folder / "result.json") for folder in report.results],
            "fits": {state: states.count(state) for state in ("done", "skipped", "failed")},
            "failures": report.failures,
        }

    def _layers_for(self, spec: SystemSpec) -> list[Layer]:
        """The user's layers, less what concerns other systems of the run only."""
        return [
            Layer(
                layer.origin,
                {
                    address: value
                    for address, value in layer.values.items()
                    if address.startswith("dataset.")
                    or len(self.request.systems) == 1
                    or knows_address(self.host, spec, address)
                },
            )
            for layer in self.request.layers
        ]

    def _check_addresses(self, specs: list[SystemSpec]) -> None:
        """Refuse a value that concerns no system of the run at all."""
        for layer in self.request.layers:
            for address in layer.values:
                if not address.startswith("dataset.") and not any(
                    knows_address(self.host, spec, address) for spec in specs
                ):
                    # Resolving the first system says which parts there are.
                    resolve_system(self.host, specs[0], self.request.profile, [layer])

    def _executor(self) -> Executor:
        request = self.request
        name = request.executor or self._default_executor()
        if name == "inline" and (request.workers > 1 or request.fit_timeout):
            raise BenchError(
                "the inline executor makes one fit at a time, in this process", fix="use --executor process"
            )
        if name == "streams" and request.fit_timeout:
            raise BenchError(
                "the streams executor cannot give up a fit: it runs in this process", fix="use --executor process"
            )
        options = {"workers": request.workers, "timeout": request.fit_timeout}
        executor = self.host.first("asd_make_executor", name=name, options=options)
        if executor is None:
            hint = did_you_mean(name, ["inline", "process", "streams"])
            raise BenchError(f"no executor is called '{name}'{hint}{self.host.broken()}")
        return executor

    def _default_executor(self) -> str:
        request = self.request
        if request.workers == 1 and not request.fit_timeout:
            return "inline"
        on_gpu = any(job.device.startswith("cuda") for job in self.plan.jobs.values())
        return "streams" if on_gpu and not request.fit_timeout else "process"

    def _refuse_existing(self) -> None:
        there = [job for job in self.plan.jobs.values() if job.is_done()]
        if there:
            raise BenchError(
                f"{len(there)} of {len(self.plan.jobs)} fits are there already",
                where=there[0].folder,
                fix="--on-existing skip uses them, --on-existing rerun makes them again",
            )


def resolve_device(name: str) -> str:
    """``auto`` to the best device there is; others checked.

    Raises:
        BenchError: the device is not there.
    """
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type == "cuda":
            torch.cuda.get_device_properties(device)
    except (RuntimeError, AssertionError) as error:
        raise BenchError(
            f"the device '{name}' cannot be used: {str(error).splitlines()[0]}", fix="--device auto"
        ) from error
    return str(device)


def seeds_of(text: str) -> tuple[int, ...]:
    """Seeds written as ``0``, ``0,1,2`` or ``0-4``.

    Raises:
        BenchError: they are written otherwise.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        try:
            seeds += range(int(first), int(last) + 1) if dash else [int(first)]
        except ValueError:
            seeds = []
            break
    if not seeds:
        raise BenchError(f"'{text}' is no list of seeds; write 0,1,2 or 0-4")
    return tuple(dict.fromkeys(seeds))


def suite_of(path: Path) -> dict[str, Any]:
    """A suite file: systems, datasets, seeds, profile, machines, and values under ``set``.

    Raises:
        BenchError: the file has an unknown entry or lacks systems or datasets.
    """
    document = read_yaml(path)
    known = ("systems", "datasets", "seeds", "profile", "machines", "set")
    for name in document:
        if name not in known:
            raise BenchError(
                f"a suite has no entry '{name}'{did_you_mean(str(name), known)}",
                where=path,
                fix=f"its entries: {', '.join(known)}",
            )
    for name in ("systems", "datasets"):
        if not document.get(name):
            raise BenchError(f"the suite names no {name}", where=path)
    if not isinstance(document.get("set") or {}, dict):
        raise BenchError("the suite's 'set' must be a mapping of parts to their options", where=path)
    lists = {
        name: tuple(value if isinstance(value, list) else [value])
        for name, value in document.items()
        if name in ("systems", "datasets", "machines")
    }
    suite: dict[str, Any] = {
        **lists,
        "profile": document.get("profile"),
        "layer": Layer(f"suite {path.name}", flatten(document.get("set") or {})),
    }
    if "seeds" in document:
        seeds = document["seeds"]
        suite["seeds"] = seeds_of(",".join(map(str, seeds)) if isinstance(seeds, list) else str(seeds))
    return suite
