"""The options of configured parts as rows: address, type, value, origin, default and documentation."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from asd_bench.cli.present import rows_table, text, type_text
from asd_bench.coerce import type_hints
from asd_bench.config import ANY_OF_A_KIND, Node
from asd_bench.keys import canonical
from asd_bench.specs import doc_of

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class OptionRow:
    """One option of one part.

    Attributes:
        part: the address of the part, e.g. ``knn.frontend``.
        name: of the option.
        address: what goes before the ``=`` of ``--set``, e.g. ``knn.frontend.hop``.
        type: in words.
        value: as it was decided.
        origin: the layer that decided it.
        default: the dataclass's own.
        doc: its documentation.
    """

    part: str
    name: str
    address: str
    type: str
    value: Any
    origin: str
    default: Any
    doc: str


def distinct(*sides: Sequence[Node]) -> list[list[Node]]:
    """Some parts; where all members of a detector have the same values, once for all, under the detector's address.

    Args:
        sides: the same parts in the same order, for example as they were decided and as they were published.

    Returns:
        the parts of every side.
    """
    families: dict[Any, list[tuple[Node, ...]]] = {}
    for parts in zip(*sides, strict=True):
        node = parts[0]
        shared = sorted(node.addresses - {node.title} - set(ANY_OF_A_KIND))
        families.setdefault((node.schema, shared[0] if shared else node.title), []).append(parts)
    listed = []
    for (_, address), members in families.items():
        alike = len({canonical([[part.values, part.origins] for part in parts]) for parts in members}) == 1
        listed += [tuple(_under(address, part) for part in members[0])] if alike and len(members) > 1 else members
    return [list(side) for side in zip(*listed, strict=True)]


def _under(address: str, node: Node) -> Node:
    return replace(node, title=address, addresses=node.addresses - {node.title} | {address})


def option_rows(nodes: Sequence[Node]) -> list[OptionRow]:
    """Every option of some parts that are `distinct`."""
    rows = []
    for node in nodes:
        part = part_address(node, nodes)
        hints = type_hints(node.schema)
        defaults = Node.of(node.title, (), node.schema).values
        for item in dataclasses.fields(node.schema):
            rows.append(
                OptionRow(
                    part=part,
                    name=item.name,
                    address=f"{part}.{item.name}",
                    type=type_text(hints[item.name]),
                    value=node.values[item.name],
                    origin=node.origins[item.name],
                    default=defaults[item.name],
                    doc=doc_of(item),
                )
            )
    return rows


def part_address(node: Node, nodes: Iterable[Node]) -> str:
    """The address that means this part alone: its title, unless two members have the same detector."""
    taken = {address for other in nodes if other is not node for address in other.addresses}
    own = sorted(node.addresses - taken)
    return node.title if node.title in own or not own else own[0]


def print_options(out: Console, rows: Iterable[OptionRow], cells: Callable[[OptionRow], dict[str, str]]) -> None:
    """Print a table per part."""
    parts: dict[str, list[OptionRow]] = {}
    for row in rows:
        parts.setdefault(row.part, []).append(row)
    for part, options in parts.items():
        example = f"--set {part}.{options[0].name}=…"
        out.print(f"\n[bold]{text(part)}[/]  [dim]{text(example)}[/]\n")
        out.print(rows_table([cells(row) for row in options]))
