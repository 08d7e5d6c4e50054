"""Every hook: documented, called with what it promises, and its answer heeded.

A new hook needs a ``test_hook_<name>`` here.
"""

from __future__ import annotations

import dataclasses
import inspect
import typing
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner

from asd_bench import (
    BenchError,
    DatasetSpec,
    DetectorSpec,
    EnsemblerSpec,
    FrontendSpec,
    Member,
    SystemSpec,
    events,
    hookimpl,
    hookspecs,
    plugins,
)
from asd_bench.builtin.datasets.options import DcaseConfig
from asd_bench.cli import LazyGroup
from asd_bench.data.dataset import open_dataset
from asd_bench.executors.inline import InlineExecutor
from asd_bench.plugins import Host
from asd_bench.testing.running import run_systems

HOOKS = [name for name in vars(hookspecs) if name.startswith("asd_")]
EVENTS = [name for name in HOOKS if name.startswith(("asd_run_", "asd_fit_", "asd_result"))]


def registered(**hooks) -> Host:
    """The built-in plugins and one that consists of these functions."""
    host = Host()
    host.load_builtin()
    host.register(SimpleNamespace(**{name: hookimpl(function) for name, function in hooks.items()}), "of-this-test")
    assert not host.problems
    return host


class Listener:
    """A plugin that remembers what it is told, as (hook, event)."""

    def __init__(self, heard: list) -> None:
        self.heard = heard

    @hookimpl
    def asd_run_started(self, run):
        self.heard.append(("asd_run_started", run))

    @hookimpl
    def asd_fit_started(self, fit):
        self.heard.append(("asd_fit_started", fit))

    @hookimpl
    def asd_fit_progress(self, progress):
        self.heard.append(("asd_fit_progress", progress))

    @hookimpl
    def asd_fit_finished(self, fit):
        self.heard.append(("asd_fit_finished", fit))

    @hookimpl
    def asd_result(self, result):
        self.heard.append(("asd_result", result))

    @hookimpl
    def asd_run_finished(self, run):
        self.heard.append(("asd_run_finished", run))


# -- every hook --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_and_tested(hook):
    assert len(inspect.getdoc(getattr(hookspecs, hook)) or "") > 20
    assert f"test_hook_{hook}" in globals(), f"write test_hook_{hook}"


@pytest.mark.parametrize("hook", EVENTS)
def test_every_event_is_one_frozen_object_with_documentation(hook):
    hints = typing.get_type_hints(getattr(hookspecs, hook), vars(events))
    del hints["return"]
    (event,) = hints.values()
    assert event.__dataclass_params__.frozen
    assert inspect.getdoc(event)


def test_hook_asd_datasets(tmp_path):
    spec = DatasetSpec(name="d", summary="", target="m:D", rule="2023", machines={}, aliases=("e",))
    host = registered(asd_datasets=lambda: [spec])
    assert host.get("dataset", "d").spec is host.get("dataset", "e").spec is spec


def test_hook_asd_frontends():
    spec = FrontendSpec(name="f", summary="", target="m:F")
    assert registered(asd_frontends=lambda: (spec,)).get("frontend", "f").spec is spec


def test_hook_asd_detectors():
    spec = DetectorSpec(name="d", summary="", target="m:D", frontend="mel")
    assert registered(asd_detectors=lambda: iter([spec])).get("detector", "d").spec is spec


def test_hook_asd_ensemblers():
    spec = EnsemblerSpec(name="e", summary="", target="m:E")
    assert registered(asd_ensemblers=lambda: {spec.name: spec}.values()).get("ensembler", "e").spec is spec


def test_hook_asd_systems():
    spec = SystemSpec(name="s", summary="", members=(Member("knn"),))
    assert registered(asd_systems=lambda: [spec]).get("system", "s").plugin.name == "of-this-test"


