"""``asd-bench list``: what there is."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asd_bench.cli.common import workspace_option
from asd_bench.cli.present import (
    age,
    console,
    counted,
    paper_text,
    percent,
    print_json,
    print_plugin_problems,
    rows_table,
    text,
)

if TYPE_CHECKING:
    from rich.console import Console

    from asd_bench.cli.rows import Rows
    from asd_bench.plugins import Entry, Host

DECLARED = ("systems", "datasets", "detectors", "frontends", "ensemblers")
RECORDED = ("results", "fits")

_EPILOG = """
\b
Examples:
  asd-bench list
  asd-bench list detectors
  asd-bench list plugins --json
  asd-bench list results --workspace FOLDER

asd-bench show NAME tells everything about one of them.
"""


@click.command(epilog=_EPILOG)
@click.argument("kind", metavar="[KIND]", type=click.Choice([*DECLARED, "plugins", *RECORDED]), required=False)
@workspace_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
def command(kind: str | None, workspace: Path, as_json: bool) -> None:
    """What there is.

    KIND is systems, datasets, detectors, frontends, ensemblers or plugins; or results or fits, which are those of the
    workspace, newest first. Without it: systems and datasets.
    """
    if kind in RECORDED:
        _list_records(kind, workspace, as_json)
        return
    from asd_bench.plugins import host

    plugins = host()
    documents = {name: _ROWS[name](plugins) for name in ([kind] if kind else ["systems", "datasets"])}
    if as_json:
        print_json(documents if kind is None else documents[kind])
    else:
        _print_tables(documents, with_titles=kind is None)
    print_plugin_problems(plugins)


def _print_tables(documents: Mapping[str, list[dict[str, Any]]], with_titles: bool) -> None:
    out = console()
    for kind, rows in documents.items():
        if with_titles:
            out.print(f"[bold]{kind}[/]\n")
        if kind == "plugins" or not rows:
            out.print(rows_table([_CELLS[kind](row) for row in rows]) if rows else f"no {kind}")
        else:
            _print_by_plugin(out, kind, rows)
    if with_titles:
        out.print("[dim]also: asd-bench list detectors | frontends | ensemblers | plugins | results | fits[/]")
        out.print("[dim]all about one of them: asd-bench show NAME[/]")


def _print_by_plugin(out: Console, kind: str, rows: list[dict[str, Any]]) -> None:
    """A table per plugin, those of the core first; names have one width, so that what follows them stands in line."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows, key=lambda row: (row["distribution"] != "asd-bench", row["plugin"])):
        groups.setdefault("built in" if row["distribution"] == "asd-bench" else row["plugin"], []).append(row)
    width = max(len(row["name"]) for row in rows)
    for number, (plugin, of_plugin) in enumerate(groups.items()):
        papers = dict.fromkeys(row["paper"] for row in of_plugin if row.get("paper"))
        out.print(f"[cyan]{text(' · '.join([plugin, *papers]))}[/]")
        shown = rows_table([_CELLS[kind](row) for row in of_plugin])
        shown.columns[0].min_width = width
        shown.show_header = not number or len(shown.columns) > 2
        out.print(shown)
        out.print()


# -- what plugins declare ----------------------------------------------------------------------------------------------


def declared(host: Host, kind: str) -> Iterator[Entry]:
    """Every declaration of a kind once: under its name, not under its aliases."""
    for name in host.names(kind):
        for entry in host.entries(kind)[name]:
            if entry.spec.name == name:
                yield entry


def _base(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.spec.name,
        "aliases": list(getattr(entry.spec, "aliases", ())),
        "summary": entry.spec.summary,
        "plugin": entry.plugin.name,
        "distribution": entry.plugin.distribution,
    }


def _systems(host: Host) -> list[dict[str, Any]]:
    from asd_bench.specs import PAPER

    return [
        {
            **_base(entry),
            "members": [member.label for member in entry.spec.members],
            "profiles": [PAPER, *entry.spec.profiles],
            "paper": paper_text(entry.spec.paper),
        }
        for entry in declared(host, "system")
    ]


def _datasets(host: Host) -> list[dict[str, Any]]:
    return [
        {
            **_base(entry),
            "rule": entry.spec.rule,
            "synthetic": entry.spec.synthetic,
            "machines": {machine: list(sections) for machine, sections in entry.spec.machines.items()},
            "n_train": sum(entry.spec.n_train.values()),
            "n_test": sum(entry.spec.n_test.values()),
        }
        for entry in declared(host, "dataset")
    ]


def _detectors(host: Host) -> list[dict[str, Any]]:
    return [
        {
            **_base(entry),
            "scope": entry.spec.scope,
            "frontend": entry.spec.frontend,
            "uses": {use.role: use.detector for use in entry.spec.uses},
            "components": list(entry.spec.components),
        }
        for entry in declared(host, "detector")
    ]


