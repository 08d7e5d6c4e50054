"""A system's files, joined with the ground truth by clip name and evaluated by the year's rule."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import pandas as pd

from asd_bench.errors import BenchError
from asd_bench.metrics.official import Evaluation, evaluate
from asd_bench.submissions.ci95 import official_ci95
from asd_bench.submissions.find import SystemFolder, files_of
from asd_bench.submissions.names import Part, Phase, SubmissionYear
from asd_bench.submissions.read import read_flags, read_numbers
from asd_bench.submissions.truth import PartTruth, Truth, truth_of_names

_NAMED = 3

_Value = TypeVar("_Value", int, float)


@dataclass(frozen=True)
class ScoredSystem:
    """What a system's files are worth.

    Attributes:
        name: see `asd_bench.submissions.find.SystemFolder`.
        year: the challenge year.
        phase: ``dev`` or ``eval``.
        clips: as `asd_bench.metrics.official.evaluate` takes them.
        evaluation: the metrics of the sections that are there.
        missing: why the evaluation does not cover the whole phase; empty where it does. The overall numbers are
            official only then.
        undecided: why there are no precision, recall and F1 though the year has them; empty otherwise.
        notes: files left out.
    """

    name: str
    year: SubmissionYear
    phase: Phase
    clips: pd.DataFrame
    evaluation: Evaluation
    missing: tuple[str, ...]
    undecided: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        return not self.missing and not self.undecided

    @property
    def is_official(self) -> bool:
        """Whether Ω is the year's official score, over everything that it is to cover."""
        return self.year.rule.official_omega and not self.missing

    def sections_of(self, machine: str) -> list[str]:
        """Sections of a machine type that were scored."""
        return sorted(set(self.clips.loc[self.clips["machine"] == machine, "section"]))

    @property
    def coverage(self) -> tuple[int, int]:
        """How many sections were scored, and how many the phase has."""
        machines = self.year.machines[self.phase]
        return sum(len(self.sections_of(machine)) for machine in machines), sum(map(len, machines.values()))

    @cached_property
    def official_ci95(self) -> float | None:
        """See `asd_bench.submissions.ci95`; None in years that do not print one, and where clips are missing."""
        if not self.year.has_ci95 or self.missing:
            return None
        return official_ci95(self.clips["label"], self.clips["score"])


def score_system(year: SubmissionYear, phase: Phase, truth: Truth | None, system: SystemFolder) -> ScoredSystem:
    """Read, join and evaluate a system's files.

    Args:
        truth: the organisers'; None to read labels and domains from the clips' names, which development data have.

    Raises:
        BenchError: a file is malformed, its clips are not the ground truth's, or nothing can be evaluated.
    """
    files = files_of(year, phase, system)
    expected = year.parts(phase)
    labelled = [part for part in expected if truth is None or part in truth]
    scored = _whole_sections(labelled, files.scores)
    if not scored:
        raise BenchError("no section is there with all its score files", where=system.folder)
    undecided = [part for part in scored if part not in files.decisions] if year.rule.official_decisions else []
    decide = year.rule.official_decisions and not undecided

    tables = []
    for part in scored:
        scores = read_numbers(files.scores[part])
        known = truth_of_names(year, part, scores, files.scores[part]) if truth is None else truth[part]
        columns = {"score": _joined(known, scores, files.scores[part])}
        if decide:
            decisions = read_flags(files.decisions[part], truncate=year.decisions == "truncated")
            columns["decision"] = _joined(known, decisions, files.decisions[part])
        tables.append(_clips(part, known, columns))
    clips = pd.concat(tables, ignore_index=True)
    missing = [
        *_listed("the ground truth lacks", [part for part in expected if part not in labelled]),
        *_listed("no score file for", [part for part in labelled if part not in files.scores]),
        *_short_parts(year, {part: len(table) for part, table in zip(scored, tables, strict=True)}, truth),
    ]
    return ScoredSystem(
        name=system.name,
        year=year,
        phase=phase,
        clips=clips,
        evaluation=evaluate(year.rule, clips),
        missing=tuple(missing),
        undecided=tuple(_listed("no precision, recall and F1: there is no decision file for", undecided)),
        notes=files.notes,
    )


def _whole_sections(parts: Sequence[Part], present: Collection[Part]) -> list[Part]:
    """The parts of sections that are there as a whole: 2021's metrics need a section's two files."""
    lacking = {(part.machine, part.section) for part in parts if part not in present}
    return [part for part in parts if (part.machine, part.section) not in lacking]


def _listed(what: str, parts: Sequence[Part]) -> list[str]:
    if not parts:
        return []
    more = f" and {len(parts) - _NAMED} more" if len(parts) > _NAMED else ""
    return [f"{what} {', '.join(map(str, parts[:_NAMED]))}{more}"]


def _short_parts(year: SubmissionYear, n_clips: Mapping[Part, int], truth: Truth | None) -> list[str]:
    """Parts with other than the published number of clips, where no ground truth tells which clips there must be."""
    if truth is not None:
        return []
    return [
        f"{part} has {n} clips, {year.dev_clips[part]} were published"
        for part, n in n_clips.items()
        if n != year.dev_clips[part]
    ]


def _joined(truth: PartTruth, values: Mapping[str, _Value], path: Path) -> dict[str, _Value]:
    """The values by the names that the ground truth has for their clips.

    Raises:
        BenchError: clips are missing, or are none of the ground truth's.
    """
    joined: dict[str, _Value] = {}
    for name, value in values.items():
        clip = truth.translations.get(name, name)
        if clip in joined:
            raise BenchError(f"{clip} is there under two names, one of them {name}", where=path, fix="keep one of them")
        joined[clip] = value
    missing = [clip for clip in truth.labels if clip not in joined]
    extra = [clip for clip in joined if clip not in truth.labels]
    if not missing and not extra:
        return joined
    causes = [
        f"{len(clips)} {what} ({', '.join(clips[:_NAMED])}{', …' if len(clips) > _NAMED else ''})"
        for clips, what in ((missing, "missing"), (extra, "unknown"))
        if clips
    ]
    fix = "write the clips' names as the organisers give them"
    if len(missing) == len(extra):
        fix += (
            "; their evaluator never compares names: it sorts both lists and pairs them by position, "
            "so it may have scored this file; asd-bench pairs by name only"
        )
    raise BenchError(f"{len(truth.labels)} clips are expected: {', '.join(causes)}", where=path, fix=fix)


def _clips(part: Part, truth: PartTruth, columns: Mapping[str, Mapping[str, float]]) -> pd.DataFrame:
    names = list(truth.labels)
    return pd.DataFrame(
        {
            "clip_id": [f"{part.machine}/{name}" for name in names],
            "machine": part.machine,
            "section": part.section,
            "domain": [truth.domains[name] for name in names],
            "label": [truth.labels[name] for name in names],
            **{column: [values[name] for name in names] for column, values in columns.items()},
        }
    )
