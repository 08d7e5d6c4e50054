"""``asd-bench show``: everything about one system, dataset, detector, frontend, ensembler or result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from asd_bench.cli.common import workspace_option
from asd_bench.cli.present import console, print_json
from asd_bench.errors import BenchError

if TYPE_CHECKING:
    from asd_bench.plugins import Host

KINDS = ("system", "dataset", "detector", "frontend", "ensembler")

_EPILOG = """
\b
Examples:
  asd-bench show mel-knn
  asd-bench show synthetic2023
  asd-bench show mel
  asd-bench show 3f2a --workspace FOLDER
  asd-bench show 3f2a --json

The key of a result may be cut short (asd-bench list results).
"""


@click.command(epilog=_EPILOG)
@click.argument("name", metavar="NAME|KEY")
@click.option("--kind", type=click.Choice([*KINDS, "result"]), help="Needed where a name stands for several things.")
@workspace_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def command(name: str, kind: str | None, workspace: Path, as_json: bool) -> None:
    """Everything about one thing.

    NAME is a system, dataset, detector, frontend or ensembler: its options, members, profiles, paper, counts.
    KEY is a result: its metrics, intervals, thresholds, flags, notes, fits and plots.
    """
    from asd_bench.plugins import host

    plugins = host()
    kind = kind or _kind_of(plugins, name, workspace)
    if kind == "result":
        _show_result(name, workspace, as_json)
    else:
        _show_spec(plugins, kind, name, as_json)


def _show_spec(host: Host, kind: str, name: str, as_json: bool) -> None:
    from asd_bench.cli.show_spec import page_of

    page = page_of(host, kind, name)
    if as_json:
        print_json(page.document())
    else:
        page.print(console())


def _show_result(key: str, workspace: Path, as_json: bool) -> None:
    from asd_bench.cli.show_result import print_result, result_document
    from asd_bench.records import Workspace

    if not workspace.is_dir():
        raise BenchError("there is no workspace here", where=workspace, fix="name one with --workspace")
    place = Workspace(workspace)
    document = result_document(place, place.find_result(_folder_name(key)))
    if as_json:
        print_json(document)
    else:
        print_result(console(), document)


def _kind_of(host: Host, name: str, workspace: Path) -> str:
    """What a name stands for. A name is a name first: the key of a result can always be written longer.

    Raises:
        BenchError: it stands for nothing (with suggestions), or for several things.
    """
    kinds = [kind for kind in KINDS if name in host.entries(kind)]
    if len(kinds) > 1:
        raise BenchError(
            f"'{name}' is the name of several things: {', '.join(kinds)}",
            fix=f"say which: asd-bench show {name} --kind {kinds[0]}",
        )
    if kinds:
        return kinds[0]
    if any(key.startswith(_folder_name(name)) for key in _result_names(workspace)):
        return "result"
    from asd_bench.plugins import did_you_mean

    known = {known for kind in KINDS for known in host.names(kind)}
    raise BenchError(
        f"nothing is called '{name}', and no result's key begins so{did_you_mean(name, known)}{host.broken()}",
        fix="asd-bench list; asd-bench list results --workspace FOLDER",
    )


def _result_names(workspace: Path) -> list[str]:
    from asd_bench.records import Workspace

    return [path.name for path in Workspace(workspace).all_results()] if workspace.is_dir() else []


def _folder_name(key: str) -> str:
    """A result's folder is named after the first digits of its key; a user may give more of them."""
    from asd_bench.keys import short

    return short(key.lower())
