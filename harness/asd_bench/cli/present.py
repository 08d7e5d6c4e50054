"""How the commands that show things show them: consoles, tables, and values, types, ages and sizes in words."""

from __future__ import annotations

import contextlib
import datetime
import json
import re
import types
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import click
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from asd_bench.plugins import Host
    from asd_bench.specs import Paper

OK = "[green]✓[/]"
LOOK = "[yellow]![/]"
BROKEN = "[red]✗[/]"

#: Columns that hold numbers, by their heading.
_RIGHT = {"Ω", "age", "clips", "fitting", "machines", "scoring", "seconds", "sections", "seed", "test", "training"}


def console(stderr: bool = False) -> Console:
    """A console that colours only what it is told to."""
    return Console(highlight=False, stderr=stderr)


def table(*columns: str, right: Iterable[str] = ()) -> Table:
    """A table without vertical lines, whose long cells are wrapped rather than cut.

    Args:
        columns: headings.
        right: headings of further columns that hold numbers.
    """
    made = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    numbers = _RIGHT | set(right)
    for name in columns:
        made.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    return made


def rows_table(rows: Sequence[Mapping[str, str]]) -> Table:
    """A table of cells by heading; a column that is empty in every row is left out.

    The first column, which names the row, is never wrapped: it is what people type.
    """
    columns = [name for name in rows[0] if any(row[name] for row in rows)]
    made = table(*columns)
    made.columns[0].no_wrap = True
    for row in rows:
        made.add_row(*(row[name] for name in columns))
    return made


def facts(pairs: Mapping[str, str]) -> Table:
    """Names and values below each other; what has no value is left out."""
    made = Table.grid(padding=(0, 2))
    made.add_column(style="dim", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs.items():
        if value:
            made.add_row(name, value)
    return made


def indented(content: str | Table) -> Padding:
    """Something whose every line, wrapped ones too, stands in a little."""
    return Padding(content, (0, 0, 0, 2))


def marked(mark: str, markup: str) -> Table:
    """A mark, and beside it text that may wrap."""
    made = Table.grid(padding=(0, 1))
    made.add_row(mark, markup)
    return made


@contextlib.contextmanager
def step_progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar per step on standard error, gone when all is done; called with (step, steps done, steps in all)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console(stderr=True), transient=True, redirect_stdout=False) as bars:

        def step(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, visible=done < total)

        yield step


def print_json(document: Any) -> None:
    """Write a document to standard output for programs to read."""
    click.echo(json.dumps(document, indent=1, ensure_ascii=False))


def print_plugin_problems(host: Host) -> None:
    """Say on standard error which plugins are broken, since what they declare is missing from what was shown."""
    problems = [*map(str, host.problems), *host.duplicates()]
    out = console(stderr=True)
    for problem in problems:
        out.print(f"[yellow]plugin problem:[/] {escape(problem)}")
    if problems:
        out.print("[dim]what to do about it: asd-bench doctor[/]")


# -- words -------------------------------------------------------------------------------------------------------------


def text(value: object) -> str:
    """Anything as it is, safe to print where rich reads markup."""
    return escape(str(value))


def value_text(value: Any) -> str:
    """A configuration value as one would write it after ``--set``, floats to six digits."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(value_text(item) for item in value)}]"
    return str(value) or "''"


def type_text(type_: Any) -> str:
    """A configuration field's type in a reader's words."""
    arguments = typing.get_args(type_)
    kind = typing.get_origin(type_)
    if kind in (typing.Union, types.UnionType):
        return " or ".join(type_text(argument) for argument in arguments)
    if kind is Literal:
        return " | ".join(value_text(choice) for choice in arguments)
    if kind is tuple:
        return f"list of {type_text(arguments[0])}"
    names = {int: "integer", float: "number", bool: "true | false", str: "text", type(None): "null"}
    return names.get(type_, getattr(type_, "__name__", str(type_)))


def percent(value: float | None) -> str:
    """``0.7565`` as ``75.65``."""
    return "–" if value is None else f"{100 * value:.2f}"


def counted(number: int, thing: str) -> str:
    """``1 clip``, ``2 clips``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def age(moment: datetime.datetime) -> str:
    """How long ago a moment was, in its largest unit."""
    seconds = (datetime.datetime.now(datetime.UTC) - moment).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return "now"


def size_text(n_bytes: float) -> str:
    """A number of bytes in its largest decimal unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"


def paper_text(paper: Paper | None) -> str:
    """``Giri et al. 2020``."""
    if paper is None:
        return ""
    first, *others = re.split(r",|;| and | et ", paper.authors)
    return f"{first.split()[-1]}{' et al.' if others else ''} {paper.year}"
