"""What the core's tests share.

Beside `tiny` and `run` of `asd_bench.testing.fixtures`:

- every test runs in an environment of its own (`clean_environment`): no installed plugins, no tracking store, no data
  folder of the machine it runs on, a workspace in ``tmp_path``; one that leaves ``os.environ`` changed fails;
- `install_fakes("good", "noisy")` makes packages of ``tests/fakes`` importable, here and in subprocesses;
- `cli("run", "--system", "mel-knn", …)` runs the real ``asd-bench`` in a process of its own;
- `shared` is the folder of papers, data and golden files, and skips the test where there is none;
- tests marked ``gpu`` are skipped where there is no CUDA device.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from asd_bench import plugins

TESTS = Path(__file__).resolve().parent
FAKES = TESTS / "fakes"

#: Set by libraries when they are first imported, or by pytest for every test.
NOT_OURS = {"PYTEST_CURRENT_TEST", "TORCHINDUCTOR_CACHE_DIR", "KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK"}

# A machine that is busy with other things is no fault of the code.
hypothesis.settings.register_profile("asd-bench", deadline=None)
hypothesis.settings.load_profile("asd-bench")


@pytest.fixture(autouse=True)
def clean_environment(tmp_path: Path) -> Iterator[None]:
    """No influence of the machine on the test, and none of the test on those after it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ASD_BENCH_PLUGINS", "")
        patch.setenv("ASD_BENCH_WORKSPACE", str(tmp_path / "workspace"))
        patch.setenv("DO_NOT_TRACK", "true")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        for name in ("ASD_BENCH_BLOCK_PLUGINS", "ASD_BENCH_DATA", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        plugins.host.cache_clear()
        before = _environment()
        yield
        after = _environment()
        left = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        for name in left:
            os.environ.pop(name, None)
        os.environ.update({name: before[name] for name in left & set(before)})
    plugins.host.cache_clear()
    assert not left, f"the test left these changed in os.environ: {', '.join(sorted(left))}; use monkeypatch.setenv"


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in NOT_OURS}


@pytest.fixture(scope="session")
def shared() -> Path:
    """The shared folder, ``ASD_BENCH_SHARED`` or ``shared`` beside the repository."""
    path = Path(os.environ.get("ASD_BENCH_SHARED", TESTS.parents[1] / "shared"))
    if not path.is_dir():
        pytest.skip(f"there is no shared folder at {path}; name one with ASD_BENCH_SHARED")
    return path


# -- the command line --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    def assert_code(self, code: int) -> Finished:
        assert self.code == code, f"exit code {self.code}\n{self.out}\n{self.err}"
        return self


@pytest.fixture
def cli(tmp_path: Path) -> Callable[..., Finished]:
    """The real ``asd-bench`` in a process and folder of its own; words are its arguments."""

    def call(*words: object, timeout: float = 120) -> Finished:
        command = [sys.executable, "-m", "asd_bench.cli", *map(str, words)]
        # Wide, so that tables and messages are not broken where a test looks for them.
        environment = {**os.environ, "COLUMNS": "300"}
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return call


# -- fake plugins ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def fake_sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Fake -> a folder like the ``site-packages`` that ``pip install`` would have put it into."""
    root = tmp_path_factory.mktemp("fakes")
    return {file.parent.name: _install(file.parent, root / file.parent.name) for file in FAKES.glob("*/pyproject.toml")}


def _install(package: Path, site: Path) -> Path:
    """What ``pip install --target`` does, without its build environment and the network that this takes."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    shutil.copytree(package / "src", site, ignore=shutil.ignore_patterns("__pycache__"))
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    (info / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in entries.items())
            for group, entries in project["entry-points"].items()
        )
    )
    return site


@pytest.fixture
def install_fakes(fake_sites: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Install fakes for the length of a test, and let asd-bench load them and no others."""

    def install(*names: str) -> None:
        for name in names:
            monkeypatch.syspath_prepend(fake_sites[name])
            monkeypatch.setenv("PYTHONPATH", str(fake_sites[name]), prepend=os.pathsep)
            monkeypatch.setenv("ASD_BENCH_PLUGINS", f"asd-bench-fake-{name}", prepend=",")

    yield install
    for module in [name for name in sys.modules if name.startswith("asd_bench_fake_")]:
        del sys.modules[module]


# -- marks -------------------------------------------------------------------------------------------------------------


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked:
        # Only now: torch takes long to import.
        import torch

        if not torch.cuda.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device, and there is none"))
