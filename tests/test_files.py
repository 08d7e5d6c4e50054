"""Options that are files, through whole runs: what is in a file counts, and a run is never given another's."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from asd_bench import DetectorSpec, Member, SystemSpec, Use, hookimpl, runner
from asd_bench.testing.running import loaded_host

MODULE = '''
import numpy as np
from dataclasses import dataclass
from asd_bench import option


@dataclass(frozen=True)
class Config:
    offset: str = option("", "a file with a number", file=True)


@dataclass(frozen=True)
class OtherConfig:
    pass


class Offset:
    """Every clip's score is the number in the file."""

    def __init__(self, config):
        self.config = config

    def fit(self, audio, ctx):
        with open(self.config.offset) as file:
            self.number = float(file.read())

    def score(self, audio, ctx):
        return {"number": self.number + np.arange(len(audio))}

    def save(self, folder):
        (folder / "number.txt").write_text(str(self.number))

    def load(self, folder):
        self.number = float((folder / "number.txt").read_text())


class User:
    """Scores as what it uses does, which it loads from its record."""

    def __init__(self, config):
        pass

    def fit(self, audio, ctx):
        pass

    def score(self, audio, ctx):
        (fit,) = ctx.upstream["offset"].values()
        return {"number": fit.detector.score(audio, ctx)["number"] + len(fit.detector.config.offset)}

    def save(self, folder):
        pass

    def load(self, folder):
        pass
'''


class Plugin:
    """Two detectors of a module that is made for the test."""

    @hookimpl
    def asd_detectors(self):
        from offsets import Config, OtherConfig

        shared = {"frontend": "mel", "components": ("number",), "scope": "machine"}
        return [
            DetectorSpec(name="offset", summary="", target="offsets:Offset", config=Config, **shared),
            DetectorSpec(
                name="user",
                summary="",
                target="offsets:User",
                config=OtherConfig,
                uses=(Use("offset", "offset"),),
                **shared,
            ),
        ]

    @hookimpl
    def asd_systems(self):
        return [SystemSpec(name=name, summary="", members=(Member(name),)) for name in ("offset", "user")]


@pytest.fixture
def host(tmp_path, monkeypatch):
    (tmp_path / "module").mkdir()
    (tmp_path / "module" / "offsets.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path / "module")
    made = loaded_host()
    made.register(Plugin(), "of-this-test")
    yield made
    sys.modules.pop("offsets", None)


def numbers(folder: Path, name: str, number: float) -> str:
    (folder / name).write_text(str(number))
    return str(folder / name)


def test_a_file_that_moved_is_the_same_and_one_that_changed_is_another(host, run, tmp_path):
    settings = [f"offset.offset={numbers(tmp_path, 'a.txt', 1)}"]
    assert run("offset", host=host, machines=("fan",), settings=settings).count("done") == 1
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.move(tmp_path / "a.txt", tmp_path / "elsewhere" / "b.txt")
    again = run("offset", host=host, machines=("fan",), settings=[f"offset.offset={moved}"])
    assert again.count("skipped") == 1
    assert str(tmp_path) not in str(again.document()["config"])
    settings = [f"offset.offset={numbers(tmp_path, 'a.txt', 22)}"]
    changed = run("offset", host=host, machines=("fan",), settings=settings)
    assert changed.count("done") == 1
    assert changed.scores().score.min() == 22


@pytest.mark.parametrize("happens", [lambda path: path.write_text("2"), Path.unlink], ids=["changes", "goes"])
def test_a_file_that_is_another_when_the_fit_begins_stops_it(happens, host, run, tmp_path, monkeypatch):
    path = numbers(tmp_path, "a.txt", 1)

    def change_first(*args, run_plan=runner.run_plan, **more):
        happens(Path(path))
        return run_plan(*args, **more)

    monkeypatch.setattr(runner, "run_plan", change_first)
    outcome = run("offset", host=host, machines=("fan",), settings=[f"offset.offset={path}"])
    outcome.assert_failed("the file has changed or gone since the run was planned", "a.txt")


def test_what_others_use_is_loaded_without_its_file(host, run, tmp_path):
    """The file may be gone by then, and on another machine it never was."""
    path = numbers(tmp_path, "a.txt", 3)
    outcome = run("user", host=host, machines=("fan",), settings=[f"offset.offset={path}"]).assert_ok()
    assert outcome.scores().score.min() == 3
