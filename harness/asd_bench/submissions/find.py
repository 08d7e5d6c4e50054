"""The systems in the folders that a user names, and the files of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asd_bench.errors import BenchError
from asd_bench.submissions.names import PHASES, YEARS, Kind, Part, Phase, SubmissionYear

_NAMED = 3


@dataclass(frozen=True)
class SystemFolder:
    """One system of a submission.

    Attributes:
        name: the folder's path below the one that the user named, or its own name where it is that one.
        folder: holds the score files.
    """

    name: str
    folder: Path


@dataclass(frozen=True)
class SystemFiles:
    """The files of a system that a phase asks for, and remarks on those that look alike and are left out."""

    scores: Mapping[Part, Path]
    decisions: Mapping[Part, Path]
    notes: tuple[str, ...]


def find_systems(year: SubmissionYear, submissions: Iterable[Path]) -> list[SystemFolder]:
    """Every folder with score files of that year, in the folders named or anywhere below them.

    Raises:
        BenchError: a submission is no folder, holds no score file of that year, or two systems have one name.
    """
    systems = [system for submission in submissions for system in _systems_in(year, submission)]
    for name, count in Counter(system.name for system in systems).items():
        if count > 1:
            raise BenchError(
                f"{count} systems are called {name!r}",
                where=", ".join(str(system.folder) for system in systems if system.name == name),
                fix="name the folder that holds them all, or rename them",
            )
    return systems


def _systems_in(year: SubmissionYear, submission: Path) -> list[SystemFolder]:
    if not submission.is_dir():
        raise BenchError(
            "the submission is no folder" if submission.exists() else "there is no such submission",
            where=submission,
            fix="name a folder with score files, or one that holds such folders; unpack archives first",
        )
    files = sorted(submission.rglob("*.csv"))
    folders = sorted({path.parent for path in files if year.parse(path.name)})
    if not folders:
        raise BenchError(
            f"no file here has the name of a score file of {year.dataset}{_what_is_here(files)}",
            where=submission,
            fix=f"such a file is called {_example(year, 'eval')}",
        )
    # The submission may be ".", which has no name of its own.
    own_name = submission.resolve().name
    return [
        SystemFolder(own_name if folder == submission else folder.relative_to(submission).as_posix(), folder)
        for folder in folders
    ]


def _what_is_here(files: Sequence[Path]) -> str:
    if not files:
        return ": it holds no CSV file at all"
    others = [year.dataset for year in YEARS.values() if any(_is_of(year, path) for path in files)]
    named = ", ".join(path.name for path in files[:_NAMED]) + (", …" if len(files) > _NAMED else "")
    return f": there is {named}" + (f", as in {' or '.join(others)}" if others else "")


def _is_of(year: SubmissionYear, path: Path) -> bool:
    parsed = year.parse(path.name)
    return parsed is not None and year.phase_of(parsed[1]) is not None


def _example(year: SubmissionYear, phase: Phase) -> str:
    return year.file_of("anomaly_score", year.parts(phase)[0])


def files_of(year: SubmissionYear, phase: Phase, system: SystemFolder) -> SystemFiles:
    """The files of a system that a phase asks for.

    Raises:
        BenchError: two files hold the same, or none is of this phase.
    """
    found: dict[Kind, dict[Part, Path]] = {"anomaly_score": {}, "decision_result": {}}
    other_phase: list[str] = []
    foreign: list[str] = []
    for path in sorted(system.folder.glob("*.csv")):
        parsed = year.parse(path.name)
        its_phase = year.phase_of(parsed[1]) if parsed else None
        if parsed is None or its_phase is None:
            if path.name.startswith(("anomaly_score", "decision_result")):
                foreign.append(path.name)
            continue
        if its_phase != phase:
            other_phase.append(path.name)
            continue
        kind, part = parsed
        if part in found[kind]:
            raise BenchError(
                f"two files hold the {kind} of {part}: {found[kind][part].name} and {path.name}",
                where=system.folder,
                fix="keep one of them",
            )
        found[kind][part] = path
    notes = []
    if other_phase:
        other: Phase = "dev" if phase == "eval" else "eval"
        notes.append(f"{_files(other_phase)} of the {PHASES[other]} data left out (--phase {other})")
    if foreign:
        notes.append(
            f"{_files(foreign)} left out, whose name is none of {year.dataset}; a name is {_example(year, phase)}"
        )
    if not found["anomaly_score"]:
        raise BenchError(
            f"no score file is of {year.dataset}'s {PHASES[phase]} data",
            where=system.folder,
            fix="; ".join(["name the files' own --dataset and --phase", *notes]),
        )
    return SystemFiles(found["anomaly_score"], found["decision_result"], tuple(notes))


def _files(names: Sequence[str]) -> str:
    named = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    return f"{len(names)} file{'s' if len(names) > 1 else ''} ({named})"
