"""Commands as a user types them, in this process, and a workspace that one small run has filled."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from asd_bench import hookimpl
from asd_bench.cli import cli
from asd_bench.plugins import Host

#: Options of a synthetic dataset that is made and decoded in no time.
TINY = tuple(
    word for pair in ("n_train=3", "n_normal=2", "n_anomaly=2", "seconds=1") for word in ("--set", f"dataset.{pair}")
)


def _invoke(words: tuple[str, ...]) -> Result:
    # A width of its own, so that tables wrap alike wherever the tests run.
    return CliRunner().invoke(cli, words, standalone_mode=False, env={"COLUMNS": "120"})


@pytest.fixture(scope="session")
def asd_bench() -> Callable[..., Result]:
    """``asd_bench("list", "fits")`` invokes a command, which must succeed with the exit code ``code``."""

    def call(*words: str, code: int = 0) -> Result:
        outcome = _invoke(words)
        if outcome.exception is not None:
            raise outcome.exception
        assert (outcome.return_value or 0) == code, outcome.output
        return outcome

    return call


@pytest.fixture(scope="session")
def refused() -> Callable[..., str]:
    """``refused("show", "mel-kn")`` is the message with which a command fails."""

    def call(*words: str) -> str:
        outcome = _invoke(words)
        assert outcome.exception is not None, outcome.output
        return str(outcome.exception)

    return call


@pytest.fixture(scope="session")
def tiny() -> tuple[str, ...]:
    return TINY


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory, asd_bench: Callable[..., Result]) -> Path:
    """A workspace with a result of mel-knn on two machine types, two sections each. Only to be looked at."""
    path = tmp_path_factory.mktemp("filled") / "workspace"
    what = ("--system", "mel-knn", "--dataset", "synthetic", "--machine", "fan,pump")
    asd_bench("run", *what, *TINY, "--no-track", "--device", "cpu", "--workspace", str(path))
    return path


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Host:
    """The built-in plugins in a host of the test's own, in place of the process's."""
    host = Host()
    host.load_builtin()
    monkeypatch.setattr("asd_bench.plugins.host", lambda: host)
    return host


@pytest.fixture
def declare(plugins: Host) -> Callable[..., None]:
    """``declare("toys", asd_systems=[…])`` registers a plugin whose hooks return these specs."""

    def register(name: str, **hooks: Any) -> None:
        module = types.ModuleType(name)
        for hook, specs in hooks.items():
            setattr(module, hook, hookimpl(_returning(specs)))
        plugins.register(module, name, f"asd-bench-{name}", "1.0")

    return register


def _returning(value: Any) -> Callable[[], Any]:
    def implementation() -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return implementation
