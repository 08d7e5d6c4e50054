"""The committed table of a dataset's results, ``leaderboards/data/<dataset>.csv``: what a page is rendered from.

A result (one system, configuration and seed) is a block of lines. The first, whose machine and section are ``all``,
holds the overall numbers and says what the result is; a line per machine type (section ``all``) and a line per section
follow. Lines stand in a fixed order and a block keeps its place when the result is superseded, so that a diff shows
which numbers moved. Plain ``pandas.read_csv`` reads the file::

    table = pandas.read_csv("leaderboards/data/dcase2023.csv")
    overall = table[table.machine == "all"]
    overall[overall.ranked == True].groupby(["system", "config_key"]).omega.agg(["mean", "std", "count"])

Numbers are fractions, written so that they read back to the same float; an empty cell is a number that there is not.
Lists are shell words (`shlex`), so each of ``settings`` can be pasted after ``--set``. Precision, recall and F1, which
depend on a threshold, stay in ``result.json``.
"""

from __future__ import annotations

import csv
import io
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from asd_bench import records
from asd_bench.errors import BenchError

#: In place of a machine type or section: the line is about all of them.
ALL = "all"

#: The metrics that have an interval over clips.
INTERVAL_METRICS = ("omega", "auc", "pauc")

#: Metrics in the order of their columns; ``auc`` and ``pauc`` are the means that the year's official tables quote.
METRICS = ("omega", "auc", "auc_source", "auc_target", "auc_all", "pauc", "pauc_source", "pauc_target")


@dataclass(frozen=True, kw_only=True)
class Line:
    """What a result says about one place: about everything, a machine type, or a section.

    Attributes:
        machine, section: the place; `ALL` where it is wider.
        train_clips, test_clips: how many there were; None where the place was not scored.
        train_clips_published, test_clips_published: how many the dataset has by its publication; None where unknown.
        classes: how many classes the training clips form.
        class_rule: what they are told apart by, ``section`` or ``attributes``; of machine types only.
        metrics: by name. Those with an interval have ``<metric>_low`` and ``<metric>_high`` beside them. Empty where
            anything of the place is missing: nothing missing is averaged away.
    """

    machine: str
    section: str
    train_clips: int | None = None
    train_clips_published: int | None = None
    test_clips: int | None = None
    test_clips_published: int | None = None
    classes: int | None = None
    class_rule: str = ""
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Result:
    """One system's result for one configuration and seed: a block of the table.

    Attributes:
        system, profile, seed: what was run.
        key: of the result, as in its folder's name.
        ranked: whether it may be ranked; if not, ``unranked_because`` says why.
        flags: marks that a reader of the row must see.
        settings: what was set beyond the system's recipe and profile, ``PART.OPTION=VALUE``.
        trained_on: machine types that any of its fits trained on.
        rule: the challenge year whose rule scores it.
        omega_is_official: whether that year ranks by Ω.
        level: what share of the resamples the intervals cover.
        data: digest of the clips.
        config_key: of the configuration; seeds of one configuration are a row of the page.
        made: when, ISO 8601 in UTC.
        lines: the places, ``all`` first.
    """

    system: str
    profile: str
    seed: int
    key: str
    ranked: bool
    unranked_because: tuple[str, ...]
    flags: tuple[str, ...]
    settings: tuple[str, ...]
    trained_on: tuple[str, ...]
    rule: str
    omega_is_official: bool
    level: float
    data: str
    config_key: str
    made: str
    lines: tuple[Line, ...]

    @property
    def overall(self) -> Line:
        return self.lines[0]

    @property
    def machines(self) -> tuple[str, ...]:
        """The machine types that were scored."""
        return tuple(
            line.machine
            for line in self.lines
            if line.machine != ALL and line.section == ALL and line.test_clips is not None
        )

    @property
    def identity(self) -> tuple[Any, ...]:
        """Which row and seed it is: only another result of the same identity can supersede it.

        Results on some of the machine types, or trained on others, are rows of their own.
        """
        return (self.system, self.profile, self.config_key, self.machines, self.trained_on, self.seed)

    def line(self, machine: str = ALL, section: str = ALL) -> Line | None:
        """What it says about a place, if anything."""
        return next((line for line in self.lines if (line.machine, line.section) == (machine, section)), None)


# -- columns -----------------------------------------------------------------------------------------------------------


def _words(text: str) -> tuple[str, ...]:
    return tuple(shlex.split(text))


def _truth(text: str) -> bool:
    return {"True": True, "False": False}[text]


def _count(text: str) -> int | None:
    return int(text) if text else None


#: Columns that every line has: which result it belongs to, …
_KEYS: Mapping[str, Callable[[str], Any]] = {"system": str, "profile": str, "seed": int, "key": str}

#: … and which place it is about.
_PLACE = ("machine", "section")

_COUNTS: Mapping[str, Callable[[str], Any]] = {
    "train_clips": _count,
    "train_clips_published": _count,
    "test_clips": _count,
    "test_clips_published": _count,
    "classes": _count,
    "class_rule": str,
}

