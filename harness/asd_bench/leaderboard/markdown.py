"""Writing numbers and tables in Markdown, as GitHub reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: For a number that there is not.
NONE = "–"

#: Everything that Markdown or HTML could take for its own.
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~&$])")


def escape(text: str) -> str:
    """Text that comes from a plugin or a user, fit for a cell of a table."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Text as inline code, fit for a cell of a table, whatever is in it."""
    # Tables know no other escape of a bar than a backslash; a fence longer than any run of backticks holds them all.
    inline = " ".join(text.split()).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", inline)), default=0))
    return f"{fence} {inline} {fence}" if "`" in inline else f"{fence}{inline}{fence}"


def percent(value: float | None) -> str:
    """A fraction as the field prints it: in percent, with two decimals."""
    return NONE if value is None else f"{100 * value:.2f}"


def bounds(interval: tuple[float, float] | None) -> str:
    """An interval in percent."""
    return NONE if interval is None else f"{percent(interval[0])}–{percent(interval[1])}"


def best(values: Sequence[float | None]) -> str | None:
    """The largest of a column's values as it is printed; None where there is nothing to compare."""
    known = [value for value in values if value is not None]
    return percent(max(known)) if len(known) > 1 else None


def emphasised(value: float | None, best_printed: str | None) -> str:
    """A value in percent, bold where it prints as the best of its column."""
    text = percent(value)
    return f"**{text}**" if text == best_printed else text


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str] = ()) -> str:
    """A table.

    Args:
        head: the columns' titles.
        rows: the cells, of Markdown.
        numbers: titles of the columns that are aligned to the right.
    """
    rules = ["---:" if title in numbers else ":---" for title in head]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, rules, *rows))
