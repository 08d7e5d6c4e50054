"""One score or decision file: comma-separated, no header, two columns, ``clip name,value``.

Stricter than the official evaluators, which read the second column of whatever is there and never look at the first.
Accepted as they accept it: any order of lines, ``\\r\\n`` line ends, negative scores, decisions written ``0.0`` and
``1.0``. Clips are known by their name without ``.wav``.
"""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import NamedTuple

from asd_bench.errors import BenchError

FORMAT = "each line is a clip name, a comma and a number; there is no header line"


class Row(NamedTuple):
    """A line of a CSV file that is not blank."""

    line: int
    cells: list[str]


def read_rows(path: Path) -> list[Row]:
    """The lines of a CSV file, blank ones left out.

    Raises:
        BenchError: the file cannot be read, is no text or no CSV, or is empty.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            rows = [Row(reader.line_num, cells) for cells in reader if any(cells)]
    except OSError as error:
        raise BenchError(f"the file cannot be read: {error.strerror}", where=path) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise BenchError(f"the file is no CSV: {error}", where=path, fix=FORMAT) from error
    if not rows:
        raise BenchError("the file is empty", where=path, fix=FORMAT)
    return rows


def read_numbers(path: Path) -> dict[str, float]:
    """Clip -> number, in the file's order.

    Raises:
        BenchError: as `read_rows`; or a line does not hold a clip name and a finite number, or a clip stands on two
            lines. The message names the line.
    """
    return {clip: value.number for clip, value in _values(path).items()}


def read_flags(path: Path, truncate: bool = False) -> dict[str, int]:
    """Clip -> 0 or 1: labels, domains or decisions.

    Args:
        truncate: drop what follows the decimal point, as the evaluators of 2022 and later do with decisions.

    Raises:
        BenchError: as `read_numbers`, or a number other than 0 and 1.
    """
    flags = {}
    for clip, (line, number) in _values(path).items():
        flag = math.trunc(number) if truncate else number
        if flag not in (0, 1):
            raise BenchError(
                f"line {line}: {number:g} is neither 0 nor 1", where=path, fix="write 0 or 1 for every clip"
            )
        flags[clip] = int(flag)
    return flags


class _Value(NamedTuple):
    line: int
    number: float


def _values(path: Path) -> dict[str, _Value]:
    values: dict[str, _Value] = {}
    for line, cells in read_rows(path):
        if len(cells) != 2:
            separated = ", separated by tabs?" if len(cells) == 1 and "\t" in cells[0] else ""
            columns = "1 column" if len(cells) == 1 else f"{len(cells)} columns"
            raise BenchError(f"line {line} has {columns}{separated}", where=path, fix=FORMAT)
        clip = clip_of(cells[0])
        try:
            number = float(cells[1])
        except ValueError:
            header = "a header line? " if line == 1 else ""
            raise BenchError(f"line {line}: {header}{cells[1]!r} is no number", where=path, fix=FORMAT) from None
        if not math.isfinite(number):
            raise BenchError(
                f"line {line}: the value of {clip} is {number}", where=path, fix="every clip needs a finite number"
            )
        if clip in values:
            raise BenchError(
                f"{clip} stands on line {values[clip].line} and on line {line}",
                where=path,
                fix="give every clip one line",
            )
        values[clip] = _Value(line, number)
    return values


def clip_of(file_name: str) -> str:
    """The clip that an audio file's name stands for: the name without ``.wav``."""
    return file_name.strip().removesuffix(".wav")