@pytest.fixture(scope="module")
def told(tiny, tmp_path_factory):
    """What a plugin hears of a run of two fits, one of which fails, and of the same run again."""
    heard: list[tuple[str, typing.Any]] = []
    host = Host()
    host.load_builtin()
    host.register(Listener(heard), "listener")
    workspace = tmp_path_factory.mktemp("told") / "workspace"
    run_systems(workspace, "mel-knn", tiny, machines=("fan",), host=host)
    # A neighbour detector cannot do with fewer clips than neighbours.
    run_systems(workspace, "mel-knn", tiny, machines=("fan",), settings=["knn.k=8"], host=host)
    run_systems(workspace, "mel-knn", tiny, machines=("fan",), host=host)
    return SimpleNamespace(heard=heard, workspace=workspace)


def heard(told, hook: str) -> list[typing.Any]:
    return [event for name, event in told.heard if name == hook]


def test_events_come_in_order(told):
    names = [name for name, _ in told.heard if name != "asd_fit_progress"]
    started, ended = "asd_run_started", "asd_run_finished"
    assert names == [
        *(started, "asd_fit_started", "asd_fit_finished", "asd_result", ended),
        *(started, "asd_fit_started", "asd_fit_finished", ended),
        *(started, "asd_fit_finished", "asd_result", ended),
    ]


def test_hook_asd_run_started(told):
    first, *_ = heard(told, "asd_run_started")
    assert first.workspace.path == told.workspace
    assert (first.tracking, first.tracking_uri) == (False, None)


def test_hook_asd_fit_started(told):
    first, *_ = heard(told, "asd_fit_started")
    assert first.document["detector"] == "knn"
    assert first.document["key"] == first.key
    assert (first.dataset, first.folder.name) == ("synthetic2023", first.key[:12])


def test_hook_asd_fit_progress(told):
    progress = heard(told, "asd_fit_progress")
    (first, *_) = heard(told, "asd_fit_started")
    assert progress[0].key == first.key
    assert any("system/cpu_utilization_percentage" in event["values"] for event in progress[0].events)


def test_hook_asd_fit_finished(told):
    states = [(event.state, bool(event.message)) for event in heard(told, "asd_fit_finished")]
    assert states == [("done", False), ("failed", True), ("skipped", False)]
    assert "needs at least 9 training clips" in heard(told, "asd_fit_finished")[1].message


def test_hook_asd_result(told):
    made, found = heard(told, "asd_result")
    assert made.key == found.key == made.document["key"]
    assert (made.folder / "result.json").is_file()


def test_hook_asd_run_finished(told):
    assert [event.failed for event in heard(told, "asd_run_finished")] == [0, 1, 0]


def test_hook_asd_make_executor(run):
    class Counting(InlineExecutor):
        jobs = 0

        def submit(self, job) -> Future:
            self.jobs += 1
            return super().submit(job)

    executor = Counting()

    def asd_make_executor(name, options):
        assert options["workers"] == 1
        return executor if name == "counting" else None

    host = registered(asd_make_executor=asd_make_executor)
    run("mel-knn", host=host, executor="counting", machines=("fan", "pump")).assert_ok()
    assert executor.jobs == 2
    with pytest.raises(BenchError, match="no executor is called 'cuonting'"):
        run("mel-knn", host=host, executor="cuonting")


def test_hook_asd_locate_data(tiny, tmp_path):
    asked = []

    def asd_locate_data(dataset) -> Path | None:
        asked.append(dataset.name)
        return tiny.root if dataset.name == "dcase2023" else None

    host = registered(asd_locate_data=asd_locate_data)
    dataset = open_dataset(host, "dcase2023", DcaseConfig(), None, tmp_path, ("fan",))
    assert (dataset.root, dataset.name, asked) == (tiny.root, "dcase2023-synthetic", ["dcase2023"])


def test_hook_asd_commands(monkeypatch):
    @click.command()
    def greet() -> None:
        """Say hello."""
        click.echo("hello")

    monkeypatch.setattr(plugins, "host", lambda: registered(asd_commands=lambda cli: cli.add_command(greet)))
    group = LazyGroup("asd-bench")
    assert "Say hello." in CliRunner().invoke(group, ["--help"]).output
    assert CliRunner().invoke(group, ["greet"]).output == "hello\n"


def test_specs_can_grow_without_breaking_plugins():
    for spec in (DatasetSpec, FrontendSpec, DetectorSpec, EnsemblerSpec, SystemSpec):
        assert all(field.kw_only for field in dataclasses.fields(spec)), spec
