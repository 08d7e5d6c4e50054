"""Fixtures for plugin authors: ``pytest_plugins = ["asd_bench.testing.fixtures"]`` in the topmost ``conftest.py``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asd_bench.testing.running import Outcome, run_systems
from asd_bench.testing.tiny import TinyData


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyData:
    """Four machine types with 16 synthetic clips of a second each, made once per session."""
    data = TinyData(tmp_path_factory.mktemp("tiny"))
    data.open()
    return data


@pytest.fixture
def run(tiny: TinyData, tmp_path: Path) -> Callable[..., Outcome]:
    """`run_systems` on the tiny data, in a workspace of the test's own: ``run("mel-knn", seeds=(0, 1))``."""

    def run_here(
        systems: str, *, workspace: Path = tmp_path / "workspace", data: TinyData = tiny, **asked: Any
    ) -> Outcome:
        return run_systems(workspace, systems, data, **asked)

    return run_here
