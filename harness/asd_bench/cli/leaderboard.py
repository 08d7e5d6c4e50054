"""``asd-bench leaderboard``: merge results into the committed tables and render the pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from asd_bench.cli.common import workspace_option
from asd_bench.errors import BenchError

if TYPE_CHECKING:
    from asd_bench.leaderboard.table import Result

EXIT_DIFFERENT = 1

_EPILOG = """
\b
Examples:
  asd-bench leaderboard                                    all datasets of the workspace
  asd-bench leaderboard dcase2023                          one of them
  asd-bench leaderboard --from sqlite:///shared/mlflow.db  results of a tracking store
  asd-bench leaderboard --check                            do the committed pages agree with the committed tables?

A result supersedes the committed one of the same system, configuration and seed where it is newer; committed results
that are not in the workspace stay, unless --prune. Several seeds of a configuration are one row: mean ± standard
deviation. Exit code: 0 well, 1 --check found a difference, 2 usage, or a file that cannot be read.
"""


@click.command(epilog=_EPILOG)
@click.argument("datasets", nargs=-1, metavar="[DATASET]...")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default="leaderboards",
    show_default=True,
    help="Folder of the leaderboards.",
)
@click.option("--check", is_flag=True, help="Write nothing; fail if a page is not what its table renders to.")
@click.option("--prune", is_flag=True, help="Remove committed results that are not in the workspace.")
@click.option("--from", "store", metavar="URI", help="Take the results of a tracking store, not of the workspace.")
@workspace_option
def command(datasets: tuple[str, ...], out: Path, check: bool, prune: bool, store: str | None, workspace: Path) -> int:
    """Merge results into the leaderboards' tables and render their pages."""
    if check:
        if prune or store:
            raise click.UsageError("--check looks at the committed files alone: leave --prune and --from out")
        return _check(out, datasets)
    found = _collect(store, workspace)
    source = f"the tracking store {store}" if store else f"the workspace {workspace}"
    chosen = _chosen(datasets, found, out, source)
    for dataset in chosen:
        # Committed leaderboards without results here are only rendered again, unless they were asked for by name.
        if datasets or dataset in found:
            _update(out, dataset, found.get(dataset, []), prune)
    _show(out, chosen)
    return 0


def _check(out: Path, datasets: Sequence[str]) -> int:
    """Compare the committed pages with what the committed tables render to."""
    from asd_bench.leaderboard import pages

    chosen = _chosen(datasets, (), out, str(out))
    files = pages.render(out)
    if datasets:
        files = _only(files, chosen)
    different = pages.differences(out, files)
    orphans = [] if datasets else pages.orphans(out, files)
    for name in different:
        state = "is not what its table renders to" if (out / name).is_file() else "is missing"
        click.echo(f"{out / name} {state}; to mend it: asd-bench leaderboard --out {out}", err=True)
    for name in orphans:
        click.echo(f"{out / name} has no table in {out / 'data'}; to mend it: git rm {out / name}", err=True)
    if different or orphans:
        return EXIT_DIFFERENT
    click.echo(f"{out}: {len(files)} files are what their tables render to")
    return 0


def _collect(store: str | None, workspace: Path) -> dict[str, list[Result]]:
    """The results at hand, by dataset."""
    from asd_bench.leaderboard.collect import collect, workspace_documents

    if store is None:
        return collect(workspace_documents(workspace))
    from asd_bench.tracking import read_results

    return collect(read_results(store))


def _chosen(named: Sequence[str], found: Iterable[str], out: Path, source: str) -> list[str]:
    """The datasets to work on: those named, else all that have results or a table.

    Raises:
        BenchError: there is none, or one that was named has neither.
    """
    from asd_bench.leaderboard import pages
    from asd_bench.plugins import did_you_mean

    known = sorted({*found, *pages.datasets_in(out)})
    names = list(dict.fromkeys(_own_name(name) for name in named))
    for name in names:
        if name not in known:
            raise BenchError(
                f"there are no results on '{name}'{did_you_mean(name, known)}",
                where=source,
                fix=f"asd-bench run --system … --dataset {name}",
            )
    if not known:
        raise BenchError("there are no results yet", where=source, fix="asd-bench run --system … --dataset …")
    return names or known


def _own_name(dataset: str) -> str:
    """A dataset's own name for its alias; what nobody declares (any more) may still have a table."""
    from asd_bench.plugins import host

    entries = host().entries("dataset").get(dataset, [])
    return entries[0].spec.name if len(entries) == 1 else dataset


def _update(out: Path, dataset: str, found: Sequence[Result], prune: bool) -> None:
    """Merge results into a dataset's table, and say what that changed.

    Raises:
        BenchError: the committed table is damaged, or pruning would leave nothing.
    """
    from asd_bench.leaderboard.collect import merge
    from asd_bench.leaderboard.pages import table_path
    from asd_bench.leaderboard.table import read_table, table_text, write_table

    path = table_path(out, dataset)
    committed = read_table(path) if path.is_file() else []
    if prune and not found:
        raise BenchError(
            f"--prune would remove every result on {dataset}: none is in the workspace",
            where=path,
            fix="name the datasets to prune; to remove a leaderboard, delete its table, page and figure",
        )
    merged = merge([] if prune else committed, found)
    if not path.is_file() or path.read_bytes() != table_text(merged).encode():
        write_table(path, merged)
    before, after = {result.key for result in committed}, {result.key for result in merged}
    gone = [result for result in committed if result.key not in after]
    superseded = {result.identity for result in merged}
    n_superseded = sum(result.identity in superseded for result in gone)
    click.echo(
        f"{dataset}: {len(merged)} results, {len(after - before)} new, {n_superseded} superseded, "
        f"{len(gone) - n_superseded} removed"
    )


def _show(out: Path, datasets: Sequence[str]) -> None:
    """Write the pages of some datasets and the index, and print their tables."""
    from asd_bench.cli.present import console
    from asd_bench.leaderboard import pages
    from asd_bench.leaderboard.console import WIDTH, console_tables

    files = _only(pages.render(out), datasets)
    pages.write(out, files)
    terminal = console()
    if not terminal.is_terminal:
        # Into a file or a pipe: what was made for a terminal's 80 columns would be cut.
        terminal.width = WIDTH
    for dataset in datasets:
        for table in console_tables(pages.read_board(out, dataset)):
            terminal.print()
            terminal.print(table)
    click.echo("\npages: " + ", ".join(str(out / name) for name in files if name.endswith(".md")))


def _only(files: Mapping[str, str], datasets: Sequence[str]) -> dict[str, str]:
    """Of rendered files those of some datasets, and the index."""
    from asd_bench.leaderboard.pages import INDEX

    return {name: text for name, text in files.items() if name == INDEX or Path(name).stem in datasets}
