"""The leaderboards' folder: tables in ``data/``, and a page, a figure and an index that are rendered from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from asd_bench import records
from asd_bench.errors import BenchError
from asd_bench.leaderboard.figure import render_figure
from asd_bench.leaderboard.render import render_index, render_page
from asd_bench.leaderboard.standings import Board, make_board
from asd_bench.leaderboard.table import parse_table

INDEX = "README.md"


def table_path(folder: Path, dataset: str) -> Path:
    """Where a dataset's table lies in a folder of leaderboards."""
    return folder / "data" / f"{dataset}.csv"


def datasets_in(folder: Path) -> list[str]:
    """The datasets that have a table."""
    return sorted(path.stem for path in (folder / "data").glob("*.csv"))


def read_board(folder: Path, dataset: str) -> Board:
    """The leaderboard that a dataset's table makes.

    Raises:
        BenchError: the table is damaged or empty.
    """
    return _board(folder, dataset)[0]


def render(folder: Path) -> dict[str, str]:
    """Every file that the tables in a folder render to, by name."""
    files, boards = {}, []
    for dataset in datasets_in(folder):
        board, text = _board(folder, dataset)
        boards.append(board)
        files[f"{dataset}.md"] = render_page(board, text)
        if board.has_figure:
            files[f"{dataset}.svg"] = render_figure(board)
    return files | {INDEX: render_index(boards)}


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write what `render` returned, where it differs from what is there."""
    for name in orphans(folder, files):
        # A figure whose last complete row is gone.
        if name.endswith(".svg") and name.removesuffix(".svg") + ".md" in files:
            (folder / name).unlink()
    for name in differences(folder, files):
        with records.atomic(folder / name) as work:
            work.write_bytes(files[name].encode())


def differences(folder: Path, files: Mapping[str, str]) -> list[str]:
    """The files of `render` that are missing in a folder, or are not what they should be."""
    return [name for name, text in files.items() if _bytes(folder / name) != text.encode()]


def orphans(folder: Path, files: Collection[str]) -> list[str]:
    """Pages and figures in a folder that no table renders to."""
    there = sorted(path.name for suffix in ("md", "svg") for path in folder.glob(f"*.{suffix}"))
    return [name for name in there if name not in files]


def _board(folder: Path, dataset: str) -> tuple[Board, str]:
    path = table_path(folder, dataset)
    text = (_bytes(path) or b"").decode("utf-8", errors="replace")
    results = parse_table(text, str(path))
    if not results:
        raise BenchError("the leaderboard's data holds no result", where=path, fix="delete the file and its page")
    return make_board(dataset, results), text


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