def _frontends(host: Host) -> list[dict[str, Any]]:
    return [_base(entry) for entry in declared(host, "frontend")]


def _ensemblers(host: Host) -> list[dict[str, Any]]:
    return [{**_base(entry), "transductive": entry.spec.transductive} for entry in declared(host, "ensembler")]


def plugin_documents(host: Host) -> list[dict[str, Any]]:
    """One document per plugin that works: name, distribution, version, how many of each kind it declares, its hooks."""
    from asd_bench.plugins import COLLECTING

    owners = {kind: [entry.plugin.name for entry in declared(host, kind)] for kind in COLLECTING}
    return [
        {
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "declares": {f"{kind}s": names.count(plugin.name) for kind, names in owners.items()},
            "hooks": sorted(caller.name for caller in host.manager.get_hookcallers(plugin.module) or ()),
        }
        for plugin in host.plugins
    ]


_ROWS: Mapping[str, Callable[[Host], list[dict[str, Any]]]] = {
    "systems": _systems,
    "datasets": _datasets,
    "detectors": _detectors,
    "frontends": _frontends,
    "ensemblers": _ensemblers,
    "plugins": plugin_documents,
}


# -- what people see of it ---------------------------------------------------------------------------------------------


def _first_cells(row: Mapping[str, Any]) -> dict[str, str]:
    aliases = "".join(f"\n[dim]or {text(alias)}[/]" for alias in row["aliases"])
    return {"name": f"[bold]{text(row['name'])}[/]{aliases}", "summary": text(row["summary"])}


def _dataset_cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        **_first_cells(row),
        "rule": text(row["rule"]),
        "machines": str(len(row["machines"])),
        "sections": str(sum(len(sections) for sections in row["machines"].values())),
        "clips": f"{row['n_train'] + row['n_test']:,}",
    }


def _detector_cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {**_first_cells(row), "one per": text(row["scope"])}


def _ensembler_cells(row: Mapping[str, Any]) -> dict[str, str]:
    sees = "[yellow]test scores[/]" if row["transductive"] else "training scores"
    return {**_first_cells(row), "standardises with": sees}


def _plugin_cells(row: Mapping[str, Any]) -> dict[str, str]:
    declares = [counted(number, kind.removesuffix("s")) for kind, number in row["declares"].items() if number]
    return {
        "name": f"[bold]{text(row['name'])}[/]",
        "package": text(f"{row['distribution']} {row['version']}"),
        "declares": ", ".join(declares),
        "hooks": text(", ".join(row["hooks"])),
    }


def _result_cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "key": row["key"][:12],
        "dataset": text(row["dataset"]),
        "system": f"[bold]{text(row['system'])}[/]",
        "profile": text(row["profile"]),
        "seed": str(row["seed"]),
        "Ω": f"[green]{percent(row['omega'])}[/]",
        "ranked": "yes" if row["ranked"] else "[yellow]no[/]",
        "age": _age(row),
    }


_STATE_COLOURS = {"done": "green", "running": "cyan", "failed": "red", "interrupted": "yellow"}


def _fit_cells(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        "key": row["key"][:12],
        "dataset": text(row["dataset"]),
        "detector": f"[bold]{text(row['detector'])}[/]",
        "on": text(row["scope"]),
        "seed": str(row["seed"]),
        "state": f"[{_STATE_COLOURS[row['state']]}]{row['state']}[/]",
        "seconds": "" if row["seconds"] is None else f"{row['seconds']:.2f}",
        "age": _age(row),
    }


def _age(row: Mapping[str, Any]) -> str:
    return age(datetime.datetime.fromisoformat(row["made"]))


_CELLS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, str]]] = {
    "systems": _first_cells,
    "datasets": _dataset_cells,
    "detectors": _detector_cells,
    "frontends": _first_cells,
    "ensemblers": _ensembler_cells,
    "plugins": _plugin_cells,
    "results": _result_cells,
    "fits": _fit_cells,
}


# -- what a workspace holds --------------------------------------------------------------------------------------------


def _list_records(kind: str, workspace: Path, as_json: bool) -> None:
    from asd_bench.cli.rows import fit_rows, result_rows

    rows: Rows = result_rows(workspace) if kind == "results" else fit_rows(workspace)
    out = console()
    if as_json:
        print_json(rows.documents)
    elif rows.documents:
        out.print(rows_table([_CELLS[kind](row) for row in rows.documents]))
        if kind == "results":
            out.print("\n[dim]metrics, and why one is not ranked: asd-bench show KEY[/]")
    else:
        out.print(f"no {kind} yet in {text(workspace)}; asd-bench run makes some")
    for problem in rows.damaged:
        console(stderr=True).print(f"[yellow]damaged:[/] {text(problem)}")
