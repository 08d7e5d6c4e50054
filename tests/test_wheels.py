"""Wheels: the core and each plugin install with pip from a folder, are found, and are gone after pip uninstall."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))

#: As a user's shell has it, without what this test run sets.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("ASD_BENCH", "PYTHON"))}


def pip(python: Path | str, *arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "-q", *arguments]
    done = subprocess.run([*map(str, command)], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    pip(sys.executable, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT, *PLUGINS)
    return folder


@pytest.fixture(scope="module")
def environment(wheels, tmp_path_factory) -> Path:
    """An environment in which the core is installed from its wheel; what it depends on is borrowed from this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder / "venv")
    borrowed = folder / "borrowed"
    borrowed.mkdir()
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if path.suffix != ".pth" and not path.name.startswith(("asd_bench", "_editable")):
            (borrowed / path.name).symlink_to(path)
    (library,) = folder.glob("venv/lib/python*/site-packages")
    (library / "borrowed.pth").write_text(f"{borrowed}\n")
    pip(folder / "venv/bin/python", "install", "--no-index", "--find-links", wheels, "asd-bench")
    return folder / "venv/bin"


def systems(environment: Path) -> dict[str, str]:
    """System -> plugin, as ``asd-bench list systems`` tells them from a folder that is no checkout."""
    command = [environment / "asd-bench", "list", "systems", "--json"]
    done = subprocess.run(command, env=ENVIRONMENT, cwd=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {row["name"]: row["plugin"] for row in json.loads(done.stdout)}


def test_the_core_alone_has_its_own_systems(environment):
    assert set(systems(environment).values()) == {"builtin-detectors"}


@pytest.mark.parametrize("plugin", PLUGINS, ids=[path.name for path in PLUGINS])
def test_a_plugin_comes_and_goes(plugin, environment, wheels):
    name = tomllib.loads((plugin / "pyproject.toml").read_text())["project"]["name"]
    alone = systems(environment)
    pip(environment / "python", "install", "--no-index", "--find-links", wheels, name)
    added = {system: owner for system, owner in systems(environment).items() if system not in alone}
    assert set(added.values()) == {plugin.name}
    pip(environment / "python", "uninstall", "--yes", name)
    assert systems(environment) == alone


def test_wheels_hold_packages_and_nothing_else(wheels):
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            tops = {name.split("/")[0] for name in archive.namelist()}
        package = wheel.name.split("-")[0]
        assert {top.split("-")[0] for top in tops} == {package}, tops
