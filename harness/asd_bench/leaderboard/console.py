"""A leaderboard in the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from asd_bench.leaderboard.markdown import best, percent
from asd_bench.leaderboard.render import TITLES, seed_list
from asd_bench.leaderboard.standings import Board, Standing
from asd_bench.leaderboard.table import ALL

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

#: Columns of text that the widest table needs.
WIDTH = 100

_EXPLANATION = "in percent; of machine types the AUC"
_NUMBER_WIDTH = len("12.34")

#: With more machine types the columns stand closer together.
_FEW_MACHINES = 4


def console_tables(board: Board) -> list[Table]:
    """The ranking, the other profiles, and what is not ranked, as far as there is any."""
    tables = []
    if board.ranked:
        ranks = [str(rank) for rank, _ in board.ranked]
        rows = [row for _, row in board.ranked]
        tables.append(_table(board, f"{board.dataset}: ranked by {TITLES[board.score]}", rows, ranks))
    for profile, rows_ in board.profiles.items():
        tables.append(_table(board, f"{board.dataset}: profile {profile}, no rank", rows_))
    if board.incomplete:
        tables.append(_table(board, f"{board.dataset}: not ranked", board.incomplete))
    return tables


def _table(board: Board, title: str, rows: Sequence[Standing], ranks: Sequence[str] = ()) -> Table:
    """Overall Ω, AUC and pAUC, and the AUC of every machine type."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    notes = list(dict.fromkeys(note for row in rows for note in _notes(row)))
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        caption=Text("\n".join([_EXPLANATION, *(f"{number} {note}" for number, note in enumerate(notes, 1))])),
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, int(len(board.machines) <= _FEW_MACHINES), 0, 0),
        pad_edge=False,
    )
    columns = {"#": [Text(rank) for rank in ranks]} if ranks else {}
    columns["system"] = [Text(board.title(row)) for row in rows]
    columns["Ω"] = _percents([row.mean("omega") for row in rows], [row.sd("omega") for row in rows])
    for metric in ("auc", "pauc"):
        columns[TITLES[metric]] = _percents([row.mean(metric) for row in rows])
    for machine in board.machines:
        columns[_broken(machine)] = _percents([row.mean("auc", machine, ALL) for row in rows])
    columns["seeds"] = [Text(seed_list(row.seeds)) for row in rows]
    if notes:
        columns["note"] = [Text(",".join(str(1 + notes.index(note)) for note in _notes(row))) for row in rows]
    for name in columns:
        of_text = name in ("system", "seeds", "note")
        table.add_column(name, justify="left" if of_text else "right", no_wrap=not of_text, overflow="fold")
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*cells)
    return table


def _percents(means: Sequence[float | None], sds: Sequence[float | None] = ()) -> list[Text]:
    """A column of numbers, the best of them bold."""
    from rich.text import Text

    top = best(means)
    cells = [Text(percent(mean), style="bold" if percent(mean) == top else "") for mean in means]
    for cell, sd in zip(cells, sds, strict=False):
        if sd is not None:
            cell.append(f"±{percent(sd)}", style="not bold dim")
    return cells


def _notes(row: Standing) -> list[str]:
    settings = [f"with {' '.join(row.first.settings)}"] if row.first.settings else []
    return [*row.shortcomings, *row.flags, *settings]


def _broken(machine: str) -> str:
    """A heading for a column of numbers, which are narrower than names: ``Toy``, ``Conv-`` and ``eyor``, stacked."""
    lines: list[str] = []
    for word in re.findall(r"[A-Z]?[^A-Z]+|[A-Z]+", machine):
        half = (len(word) + 1) // 2
        lines += [word] if len(word) <= _NUMBER_WIDTH else [f"{word[:half]}-", word[half:]]
    return "\n".join(lines)