#: Columns that only a result's first line fills.
_ABOUT: Mapping[str, Callable[[str], Any]] = {
    "ranked": _truth,
    "unranked_because": _words,
    "flags": _words,
    "settings": _words,
    "trained_on": _words,
    "rule": str,
    "omega_is_official": _truth,
    "level": float,
    "data": str,
    "config_key": str,
    "made": str,
}

#: Every metric column there can be, in order; a table has those that one of its results fills.
_METRIC_COLUMNS = tuple(
    column
    for metric in METRICS
    for column in ((metric, f"{metric}_low", f"{metric}_high") if metric in INTERVAL_METRICS else (metric,))
)


# -- writing -----------------------------------------------------------------------------------------------------------


def table_text(results: Iterable[Result]) -> str:
    """The CSV file of some results, each in its place whatever order they come in."""
    ordered = sorted(results, key=lambda result: (*result.identity, result.key))
    used = {metric for result in ordered for line in result.lines for metric in line.metrics}
    columns = [*_KEYS, *_PLACE, *_COUNTS, *(metric for metric in _METRIC_COLUMNS if metric in used), *_ABOUT]
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for result in ordered:
        for line in result.lines:
            writer.writerow({name: _cell(value) for name, value in _values(result, line).items()})
    return file.getvalue()


def write_table(path: Path, results: Iterable[Result]) -> None:
    """Write a dataset's table."""
    with records.atomic(path) as work:
        work.write_text(table_text(results), encoding="utf-8")


def _values(result: Result, line: Line) -> dict[str, Any]:
    values = {name: getattr(result, name) for name in _KEYS}
    values |= {name: getattr(line, name) for name in (*_PLACE, *_COUNTS)}
    values |= line.metrics
    if line is result.overall:
        values |= {name: getattr(result, name) for name in _ABOUT}
    return values


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return shlex.join(value)
    return repr(value) if isinstance(value, float) else str(value)


# -- reading -----------------------------------------------------------------------------------------------------------


def read_table(path: Path) -> list[Result]:
    """The results of a dataset's table.

    Raises:
        BenchError: the file cannot be read, lacks a column, holds a cell that cannot be, or holds a result twice.
    """
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise BenchError(f"the leaderboard's data cannot be read: {error}", where=path) from error
    return parse_table(text, str(path))


def parse_table(text: str, where: str) -> list[Result]:
    """The results in the text of a table.

    Args:
        text: of the CSV file.
        where: its name, for messages.

    Raises:
        BenchError: as `read_table`.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    _check_columns(reader.fieldnames or (), where)
    try:
        rows = [(f"{where}, line {reader.line_num}", row) for row in reader]
    except csv.Error as error:
        raise _damaged(f"is no CSV: {error}", f"{where}, line {reader.line_num}") from error
    results = [_result(list(block)) for _, block in groupby(rows, key=lambda row: row[1]["key"])]
    seen: set[Any] = set()
    for result in results:
        if seen & {result.key, result.identity}:
            raise _damaged(f"holds {result.system}, seed {result.seed}, twice (result {result.key})", where)
        seen |= {result.key, result.identity}
    return results


def _check_columns(columns: Sequence[str], where: str) -> None:
    missing = [name for name in (*_KEYS, *_PLACE, *_COUNTS, *_ABOUT) if name not in columns]
    unknown = [name for name in columns if name not in (*_KEYS, *_PLACE, *_COUNTS, *_METRIC_COLUMNS, *_ABOUT)]
    if missing or unknown:
        wrong = f"lacks the column '{missing[0]}'" if missing else f"has the column '{unknown[0]}', which no table has"
        raise _damaged(wrong, where)


def _result(block: list[tuple[str, dict[str, str]]]) -> Result:
    where, first = block[0]
    lines = tuple(_line(row, place) for place, row in block)
    if (lines[0].machine, lines[0].section) != (ALL, ALL):
        raise _damaged(f"result {first['key']} does not begin with its line for machine and section '{ALL}'", where)
    places = [(line.machine, line.section) for line in lines]
    if len(set(places)) != len(places):
        raise _damaged(f"result {first['key']} has two lines for the same place", where)
    for place, row in block:
        if any(row[name] != first[name] for name in _KEYS):
            raise _damaged(f"result {first['key']} is of two systems, profiles or seeds", place)
    about = {name: _parsed(first, name, parse, where) for name, parse in {**_KEYS, **_ABOUT}.items()}
    return Result(**about, lines=lines)


def _line(row: dict[str, str], where: str) -> Line:
    if None in row or None in row.values():
        raise _damaged("does not have as many cells as there are columns", where)
    return Line(
        machine=row["machine"],
        section=row["section"],
        metrics={name: _parsed(row, name, float, where) for name in _METRIC_COLUMNS if row.get(name)},
        **{name: _parsed(row, name, parse, where) for name, parse in _COUNTS.items()},
    )


def _parsed(row: Mapping[str, str], name: str, parse: Callable[[str], Any], where: str) -> Any:
    try:
        return parse(row[name])
    except (ValueError, KeyError) as error:
        raise _damaged(f"'{row[name]}' cannot be a value of the column '{name}'", where) from error


def _damaged(what: str, where: str) -> BenchError:
    return BenchError(
        f"the leaderboard's data {what}",
        where=where,
        fix="restore the file (git checkout), or delete it and run asd-bench leaderboard",
    )
