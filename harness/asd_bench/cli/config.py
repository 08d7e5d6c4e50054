"""``asd-bench config``: every value of a system's configuration and where it comes from."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from asd_bench.cli.present import console, counted, print_json, text, value_text
from asd_bench.errors import BenchError

if TYPE_CHECKING:
    from asd_bench.cli.parts import OptionRow
    from asd_bench.config import Layer, Node
    from asd_bench.plugins import Host
    from asd_bench.specs import DatasetSpec, SystemSpec

_EPILOG = """
\b
Examples:
  asd-bench config --system mel-knn
  asd-bench config --system mel-knn --dataset synthetic --set knn.k=3
  asd-bench config --system mel-knn --profile quick --json
  asd-bench config --system mel-knn --yaml > my.yaml
  asd-bench run --system mel-knn --dataset synthetic --config my.yaml

Layers, weakest first: default, preset or member, recipe, profile, --config, --set.
"""


@click.command(epilog=_EPILOG)
@click.option("--system", required=True, help="A system (asd-bench list systems).")
@click.option("--dataset", help="Also show the options of a dataset (asd-bench list datasets).")
@click.option("--profile", default="paper", show_default=True, help="paper, or another that the system has.")
@click.option("--config", "file", type=click.Path(path_type=Path), help="YAML file of values.")
@click.option("--set", "pairs", multiple=True, metavar="PART.OPTION=VALUE", help="Change a value.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on standard output.")
@click.option("--yaml", "as_yaml", is_flag=True, help="Print a file to edit and give to --config.")
def command(
    system: str,
    dataset: str | None,
    profile: str,
    file: Path | None,
    pairs: tuple[str, ...],
    as_json: bool,
    as_yaml: bool,
) -> None:
    """Every value of a system's configuration, where it comes from and what it means."""
    from asd_bench.config import layer_from_file, layer_from_pairs
    from asd_bench.plugins import host

    if as_json and as_yaml:
        raise click.UsageError("--json and --yaml exclude each other")
    layers = [layer_from_file(file)] if file else []
    layers.append(layer_from_pairs(pairs))
    plugins = host()
    spec: SystemSpec = plugins.get("system", system).spec
    data: DatasetSpec | None = plugins.get("dataset", dataset).spec if dataset else None
    _refuse_values_of_no_dataset(data, layers)
    values = _values(plugins, spec, data, profile, layers)
    title = f"{spec.name}{f' on {data.name}' if data else ''}, profile {profile}"
    if as_json:
        head = {"system": spec.name, "dataset": data and data.name, "profile": profile}
        print_json({**head, "values": _documents(values)})
    elif as_yaml:
        click.echo(_yaml(title, values), nl=False)
    else:
        _print(title, values)


@dataclasses.dataclass(frozen=True)
class _Value:
    """A decided value beside the one that the system was published with."""

    row: OptionRow
    published: Any

    @property
    def is_changed(self) -> bool:
        return self.row.value != self.published


def _values(host: Host, spec: SystemSpec, data: DatasetSpec | None, profile: str, layers: list[Layer]) -> list[_Value]:
    from asd_bench.cli.parts import distinct, option_rows
    from asd_bench.specs import PAPER

    sides = distinct(_nodes(host, spec, data, profile, layers), _nodes(host, spec, data, PAPER, []))
    decided, published = map(option_rows, sides)
    return [_Value(row, other.value) for row, other in zip(decided, published, strict=True)]


def _nodes(host: Host, spec: SystemSpec, data: DatasetSpec | None, profile: str, layers: list[Layer]) -> list[Node]:
    from asd_bench.config import resolve_dataset, resolve_system

    nodes = list(resolve_system(host, spec, profile, layers).nodes)
    if data:
        nodes.append(resolve_dataset(data, layers)[1])
    return nodes


def _refuse_values_of_no_dataset(data: DatasetSpec | None, layers: list[Layer]) -> None:
    for layer in layers:
        for address in layer.values:
            if data is None and address.startswith("dataset."):
                raise BenchError(
                    f"'{address}' concerns a dataset, and none is named", where=layer.origin, fix="add --dataset NAME"
                )


def _print(title: str, values: list[_Value]) -> None:
    from asd_bench.cli.parts import print_options

    out = console()
    by_address = {value.row.address: value for value in values}

    def cells(row: OptionRow) -> dict[str, str]:
        value = by_address[row.address]
        shown, origin = text(value_text(row.value)), text(row.origin)
        if value.is_changed:
            shown = f"[bold yellow]{shown}[/] [dim](published: {text(value_text(value.published))})[/]"
            origin = f"[yellow]{origin}[/]"
        elif row.origin == "default":
            origin = f"[dim]{origin}[/]"
        return {"option": text(row.name), "value": shown, "origin": origin, "documentation": text(row.doc)}

    out.print(f"[bold]{text(title)}[/]")
    print_options(out, [value.row for value in values], cells)
    changed = sum(value.is_changed for value in values)
    out.print(f"\n{changed} of {counted(len(values), 'value')} changed from what was published")


def _documents(values: list[_Value]) -> list[dict[str, Any]]:
    return [
        {**dataclasses.asdict(value.row), "published": value.published, "changed": value.is_changed} for value in values
    ]


def _yaml(title: str, values: list[_Value]) -> str:
    """A file for ``--config``: what is changed stands in it, the rest as comments to be taken in.

    A value that stands in a file counts as the user's, so those that nobody touched must not.
    """
    lines = [f"# asd-bench config: {title}. Take the # away from what you want to change."]
    part = None
    for value in values:
        row = value.row
        if row.part != part:
            part = row.part
            lines += ["", f"# -- {part}"]
        mark = "" if value.is_changed else "# "
        lines.append(f"{mark}{row.address}: {_scalar(row.value)}  # {row.doc or row.type} [{row.origin}]")
    return "\n".join(lines) + "\n"


def _scalar(value: Any) -> str:
    """A value on one line of YAML."""
    import yaml

    plain = list(value) if isinstance(value, tuple) else value
    dumped = yaml.safe_dump(plain, default_flow_style=True, width=10_000, allow_unicode=True)
    # PyYAML ends a document that is a plain scalar with a line of dots.
    return dumped.removesuffix("...\n").strip()
