"""Hand-made submissions with their ground truth, and ``asd-bench score`` as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from asd_bench.cli import cli
from asd_bench.errors import BenchError
from asd_bench.submissions.names import YEARS, Kind, Part, Phase, SubmissionYear

#: Label and domain of the eight clips of a section; 2021 has four of a domain in each file, 2020 has no domains.
CLIPS = [(label, domain) for domain in ("source", "target") for label in ("normal", "anomaly") for _ in range(2)]


@dataclass(frozen=True)
class Outcome:
    """What a call of ``asd-bench score`` came to: its exit code and output, or the error that it would print."""

    code: int
    output: str
    error: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.output)


@pytest.fixture(scope="session")
def score() -> Callable[..., Outcome]:
    """Call ``asd-bench score`` with these arguments."""

    def call(*words: object) -> Outcome:
        # Wide, so that no message is broken where a test looks for it.
        ran = CliRunner(env={"COLUMNS": "200"}).invoke(cli, ["score", *map(str, words)], standalone_mode=False)
        if ran.exception is None:
            return Outcome(ran.return_value, ran.stdout, "")
        # What is no message to the user is a bug.
        assert isinstance(ran.exception, BenchError | click.UsageError), ran.exception
        return Outcome(2, ran.stdout, str(ran.exception))

    return call


@dataclass(frozen=True)
class Toy:
    """A complete submission of a year's phase, which tells normal from anomalous clips without a mistake."""

    year: SubmissionYear
    phase: Phase
    truth: Path
    system: Path
    names: Mapping[Part, list[str]] = field(repr=False)

    def words(self, *more: object) -> tuple[object, ...]:
        """The arguments of ``asd-bench score``."""
        truth = ("--ground-truth", self.truth) if self.phase == "eval" else ()
        return ("--dataset", self.year.dataset, "--phase", self.phase, *truth, self.system, *more)

    def file(self, part: Part, kind: Kind = "anomaly_score") -> Path:
        return self.system / self.year.file_of(kind, part)

    def rename(self, spelling: str) -> None:
        """Give all files other names: ``{kind}``, ``{machine}``, ``{section}`` and ``{domain}`` are filled in."""
        for path in list(self.system.iterdir()):
            kind, part = self.year.parse(path.name)
            path.rename(self.system / spelling.format(kind=kind, **part._asdict()))


def _clips_of(year: SubmissionYear, phase: Phase, part: Part) -> list[tuple[str, str, str]]:
    """Name, label and domain."""
    clips = []
    for number, (label, domain) in enumerate(CLIPS):
        if part.domain and domain != part.domain:
            continue
        if year.truth == "list":
            name = f"id_{part.section}_{number:08d}.wav"
            name = f"{label}_{name}" if phase == "dev" else name
        elif phase == "dev":
            name = f"section_{part.section}_{domain}_test_{label}_{number:04d}_m-n_W.wav"
        else:
            name = f"section_{part.section}_{f'{domain}_test_' if part.domain else ''}{number:04d}.wav"
        clips.append((name, label, domain))
    return clips


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def make_toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Toy]:
    """Write a `Toy` of a year; of development data, eight clips per section count as all that were published."""

    def make(year_name: str, phase: Phase = "eval") -> Toy:
        year = YEARS[f"dcase{year_name}"]
        truth, system = tmp_path / "truth", tmp_path / "teams" / "Lab_task2_1"
        listing: list[str] = []
        names = {}
        for part in year.parts(phase):
            clips = _clips_of(year, phase, part)
            names[part] = [name for name, _, _ in clips]
            if phase == "dev":
                monkeypatch.setitem(year.dev_clips, part, len(clips))
            is_anomaly = {name: int(label == "anomaly") for name, label, _ in clips}
            write(system / year.file_of("anomaly_score", part), [f"{n},{i + 0.25}" for n, i in is_anomaly.items()])
            if year.rule.official_decisions:
                write(system / year.file_of("decision_result", part), [f"{n},{i}" for n, i in is_anomaly.items()])
            if part.machine not in listing:
                listing.append(part.machine)
            listing += [f"{name},{label}_{name},{is_anomaly[name]}" for name, label, _ in clips]
            if year.truth != "list":
                file = year.file_of("anomaly_score", part).replace("anomaly_score", "ground_truth")
                write(truth / "ground_truth_data" / file, [f"{n},{i}" for n, i in is_anomaly.items()])
                if not part.domain:
                    write(
                        truth / "ground_truth_domain" / file,
                        [f"{name},{int(domain == 'target')}" for name, _, domain in clips],
                    )
        if year.truth == "list":
            write(truth / "eval_data_list.csv", listing)
        return Toy(year, phase, truth, system, names)

    return make


@pytest.fixture
def toy(make_toy: Callable[..., Toy]) -> Toy:
    """Of 2023's evaluation data: one section for each of seven machine types."""
    return make_toy("2023")
